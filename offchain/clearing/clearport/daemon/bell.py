"""Wake whoever waits for something new; nobody is told twice, nobody who was late is told."""

from __future__ import annotations

import asyncio

__all__ = ["Bell"]


class Bell:
    """A condition without a lock, for one event loop. Ringing costs nothing when nobody waits."""

    __slots__ = ("_ring", "count")

    def __init__(self) -> None:
        self._ring: asyncio.Event | None = None
        self.count = 0

    def ring(self) -> None:
        """Wake everyone who waits now."""
        self.count += 1
        ring, self._ring = self._ring, None
        if ring is not None:
            ring.set()

    async def wait(self, seen: int, timeout_s: float | None = None) -> int:
        """Return the count of rings once it is not `seen`, or after `timeout_s`.

        Whoever takes `count` before he looks at the state misses nothing that comes after.
        """
        if self.count == seen:
            if self._ring is None:
                self._ring = asyncio.Event()
            ring = self._ring
            try:
                async with asyncio.timeout(timeout_s):
                    await ring.wait()
            except TimeoutError:
                pass
        return self.count
