"""Close everybody at a settled market's price, and pay the gains.

Models `contracts/derivatives/resolve/Settlement.sol`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event
from clearing.spec.perp_book import Leg, Sample, book
from clearing.spec.perp_ending import (
    Ending,
    Endings,
    Step,
    begin,
    closing_quote,
    move_claim,
    pnl_of,
    reckon,
)
from clearing.spec.perp_ledger import (
    Ledger,
    Quotes,
    account_of,
    health_of,
    market_of,
    position_of,
    tick,
)
from clearing.spec.perp_margin import in_force, requirement
from clearing.spec.perp_resolve import move_debt
from clearing.spec.perp_types import BACKSTOP, FEES, INSURANCE, VAULT, Kind, Purpose
from clearing.spec.perp_units import notional
from clearing.spec.perp_waterfall import Moment, Resolution, allot_rest
from clearing.spec.units import DAY_S, mul_div_down

__all__ = [
    "COVERED_FOR_S",
    "GRACE_S",
    "ClaimKept",
    "ClaimPaid",
    "CloseWaits",
    "DebtRepaid",
    "Finalised",
    "RestCovered",
    "close_at",
    "cover_rest",
    "finalise",
    "pay_claims",
    "repay_debt",
]

GRACE_S: Final = DAY_S
"""How long a winner keeps a gain that his other positions need."""
COVERED_FOR_S: Final = DAY_S
"""How long others pay what a final market owes, as soon as they can."""


@dataclass(frozen=True, slots=True)
class CloseWaits(Event):
    """An account's other positions need its gain."""

    market: int
    account: int
    not_before: int


@dataclass(frozen=True, slots=True)
class Finalised(Event):
    """Everybody is out; what of the claims went into the debt, and what debt is left, wad."""

    market: int
    claims: int
    repaid: int
    debt: int


@dataclass(frozen=True, slots=True)
class RestCovered(Event):
    """Who paid what no claim carried, wad; the market goes on owing `debt`."""

    market: int
    insurance: int
    backstop: int
    vault: int
    debt: int


@dataclass(frozen=True, slots=True)
class ClaimPaid(Event):
    """A gain was paid, wad."""

    market: int
    account: int
    claim: int
    paid: int


@dataclass(frozen=True, slots=True)
class ClaimKept(Event):
    """Of what a claim pays, so much went to insurance: others covered it for the account, wad."""

    market: int
    account: int
    wad: int


@dataclass(frozen=True, slots=True)
class DebtRepaid(Event):
    """Fees repaid some of a market's debt, wad."""

    market: int
    amount: int


# CLOSE


def close_at(
    ledger: Ledger,
    endings: Endings,
    market: int,
    accounts: Sequence[int],
    quotes: Quotes,
    now: int,
) -> Step:
    """Close accounts; the vault follows when nobody else is left.

    Raises UnknownMarket, UnknownAccount, WrongStatus.
    """
    ledger, endings, effects = _settled(ledger, endings, market, quotes, now)
    for account in accounts:
        if account > BACKSTOP:
            ledger, endings, told = _close(ledger, endings, market, account, quotes, now)
            effects = (*effects, *told)
    ledger, endings, told = _finish(ledger, endings, market, quotes, now)
    return ledger, endings, (*effects, *told)


def finalise(ledger: Ledger, endings: Endings, market: int, quotes: Quotes, now: int) -> Step:
    """Do what the last `close_at` does by itself; once done, nothing.

    Raises UnknownMarket, WrongStatus, StillOpen.
    """
    if endings.of(market).is_final:
        return ledger, endings, ()
    ledger, endings, effects = _settled(ledger, endings, market, quotes, now)
    ledger, endings, told = _finish(ledger, endings, market, quotes, now)
    if not endings.of(market).is_final:
        raise SpecError("StillOpen", market, ledger.markets[market].oi.open_interest)
    return ledger, endings, (*effects, *told)


def _settled(ledger: Ledger, endings: Endings, market: int, quotes: Quotes, now: int) -> Step:
    """Tick; whoever comes first after an absorption that ended the market takes its price down."""
    ledger, look, effects = tick(ledger, market, quotes, now)
    if endings.of(market).settled_at:
        return ledger, endings, effects
    if not look.market.is_settled:
        raise SpecError("WrongStatus", market, look.market.risk.status)
    ledger, endings, begun = begin(ledger, endings, market, look.quote.mid, quotes, now)
    return ledger, endings, (*effects, *begun)


def _close(
    ledger: Ledger, endings: Endings, market: int, account: int, quotes: Quotes, now: int
) -> Step:
    """Close one account against the backstop, unless it has no position or must wait."""
    position, ending = position_of(ledger, account, market), endings.of(market)
    if position.size == 0:
        return ledger, endings, ()
    quote = closing_quote(position.size, ending.price)
    pnl = pnl_of(position, quote, ledger.markets[market].funding)
    ends = ending.settled_at + GRACE_S
    if pnl > 0 and now < ends and _leans_on(ledger, market, account, quotes, now):
        return ledger, endings, (CloseWaits(market, account, ends),)

    legs = (Leg(account, -position.size, quote), Leg(BACKSTOP, position.size, -quote))
    ledger, effects = book(ledger, market, legs, Sample(), Kind.RESOLUTION, quotes, now)
    ledger, endings, told = reckon(
        ledger, endings, market, account, position.size, pnl, quotes, now
    )
    return ledger, endings, (*effects, *told)


