"""Say how much of a position is liquidated, what that costs, and at which price it begins.

All at LIQUIDATE value. A liquidation brings an account back to its target, half-way from
maintenance to initial margin of a small position: below, it would be the next one's prey.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from clearing.spec.perp_margin import BPS, Health, requirement
from clearing.spec.perp_types import RiskNow
from clearing.spec.perp_units import LOTS, PPM_TO_WAD, notional
from clearing.spec.units import PPM, WAD, div_ceil, div_floor

__all__ = [
    "amount",
    "bankruptcy_price",
    "is_deep",
    "liquidation_price",
    "notional_to_close",
    "penalty_of",
    "target",
]

SLOPE_BASE: Final = PPM * WAD


def target(notional_wad: int, mm: int, r: RiskNow) -> int:
    """Return one position's part of the account's target, wad, up: MM + N · (im − κ·im) / 2."""
    gap = r.im * (BPS - r.kappa)
    return mm + div_ceil(notional_wad * gap, 2 * PPM * BPS)


def notional_to_close(missing: int, notional_wad: int, mm: int, r: RiskNow) -> int | None:
    """Return the notional to sell, wad, up; None if no part is enough.

    After it and its penalty the equity that was missing is there. The rate of the target rounds
    down, so that a little more is sold.
    """
    rate = div_floor(target(notional_wad, mm, r) * WAD, notional_wad)
    gained = rate - r.penalty * PPM_TO_WAD
    return div_ceil(missing * WAD, gained) if gained > 0 else None


def is_deep(health: Health) -> bool:
    """Return whether the equity is below 2/3 of maintenance: a part would not help."""
    return 3 * health.equity < 2 * health.mm


def amount(
    lots: int, price: int, target_wad: int, health: Health, r: RiskNow, min_notional_wad: int
) -> int:
    """Return how many of a position's lots are taken over; `target_wad` is the account's.

    All of them if the account is deep down, if the position is no larger than the least notional,
    if no part is enough, or if less than the least notional would be left.
    """
    n = notional(lots, price)
    if is_deep(health) or n <= min_notional_wad:
        return lots
    _, mm = requirement(n, r)
    selling = notional_to_close(target_wad - health.equity, n, mm, r)
    if selling is None:
        return lots
    part = div_ceil(selling * LOTS, price)
    if part >= lots or notional(lots - part, price) < min_notional_wad:
        return lots
    return part


def penalty_of(x: int, notional_wad: int, mm_of_market: int, health: Health, r: RiskNow) -> int:
    """Return the penalty for a notional x taken over, wad.

    A share of x, up; but never more than the equity that belongs to what is taken over, down.
    """
    if health.equity <= 0 or notional_wad == 0:
        return 0
    share = div_floor(health.equity * mm_of_market, health.mm)
    return min(div_ceil(x * r.penalty, PPM), div_floor(share * min(x, notional_wad), notional_wad))


def bankruptcy_price(lots: int, px: int, mm_of_market: int, health: Health) -> int:
    """Return the price at which the position's share of the equity is used up, not below 0.

    Rounded for the account, a long's up and a short's down: nothing is missing after a trade.
    """
    size = abs(lots)
    share = div_floor(health.equity * mm_of_market, health.mm)
    if lots > 0:
        return max(0, div_ceil(px * size - share * LOTS, size))
    return max(0, div_floor(px * size + share * LOTS, size))


def liquidation_price(lots: int, rest: int, r: RiskNow) -> int:
    """Return the value of one unit at which the equity is the maintenance margin; 0 for none.

    `rest` is the equity without this position's value, less the other markets' maintenance, wad. A
    long's is the least such integer at which it is safe, a short's the greatest, by exact fractions
    of one wei; the margin rules make sure that safety has one edge.
    """

    def is_safe(price: int) -> bool:
        # scaled by LOTS · SLOPE_BASE · LOTS · BPS · PPM, so that nothing is divided
        worth = abs(lots) * price  # wad · LOTS
        rate = min(r.im * SLOPE_BASE * LOTS + r.slope * worth, r.im_max * SLOPE_BASE * LOTS)
        left = rest * LOTS + (worth if lots > 0 else -worth)
        return left * BPS * PPM * SLOPE_BASE * LOTS >= r.kappa * worth * rate

    if lots == 0 or (lots > 0) == (rest >= 0) or rest == 0:
        return 0
    if lots > 0:
        return _edge(is_safe)
    return _edge(lambda price: not is_safe(price)) - 1


def _edge(holds: Callable[[int], bool]) -> int:
    """Return the least natural at which something holds, from which on it does."""
    high = 1
    while not holds(high):
        high *= 2
    low = 0
    while low < high:
        middle = div_floor(low + high, 2)
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
