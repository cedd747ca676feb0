"""Take a market from trading to one price for ever.

Models `contracts/derivatives/resolve/WindDown.sol`; the oracle's average and memory are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event
from clearing.spec.oracle_types import Action, PriceState
from clearing.spec.perp_ledger import Ledger, Look, Quotes, position_of, tick
from clearing.spec.perp_margin import owed_by
from clearing.spec.perp_resolve import set_status
from clearing.spec.perp_types import BACKSTOP, Funding, MarketStatus, Position
from clearing.spec.perp_units import PICO_TO_WAD, TICK
from clearing.spec.units import DAY_S, Address, div_floor

__all__ = [
    "NOTICE_S",
    "Ending",
    "Endings",
    "Settled",
    "WindDownBegun",
    "closing_quote",
    "pnl_of",
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
class Ending:
    """What is remembered of a market's end: times, prices and sums in wad. 0: not yet."""

    wind_down_at: int = 0
    settled_at: int = 0
    is_final: bool = False
    price: int = 0
    backstop_pnl: int = 0
    claims: int = 0
    pot: int = 0


@dataclass(frozen=True, slots=True)
class Endings:
    """The module's storage: its pot's account, and by market and account who is owed a gain."""

    timelock: Address
    pot: int
    markets: Mapping[int, Ending] = field(default_factory=dict)
    claims: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def of(self, market: int) -> Ending:
        """Return what is remembered of a market."""
        return self.markets.get(market, Ending())

    def put(self, market: int, ending: Ending) -> Endings:
        """Return the storage with another ending."""
        return replace(self, markets={**self.markets, market: ending})


@dataclass(frozen=True, slots=True)
class WindDownBegun(Event):
    """Closing only from now on."""

    market: int
    not_before: int


@dataclass(frozen=True, slots=True)
class Settled(Event):
    """Positions count at `price`, wad, for ever."""

    market: int
    price: int


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
    endings, begun = begin(ledger, endings, market, price, now)
    return ledger, endings, (*effects, *begun)


def begin(
    ledger: Ledger, endings: Endings, market: int, price: int, now: int
) -> tuple[Endings, Effects]:
    """Take down at what price a market has ended; its funding stands still from now on."""
    backstop = position_of(ledger, BACKSTOP, market)
    quote = closing_quote(backstop.size, price)
    pnl = pnl_of(backstop, quote, ledger.markets[market].funding)
    ending = replace(endings.of(market), settled_at=now, price=price, backstop_pnl=pnl)
    return endings.put(market, ending), (Settled(market, price),)


def closing_quote(size: int, price: int) -> int:
    """Return what closing a position brings, pico, down, as equity counts it."""
    return div_floor(size * price, TICK)


def pnl_of(position: Position, quote: int, funding: Funding) -> int:
    """Return what closing a position for a quote does to cash, wad."""
    return (position.quote + quote) * PICO_TO_WAD - owed_by(position, funding)


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
