"""Liquidate: follow, scan, confirm, decide, send."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from clearing.chain.contract import Happened
from clearing.chain.cursor import Log
from clearing.keeper.adl import lists_for
from clearing.keeper.backoff import Backoff
from clearing.keeper.contracts import Swaps, terms_by_market
from clearing.keeper.costs import GasModel, Prices, costs_of, prices_at
from clearing.keeper.endpoints import Head
from clearing.keeper.errors import DamagedError, KeeperError
from clearing.keeper.exact import Takeover, Terms, is_due
from clearing.keeper.jobs.carriers import REFUSED_S, Carriers
from clearing.keeper.jobs.closings import Closings
from clearing.keeper.jobs.job import Desk, subject_of
from clearing.keeper.lane import Outcome, Wish
from clearing.keeper.plan import Absorb, Batch, Liquidator, Plan, PlanPolicy, Victim, plan
from clearing.keeper.purse import DayPurse
from clearing.keeper.replica import Replica
from clearing.keeper.scan import Found, scan
from clearing.perp.answers import MarketNow
from clearing.spec.perp_ledger import HealthView
from clearing.spec.perp_types import FIRST_OWNED, INSURANCE, Position
from clearing.spec.units import WAD

__all__ = ["LiquidationJob", "LiquidationPolicy"]

CENT_WAD: Final = 10**16
CONFIRMED_AT_ONCE: Final = 250
USD: Final = 1e18
COVERS: Final = {
    "insuranceWad": "covered_by_insurance",
    "backstopWad": "covered_by_backstop",
    "sharedWad": "covered_by_positions",
    "vaultWad": "covered_by_vault",
    "debtWad": "covered_by_debt",
}
"""What is counted where an absorption's loss fell on somebody."""


@dataclass(frozen=True, slots=True)
class LiquidationPolicy:
    """Whom to pay with, and when to act.

    `liquidator` is the account that takes over; the job's signer owns it. `ether_market` prices
    gas, else `ether_usd`. A standby acts on accounts that have been due for `delay_s`, and up to
    `jitter_s` more. `rescue_day_wad` is what a day's unprofitable rescues may cost. Everybody
    leaves vault and backstop up to `carrier_jitter_s` to others: the second absorption reverts.
    """

    liquidator: int
    plan: PlanPolicy = field(default_factory=PlanPolicy)
    gas: GasModel = field(default_factory=GasModel)
    ether_market: int | None = None
    ether_usd: int = 3_000
    delay_s: float = 0.0
    jitter_s: float = 0.0
    rescue_day_wad: int = 0
    absorb: bool = True
    carrier_jitter_s: float = 4.0
    audit_every_s: float = 60.0


