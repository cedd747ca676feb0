"""Run jobs side by side until told to stop: one that fails waits, and disturbs no other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from clearing.chain.errors import ChainError
from clearing.clearport.daemon.world import Log
from clearing.clearport.errors import ClearportError
from clearing.keeper.errors import KeeperError, StandStillError
from clearing.keeper.jobs.job import Job
from clearing.keeper.meters import Meters

__all__ = ["Running", "Supervisor", "read_status", "write_status"]

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 20.0
STATUS: Final = "status.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A job and what it counts."""

    job: Job
    meters: Meters


class Supervisor:
    """Turns each job again and again, in a thread of its own."""

    def __init__(
        self,
        running: Sequence[Running],
        log: Log,
        folder: Path,
        *,
        is_standby: bool = False,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._running = tuple(running)
        self._log = log
        self._folder = folder
        self._is_standby = is_standby
        self._clock_s = clock_s
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Let each job end its turn, then return from `run`."""
        self._stop.set()

    async def run(self) -> None:
        """Run until told to stop, by `stop`, SIGTERM or SIGINT."""
        with _signals(self.stop):
            async with asyncio.TaskGroup() as group:
                for each in self._running:
                    group.create_task(self._keep(each), name=each.job.name)
        self._write_status(is_running=False)

    async def _keep(self, running: Running) -> None:
        failures = 0
        while not self._stop.is_set():
            began_s = self._clock_s()
            pause_s, has_failed = await self._turn(running)
            failures = failures + 1 if has_failed else 0
            if has_failed:
                pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures - 1, 10))
            running.meters.last_turn_s = self._clock_s() - began_s
            self._write_status(is_running=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stop.wait()

    async def _turn(self, running: Running) -> tuple[float, bool]:
        """Turn once; return how long to wait, and whether it failed."""
        job, meters = running.job, running.meters
        meters.counts["turns"] += 1
        try:
            pause_s = await asyncio.to_thread(job.turn)
        except StandStillError as error:
            meters.counts["stood_still"] += 1
            self._say(running, "stands_still", error)
            return FIRST_PAUSE_S, False
        except (ChainError, KeeperError, ClearportError) as error:
            meters.counts["failures"] += 1
            self._say(running, "turn_failed", error)
            return 0.0, True
        except Exception as error:  # noqa: BLE001 - whatever it is, the other jobs go on
            meters.counts["failures"] += 1
            meters.counts["unexpected"] += 1
            self._log.error("turn_broke", job=job.name, exc_info=error)
            meters.last_error = f"{type(error).__name__}: {error}"
            return 0.0, True
        meters.last_error = ""
        return pause_s, False

    def _say(self, running: Running, event: str, error: Exception) -> None:
        """Say what is wrong once, not each time."""
        text = str(error)
        if running.meters.last_error != text:
            self._log.warning(event, job=running.job.name, problem=text)
        running.meters.last_error = text

    def _write_status(self, *, is_running: bool) -> None:
        meters = [each.meters for each in self._running]
        write_status(self._folder, meters, is_running=is_running, is_standby=self._is_standby)


def write_status(
    folder: Path, meters: Sequence[Meters], *, is_running: bool, is_standby: bool
) -> None:
    """Leave a file for `clearing keeper status`; whoever reads it never sees half of it."""
    said = {
        "pid": os.getpid(),
        "at": time.time(),
        "running": is_running,
        "standby": is_standby,
        "jobs": [{**asdict(each), "counts": dict(each.counts)} for each in meters],
    }
    path = folder / STATUS
    part = path.with_suffix(".part")
    part.write_text(json.dumps(said), encoding="utf-8")
    part.replace(path)


def read_status(folder: Path) -> dict[str, Any] | None:
    """Return what a keeper has left in its folder, None if nothing can be read."""
    try:
        said: dict[str, Any] = json.loads((folder / STATUS).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return said


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    known = (signal.SIGTERM, signal.SIGINT)
    try:
        for name in known:
            loop.add_signal_handler(name, stop)
    except (ValueError, RuntimeError):  # not in the main thread: whoever runs us stops us
        yield
        return
    try:
        yield
    finally:
        for name in known:
            loop.remove_signal_handler(name)
