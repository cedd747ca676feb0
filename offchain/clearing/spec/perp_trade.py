"""Trade: fill a position, and price a trade against the vault.

The vault's price is the band's far side and the spread, more the more one-sided the traders are:
the integral of p · (1 + k / S) over the sizes it passes, so that no splitting helps.
"""

from __future__ import annotations

from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.perp_funding import index_of
from clearing.spec.perp_types import NO_POSITION, Funding, Position, TradeParams
from clearing.spec.perp_units import LOTS, PICO_TO_WAD, TICK
from clearing.spec.units import PPM, div_floor, mul_div_down, mul_div_up

__all__ = [
    "SKEW_PART",
    "cap_after",
    "filled",
    "quote_of",
    "require_skew",
    "skew_limit",
    "skew_worth",
]

CAP_WINDOW_S: Final = 600
"""While one source prices a market, so long a window of net new open interest is capped."""
SKEW_PART: Final = 10
"""The traders' net size stays within this part of the scale: beyond it a round trip could gain."""


def filled(
    position: Position, funding: Funding, d_lots: int, d_quote_pico: int
) -> tuple[Position, int]:
    """Return the position after a fill, and the cash that closing it brings, wad, exactly.

    The position is taken as settled: it starts anew at the index of its new side.
    """
    size = position.size + d_lots
    quote = position.quote + d_quote_pico
    if size == 0:
        return NO_POSITION, quote * PICO_TO_WAD
    return Position(size, quote, index_of(funding, size)), 0


def quote_of(d: int, skew: int, lo: int, hi: int, trade: TradeParams) -> int:
    """Return what buying (d > 0) costs, up, or selling (d < 0) brings, down; pico.

    `skew` is what all traders together are long against the vault, lots. Where a forced reduction
    or resolution takes it beyond its limit, each lot there costs what it does at the limit.
    """
    scale, limit = 2 * trade.skew_lots, skew_limit(trade)
    tilted = abs(scale * d + _tilt(skew + d, limit) - _tilt(skew, limit))
    if d > 0:
        return mul_div_up(mul_div_up(hi, PPM + trade.vault_spread, PPM), tilted, scale * TICK)
    return mul_div_down(mul_div_down(lo, PPM - trade.vault_spread, PPM), tilted, scale * TICK)


def skew_worth(skew: int, mid: int, trade: TradeParams) -> int:
    """Return what traders paid beyond mid for their skew, and get back as they close, wad, up."""
    return mul_div_up(mid, _tilt(skew, skew_limit(trade)), 2 * trade.skew_lots * LOTS)


def _tilt(skew: int, limit: int) -> int:
    """Return twice the integral of the tilt from 0 to a skew: the tilt grows up to the limit."""
    beyond = max(0, abs(skew) - limit)
    return skew * skew - beyond * beyond


def skew_limit(trade: TradeParams) -> int:
    """Return how one-sided trades may make the traders, lots; exact."""
    return div_floor(trade.skew_lots, SKEW_PART)


def require_skew(d: int, skew: int, trade: TradeParams) -> None:
    """Raise SkewTooHigh unless the skew stays within its limit, or shrinks."""
    after, limit = skew + d, skew_limit(trade)
    if abs(after) > limit and abs(after) >= abs(skew):
        raise SpecError("SkewTooHigh", after, limit)


def cap_after(started_at: int, opened: int, lots: int, now: int) -> tuple[int, int]:
    """Return when the window began and what it has seen with so many lots more."""
    if now >= started_at + CAP_WINDOW_S:
        return now, lots
    return started_at, opened + lots
