"""Run what the daemon does all the time; a loop that fails is begun again, and said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from clearing.clearport.daemon.lanes import Lanes
from clearing.clearport.daemon.world import World
from clearing.clearport.errors import ClearportError, UnavailableError
from clearing.clearport.ports import OperatorEvent, Prices, Record, Watcher

__all__ = ["keep_house", "observe", "price", "supervise", "tick"]

TICK_S: Final = 1.0
HOUSEKEEPING_S: Final = 60.0
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0


async def supervise(name: str, loop: Callable[[], Awaitable[None]], world: World) -> None:
    """Run a loop for ever: what it raises is logged, and it is begun again after a pause."""
    pause_s = FIRST_PAUSE_S
    while True:
        begun_s = time.monotonic()
        failed: Exception | None = None
        try:
            await loop()
        except Exception as error:  # noqa: BLE001 - the others go on
            failed = error
        _say_failed(name, failed, world)
        if time.monotonic() - begun_s > LONGEST_PAUSE_S:
            pause_s = FIRST_PAUSE_S
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _say_failed(name: str, failed: Exception | None, world: World) -> None:
    match failed:
        case None:
            world.log.warning("loop_ended", loop=name)
        case ClearportError():
            world.meters.alarms[failed.code] += 1
            world.log.error("loop_failed", loop=name, code=failed.code, problem=str(failed))
        case _:
            world.meters.alarms[type(failed).__name__] += 1
            world.log.error("loop_failed", loop=name, problem=str(failed), exc_info=failed)


async def observe(watcher: Watcher, lanes: Lanes) -> None:
    """Tell the lanes what the chain says."""
    async for channel_id, observed in watcher.observed():
        lanes.observe(channel_id, observed)


async def price(prices: Prices, lanes: Lanes, poll_s: float) -> None:
    """Tell the lanes our view of the market; say when it goes stale and when it is fresh again."""
    told: bool | None = None
    while True:
        problem = ""
        try:
            market = await prices.market()
        except UnavailableError as error:
            market, problem = None, str(error)
        lanes.price(market)
        is_fresh = market is not None
        if is_fresh is not told:
            told = is_fresh
            await _say_prices(lanes.world, problem, is_fresh=is_fresh)
        await asyncio.sleep(poll_s)


async def _say_prices(world: World, problem: str, *, is_fresh: bool) -> None:
    kind = "prices_fresh" if is_fresh else "prices_stale"
    fields = (("problem", problem),) if problem else ()
    if is_fresh:
        world.log.info(kind)
    else:
        world.log.warning(kind, problem=problem)
    event = OperatorEvent(kind, b"", fields, at=int(world.clock()))
    await world.store.commit(Record(events=(event,)))
    world.news.ring()


async def tick(lanes: Lanes) -> None:
    """Tell the lanes each second that time has passed."""
    while True:
        await asyncio.sleep(TICK_S)
        lanes.tick()


async def keep_house(world: World) -> None:
    """Forget what need not be remembered any more."""
    while True:
        await asyncio.sleep(HOUSEKEEPING_S)
        await world.store.forget_expired(int(world.clock()))