def _leans_on(ledger: Ledger, market: int, account: int, quotes: Quotes, now: int) -> bool:
    """Return whether other positions are under initial margin without the gain.

    OPEN leaves it out.
    """
    if account == VAULT or ledger.markets_of(account) == (market,):
        return False
    health, stored = health_of(ledger, account, Purpose.OPEN, quotes, now), ledger.markets[market]
    worth = notional(position_of(ledger, account, market).size, stored.price)
    im, _ = requirement(worth, in_force(stored.risk, now))
    return health.equity < health.im - im


# FINAL


def _finish(ledger: Ledger, endings: Endings, market: int, quotes: Quotes, now: int) -> Step:
    """Close the vault if nobody but the backstop is left against it; then the books are final."""
    if endings.of(market).is_final:
        return ledger, endings, ()
    effects: Effects = ()
    held = {account for account, where in ledger.positions if where == market}
    if VAULT in held and held <= {VAULT, BACKSTOP}:
        ledger, endings, effects = _close(ledger, endings, market, VAULT, quotes, now)
        held = set()
    if held:
        return ledger, endings, effects
    ledger, endings, told = _finalise(ledger, endings, market, quotes, now)
    return ledger, endings, (*effects, *told)


def _finalise(ledger: Ledger, endings: Endings, market: int, quotes: Quotes, now: int) -> Step:
    """Reckon the backstop, repay the debt out of the claims, pay the protocol's own accounts."""
    effects: Effects = ()
    pnl = endings.of(market).backstop_pnl
    if pnl:
        ledger, endings, effects = reckon(ledger, endings, market, BACKSTOP, 0, pnl, quotes, now)
    ending, debt = endings.of(market), ledger.markets[market].debt
    repaid = min(debt, ending.claims)
    if repaid:
        ledger, told = move_debt(ledger, market, endings.pot, -repaid)
        effects = (*effects, *told)
    endings = endings.put(market, replace(ending, final_at=now, pot=ending.claims - repaid))
    effects = (*effects, Finalised(market, ending.claims, repaid, debt - repaid))
    ledger, endings, told = pay_claims(ledger, endings, market, (VAULT, BACKSTOP))
    return ledger, endings, (*effects, *told)


def cover_rest(
    ledger: Ledger, store: Resolution, endings: Endings, market: int, at: Moment
) -> tuple[Ledger, Resolution, Effects]:
    """Do the last step of `close_at` and `finalise`: cover what no claim of a final market carries.

    Whether a loser is absorbed before the market is settled or closed after it, the fund and
    lenders stand behind it; for a day, so that no silence of another feed decides who pays.
    """
    ending, rest = endings.of(market), ledger.markets[market].debt
    if not (ending.is_final and rest and at.now <= ending.final_at + COVERED_FOR_S):
        return ledger, store, ()
    at = replace(at, unreckoned=endings.unreckoned)
    store, paid, effects = allot_rest(ledger, store, market, rest, at)
    for account, amount in zip((INSURANCE, BACKSTOP, VAULT), paid, strict=True):
        if amount:
            ledger, told = move_debt(ledger, market, account, -amount)
            effects = (*effects, *told)
    return ledger, store, (*effects, RestCovered(market, *paid, rest - sum(paid)))


# PAY


def pay_claims(ledger: Ledger, endings: Endings, market: int, accounts: Sequence[int]) -> Step:
    """Pay min(1, pot / claims) of each account's claim, down; insurance is paid first.

    As far as others covered for the account. Raises NotFinal.
    """
    ending = endings.of(market)
    if not ending.is_final:
        raise SpecError("NotFinal", market)
    effects: Effects = ()
    for account in accounts:
        claim = endings.claims.get((market, account), 0)
        if not claim:
            continue
        paid = _share(claim, ending)
        kept = min(paid, endings.covered.get(account, 0))
        if kept:
            endings = endings.note_covered(account, -kept)
            ledger, told = move_claim(ledger, endings.pot, INSURANCE, kept)
            effects = (*effects, *told, ClaimKept(market, account, kept))
        ledger, told = move_claim(ledger, endings.pot, account, paid - kept)
        effects = (*effects, *told, ClaimPaid(market, account, claim, paid - kept))
        left = {key: wad for key, wad in endings.claims.items() if key != (market, account)}
        endings = replace(endings, claims=left)
    return ledger, endings, effects


def _share(claim: int, ending: Ending) -> int:
    return mul_div_down(claim, ending.pot, ending.claims)


def repay_debt(ledger: Ledger, market: int) -> tuple[Ledger, Effects]:
    """Repay what a market owes, as far as account 3 has cash. Raises UnknownMarket."""
    amount = min(market_of(ledger, market).debt, max(0, account_of(ledger, FEES).cash))
    ledger, effects = move_debt(ledger, market, FEES, -amount)
    return ledger, (*effects, DebtRepaid(market, amount))
