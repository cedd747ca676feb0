"""Let one after the other cover a loss.

Models `contracts/derivatives/resolve/Waterfall.sol`, `SharedWindow.sol` and `KeeperFee.sol`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from clearing.spec.events import Effects, Event
from clearing.spec.oracle_types import Action
from clearing.spec.perp_case import Case, Part, delta_cap, shared, split
from clearing.spec.perp_doors import SMALL_DEBT
from clearing.spec.perp_insurance import (
    FORGIVEN_AFTER_S,
    Fund,
    backstop_left,
    insurance_left,
    move_cash,
    spend,
)
from clearing.spec.perp_ledger import (
    Ledger,
    Quotes,
    account_of,
    health_of,
    look_at,
    position_of,
    tick,
)
from clearing.spec.perp_margin import in_force
from clearing.spec.perp_resolve import move_debt, set_status, share_loss
from clearing.spec.perp_types import BACKSTOP, INSURANCE, VAULT, MarketStatus, Purpose, Role
from clearing.spec.units import WAD, mul_div_up

__all__ = [
    "Covered",
    "Moment",
    "Resolution",
    "Step",
    "allot_rest",
    "cover_first",
    "cover_last",
    "fee_allowance",
    "shared_of",
    "take",
    "top_up",
]

FEE_WINDOW_S: Final = 3_600
MOST_FEES: Final = 1_000 * WAD
"""What insurance adds to keepers' fees in one window."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the fund and the resolution module store; fees since `fees_at`, wad.

    `carried`: when each market last shared a loss, and what a unit had carried with it, pico.
    `just_ended`: markets that it has ended, until the module of settlement has been told.
    """

    fund: Fund
    fees_at: int = 0
    fees_paid: int = 0
    carried: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    just_ended: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Moment:
    """What the oracle says of each market, and the time.

    `unreckoned`: what the backstop has won in markets that have ended and may still be cut, wad.
    """

    quotes: Quotes
    now: int
    unreckoned: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """How far a resolution has come: the storage of all, and what was told."""

    ledger: Ledger
    store: Resolution
    effects: Effects = ()

    def then(self, moved: tuple[Ledger, Effects]) -> Step:
        """Return the step after a change of the ledger."""
        return replace(self, ledger=moved[0], effects=(*self.effects, *moved[1]))

    def tell(self, *events: Event) -> Step:
        """Return the step with more told."""
        return replace(self, effects=(*self.effects, *events))

    def pay(self, source: int, to: int, amount: int) -> Step:
        """Return the step after cash moved; none: nothing is told."""
        if not amount:
            return self
        return self.then(move_cash(self.ledger, source, to, amount, Role.RESOLUTION))


@dataclass(frozen=True, slots=True)
class Covered(Event):
    """Who covered an account's loss in a market, wad; deleveraging tells its own."""

    market: int
    account: int
    insurance: int
    backstop: int
    shared: int
    vault: int
    debt: int


# FIRST


def cover_first(step: Step, case: Case, at: Moment) -> tuple[Step, Case]:
    """Split the loss; let insurance pay, then the backstop, but where a market has settled."""
    case = shared(case)
    parts: list[Part] = []
    for part in case.parts:
        covered = part
        if part.left and not part.is_settled:
            step, covered = _cover_part(step, case.account, part, at)
        parts.append(covered)
    return step, replace(case, parts=tuple(parts))


def _cover_part(step: Step, account: int, part: Part, at: Moment) -> tuple[Step, Part]:
    most = min(part.left, insurance_left(step.store.fund, part.market, at.now))
    step, insurance = take(step, INSURANCE, account, most, at)
    part = replace(part.covered(insurance), insurance=insurance)
    if account != BACKSTOP:
        most = min(part.left, backstop_left(step.store.fund, part.market, at.now))
        step, backstop = take(step, BACKSTOP, account, most, at)
        part = replace(part.covered(backstop), backstop=backstop)
    if part.insurance + part.backstop:
        fund, told = spend(step.store.fund, part.market, part.insurance, part.backstop, at.now)
        step = replace(step, store=replace(step.store, fund=fund)).tell(told)
    return step, part


def take(step: Step, source: int, to: int, most: int, at: Moment) -> tuple[Step, int]:
    """Move what an account of the protocol can spare."""
    amount = min(most, _spare(step.ledger, source, at))
    return step.pay(source, to, amount), amount


def _spare(ledger: Ledger, account: int, at: Moment) -> int:
    """Return what an account of the protocol can spare: min(cash, E at OPEN).

    The backstop spares nothing of what may still be cut.
    """
    cash = account_of(ledger, account).cash
    equity = health_of(ledger, account, Purpose.OPEN, at.quotes, at.now).equity
    kept = at.unreckoned if account == BACKSTOP else 0
    return max(0, min(cash, equity) - kept)


