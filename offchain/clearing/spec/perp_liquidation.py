"""Say how much of a position is liquidated, what that costs, and at which price it begins.

All at LIQUIDATE value. A liquidation brings an account back to its target, half-way from
maintenance to initial margin of a small position: below, it would be the next one's prey.
"""

from __future__ import annotations

from typing import Final

from clearing.spec.perp_margin import BPS, Health, requirement
from clearing.spec.perp_types import RiskNow
from clearing.spec.perp_units import LOTS, PPM_TO_WAD, TICK, notional, value
from clearing.spec.units import PPM, WAD, div_ceil, div_floor

__all__ = [
    "amount",
    "bankruptcy_price",
    "is_deep",
    "liquidation_price",
    "notional_to_close",
    "penalty_of",
    "quote_of",
    "target",
]

MAX_PRICE: Final = 2**96
"""Wad; prices are below."""


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


def quote_of(lots: int, price: int) -> int:
    """Return the pico that the account receives for its lots, up.

    Rounded once, the same for both sides; nothing is missing where the penalty is all that the
    account has.
    """
    return div_ceil(lots * price, TICK)


def liquidation_price(lots: int, rest: int, r: RiskNow) -> int:
    """Return the value of one unit at which the equity is the maintenance margin; 0 for none.

    `rest` is the equity without this position's value, less the other markets' maintenance, wad.
    Without a slope it is an exact quotient, a long's up, a short's down. With one it is searched
    for below 2^96, margin rounded as everywhere: the account is safe there, and one wei beyond not.
    """
    if r.slope:
        return _searched(lots, rest, r)
    is_long = lots > 0
    if lots == 0 or rest == 0 or is_long == (rest > 0):
        return 0
    whole = PPM * BPS
    rate = r.im * r.kappa
    if is_long:
        return div_ceil(-rest * LOTS * whole, lots * (whole - rate))
    return div_floor(rest * LOTS * whole, -lots * (whole + rate))


def _searched(lots: int, rest: int, r: RiskNow) -> int:
    def is_safe(price: int) -> bool:
        _, mm = requirement(notional(lots, price), r)
        return rest + value(lots, price) >= mm

    # a long's safe prices are above, a short's below
    unsafe, safe = (0, MAX_PRICE) if lots > 0 else (MAX_PRICE, 0)
    if is_safe(unsafe) or not is_safe(safe):
        return 0
    while abs(safe - unsafe) > 1:
        middle = div_floor(safe + unsafe, 2)
        safe, unsafe = (middle, unsafe) if is_safe(middle) else (safe, middle)
    return safe
