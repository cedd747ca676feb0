"""Absorb accounts that liquidation cannot save, and let the backstop get rid of what it took.

Models `contracts/derivatives/resolve/Absorption.sol`, `Deleveraging.sol` and `TakeBack.sol`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event, events_of
from clearing.spec.oracle_types import Action
from clearing.spec.perp_book import Leg, Sample, book, start_anew
from clearing.spec.perp_case import (
    Case,
    Part,
    bankruptcy_price_of,
    lots_to_close,
    open_case,
    quote_for,
)
from clearing.spec.perp_ending import Endings
from clearing.spec.perp_ledger import (
    HealthView,
    Ledger,
    account_of,
    health_of,
    position_of,
    tick,
    value_of,
)
from clearing.spec.perp_margin import owed_by
from clearing.spec.perp_settle import close_at
from clearing.spec.perp_trade import skew_worth
from clearing.spec.perp_types import (
    BACKSTOP,
    CARRIERS,
    FIRST_OWNED,
    VAULT,
    Kind,
    Pause,
    Purpose,
)
from clearing.spec.perp_units import LOTS, PICO_TO_WAD, notional, value
from clearing.spec.perp_vault import DUST
from clearing.spec.perp_waterfall import Moment, Resolution, Step, cover_first, cover_last, top_up
from clearing.spec.units import PPM, Address, mul_div_down, mul_div_up

__all__ = [
    "Absorbed",
    "Deleverage",
    "Deleveraged",
    "TakenBack",
    "absorb",
    "absorb_protocol",
    "begin_ended",
    "note_absorbed",
    "take_backstop",
]


@dataclass(frozen=True, slots=True)
class Deleverage:
    """Whom a position of a market may be closed against, the most leveraged first."""

    market: int
    counterparties: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Absorbed(Event):
    """An account is empty; its equity before, and the keeper's fee, wad."""

    account: int
    keeper: int
    equity: int
    fee: int


@dataclass(frozen=True, slots=True)
class Deleveraged(Event):
    """Lots of a position, signed as it was, closed against somebody at a price, wad."""

    market: int
    account: int
    counterparty: int
    lots: int
    price: int


@dataclass(frozen=True, slots=True)
class TakenBack(Event):
    """An account took lots from the backstop, signed as its position was; price, reward in wad."""

    market: int
    account: int
    lots: int
    price: int
    reward: int


# ACCOUNTS OF OWNERS


def absorb(
    ledger: Ledger,
    store: Resolution,
    account: int,
    keeper: int,
    lists: Sequence[Deleverage],
    at: Moment,
) -> Step:
    """Empty an account that cannot carry its penalties.

    Raises UnknownAccount, OwnKeeper, NotAbsorbable, Paused, NotOrdered, BackstopMustBeAbsorbed.
    """
    account_of(ledger, keeper)
    if account == keeper:
        raise SpecError("OwnKeeper", account)
    view = health_of(ledger, account, Purpose.LIQUIDATE, at.quotes, at.now)
    if account < FIRST_OWNED or view.equity >= view.penalty or not view.is_priced:
        raise _refusal(account, view)

    ledger, case, ticked = open_case(ledger, account, view, at.quotes, at.now)
    own = max(0, min(case.fee, case.equity))
    step = Step(ledger, store, ticked)
    before = step
    step = top_up(step, keeper, case.fee - own, at)
    added = account_of(step.ledger, keeper).cash - account_of(before.ledger, keeper).cash
    step, case = cover_first(step, case, at)
    parts: list[Part] = []
    for part in case.parts:
        step, left = _deleverage(step, case, part, lists, at)
        if left.size:
            if position_of(step.ledger, BACKSTOP, left.market).size == -left.size:
                _require_backstop_absorbed(step.ledger, at)
            quote = quote_for(left.size, left.price)
            step = _move(step, left.market, account, BACKSTOP, left.size, quote, at)
        parts.append(left)
    step, paid = _settle_cash(step, replace(case, parts=tuple(parts)), keeper, own, at)
    return step.tell(Absorbed(account, keeper, case.equity, added + paid))


def begin_ended(
    ledger: Ledger, store: Resolution, endings: Endings, account: int, at: Moment
) -> tuple[Ledger, Resolution, Endings, Effects]:
    """Set apart what the backstop had won in the account's markets that resolution has ended."""
    effects: Effects = ()
    ended = store.just_ended & set(ledger.markets_of(account))
    for market in sorted(ended):
        given = (ledger, endings, market, (), at.quotes, at.now)
        ledger, endings, told = close_at(*given)
        effects = (*effects, *told)
    return ledger, replace(store, just_ended=store.just_ended - ended), endings, effects


