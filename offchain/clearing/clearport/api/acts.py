"""Let a call that has begun to change something run to its end, whether or not the caller waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from clearing.clearport.errors import UnavailableError

__all__ = ["Acts"]

T = TypeVar("T")


class Acts:
    """Holds what runs. A caller who hangs up does not cut an effect in half."""

    def __init__(self, most: int) -> None:
        """Run at most so many at once."""
        self._most = most
        self._running: set[asyncio.Task[Any]] = set()
        self._is_stopping = False

    async def run(self, act: Coroutine[Any, Any, T]) -> T:
        """Return what the act returns. Raises UnavailableError if too many run, or none may."""
        if self._is_stopping or len(self._running) >= self._most:
            act.close()
            problem = "the daemon is stopping" if self._is_stopping else "too many calls at once"
            raise UnavailableError(problem, "call again, with the same idempotency key")
        task = asyncio.ensure_future(act)
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def stop(self, patience_s: float) -> None:
        """Begin nothing more and wait for what runs."""
        self._is_stopping = True
        if self._running:
            await asyncio.wait(self._running, timeout=patience_s)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()
