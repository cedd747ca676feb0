"""Share steps out over machines and schedules, and play the schedules on all cores."""

from __future__ import annotations

import multiprocessing
import signal
import time
import traceback
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final

from clearing.chain.errors import ArtifactMissingError
from tests.invariants.machines import Machine
from tests.invariants.played import Fault, Played, Seen

__all__ = ["Result", "Schedule", "Tally", "play", "run", "share_out", "tally"]

AHEAD: Final = 2
"""Schedules in the hands of each process: no core waits, and a fault ends its machine soon."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What one call of a machine plays."""

    machine: Machine
    seed: str
    steps: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a schedule, and the processor time it took."""

    schedule: Schedule
    played: Played
    seconds: float


@dataclass(slots=True)
class Tally:
    """All results of one machine."""

    steps: int = 0
    schedules: int = 0
    seconds: float = 0.0
    seen: Seen = field(default_factory=Counter)
    faulty: Result | None = None
    """The first schedule in which something did not hold."""

    @property
    def steps_per_s(self) -> int:
        """Steps in a second of one core's time."""
        return round(self.steps / self.seconds) if self.seconds else 0

    def add(self, result: Result) -> None:
        """Take in one more result."""
        self.steps += result.played.steps
        self.schedules += 1
        self.seconds += result.seconds
        self.seen += result.played.seen
        if self.faulty is None and result.played.fault is not None:
            self.faulty = result


def share_out(machines: Sequence[Machine], steps: int, seed: int | str) -> list[Schedule]:
    """Cut the steps into schedules, in an order in which all machines end at about one time.

    Each machine gets its share of the steps, rounded up, so at least one.
    """
    shares = sum(machine.share for machine in machines)
    placed: list[tuple[float, Schedule]] = []
    for machine in machines:
        total = -(-steps * machine.share // shares)
        lengths = [
            min(machine.schedule, total - begin) for begin in range(0, total, machine.schedule)
        ]
        placed += [
            ((at + 0.5) / len(lengths), Schedule(machine, f"{seed}/{at}", length))
            for at, length in enumerate(lengths)
        ]
    return [schedule for _, schedule in sorted(placed, key=lambda place: place[0])]


def run(schedules: Iterable[Schedule], jobs: int) -> Iterator[Result]:
    """Give the results as they come in; after a fault the machine gets no more schedules.

    With one job all is played in this process. Raises MachineMissing, ArtifactMissingError, and
    BrokenProcessPool when a process died.
    """
    return _in_turn(schedules) if jobs == 1 else _at_once(schedules, jobs)


def tally(results: Iterable[Result]) -> dict[str, Tally]:
    """Sum the results up by machine."""
    tallies: dict[str, Tally] = {}
    for result in results:
        tallies.setdefault(result.schedule.machine.name, Tally()).add(result)
    return tallies


def play(schedule: Schedule) -> Result:
    """Play one schedule; an exception that the machine did not foresee is a fault like another."""
    machine = schedule.machine.load()
    started = time.process_time()
    try:
        played = machine.play(schedule.seed, schedule.steps)
    except ArtifactMissingError:
        raise  # nothing is compiled: that is no finding
    except Exception as error:  # noqa: BLE001 - whatever it is, its seed is worth keeping
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
        played = Played(0, fault=Fault(message, 0))
    return Result(schedule, played, time.process_time() - started)


def _in_turn(schedules: Iterable[Schedule]) -> Iterator[Result]:
    failed: set[Machine] = set()
    for schedule in schedules:
        if schedule.machine not in failed:
            result = play(schedule)
            if result.played.fault is not None:
                failed.add(schedule.machine)
            yield result


def _at_once(schedules: Iterable[Schedule], jobs: int) -> Iterator[Result]:
    todo, failed = deque(schedules), set[Machine]()
    running: set[Future[Result]] = set()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_ignore_interrupt) as pool:
        try:
            while todo or running:
                while todo and len(running) < jobs * AHEAD:
                    schedule = todo.popleft()
                    if schedule.machine not in failed:
                        running.add(pool.submit(play, schedule))
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    result = future.result()
                    if result.played.fault is not None:
                        failed.add(result.schedule.machine)
                    yield result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _ignore_interrupt() -> None:
    """Let Ctrl-C end the run by its first process alone, which then says what was seen."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