def note_absorbed(endings: Endings, effects: Effects) -> Endings:
    """Return what the module of settlement remembers once an account was absorbed.

    What others covered for it, for which what it has won in markets that have ended answers.
    """
    for event in events_of(effects):
        if isinstance(event, Absorbed) and event.equity < 0:
            endings = endings.note_covered(event.account, -event.equity)
    return endings


def _settle_cash(step: Step, case: Case, keeper: int, fee: int, at: Moment) -> tuple[Step, int]:
    """Let cash that is left go, or what is missing come. Return what the keeper got of it."""
    cash = account_of(step.ledger, case.account).cash
    step = cover_last(step, case, max(0, -cash), at)
    if cash <= 0:
        return step, 0
    paid = min(fee, cash)
    return step.pay(case.account, keeper, paid).pay(case.account, BACKSTOP, cash - paid), paid


def _move(step: Step, market: int, source: int, to: int, size: int, quote: int, at: Moment) -> Step:
    """Let one give a size to another and receive the quote, pico."""
    legs = (Leg(source, -size, quote), Leg(to, size, -quote))
    given = (market, legs, Sample(), Kind.RESOLUTION, at.quotes, at.now)
    return step.then(book(step.ledger, *given))


# DELEVERAGING


def _deleverage(
    step: Step, case: Case, part: Part, lists: Sequence[Deleverage], at: Moment
) -> tuple[Step, Part]:
    """Close what the uncovered loss asks for at the bankruptcy price: the vault, then the lists."""
    if not part.left or not part.can_deleverage:
        return step, part
    lots = lots_to_close(part)
    price = bankruptcy_price_of(case, part)
    most = min(lots, _lots_of_vault(step.ledger, part, price, at))
    step, part, taken = _close_against(step, case, part, VAULT, most, price, at)
    lots -= taken
    for listed in lists:
        if lots and listed.market == part.market:
            step, part, taken = _through(step, case, part, listed, lots, price, at)
            lots -= taken
    return step, part


def _through(
    step: Step, case: Case, part: Part, listed: Deleverage, lots: int, price: int, at: Moment
) -> tuple[Step, Part, int]:
    """Go down a list until enough is closed. Raises NotOrdered."""
    closed = 0
    last: HealthView | None = None
    for index, account in enumerate(listed.counterparties):
        if closed >= lots:
            break
        if account < FIRST_OWNED or account == case.account:
            continue
        view = health_of(step.ledger, account, Purpose.MID, at.quotes, at.now)
        if not _may_pay(step.ledger, part, account, view, at):
            continue
        if last is not None and view.notional * last.equity > last.notional * view.equity:
            raise SpecError("NotOrdered", part.market, index)
        last = view
        step, part, taken = _close_against(step, case, part, account, lots - closed, price, at)
        closed += taken
    return step, part, closed


def _may_pay(ledger: Ledger, part: Part, account: int, view: HealthView, at: Moment) -> bool:
    """Return whether it is on the other side, solvent, and gained in this market at mid."""
    size = position_of(ledger, account, part.market).size
    is_opposite = size * part.size < 0
    return is_opposite and view.equity > 0 and _gain(ledger, part, account, at) > 0


def _gain(ledger: Ledger, part: Part, account: int, at: Moment) -> int:
    """Return what closing its position at mid would bring, wad."""
    position = position_of(ledger, account, part.market)
    _, look, _ = tick(ledger, part.market, at.quotes, at.now)
    paid = position.quote * PICO_TO_WAD - owed_by(position, look.market.funding)
    return paid + value(position.size, part.mid)


def _lots_of_vault(ledger: Ledger, part: Part, price: int, at: Moment) -> int:
    """Return the lots that cost the vault, against mid, no more than it has won, down.

    What it gives back as its skew shrinks is no gain. A pico is left for the quote, which rounds up
    by less than that. The price of who is bankrupt is always worse for it than mid.
    """
    size, trade = position_of(ledger, VAULT, part.market).size, ledger.markets[part.market].trade
    gain = _gain(ledger, part, VAULT, at) - skew_worth(size, part.mid, trade) - PICO_TO_WAD
    if gain <= 0:
        return 0
    worse = price - part.mid if part.size > 0 else part.mid - price
    return mul_div_down(gain, LOTS, worse)


