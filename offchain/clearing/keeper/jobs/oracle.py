"""Keep the oracle awake: poke, pay for Pyth where it is worth it, reset what may be reset."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from clearing.chain.errors import CallRefusedError, NodeUnreachableError
from clearing.keeper.contracts import Swaps
from clearing.keeper.endpoints import Head
from clearing.keeper.jobs.job import Desk
from clearing.keeper.lane import Wish
from clearing.keeper.oracle_plan import FeedNow, OraclePlan, OraclePolicy, plan_oracle
from clearing.keeper.updates import PriceUpdates, Signed
from clearing.oracle.status import memo_from, reading_from_abi
from clearing.spec.units import DAY_S

__all__ = ["OracleJob"]

POKE_GAS: Final = 300_000
RESET_GAS: Final = 400_000
UPDATE_GAS: Final = 1_500_000
NOTHING: Final = Signed((), {})


class OracleJob:
    """Works on every feed that the oracle has."""

    name = "oracle"

    def __init__(
        self,
        desk: Desk,
        swaps: Swaps,
        policy: OraclePolicy,
        updates: PriceUpdates | None = None,
        *,
        delay_s: float = 0.0,
        jitter_s: float = 0.0,
        chance: Random | None = None,
    ) -> None:
        self._desk = desk
        self._swaps = swaps
        self._policy = policy
        self._updates = updates
        self._delay_s = delay_s
        self._jitter_s = jitter_s
        self._chance = chance or Random()  # noqa: S311 - a delay, guards nothing
        self._due_at: dict[tuple[str, bytes], float] = {}

    def turn(self) -> float:
        """Look once. Raises ChainError, KeeperError, SignerError."""
        desk = self._desk
        head, _ = desk.begin()
        feeds = [self._feed(feed, hex(head.number)) for feed in self._feeds(head)]
        signed = self._latest([each.pyth_id for each in feeds])
        decided = plan_oracle(feeds, signed.latest, self._policy, head.time)
        wishes = self._update_wishes(self._ripe("update", decided.update), signed, head)
        poke = decided.poke if wishes or not self._is_over_budget() else _all_of(decided)
        reset = self._resettable(self._ripe("reset", decided.reset), head)
        wishes += [self._wish("reset", feed, RESET_GAS, head) for feed in reset]
        for feed in self._ripe("poke", poke):
            if feed not in reset:  # a reset pokes, too
                wishes.append(self._wish("poke", feed, POKE_GAS, head))
        desk.send(wishes, head)
        self._gauge(feeds, head)
        return desk.poll_s

    # LOOK

    def _feeds(self, head: Head) -> Sequence[bytes]:
        feeds: Sequence[bytes] = self._swaps.oracle.call("feeds", block=hex(head.number))
        return feeds

    def _feed(self, feed: bytes, block: str) -> FeedNow:
        oracle = self._swaps.oracle
        sources, _ = oracle.call("configOf", feed, block=block)
        memo = memo_from(oracle.call("memoOf", feed, block=block))
        reading = reading_from_abi(oracle.call("readingOf", feed, block=block))
        at = oracle.call("observationOf", feed, memo.head, block=block)[0] if memo.count else 0
        return FeedNow(feed, sources[2], reading, memo, at)

    def _latest(self, ids: Sequence[bytes]) -> Signed:
        """Return what Pyth would say; without its service the feeds are poked all the same."""
        if self._updates is None:
            return NOTHING
        try:
            return self._updates.latest(ids)
        except NodeUnreachableError as error:
            self._desk.meters.counts["service_failed"] += 1
            self._desk.log.warning("price_service_failed", problem=error.problem)
            return NOTHING

    def _ripe(self, what: str, feeds: Sequence[bytes]) -> list[bytes]:
        """Return those that have been due for as long as a standby leaves them to the primary."""
        now_s, ripe = self._desk.clock_s(), []
        kept = {key: at for key, at in self._due_at.items() if key[0] != what or key[1] in feeds}
        for feed in feeds:
            wait_s = self._delay_s + self._chance.random() * self._jitter_s
            if kept.setdefault((what, feed), now_s + wait_s) <= now_s:
                ripe.append(feed)
        self._due_at = kept
        return ripe

    def _gauge(self, feeds: Sequence[FeedNow], head: Head) -> None:
        gauges = self._desk.meters.gauges
        ages = [head.time - each.recorded_at for each in feeds if each.recorded_at]
        gauges["oldest_ring_s"] = float(max(ages, default=0))
        gauges["tripped"] = float(sum(1 for each in feeds if each.memo.latch))

    # ACT

    def _wish(self, method: str, feed: bytes, gas: int, head: Head) -> Wish:
        name = feed.rstrip(b"\0").decode("ascii", "replace")
        call = self._swaps.oracle.transact(method, feed)
        return Wish(f"{method}:{name}:{head.number}", call, gas, (f"feed:{name}",))

    def _update_wishes(self, feeds: Sequence[bytes], signed: Signed, head: Head) -> list[Wish]:
        if not feeds or not signed.data or self._is_over_budget():
            return []
        data = list(signed.data)
        try:
            fee: int = self._swaps.oracle.call("updateFee", data)
        except CallRefusedError as refusal:
            self._desk.log.warning("update_refused", reason=refusal.reason)
            return []
        names = [feed.rstrip(b"\0").decode("ascii", "replace") for feed in feeds]
        call = self._swaps.oracle.transact("updateAndPoke", data, list(feeds), value_wei=fee)
        subjects = tuple(f"feed:{name}" for name in names)
        if self._desk.lane.in_flight() & set(subjects):
            return []
        self._spend(fee)
        return [Wish(f"update:{'+'.join(names)}:{head.number}", call, UPDATE_GAS, subjects)]

    def _resettable(self, feeds: Sequence[bytes], head: Head) -> list[bytes]:
        """Return what the contract lets go; it says itself whether it may be."""
        free = []
        for feed in feeds:
            try:
                self._swaps.oracle.call("reset", feed, block=hex(head.number))
            except CallRefusedError:
                continue  # not yet
            free.append(feed)
        return free

    # FEES

    def _spent_today(self) -> tuple[int, int]:
        today = int(self._desk.clock_s()) // DAY_S  # floor: a day's number
        known = self._desk.store.fact("oracle.fees") or [today, "0"]
        return today, int(known[1]) if known[0] == today else 0

    def _is_over_budget(self) -> bool:
        return self._spent_today()[1] >= self._policy.day_fee_wei

    def _spend(self, fee_wei: int) -> None:
        today, spent = self._spent_today()
        self._desk.store.put_fact("oracle.fees", [today, str(spent + fee_wei)])
        self._desk.meters.counts["updates"] += 1


def _all_of(decided: OraclePlan) -> tuple[bytes, ...]:
    """Return the feeds to poke where no update can be paid for."""
    return (*decided.poke, *decided.update)
