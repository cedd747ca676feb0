"""Hold the perpetual swaps' ledger, and look at it: markets as they are now, accounts' worth.

Models `contracts/derivatives/perp/PerpBook.sol`. `quotes` are the oracle's answers at that moment,
by market; `now` is the block's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event
from clearing.spec.oracle_types import Action, Quote
from clearing.spec.perp_funding import FundingTerms, folded, ticked
from clearing.spec.perp_funding import premium as premium_at
from clearing.spec.perp_liquidation import target
from clearing.spec.perp_margin import Holding, in_force, value_liquidate, value_open
from clearing.spec.perp_margin import health_of as sum_of
from clearing.spec.perp_types import (
    NO_INTEREST,
    NO_POSITION,
    Funding,
    LimitParams,
    MarketStatus,
    OpenInterest,
    Pause,
    Position,
    Premium,
    Purpose,
    Risk,
    TradeParams,
)
from clearing.spec.units import Address

__all__ = [
    "Account",
    "FundingTicked",
    "HealthView",
    "Ledger",
    "Look",
    "Market",
    "Quotes",
    "account_of",
    "health_of",
    "health_with",
    "look_at",
    "market_of",
    "position_of",
    "put_account",
    "put_market",
    "put_position",
    "settled_quote",
    "tick",
    "value_of",
]

Quotes = Mapping[int, Quote]


@dataclass(frozen=True, slots=True)
class Account:
    """Who owns an account (the zero address: the protocol), and its cash, wad."""

    owner: Address
    cash: int = 0


@dataclass(frozen=True, slots=True)
class Market:
    """What is stored of a market."""

    trade: TradeParams
    risk: Risk
    limit: LimitParams
    funding: Funding
    premium: Premium
    oi: OpenInterest = NO_INTEREST
    cap_started_at: int = 0
    cap_opened: int = 0
    price: int = 0
    """Of a SETTLED market, what its positions count at, wad."""
    debt: int = 0
    """Losses that nobody covered, wad."""

    @property
    def is_settled(self) -> bool:
        """Whether its positions count at one price for ever."""
        return self.risk.status is MarketStatus.SETTLED


@dataclass(frozen=True, slots=True)
class Ledger:
    """The engine's storage. Positions by (account, market); empty ones are left out."""

    accounts: Mapping[int, Account]
    markets: Mapping[int, Market] = field(default_factory=dict)
    positions: Mapping[tuple[int, int], Position] = field(default_factory=dict)
    sessions: Mapping[tuple[int, Address], int] = field(default_factory=dict)
    guardian_mask: Pause = Pause.NOTHING
    guardian_until: int = 0

    def markets_of(self, account: int) -> tuple[int, ...]:
        """Return the markets in which an account holds a position, ascending."""
        return tuple(
            market for market in sorted(self.markets) if (account, market) in self.positions
        )


@dataclass(frozen=True, slots=True)
class FundingTicked(Event):
    """A market's funding is up to date: indices pico per unit, the newest interval's rate pico."""

    market: int
    f_long: int
    f_short: int
    rate: int
    intervals: int


@dataclass(frozen=True, slots=True)
class Look:
    """A market now, as a tick would leave it: premium folded, funding charged."""

    market: Market
    quote: Quote
    pi: int
    intervals: int

    def allows(self, action: Action) -> bool:
        """Return whether the feed allows an action."""
        return bool(self.quote.allowed >> action & 1)


# LOAD


def account_of(ledger: Ledger, account: int) -> Account:
    """Return an account. Raises UnknownAccount."""
    found = ledger.accounts.get(account)
    if found is None:
        raise SpecError("UnknownAccount", account)
    return found


def market_of(ledger: Ledger, market: int) -> Market:
    """Return a market. Raises UnknownMarket."""
    found = ledger.markets.get(market)
    if found is None:
        raise SpecError("UnknownMarket", market)
    return found


def position_of(ledger: Ledger, account: int, market: int) -> Position:
    """Return a position, an empty one if there is none."""
    return ledger.positions.get((account, market), NO_POSITION)


def put_account(ledger: Ledger, account: int, value: Account) -> Ledger:
    """Return the ledger with another account."""
    return replace(ledger, accounts={**ledger.accounts, account: value})


def put_market(ledger: Ledger, market: int, value: Market) -> Ledger:
    """Return the ledger with another market."""
    return replace(ledger, markets={**ledger.markets, market: value})


