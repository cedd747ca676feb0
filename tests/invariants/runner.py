"""Run the machine for many steps from a seed, and say what was seen, how fast, and what failed."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.invariants.actions import Action
from tests.invariants.arena import Arena, arena
from tests.invariants.chain import Chain
from tests.invariants.drawer import RandomDrawer
from tests.invariants.lockstep import Divergence
from tests.invariants.machine import ChannelMachine

NAMED = re.compile(r"(?:ADJ|SET|REG|ENC)-\d\d")
ENOUGH = 40

__all__ = ["EPISODE", "Failure", "Report", "play", "run"]

EPISODE = 300
"""Steps of one schedule; the next one starts from an untouched arena."""

Progress = Callable[[int], None]
"""Is told how many steps were made since it was told last."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A schedule that failed: its seed is `seed/episode`, its last action failed."""

    seed: str
    message: str
    schedule: tuple[Action, ...]

    @property
    def kind(self) -> str:
        """What a shorter schedule must share to fail likewise: the invariant, or the words."""
        return next(iter(NAMED.findall(self.message)), self.message[-ENOUGH:])


@dataclass(slots=True)
class Report:
    """What a run came to; `seen` counts results by function."""

    steps: int = 0
    seconds: float = 0.0
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    failure: Failure | None = None

    @property
    def steps_per_s(self) -> float:
        """Return the speed of one core."""
        return self.steps / self.seconds if self.seconds else 0.0


def run(
    steps: int,
    seed: int,
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Report:
    """Play schedules until so many steps are made, `stop` says so, or one fails: see the report."""
    here, report = arena(), Report()
    started = time.perf_counter()
    episode = 0
    while report.steps < steps and report.failure is None:
        count = min(EPISODE, steps - report.steps)
        play(here, f"{seed}/{episode}", count, report)
        episode += 1
        if progress is not None:
            progress(count)
        if stop is not None and stop():
            break
    report.seconds = time.perf_counter() - started
    return report


def play(here: Arena, seed: str, steps: int, report: Report, *, on_chain: bool = True) -> None:
    """Play one schedule and add it to the report."""
    with here.deployment.chain.isolated():
        machine = ChannelMachine(here, Chain(here) if on_chain else None, RandomDrawer(seed))
        try:
            for _ in range(steps):
                machine.step()
            machine.lock.check_everything()
        except Divergence as divergence:
            report.failure = Failure(seed, str(divergence), tuple(machine.actions))
        report.steps += len(machine.actions)
        report.seen += machine.lock.seen
