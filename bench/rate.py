"""How often a function runs in a second: the median of several runs, on one core."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["machine", "rate"]

RUNS = 7
RUN_S = 0.5
BATCH_S = 0.02
"""Least time of one batch; shorter ones would measure the clock."""


def rate(run: Callable[[int], object], start: int = 1) -> int:
    """Return how many of its repetitions `run(count)` does a second, rounded down.

    The median of several runs: one disturbed run does not count.
    """
    count = _batch(run, start)
    return int(statistics.median(_once(run, count) for _ in range(RUNS)))


def _batch(run: Callable[[int], object], count: int) -> int:
    """Return a count that keeps the clock's grain out of the result; warms up on the way."""
    while True:
        start = time.perf_counter()
        run(count)
        if time.perf_counter() - start >= BATCH_S:
            return count
        count *= 2


def _once(run: Callable[[int], object], count: int) -> float:
    done = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < RUN_S:
        run(count)
        done += count
    return done / elapsed


def machine() -> str:
    """Return what the numbers were measured on: processor, system, Python."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    return f"{processor}, {platform.system()}, Python {platform.python_version()}"
