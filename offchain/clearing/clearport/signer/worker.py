"""Run calls that wait in threads of their own: bounded in number and time."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

from clearing.clearport.errors import SignerError

__all__ = ["Worker"]

MOST_WAITING: Final = 256
T = TypeVar("T")
Job = tuple["Future[Any]", Callable[[], Any]]


class Worker:
    """A few threads and one queue. They are daemons: a keeper that hangs stops no shutdown.

    Any event loop may use it, and several.
    """

    def __init__(self, name: str, *, timeout_s: float, threads: int = 1) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._threads = threads
        self._jobs: queue.Queue[Job | None] = queue.Queue(MOST_WAITING + threads)
        self._lock = threading.Lock()
        self._is_closed = False
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    async def run(self, job: Callable[[], T]) -> T:
        """Return what the job returns. Raises SignerError if it takes too long or too many wait.

        A job that nobody waits for any more is not begun.
        """
        waiting = asyncio.wrap_future(self._put(job))
        try:
            return await asyncio.wait_for(waiting, self._timeout_s)
        except TimeoutError:
            raise self._late() from None

    def run_now(self, job: Callable[[], T]) -> T:
        """Do the same for callers that are no coroutines."""
        future = self._put(job)
        try:
            return future.result(self._timeout_s)
        except TimeoutError:
            future.cancel()
            raise self._late() from None

    def close(self) -> None:
        """Forget the jobs that are not begun, and end the threads."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            with suppress(queue.Empty):
                while (job := self._jobs.get_nowait()) is not None:
                    if job[0].set_running_or_notify_cancel():
                        job[0].set_exception(self._closed())
            for _ in range(self._threads):
                self._jobs.put_nowait(None)

    def _put(self, job: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._lock:
            if self._is_closed:
                raise self._closed()
            if self._jobs.qsize() >= MOST_WAITING:
                problem = f"{MOST_WAITING} signatures wait for the {self._name}"
                raise SignerError(problem, "see whether it answers")
            self._jobs.put_nowait((future, job))
        return future

    def _work(self) -> None:
        while (work := self._jobs.get()) is not None:
            future, job = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                future.set_exception(error)

    def _late(self) -> SignerError:
        problem = f"the {self._name} did not answer within {self._timeout_s:g} s"
        return SignerError(problem, "see whether it is in reach")

    def _closed(self) -> SignerError:
        return SignerError(f"the {self._name} is closed", "open it again")
