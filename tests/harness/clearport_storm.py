"""Kill two daemons' processes at random instants of a stream of trades, and start them again."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Protocol

from clearing.clearport.api.errors import CallError
from clearing.operator.v1 import operator_pb2 as pb
from tests.harness.clearport import Broker
from tests.harness.clearport_desk import Desk
from tests.harness.clearport_ports import history_of

__all__ = ["KILLS", "SEED", "Storm", "require_one_digest_each", "until_signed"]

IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
SEED = random.randrange(2**32) if IS_NIGHTLY else 7
KILLS = 40 if IS_NIGHTLY else 3
TRADES_PER_KILL, MOST_AHEAD = 12, 20
PAUSE_S = 0.8
RETRY_S, PATIENCE_S = 0.05, 120


def trade(number: int, *, is_low: bool) -> pb.Trade:
    """Of two trades one undoes the other, so that nothing is owed at the end."""
    return pb.Trade(
        trade_id=f"trade-{number}",
        is_sale=is_low is (number % 2 == 0),
        base="BTC",
        quantity="0.01",
        quote="USDC",
        quote_amount="500",
    )


class Desks(Protocol):
    """Both operators of a channel; a daemon that starts anew gets a new desk."""

    low: Desk
    high: Desk
    channel_id: str


class Storm:
    """Both operators record the same trades, while both daemons die again and again."""

    def __init__(self, life: Desks, stack: AsyncExitStack, prices: Mapping[str, int]) -> None:
        self.life, self.stack, self.prices = life, stack, prices
        self.draw = random.Random(SEED)
        self.is_over = False
        self.recorded = {True: 0, False: 0}

    async def blow(self) -> None:
        """Have it happen; afterwards both have recorded the same trades, an even number."""
        async with asyncio.TaskGroup() as tasks:
            feeds = [tasks.create_task(self.record(is_low=is_low)) for is_low in (True, False)]
            tasks.create_task(self.kill())
        recorded = [feed.result() for feed in feeds]
        last = max(recorded) + max(recorded) % 2
        for is_low, done in zip((True, False), recorded, strict=True):
            for number in range(done + 1, last + 1):
                desk = self.desk(is_low=is_low)
                await desk.record(self.life.channel_id, trade(number, is_low=is_low))

    def desk(self, *, is_low: bool) -> Desk:
        return self.life.low if is_low else self.life.high

    async def record(self, *, is_low: bool) -> int:
        """Record trade after trade until the storm is over; repeat what was not acknowledged."""
        number = 0
        while not self.is_over or number < KILLS * TRADES_PER_KILL:
            number += 1
            request = pb.RecordTradesRequest(
                channel_id=self.life.channel_id, trades=[trade(number, is_low=is_low)]
            )
            await self._insist(request, f"record {number}", is_low=is_low)
            self.recorded[is_low] = number
            await self._wait_for_other(is_low=is_low)
        return number

    async def _wait_for_other(self, *, is_low: bool) -> None:
        """Stay within what a daemon lets wait for the other side's records."""
        for _ in range(int(PATIENCE_S / RETRY_S)):
            ahead = self.recorded[is_low] - self.recorded[not is_low]
            if self.is_over or ahead <= MOST_AHEAD:
                return
            await asyncio.sleep(RETRY_S)

    async def _insist(self, request: pb.RecordTradesRequest, name: str, *, is_low: bool) -> None:
        """Repeat a call until it is acknowledged; whoever answers may be a new process."""
        for _ in range(int(PATIENCE_S / RETRY_S)):
            with suppress(CallError):
                await self.desk(is_low=is_low).client.act("RecordTrades", request, name)
                return
            await asyncio.sleep(RETRY_S)
        raise AssertionError(f"{name} is never acknowledged")

    async def kill(self) -> None:
        """Kill one or the other, start it again, and so on."""
        for number in range(KILLS):
            await asyncio.sleep(self.draw.uniform(0, PAUSE_S))
            is_low = bool(number % 2)
            broker = self.desk(is_low=is_low).broker
            broker.kill()
            for each in (self.life.low, self.life.high):
                each.broker.observe(**self.prices)
            broker.launch()  # here: it would end with another thread
            await asyncio.to_thread(broker.wait_ready)
            client = await self.stack.enter_async_context(broker.client())
            if is_low:
                self.life.low = Desk(broker, client)
            else:
                self.life.high = Desk(broker, client)
        self.is_over = True


async def until_signed(broker: Broker) -> None:
    """Wait until a broker that was killed between a digest and its signature has signed it."""
    for _ in range(round(PATIENCE_S / RETRY_S)):
        history = history_of(broker.folder / "clearport.db")
        if all(signature is not None for _, signature in history.values()):
            return
        await asyncio.sleep(RETRY_S)


def require_one_digest_each(low: Broker, high: Broker) -> int:
    """Hold the signing histories of both against each other; return how many versions both have."""
    ours, theirs = (history_of(broker.folder / "clearport.db") for broker in (low, high))
    both = ours.keys() & theirs.keys()
    assert all(ours[place][0] == theirs[place][0] for place in both)
    assert all(signature is not None for _, signature in theirs.values())
    return len(both)