# LAST


def cover_last(step: Step, case: Case, loss: int | None, at: Moment) -> Step:
    """Let all positions pay, then the vault, then owe; None: all that the parts have left.

    A settled market owes at once, as if the account had been closed there.
    """
    for part in case.parts:
        if not part.loss:
            continue
        rest = part.left if loss is None else min(part.left, loss)
        loss = None if loss is None else loss - rest
        asked = 0 if part.is_settled else rest
        step, by_all = _share(step, case.account, part.market, asked, at)
        vault = 0
        if case.account != VAULT:
            step, vault = take(step, VAULT, case.account, asked - by_all, at)
        rest -= by_all + vault
        if rest:
            step = _owe(step, case.account, part.market, rest, at)
        told = (part.insurance, part.backstop, by_all, vault, rest)
        step = step.tell(Covered(part.market, case.account, *told))
    return step


def _share(step: Step, account: int, market: int, loss: int, at: Moment) -> tuple[Step, int]:
    """Let positions pay but the backstop's and the account's, what the cap has left."""
    look = look_at(step.ledger, market, at.quotes[market], at.now)
    if not loss:
        return step, 0
    own = abs(position_of(step.ledger, VAULT, market).size) if account == VAULT else 0
    carried = shared_of(step.store, market, at.now)
    cap = delta_cap(in_force(look.market.risk, at.now), look.quote.mid)
    parts = split(
        loss,
        2 * look.market.oi.open_interest,
        abs(position_of(step.ledger, BACKSTOP, market).size),
        own,
        max(0, cap - carried),
    )
    if not parts.delta:
        return step, 0
    after = {**step.store.carried, market: (at.now, carried + parts.delta)}
    step = replace(step, store=replace(step.store, carried=after))
    credit = (account, parts.amount + parts.own, parts.backstop)
    moved = share_loss(step.ledger, market, parts.delta, *credit, at.quotes, at.now)
    return step.then(moved), parts.amount


def shared_of(store: Resolution, market: int, now: int) -> int:
    """Return what a unit has carried of shared losses, pico: forgiven evenly over 30 days, up."""
    when, pico = store.carried.get(market, (0, 0))
    return mul_div_up(pico, max(0, FORGIVEN_AFTER_S - (now - when)), FORGIVEN_AFTER_S)


def _owe(step: Step, account: int, market: int, rest: int, at: Moment) -> Step:
    """Let the market owe, and end it if that is no small debt: at a fair price, or on its way."""
    step = step.then(move_debt(step.ledger, market, account, rest))
    if step.ledger.markets[market].debt <= SMALL_DEBT:
        return step
    _, look, _ = tick(step.ledger, market, at.quotes, at.now)
    status, price = MarketStatus.SETTLED, look.quote.mid
    if not look.allows(Action.LIQUIDATE):
        status, price = MarketStatus.WIND_DOWN, 0
    if look.market.risk.status >= status:
        return step
    step = step.then(set_status(step.ledger, market, status, price, at.quotes, at.now))
    if status is not MarketStatus.SETTLED:
        return step
    return replace(step, store=replace(step.store, just_ended=step.store.just_ended | {market}))


# ENDED


def allot_rest(
    ledger: Ledger, store: Resolution, market: int, rest: int, at: Moment
) -> tuple[Resolution, tuple[int, int, int], Effects]:
    """Say what insurance, the backstop and the vault pay of what a final market owes, wad.

    What no claim carries, as for an absorption.
    """
    effects: Effects = ()
    fund = store.fund
    insurance = min(rest, insurance_left(fund, market, at.now), _spare(ledger, INSURANCE, at))
    rest -= insurance
    backstop = min(rest, backstop_left(fund, market, at.now), _spare(ledger, BACKSTOP, at))
    vault = min(rest - backstop, _spare(ledger, VAULT, at))
    if insurance + backstop:
        fund, told = spend(fund, market, insurance, backstop, at.now)
        store, effects = replace(store, fund=fund), (told,)
    return store, (insurance, backstop, vault), effects


# FEE


def fee_allowance(store: Resolution, now: int) -> int:
    """Return what insurance may still add to fees in this hour, wad."""
    return MOST_FEES - store.fees_paid if now < store.fees_at + FEE_WINDOW_S else MOST_FEES


def top_up(step: Step, keeper: int, missing: int, at: Moment) -> Step:
    """Let insurance add what it can and may of a fee."""
    most = min(missing, fee_allowance(step.store, at.now))
    step, paid = take(step, INSURANCE, keeper, most, at)
    store = step.store
    if at.now >= store.fees_at + FEE_WINDOW_S:
        store = replace(store, fees_at=at.now, fees_paid=0)
    return replace(step, store=replace(store, fees_paid=store.fees_paid + paid))