def _close_against(
    step: Step, case: Case, part: Part, account: int, lots: int, price: int, at: Moment
) -> tuple[Step, Part, int]:
    """Close up to so many lots; none of an other that would be below maintenance margin."""
    held = position_of(step.ledger, account, part.market).size
    if held * part.size >= 0:
        return step, part, 0
    taken = min(abs(held), lots)
    size = taken if part.size > 0 else -taken
    quote = quote_for(size, price)
    if not taken or not _stays_safe(step.ledger, part, account, size, quote, at):
        return step, part, 0

    step = _move(step, part.market, case.account, account, size, quote, at)
    step = step.tell(Deleveraged(part.market, case.account, account, size, price))
    gain = quote * PICO_TO_WAD + value(-size, part.price)
    part = replace(part, size=part.size - size).covered(max(0, gain))
    return step, part, taken


def _stays_safe(
    ledger: Ledger, part: Part, account: int, size: int, quote: int, at: Moment
) -> bool:
    """Return whether E >= MM at mid once an account has taken a size for a quote."""
    legs = (Leg(account, size, -quote), Leg(BACKSTOP, -size, quote))
    given = (part.market, legs, Sample(), Kind.RESOLUTION, at.quotes, at.now)
    taken, _ = book(ledger, *given)
    after = health_of(taken, account, Purpose.MID, at.quotes, at.now)
    return after.equity >= after.mm


# THE PROTOCOL'S


def absorb_protocol(ledger: Ledger, store: Resolution, account: int, at: Moment) -> Step:
    """Cover what the vault or the backstop lacks; positions stay, and start anew.

    Raises NotAbsorbable, Paused.
    """
    view = health_of(ledger, account, Purpose.LIQUIDATE, at.quotes, at.now)
    if account not in CARRIERS or view.equity >= 0 or not view.is_priced:
        raise _refusal(account, view)
    ledger, case, ticked = open_case(ledger, account, view, at.quotes, at.now)
    step, case = cover_first(Step(ledger, store, ticked), case, at)
    step = cover_last(step, case, None, at)
    for part in case.parts:
        # a gain in a market that has ended, perhaps just now, is paid as others are
        stays = not part.lost and step.ledger.markets[part.market].is_settled
        if not part.is_omitted and not stays:
            given = (account, part.size, quote_for(part.size, part.price), at.quotes, at.now)
            step = step.then(start_anew(step.ledger, part.market, *given))
    return step


def _require_backstop_absorbed(ledger: Ledger, at: Moment) -> int:
    """Return the backstop's equity at LIQUIDATE, wad.

    Raises BackstopMustBeAbsorbed: what it lost must stay where it was lost until it is shared.
    """
    view = health_of(ledger, BACKSTOP, Purpose.LIQUIDATE, at.quotes, at.now)
    if view.equity < -DUST and view.is_priced:
        raise SpecError("BackstopMustBeAbsorbed", view.equity)
    return view.equity


def take_backstop(
    ledger: Ledger,
    store: Resolution,
    sender: Address,
    market: int,
    size: int,
    to: int,
    at: Moment,
) -> Step:
    """Take a size over from the backstop, for a reward.

    Raises UnknownAccount, NotOwner, UnknownMarket, BackstopHasLess, MarketNotLive, Paused,
    FeedForbids, BackstopMustBeAbsorbed, and as `book`.
    """
    if account_of(ledger, to).owner != sender:
        raise SpecError("NotOwner", to, sender)
    ledger, look, ticked = tick(ledger, market, at.quotes, at.now)
    held = position_of(ledger, BACKSTOP, market).size
    if size * held <= 0 or abs(size) > abs(held):
        raise SpecError("BackstopHasLess", market, size, held)
    risk = look.market.risk
    if look.market.is_settled:
        raise SpecError("MarketNotLive", market, risk.status)
    if risk.pause & Pause.LIQUIDATE:
        raise SpecError("Paused", market, risk.pause)
    if not look.allows(Action.LIQUIDATE):
        raise SpecError("FeedForbids", market, look.quote.state, look.quote.gates)

    equity = _require_backstop_absorbed(ledger, at)
    price = value_of(look, Purpose.LIQUIDATE, is_long=size > 0)
    quote = quote_for(size, price)
    most = max(0, min(equity, account_of(ledger, BACKSTOP).cash) - at.unreckoned)
    reward = min(most, mul_div_up(notional(size, price), risk.penalty, 2 * PPM))
    legs = (
        Leg(BACKSTOP, -size, quote, cash=-reward),
        Leg(to, size, -quote, cash=reward, judged=True),
    )
    step = Step(ledger, store, ticked).tell(TakenBack(market, to, size, price, reward))
    return step.then(book(ledger, market, legs, Sample(), Kind.RESOLUTION, at.quotes, at.now))


def _refusal(account: int, view: HealthView) -> SpecError:
    sums = (view.equity, view.penalty, view.mm, view.liquid_mm)
    return SpecError("NotAbsorbable", account, *sums)
