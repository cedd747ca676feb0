"""Run the machine on several cores at once, each with a seed of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from functools import partial
from queue import Empty, Queue
from threading import Event
from typing import Final

from tests.invariants.runner import Report, run

__all__ = ["run_all"]

LOOK_EVERY_S: Final = 0.5

Progress = Callable[[int, int], None]
"""Is told the number of a job and how many steps it has made since."""


def run_all(seeds: Sequence[int], steps: int, progress: Progress) -> list[Report]:
    """Run every seed for so many steps; when one fails the others end their schedule and stop.

    Raises what a job raised, and BrokenProcessPool for one that died.
    """
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        news: Queue[tuple[int, int]] = manager.Queue()
        stop: Event = manager.Event()
        with ProcessPoolExecutor(len(seeds), mp_context=context) as pool:
            jobs = [pool.submit(_job, at, seed, steps, news, stop) for at, seed in enumerate(seeds)]
            try:
                while _are_running(jobs):
                    _tell(news, progress)
            finally:
                stop.set()
        return [job.result() for job in jobs]


def _job(at: int, seed: int, steps: int, news: Queue[tuple[int, int]], stop: Event) -> Report:
    try:
        report = run(steps, seed, progress=partial(_report, news, at), stop=stop.is_set)
    except BaseException:
        stop.set()
        raise
    if report.failure is not None:
        stop.set()
    return report


def _report(news: Queue[tuple[int, int]], at: int, count: int) -> None:
    news.put((at, count))


def _are_running(jobs: Sequence[Future[Report]]) -> bool:
    return bool(wait(jobs, timeout=0).not_done)


def _tell(news: Queue[tuple[int, int]], progress: Progress) -> None:
    try:
        progress(*news.get(timeout=LOOK_EVERY_S))
    except Empty:
        return
