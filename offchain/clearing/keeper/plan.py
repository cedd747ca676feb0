"""Decide whom to liquidate, where, in which batches, and whether it pays. Pure: integers, no clock.

What a takeover is worth is its reward less what holding the position risks. A batch is made if that
is worth more than its gas, by the least profit; what is not worth it may still be done from a
budget, where bad debt looms. The liquidator's own margin bounds what can be taken over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from clearing.keeper.exact import (
    Takeover,
    Terms,
    health_at,
    is_absorbable,
    takeover_of,
)
from clearing.spec.perp_ledger import HealthView
from clearing.spec.perp_liquidation import quote_of
from clearing.spec.perp_margin import owed_by
from clearing.spec.perp_trade import filled
from clearing.spec.perp_types import MAX_MARKETS_PER_ACCOUNT, NO_POSITION, Position, Purpose
from clearing.spec.units import PPM, mul_div_up

__all__ = ["Absorb", "Batch", "Costs", "Liquidator", "Plan", "PlanPolicy", "Victim", "plan"]

LOOMING: Final = 3
"""Bad debt looms where less than a third of the maintenance margin is left."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What sending costs, wad USD: each transaction, each account in one, each absorption."""

    batch_wad: int = 0
    account_wad: int = 0
    absorb_wad: int = 0


@dataclass(frozen=True, slots=True)
class PlanPolicy:
    """The least profit of a transaction, wad; what holding risks, ppm of what is taken over.

    `rescue_wad` is what may be lost on accounts where bad debt looms. `most_notional_wad` bounds
    what one takeover brings into the liquidator's account; 0: nothing but its margin does.
    """

    min_profit_wad: int = 0
    inventory_ppm: int = 1_000
    batch: int = 50
    rescue_wad: int = 0
    most_notional_wad: int = 0


@dataclass(frozen=True, slots=True)
class Victim:
    """An account below maintenance margin, confirmed."""

    account: int
    view: HealthView
    held: Mapping[int, Position]
    absorb_fee: int = 0
    """What whoever absorbs it is paid, wad."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Takeovers in one market, accounts ascending; what is expected of them, wad."""

    market: int
    takeovers: tuple[Takeover, ...]
    profit: int

    @property
    def accounts(self) -> tuple[int, ...]:
        """Whom it names."""
        return tuple(each.account for each in self.takeovers)


@dataclass(frozen=True, slots=True)
class Absorb:
    """An account for the resolution module; what is expected of it, wad."""

    account: int
    profit: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, the most valuable first; whom to leave, by reason; what of the rescue is used.

    `value`: accounts are left because it does not pay, `inventory`: because margin is lacking,
    `market`: because no market lets them be taken over.
    """

    batches: tuple[Batch, ...] = ()
    absorbs: tuple[Absorb, ...] = ()
    left: Mapping[int, str] = field(default_factory=dict)
    rescue_wad: int = 0

    @property
    def reasons(self) -> Counter[str]:
        """How many are left for each reason."""
        return Counter(self.left.values())


class Liquidator:
    """The liquidator's account, as it would be after what was planned so far."""

    def __init__(self, cash: int, held: Mapping[int, Position], terms: Mapping[int, Terms]) -> None:
        self.cash = cash
        self.held = dict(held)
        self._terms = terms

    def takes(self, takeover: Takeover) -> bool:
        """Take it over if the margin allows; say whether it does."""
        terms = self._terms[takeover.market]
        before = self.held.get(takeover.market, NO_POSITION)
        quote = quote_of(takeover.size, takeover.price)
        after, realised = filled(before, terms.funding, takeover.size, -quote)
        cash = self.cash + realised - owed_by(before, terms.funding) + takeover.reward
        held = {**self.held, takeover.market: after}
        if after.size == 0:
            del held[takeover.market]
        if len(held) > MAX_MARKETS_PER_ACCOUNT:
            return False
        margin = health_at(cash, held, self._terms, Purpose.OPEN)
        is_less = abs(after.size) < abs(before.size) and after.size * before.size >= 0
        if margin.equity < margin.im and not (is_less and margin.equity >= 0):
            return False
        self.cash, self.held = cash, held
        return True


