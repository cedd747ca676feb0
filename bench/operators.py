"""How many calls a second one daemon answers to an operator that has several under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import count

from bench.pair import trade
from clearing.operator.v1 import operator_pb2 as pb
from tests.harness.clearport_desk import Desk

__all__ = ["calls_per_s"]

AT_ONCE = 16
RUN_S = 3.0


async def calls_per_s(desk: Desk, channels: list[str]) -> dict[str, int]:
    """Return the rates of a margin read and of a durable RecordTrade of one trade, both signed in.

    The caller shares the machine: it signs each RecordTrade and takes about as long as the daemon.
    """
    number = count()

    async def read() -> None:
        await desk.client.ask("GetMarginBalance", pb.ChannelRef(channel_id=channels[0]))

    async def write() -> None:
        n = next(number)
        request = pb.RecordTradesRequest(
            channel_id=channels[n % len(channels)], trades=[trade(f"call-{n}", is_low=True)]
        )
        await desk.client.act("RecordTrade", request)

    return {"get_margin": await _rate(read), "record_trade": await _rate(write)}


async def _rate(call: Callable[[], Awaitable[None]]) -> int:
    begun_s = time.perf_counter()

    async def repeat() -> int:
        done = 0
        while time.perf_counter() < begun_s + RUN_S:
            await call()
            done += 1
        return done

    done = await asyncio.gather(*(repeat() for _ in range(AT_ONCE)))
    return int(sum(done) / (time.perf_counter() - begun_s))