def put_position(ledger: Ledger, account: int, market: int, value: Position) -> Ledger:
    """Return the ledger with another position; one without a size is left out."""
    positions = {key: it for key, it in ledger.positions.items() if key != (account, market)}
    if value.size:
        positions[account, market] = value
    return replace(ledger, positions=positions)


# LOOK


def look_at(ledger: Ledger, market: int, quote: Quote, now: int) -> Look:
    """Return a market as it is now. Raises UnknownMarket."""
    stored = market_of(ledger, market)
    if stored.is_settled:
        quote = settled_quote(quote, stored.price)
    terms = FundingTerms(
        index=quote.funding,
        live=bool(quote.allowed >> Action.FUNDING & 1),
        paused=bool(stored.risk.pause & Pause.FUNDING) or stored.is_settled,
        coefficient_inverse=stored.trade.coefficient_inverse,
        max_rate_ppm=stored.limit.max_rate,
        interval=stored.limit.interval,
    )
    premium = folded(stored.premium, now)
    funding, premium, intervals = ticked(stored.funding, premium, terms, now)
    there = replace(stored, funding=funding, premium=premium)
    pi = 0 if stored.is_settled else premium_at(premium, now)
    return Look(there, quote, pi, intervals)


def settled_quote(quote: Quote, price: int) -> Quote:
    """Return what the oracle of a settled market would say: one price, for resolution alone."""
    return replace(
        quote,
        mid=price,
        funding=price,
        lo=price,
        hi=price,
        open_lo=price,
        open_hi=price,
        liq_lo=price,
        liq_hi=price,
        allowed=1 << Action.LIQUIDATE,
        degraded=False,
    )


def tick(ledger: Ledger, market: int, quotes: Quotes, now: int) -> tuple[Ledger, Look, Effects]:
    """Look at a market, and write down what is due. Every change of it begins here."""
    market_of(ledger, market)
    look = look_at(ledger, market, quotes[market], now)
    if not look.intervals:
        return ledger, look, ()
    funding = look.market.funding
    event = FundingTicked(market, funding.f_long, funding.f_short, funding.rate, look.intervals)
    return put_market(ledger, market, look.market), look, (event,)


def value_of(look: Look, purpose: Purpose, *, is_long: bool) -> int:
    """Return what a unit of a position counts at, wad."""
    quote = look.quote
    match purpose:
        case Purpose.OPEN:
            return value_open(quote.open_lo, quote.open_hi, look.pi, is_long=is_long)
        case Purpose.LIQUIDATE:
            return value_liquidate(quote.liq_lo, quote.liq_hi, look.pi, is_long=is_long)
        case Purpose.MID:
            return quote.mid


@dataclass(frozen=True, slots=True)
class HealthView:
    """What an account is worth, wad; `target` is where a partial liquidation leaves it.

    `liquid_mm` is the part of `mm` in markets whose feed allows liquidation.
    """

    equity: int
    notional: int
    im: int
    mm: int
    penalty: int
    target: int
    liquid_mm: int

    @property
    def is_priced(self) -> bool:
        """Whether there are positions, most of them (by margin) in markets with a fair price."""
        return self.mm > 0 and 2 * self.liquid_mm >= self.mm


def health_with(
    ledger: Ledger,
    cash: int,
    positions: Mapping[int, Position],
    purpose: Purpose,
    quotes: Quotes,
    now: int,
) -> HealthView:
    """Return what cash and these positions are worth together."""
    holdings: list[Holding] = []
    targets = liquid = 0
    for market, position in sorted(positions.items()):
        look = look_at(ledger, market, quotes[market], now)
        price = value_of(look, purpose, is_long=position.size > 0)
        risk = in_force(look.market.risk, now)
        gainless = purpose is Purpose.OPEN and look.market.is_settled
        holding = Holding(position, look.market.funding, price, risk, gainless)
        holdings.append(holding)
        alone = sum_of(0, [holding])
        targets += target(alone.notional, alone.mm, risk)
        liquid += alone.mm if look.allows(Action.LIQUIDATE) else 0
    total = sum_of(cash, holdings)
    return HealthView(
        equity=total.equity,
        notional=total.notional,
        im=total.im,
        mm=total.mm,
        penalty=total.penalty,
        target=targets,
        liquid_mm=liquid,
    )


def health_of(
    ledger: Ledger, account: int, purpose: Purpose, quotes: Quotes, now: int
) -> HealthView:
    """Return what an account is worth, with all funding that is due. Raises UnknownAccount."""
    cash = account_of(ledger, account).cash
    held = {m: position_of(ledger, account, m) for m in ledger.markets_of(account)}
    return health_with(ledger, cash, held, purpose, quotes, now)
