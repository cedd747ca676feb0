"""End what a key listens to when its token expires, its key is taken off the list, or we stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final, TypeVar

from clearing.clearport.api.auth import Gate, Session
from clearing.clearport.errors import UnauthenticatedError, UnavailableError
from clearing.spec.units import Address

__all__ = ["MOST_STREAMS", "Streams"]

MOST_STREAMS: Final = 32
"""Streams that one key may have open."""
LOOK_S: Final = 0.5
"""How often the clock is looked at while nothing comes."""

T = TypeVar("T")


class Streams:
    """Passes items on for as long as the listener may hear them."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._open: Counter[Address] = Counter()
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End all streams, now and from now on."""
        self._stopped.set()

    async def guard(self, session: Session, source: AsyncIterator[T]) -> AsyncGenerator[T, None]:
        """Yield the source's items. Raises UnauthenticatedError or UnavailableError at the end."""
        if self._open[session.subject] >= MOST_STREAMS:
            problem = f"this key has {MOST_STREAMS} streams open"
            raise UnavailableError(problem, "close one of them")
        self._open[session.subject] += 1
        ends: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(session.ended.wait()),
            asyncio.ensure_future(self._stopped.wait()),
        }
        try:
            while True:
                item = await self._next(session, source, ends)
                if item is None:
                    return
                yield item
        finally:
            self._open[session.subject] -= 1
            for end in ends:
                end.cancel()
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    async def _next(
        self, session: Session, source: AsyncIterator[T], ends: set[asyncio.Future[Any]]
    ) -> T | None:
        """Return the next item, None after the last."""
        coming: asyncio.Future[Any] = asyncio.ensure_future(_take(source))
        try:
            while not coming.done():
                self._require_open(session)
                either = {coming, *ends}
                await asyncio.wait(either, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            self._require_open(session)
            item: T | None = coming.result()
            return item
        finally:
            if not coming.done():
                coming.cancel()
                await asyncio.wait({coming})

    def _require_open(self, session: Session) -> None:
        if session.ended.is_set():
            raise UnauthenticatedError("the key is off the list of operators", "use a listed key")
        if session.expires_at + self._gate.skew_s <= self._gate.now():
            raise UnauthenticatedError("the token has expired", "log in again")
        if self._stopped.is_set():
            raise UnavailableError("the daemon is stopping", "come back when it runs again")


async def _take(source: AsyncIterator[T]) -> T | None:
    return await anext(source, None)
