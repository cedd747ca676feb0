"""Tick funding: each market once in each of its intervals, and whatever was missed before.

No correctness rests on it, a market ticks itself before it changes; but who watches indices wants
them to move on the hour. A market is due if nothing has ticked it since its present interval began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from clearing.chain.contract import as_text
from clearing.chain.cursor import Log
from clearing.chain.errors import NodeRefusedError
from clearing.chain.node import as_int
from clearing.keeper.contracts import Swaps
from clearing.keeper.endpoints import Head
from clearing.keeper.jobs.job import Desk
from clearing.keeper.lane import Wish
from clearing.perp.answers import MarketNow
from clearing.spec.perp_types import MarketStatus

__all__ = ["FundingJob", "FundingPolicy"]

EVENTS: Final = ("FundingTicked", "TermsSet")
"""After either, a market's funding is up to date."""
RANGE_BLOCKS: Final = 2_000
WORD: Final = 32


@dataclass(frozen=True, slots=True)
class FundingPolicy:
    """How long after the hour to tick: a standby waits longer, so that the primary does it."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    gas: int = 300_000


class FundingJob:
    """Ticks the markets that are due."""

    name = "funding"

    def __init__(
        self, desk: Desk, swaps: Swaps, policy: FundingPolicy, *, chance: Random | None = None
    ) -> None:
        self._desk = desk
        self._swaps = swaps
        self._policy = policy
        self._chance = chance or Random()  # noqa: S311 - a delay, guards nothing
        self._wait_s = self._new_wait()
        events = swaps.engine.interface.events()
        self._topics = ["0x" + it.topic.hex() for it in events if it.name in EVENTS]

    def turn(self) -> float:
        """Look once. Raises ChainError, KeeperError, SignerError."""
        desk = self._desk
        head, outcomes = desk.begin()
        for outcome in outcomes:
            if outcome.is_good:
                self._note_done(outcome.offer.work)
                self._count(outcome.logs)
        markets = [m for m in self._swaps.markets(hex(head.number)) if _can_tick(m)]
        due = [m for m in markets if self._is_due(m, head)]
        desk.meters.gauges["due"] = float(len(due))
        wishes = [self._wish(market) for market in due]
        if wishes:
            desk.send(wishes, head)
            self._wait_s = self._new_wait()
        return desk.poll_s

    def _new_wait(self) -> float:
        return self._policy.delay_s + self._chance.random() * self._policy.jitter_s

    def _wish(self, market: MarketNow) -> Wish:
        call = self._swaps.engine.transact("tickFunding", market.market)
        work = f"tick:{market.market}:{market.funded_at}"
        return Wish(work, call, self._policy.gas, (f"market:{market.market}",))

    # DUE

    def _is_due(self, market: MarketNow, head: Head) -> bool:
        if head.time < market.funded_at + self._wait_s:
            return False
        if self._desk.store.fact(f"funding.done.{market.market}") == market.funded_at:
            return False
        if not self._was_ticked(market, head):
            return True
        self._desk.store.put_fact(f"funding.done.{market.market}", market.funded_at)
        return False

    def _was_ticked(self, market: MarketNow, head: Head) -> bool:
        """Return whether anything has ticked it since its present interval began."""
        first = self._first_block_at(market.funded_at, head)
        topic = "0x" + market.market.to_bytes(WORD, "big").hex()
        for start in range(first, head.number + 1, RANGE_BLOCKS):
            wanted = {
                "fromBlock": hex(start),
                "toBlock": hex(min(head.number, start + RANGE_BLOCKS - 1)),
                "address": as_text(self._swaps.engine.address),
                "topics": [self._topics, topic],
            }
            if self._desk.endpoints.request("eth_getLogs", [wanted]):
                return True
        return False

    def _first_block_at(self, time: int, head: Head) -> int:
        """Return the first block that is not before a time; the head is not."""
        before, after, step = -1, head.number, 1
        while after - step > 0 and self._time_of(after - step) >= time:
            after, step = after - step, 2 * step
        before = max(-1, after - step)
        while after - before > 1:
            middle = (after + before) >> 1
            if self._time_of(middle) >= time:
                after = middle
            else:
                before = middle
        return after

    def _time_of(self, number: int) -> int:
        block = self._desk.endpoints.request("eth_getBlockByNumber", [hex(number), False])
        if block is None:
            raise NodeRefusedError("eth_getBlockByNumber", 0, f"block {number} is not there")
        return as_int(block["timestamp"])

    # DONE

    def _note_done(self, work: str) -> None:
        """A tick that was mined is done, whether or not it had anything to say."""
        _, market, funded_at = work.split(":")
        self._desk.store.put_fact(f"funding.done.{market}", int(funded_at))

    def _count(self, logs: Sequence[Log]) -> None:
        for event in self._swaps.engine.happened(logs):
            if event.name == "FundingTicked":
                self._desk.meters.counts["ticked"] += 1
                self._desk.meters.counts["backfilled"] += event.fields["intervals"] - 1


def _can_tick(market: MarketNow) -> bool:
    return market.status in {MarketStatus.LIVE, MarketStatus.WIND_DOWN}