def plan(
    victims: Iterable[Victim],
    terms: Mapping[int, Terms],
    liquidator: Liquidator,
    costs: Costs,
    policy: PlanPolicy,
) -> Plan:
    """Return what to send."""
    chosen: dict[int, list[tuple[int, Takeover, Victim]]] = {}
    absorbs: list[tuple[int, Victim]] = []
    left: dict[int, str] = {}
    for victim in victims:
        best = _best(victim, terms, policy)
        gain = victim.absorb_fee - costs.absorb_wad
        is_taken = best is not None and (
            not _absorbs(victim) or best[0] - costs.account_wad >= gain
        )
        if best is not None and is_taken:
            chosen.setdefault(best[1].market, []).append((*best, victim))
        elif _absorbs(victim):
            absorbs.append((gain, victim))
        else:
            left[victim.account] = "market"
    purse = _Purse(policy.rescue_wad)
    batches: list[Batch] = []
    for market in sorted(chosen, key=lambda m: -max(value for value, _, _ in chosen[m])):
        rows = sorted(chosen[market], key=lambda row: (-row[0], row[1].account))
        batches += _batches(market, rows, liquidator, costs, policy, purse, left)
    taken = _absorptions(absorbs, policy, purse, left)
    return Plan(tuple(batches), taken, left, purse.used)


class _Purse:
    """What may be lost where bad debt looms."""

    def __init__(self, wad: int) -> None:
        self._wad = wad
        self.used = 0

    def pays(self, profit: int, policy: PlanPolicy, victims: Sequence[Victim]) -> bool:
        """Say whether something is worth doing, or is paid for all the same."""
        if profit >= policy.min_profit_wad:
            return True
        if not self._wad or self.used - min(profit, 0) > self._wad:
            return False
        if not all(map(_looms, victims)):
            return False
        self.used -= min(profit, 0)
        return True


def _looms(victim: Victim) -> bool:
    return LOOMING * victim.view.equity < victim.view.mm


def _absorbs(victim: Victim) -> bool:
    return victim.absorb_fee > 0 and is_absorbable(victim.account, victim.view)


def _best(
    victim: Victim, terms: Mapping[int, Terms], policy: PlanPolicy
) -> tuple[int, Takeover] | None:
    """Return the market in which taking over is worth most, and what it is worth, wad."""
    best: tuple[int, Takeover] | None = None
    for market, position in victim.held.items():
        takeover = takeover_of(victim.account, position, victim.view, terms[market])
        if takeover is None:
            continue
        if policy.most_notional_wad and takeover.notional > policy.most_notional_wad:
            continue
        worth = takeover.reward - mul_div_up(takeover.notional, policy.inventory_ppm, PPM)
        if best is None or worth > best[0]:
            best = (worth, takeover)
    return best


def _batches(
    market: int,
    rows: Sequence[tuple[int, Takeover, Victim]],
    liquidator: Liquidator,
    costs: Costs,
    policy: PlanPolicy,
    purse: _Purse,
    left: dict[int, str],
) -> list[Batch]:
    """Return a market's batches: rows come by falling worth, so the first batch is the best."""
    made: list[Batch] = []
    open_: list[tuple[int, Takeover, Victim]] = []
    for row in rows:
        worth, takeover, victim = row
        if worth < costs.account_wad and not _looms(victim):
            left[victim.account] = "value"
        elif not liquidator.takes(takeover):
            left[victim.account] = "inventory"
        else:
            open_.append(row)
        if len(open_) == policy.batch:
            made += _closed(market, open_, costs, policy, purse, left)
            open_ = []
    return made + _closed(market, open_, costs, policy, purse, left)


def _closed(
    market: int,
    rows: Sequence[tuple[int, Takeover, Victim]],
    costs: Costs,
    policy: PlanPolicy,
    purse: _Purse,
    left: dict[int, str],
) -> list[Batch]:
    if not rows:
        return []
    profit = sum(worth for worth, _, _ in rows) - costs.batch_wad - costs.account_wad * len(rows)
    if not purse.pays(profit, policy, [victim for _, _, victim in rows]):
        left.update((victim.account, "value") for _, _, victim in rows)
        return []
    takeovers = sorted((takeover for _, takeover, _ in rows), key=lambda each: each.account)
    return [Batch(market, tuple(takeovers), profit)]


def _absorptions(
    rows: Sequence[tuple[int, Victim]], policy: PlanPolicy, purse: _Purse, left: dict[int, str]
) -> tuple[Absorb, ...]:
    taken = []
    for gain, victim in sorted(rows, key=lambda row: (-row[0], row[1].account)):
        if purse.pays(gain, policy, [victim]):
            taken.append(Absorb(victim.account, gain))
        else:
            left[victim.account] = "value"
    return tuple(taken)
