"""Remember how a market ends, and reckon what closing somebody at its price does.

Models what `contracts/derivatives/resolve/WindDown.sol` and `Settlement.sol` have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from clearing.spec.events import Effects, Event
from clearing.spec.perp_book import start_anew
from clearing.spec.perp_doors import CashMoved
from clearing.spec.perp_ledger import (
    Ledger,
    Quotes,
    account_of,
    health_of,
    position_of,
    put_account,
)
from clearing.spec.perp_margin import owed_by
from clearing.spec.perp_resolve import move_debt
from clearing.spec.perp_types import (
    BACKSTOP,
    CARRIERS,
    Funding,
    Position,
    Purpose,
    Role,
)
from clearing.spec.perp_units import PICO_TO_WAD, TICK
from clearing.spec.units import Address, div_floor

__all__ = [
    "ClosedAt",
    "Ending",
    "Endings",
    "Settled",
    "Step",
    "begin",
    "closing_quote",
    "move_claim",
    "pnl_of",
    "reckon",
]


@dataclass(frozen=True, slots=True)
class Ending:
    """What is remembered of a market's end: times, prices and sums in wad. 0: not yet."""

    wind_down_at: int = 0
    settled_at: int = 0
    final_at: int = 0
    price: int = 0
    backstop_pnl: int = 0
    claims: int = 0
    pot: int = 0

    @property
    def is_final(self) -> bool:
        """Whether everybody is out, and what a claim pays is known."""
        return self.final_at != 0


@dataclass(frozen=True, slots=True)
class Endings:
    """The module's storage: its pot's account, and by market and account who is owed a gain.

    `covered`: by account what others paid for it and its claims have not repaid, wad.
    """

    timelock: Address
    pot: int
    markets: Mapping[int, Ending] = field(default_factory=dict)
    claims: Mapping[tuple[int, int], int] = field(default_factory=dict)
    covered: Mapping[int, int] = field(default_factory=dict)

    def of(self, market: int) -> Ending:
        """Return what is remembered of a market."""
        return self.markets.get(market, Ending())

    def put(self, market: int, ending: Ending) -> Endings:
        """Return the storage with another ending."""
        return replace(self, markets={**self.markets, market: ending})

    @property
    def unreckoned(self) -> int:
        """What the backstop has won in markets that have ended and are not final, wad."""
        return sum(end.backstop_pnl for end in self.markets.values() if not end.is_final)

    def note_covered(self, account: int, wad: int) -> Endings:
        """Return the storage after others covered so much for an account."""
        return replace(self, covered={**self.covered, account: self.covered.get(account, 0) + wad})


@dataclass(frozen=True, slots=True)
class Settled(Event):
    """Positions count at `price`, wad, for ever."""

    market: int
    price: int


@dataclass(frozen=True, slots=True)
class ClosedAt(Event):
    """An account is out: lots as its position was, the rest in wad."""

    market: int
    account: int
    size: int
    pnl: int
    claim: int
    debt: int


Step = tuple[Ledger, Endings, Effects]


def begin(
    ledger: Ledger, endings: Endings, market: int, price: int, quotes: Quotes, now: int
) -> Step:
    """Take down at what price a market has ended, and what the backstop has lost or won there.

    Its position starts anew at the price, so that nobody lays a loss to this market again, and it
    does not matter whose closing makes cash of a gain. A loss counts at once; a gain carries what
    the backstop loses elsewhere until the end, but pays for nobody else.
    """
    backstop = position_of(ledger, BACKSTOP, market)
    size, quote = backstop.size, closing_quote(backstop.size, price)
    pnl = pnl_of(backstop, quote, ledger.markets[market].funding)
    ending = replace(endings.of(market), settled_at=now, price=price, backstop_pnl=max(0, pnl))
    endings, effects = endings.put(market, ending), (Settled(market, price),)
    if pnl == 0:
        return ledger, endings, effects
    ledger, booked = start_anew(ledger, market, BACKSTOP, size, quote, quotes, now)
    if pnl > 0:
        return ledger, endings, (*effects, *booked)
    ledger, endings, told = reckon(ledger, endings, market, BACKSTOP, 0, pnl, quotes, now)
    return ledger, endings, (*effects, *booked, *told)


def closing_quote(size: int, price: int) -> int:
    """Return what closing a position brings, pico, down, as equity counts it."""
    return div_floor(size * price, TICK)


def pnl_of(position: Position, quote: int, funding: Funding) -> int:
    """Return what closing a position for a quote does to cash, wad."""
    return (position.quote + quote) * PICO_TO_WAD - owed_by(position, funding)


def reckon(
    ledger: Ledger,
    endings: Endings,
    market: int,
    account: int,
    size: int,
    pnl: int,
    quotes: Quotes,
    now: int,
) -> Step:
    """Put a gain into the pot, but for what fills a hole; let the market owe an unpaid loss.

    At mid for a gain: the far edge of a silent feed's band is nothing that may go to the pot.
    """
    equity = health_of(ledger, account, Purpose.LIQUIDATE, quotes, now).equity
    at_mid = health_of(ledger, account, Purpose.MID, quotes, now).equity
    claim = max(0, min(pnl, at_mid)) if equity >= 0 else 0
    # a hole from elsewhere is left to a market that the account is still in; the last takes all
    most = max(0, -pnl) if ledger.markets_of(account) else -equity
    debt = max(0, min(most, -equity))
    effects: Effects = ()
    if claim:
        ledger, effects = move_claim(ledger, account, endings.pot, claim)
        ending, key = endings.of(market), (market, account)
        endings = endings.put(market, replace(ending, claims=ending.claims + claim))
        claims = {**endings.claims, key: endings.claims.get(key, 0) + claim}
        endings = replace(endings, claims=claims)
    elif debt:
        ledger, effects = move_debt(ledger, market, account, debt)
        if account not in CARRIERS:
            endings = endings.note_covered(account, debt)
    return ledger, endings, (*effects, ClosedAt(market, account, size, pnl, claim, debt))


def move_claim(ledger: Ledger, source: int, to: int, amount: int) -> tuple[Ledger, Effects]:
    """Move cash that the module owes or is owed."""
    giver = account_of(ledger, source)
    ledger = put_account(ledger, source, replace(giver, cash=giver.cash - amount))
    taker = account_of(ledger, to)
    ledger = put_account(ledger, to, replace(taker, cash=taker.cash + amount))
    return ledger, (CashMoved(source, to, amount, Role.SETTLEMENT),)