class LiquidationJob:
    """Keeps accounts above their maintenance margin, for a reward."""

    name = "liquidation"

    def __init__(
        self,
        desk: Desk,
        swaps: Swaps,
        replica: Replica,
        policy: LiquidationPolicy,
        *,
        chance: Random | None = None,
    ) -> None:
        self._desk = desk
        self._swaps = swaps
        self._replica = replica
        self._policy = policy
        self._chance = chance or Random()  # noqa: S311 - a delay, guards nothing
        self._purse = DayPurse(
            desk.store, "liquidation.rescued", policy.rescue_day_wad, desk.clock_s
        )
        self._carriers = Carriers(desk, swaps, policy.gas, self._purse)
        self._closings = Closings(desk, swaps, policy.gas, self._purse)
        self._refused = Backoff(*REFUSED_S)
        self._due_at: dict[int, float] = {}
        """When somebody who is due may be acted upon."""
        self._taking: dict[str, tuple[Takeover, ...]] = {}
        """What open offers will bring into the liquidator's account, by their work."""
        self._audited_s = 0.0
        self._is_loaded = False

    # TURN

    def turn(self) -> float:
        """Look once. Raises ChainError, KeeperError, SignerError."""
        desk, replica = self._desk, self._replica
        if not self._is_loaded:
            replica.load()
            self._is_loaded = True
        head, outcomes = desk.begin()
        self._note(outcomes)
        desk.meters.counts["undone"] += replica.catch_up(head)
        self._audit()
        tip = replica.tip
        if tip is None:
            return desk.poll_s
        desk.meters.gauges["lag_blocks"] = float(head.number - tip.number)
        markets = self._swaps.markets(hex(tip.number))
        terms = terms_by_market(markets, replica.book.guardian_mask(head.time))
        found = self._scan(terms)
        due = {each.account for each in found if each.account != self._policy.liquidator}
        below = self._carriers.look(replica.book, terms)
        ready = self._ready(due | below if self._absorbs else due)
        try:
            self._act([who for who in ready if who >= FIRST_OWNED], markets, terms, head)
        finally:  # they do not wait for an account that fails
            carriers = [who for who in ready if who < FIRST_OWNED]
            self._carriers.absorb(carriers, len(terms), lambda: self._prices(terms, head), head)
        return desk.poll_s

    @property
    def _absorbs(self) -> bool:
        return self._policy.absorb and self._swaps.resolution is not None

    def _audit(self) -> None:
        now_s = self._desk.clock_s()
        if now_s - self._audited_s < self._policy.audit_every_s:
            return
        self._audited_s = now_s
        try:
            self._desk.meters.counts["audited"] += self._replica.audit()
        except DamagedError:
            self._desk.meters.counts["damaged"] += 1
            raise

    def _scan(self, terms: Mapping[int, Terms]) -> tuple[Found, ...]:
        gauges, start = self._desk.meters.gauges, time.perf_counter()
        found = scan(self._replica.book, self._replica.columns, terms)
        gauges["scan_s"] = time.perf_counter() - start
        gauges["accounts"] = float(len(self._replica.book))
        gauges["under_water"] = float(len(found))
        gauges["bad_debt_usd"] = sum(max(0, -each.equity) for each in found) / USD
        self._watch_itself(found)
        return found

    def _watch_itself(self, found: Iterable[Found]) -> None:
        """Say once that the liquidator's own account is what others liquidate."""
        is_due = any(each.account == self._policy.liquidator for each in found)
        gauges = self._desk.meters.gauges
        if is_due and not gauges.get("liquidator_due"):
            self._desk.log.error("liquidator_under_water", account=self._policy.liquidator)
        gauges["liquidator_due"] = float(is_due)

    def _ready(self, due: set[int]) -> list[int]:
        """Return whom to act upon now: not those in flight, refused, or left to a primary."""
        now_s, busy = self._desk.clock_s(), self._desk.lane.in_flight()
        self._due_at = {who: at for who, at in self._due_at.items() if who in due}
        self._refused.keep(due)
        for account in sorted(due - self._due_at.keys()):
            self._due_at[account] = now_s + self._wait_s(account)
        return sorted(
            who
            for who in due
            if self._due_at[who] <= now_s
            and subject_of(who) not in busy
            and not self._refused.holds(who, now_s)
        )

    def _wait_s(self, account: int) -> float:
        policy = self._policy
        jitter_s = policy.jitter_s + (policy.carrier_jitter_s if account < FIRST_OWNED else 0.0)
        return policy.delay_s + self._chance.random() * jitter_s

    # ACT

    def _act(
        self,
        accounts: Sequence[int],
        markets: tuple[MarketNow, ...],
        terms: Mapping[int, Terms],
        head: Head,
    ) -> None:
        liquidator = self._liquidator(terms) if accounts else None
        if liquidator is None:
            return  # what an earlier process has sent is not known to the last lot: wait for it
        given = (self._replica.book, terms, lambda: self._prices(terms, head), head)
        leaving = self._closings.close(accounts, *given)
        victims = self._confirmed([who for who in accounts if who not in leaving], markets)
        self._desk.meters.counts["candidates"] += len(victims)
        costs = costs_of(self._prices(terms, head), self._policy.gas)
        policy = replace(self._policy.plan, rescue_wad=self._purse.left_wad)
        decided = plan(victims, terms, liquidator, costs, policy)
        for reason, count in decided.reasons.items():
            self._desk.meters.counts[f"left_for_{reason}"] += count
        refused = self._send(decided, terms, head)
        self._purse.spend(decided.rescue_wad - sum(max(0, -each.profit) for each in refused))

    def _liquidator(self, terms: Mapping[int, Terms]) -> Liquidator | None:
        """Return the liquidator's account with all that is on its way to it."""
        book, account = self._replica.book, self._policy.liquidator
        works = self._desk.lane.open_works()
        self._taking = {work: it for work, it in self._taking.items() if work in works}
        if any(work not in self._taking for work in works if work.startswith("liquidate")):
            return None
        mine = Liquidator(book.cash.get(account, 0), book.positions(account), terms)
        for takeovers in self._taking.values():
            for takeover in takeovers:
                mine.takes(takeover)
        return mine

    def _confirmed(self, accounts: Sequence[int], markets: tuple[MarketNow, ...]) -> list[Victim]:
        """Return those of the accounts that the chain itself says are due."""
        views: list[HealthView] = []
        for start in range(0, len(accounts), CONFIRMED_AT_ONCE):
            part = accounts[start : start + CONFIRMED_AT_ONCE]
            views += self._swaps.healths(part)
        book = self._replica.book
        fees = {each.market: each.limit.min_fee * CENT_WAD for each in markets}
        allowance = self._allowance()
        return [
            Victim(account, view, held, _absorb_fee(view, held, fees, allowance))
            for account, view in zip(accounts, views, strict=True)
            if is_due(account, view.equity, view.mm)
            for held in (book.positions(account),)
        ]

    def _allowance(self) -> int | None:
        """Return what insurance may add to a keeper's fee, wad; None if nothing is absorbed."""
        resolution = self._swaps.resolution
        if not self._absorbs or resolution is None:
            return None
        hourly: int = resolution.call("feeAllowance")
        return max(0, min(hourly, self._replica.book.cash[INSURANCE]))

    def _prices(self, terms: Mapping[int, Terms], head: Head) -> Prices:
        policy, lane = self._policy, self._desk.lane
        known = None if policy.ether_market is None else terms.get(policy.ether_market)
        ether_wad = policy.ether_usd * WAD if known is None else known.mid
        return prices_at(self._desk.endpoints, head, lane.policy.tip_wei, ether_wad)

    # SEND

    def _send(self, decided: Plan, terms: Mapping[int, Terms], head: Head) -> list[Absorb]:
        """Send; what the contract refuses is halved: one bad account spoils no other.

        Return the absorptions that were refused.
        """
        wishes = dict(self._batch_wishes(decided.batches, head))
        while wishes:
            refused = self._desk.send(list(wishes), head)
            sent = self._desk.lane.open_works()
            for wish, batch in wishes.items():
                if wish.work in sent:
                    self._taking[wish.work] = tuple(batch.takeovers)
            halves = [half for wish in refused for half in _halves(wishes[wish])]
            wishes = dict(self._batch_wishes(halves, head))
        return self._absorb(decided, terms, head)

    def _absorb(self, decided: Plan, terms: Mapping[int, Terms], head: Head) -> list[Absorb]:
        """Absorb, with lists of who is deleveraged; where a list is refused, without.

        Return what is refused either way; it is tried again after a pause.
        """
        book, columns = self._replica.book, self._replica.columns
        lists = {it: lists_for(it.account, book, columns, terms) for it in decided.absorbs}
        wishes = {self._absorb_wish(it, lists[it], terms, head): it for it in decided.absorbs}
        refused = [wishes[wish] for wish in self._desk.send(list(wishes), head)]
        bare = {self._absorb_wish(it, [], terms, head): it for it in refused if lists[it]}
        refused = [it for it in refused if not lists[it]]
        refused += [bare[wish] for wish in self._desk.send(list(bare), head)]
        for each in refused:
            self._refused.again(each.account, self._desk.clock_s())
        return refused

    def _absorb_wish(
        self,
        absorb: Absorb,
        lists: list[tuple[int, list[int]]],
        terms: Mapping[int, Terms],
        head: Head,
    ) -> Wish:
        resolution, account = self._swaps.resolution, absorb.account
        if resolution is None:
            raise KeeperError("the engine names no resolution module", "set absorb = false")
        call = resolution.transact("absorb", account, self._policy.liquidator, lists)
        limit = self._policy.gas.absorption(len(terms), sum(len(named) for _, named in lists))
        return Wish(f"absorb:{account}:{head.number}", call, limit, (subject_of(account),))

    def _batch_wishes(self, batches: Iterable[Batch], head: Head) -> Iterator[tuple[Wish, Batch]]:
        risk, gas = self._swaps.risk, self._policy.gas
        if risk is None:
            return
        for batch in batches:
            accounts = list(batch.accounts)
            call = risk.transact("liquidateBatch", accounts, batch.market, self._policy.liquidator)
            work = f"liquidate:{batch.market}:{accounts[0]}-{accounts[-1]}:{head.number}"
            limit = gas.limit(len(accounts))
            yield Wish(work, call, limit, tuple(map(subject_of, accounts))), batch

    # AFTERWARDS

    def _note(self, outcomes: Iterable[Outcome]) -> None:
        """Count what was won, and what somebody else was faster with."""
        for outcome in outcomes:
            self._taking.pop(outcome.offer.work, None)
            for event in self._events(outcome.logs):
                self._note_event(event)

    def _events(self, logs: Sequence[Log]) -> list[Happened]:
        known = (self._swaps.risk, self._swaps.resolution)
        return [it for each in known if each is not None for it in each.happened(logs)]

    def _note_event(self, event: Happened) -> None:
        counts, meters = self._desk.meters.counts, self._desk.meters
        match event.name:
            case "Liquidated" if event.fields["liquidator"] == self._policy.liquidator:
                counts["won"] += 1
                meters.profit_usd += (event.fields["penaltyWad"] >> 1) / USD
            case "LiquidationSkipped":
                counts["skipped"] += 1
            case "Absorbed" if event.fields["keeper"] == self._policy.liquidator:
                counts["absorbed"] += 1
                meters.profit_usd += event.fields["feeWad"] / USD
            case "Deleveraged":
                counts["deleveraged"] += 1
            case "Covered":
                counts.update(kind for wad, kind in COVERS.items() if event.fields[wad])


def _absorb_fee(
    view: HealthView,
    held: Mapping[int, Position],
    fees: Mapping[int, int],
    allowance: int | None,
) -> int:
    """Return what absorbing pays, wad: the markets' fees, as far as account and insurance can."""
    if allowance is None:
        return 0
    asked = sum(fees[market] for market in held)
    own = max(0, min(asked, view.equity))
    return own + min(asked - own, allowance)


def _halves(batch: Batch) -> Iterator[Batch]:
    middle = len(batch.takeovers) >> 1
    if middle:
        yield Batch(batch.market, batch.takeovers[:middle], batch.profit)
        yield Batch(batch.market, batch.takeovers[middle:], batch.profit)
