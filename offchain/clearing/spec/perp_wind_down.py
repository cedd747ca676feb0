"""Take a market from trading to one price for ever.

Models `contracts/derivatives/resolve/WindDown.sol`; the oracle's average and memory are given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event
from clearing.spec.oracle_types import Action, PriceState
from clearing.spec.perp_ending import Ending, Endings, begin
from clearing.spec.perp_ledger import Ledger, Look, Quotes, tick
from clearing.spec.perp_resolve import set_status
from clearing.spec.perp_types import MarketStatus
from clearing.spec.units import DAY_S, Address

__all__ = [
    "NOTICE_S",
    "WindDownBegun",
    "settle",
    "settle_at",
    "settle_frozen",
    "wind_down",
]

NOTICE_S: Final = DAY_S
"""Time for everybody to close by himself."""
FROZEN_FOR_S: Final = 7 * DAY_S
"""How long a feed must have been of no use."""
MAX_APART_BPS: Final = 200
"""How far the average may be from the present price, of that."""
BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class WindDownBegun(Event):
    """Closing only from now on."""

    market: int
    not_before: int


def wind_down(
    ledger: Ledger, endings: Endings, sender: Address, market: int, quotes: Quotes, now: int
) -> tuple[Ledger, Endings, Effects]:
    """Let a market trade no more but to close; or note when resolution did.

    Raises UnknownMarket, NotTimelock, WrongStatus.
    """
    ledger, look, effects = tick(ledger, market, quotes, now)
    ending, status = endings.of(market), look.market.risk.status
    if status is MarketStatus.LIVE:
        _require_timelock(endings, sender)
        ledger, told = set_status(ledger, market, MarketStatus.WIND_DOWN, 0, quotes, now)
        effects = (*effects, *told)
    elif status is not MarketStatus.WIND_DOWN or ending.wind_down_at:
        raise SpecError("WrongStatus", market, status)
    endings = endings.put(market, replace(ending, wind_down_at=now))
    return ledger, endings, (*effects, WindDownBegun(market, now + NOTICE_S))


def settle(
    ledger: Ledger, endings: Endings, market: int, twap: int, quotes: Quotes, now: int
) -> tuple[Ledger, Endings, Effects]:
    """End a market at the hour's average price.

    Raises UnknownMarket, WrongStatus, TooSoon, FeedForbids, PriceApart.
    """
    ledger, look, effects = tick(ledger, market, quotes, now)
    _require_notice_given(endings.of(market), market, look, now)
    if not look.allows(Action.LIQUIDATE):
        raise SpecError("FeedForbids", market, look.quote.state, look.quote.gates)
    if abs(twap - look.quote.mid) * BPS > look.quote.mid * MAX_APART_BPS:
        raise SpecError("PriceApart", twap, look.quote.mid)
    ledger, endings, told = settle_at(ledger, endings, market, twap, quotes, now)
    return ledger, endings, (*effects, *told)


def settle_frozen(
    ledger: Ledger,
    endings: Endings,
    sender: Address,
    market: int,
    last_good: tuple[int, int],
    quotes: Quotes,
    now: int,
) -> tuple[Ledger, Endings, Effects]:
    """End a market at its feed's last good price; `last_good` is the price and its time.

    Raises NotTimelock, UnknownMarket, WrongStatus, TooSoon, NotFrozen.
    """
    _require_timelock(endings, sender)
    ledger, look, effects = tick(ledger, market, quotes, now)
    _require_notice_given(endings.of(market), market, look, now)
    price, not_before = last_good[0], last_good[1] + FROZEN_FOR_S
    if look.quote.state is not PriceState.FROZEN or now < not_before:
        raise SpecError("NotFrozen", market, look.quote.state, not_before)
    ledger, endings, told = settle_at(ledger, endings, market, price, quotes, now)
    return ledger, endings, (*effects, *told)


def settle_at(
    ledger: Ledger, endings: Endings, market: int, price: int, quotes: Quotes, now: int
) -> tuple[Ledger, Endings, Effects]:
    """End a market at a price."""
    ledger, effects = set_status(ledger, market, MarketStatus.SETTLED, price, quotes, now)
    ledger, endings, begun = begin(ledger, endings, market, price, quotes, now)
    return ledger, endings, (*effects, *begun)


def _require_timelock(endings: Endings, sender: Address) -> None:
    if sender != endings.timelock:
        raise SpecError("NotTimelock", sender)


def _require_notice_given(ending: Ending, market: int, look: Look, now: int) -> None:
    status = look.market.risk.status
    if status is not MarketStatus.WIND_DOWN or not ending.wind_down_at:
        raise SpecError("WrongStatus", market, status)
    not_before = ending.wind_down_at + NOTICE_S
    if now < not_before:
        raise SpecError("TooSoon", market, not_before)
