"""Queue what happens to one channel: bounded, in order, and joined where joining loses nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from clearing.clearport.core.channel import Phase
from clearing.clearport.core.effects import Effect
from clearing.clearport.core.events import Connected, Event, Observed, Priced, Recorded, Ticked
from clearing.clearport.ports import Intent, PeerLink, Used

__all__ = ["Ask", "Consume", "Inbox", "connected"]


Consume = Callable[[Phase, tuple[Effect, ...]], Used]
"""Returns what a call consumes, with its result, given the phase before and what is to follow.

May raise RefusedError: then nothing has happened.
"""


@dataclass(slots=True, eq=False)
class Ask:
    """An event that somebody waits for: `done` gets its effects once they are durable.

    What is consumed and `intents` belong to the same commit. `link` comes with Connected.
    """

    event: Event
    consume: Consume | None = None
    intents: tuple[Intent, ...] = ()
    link: PeerLink | None = None
    done: asyncio.Future[tuple[Effect, ...]] | None = field(default=None, repr=False)

    def fail(self, error: Exception) -> None:
        """Tell whoever waits that it did not happen."""
        if self.done is not None and not self.done.done():
            self.done.set_exception(error)

    def succeed(self, effects: tuple[Effect, ...]) -> None:
        """Tell whoever waits what followed."""
        if self.done is not None and not self.done.done():
            self.done.set_result(effects)


class Inbox:
    """Events and Asks, oldest first. One task takes; many put."""

    __slots__ = ("_items", "_room", "_size", "_wanted", "is_closed")

    def __init__(self, size: int) -> None:
        self._items: deque[Event | Ask] = deque()
        self._size = size
        self._wanted: asyncio.Future[None] | None = None
        self._room: asyncio.Event = asyncio.Event()
        self.is_closed = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_full(self) -> bool:
        """Whether whoever puts should wait."""
        return len(self._items) >= self._size

    def post(self, item: Event | Ask) -> None:
        """Queue what must not be lost and comes seldom, even if the inbox is full."""
        if not self.is_closed:
            self._items.append(item)
            self._wake()

    async def put(self, item: Event | Ask) -> bool:
        """Queue an item, waiting for room: the pressure goes back to whoever sends.

        Returns False if the inbox is closed, and takes nothing then.
        """
        while self.is_full and not self.is_closed:
            self._room.clear()
            await self._room.wait()
        self.post(item)
        return not self.is_closed

    def replace(self, event: Observed | Priced | Ticked) -> None:
        """Queue an event that makes an earlier one of its kind, not taken yet, pointless."""
        kind = type(event)
        for place, waiting in enumerate(self._items):
            if type(waiting) is kind:
                self._items[place] = event
                return
        self.post(event)

    async def take(self) -> Event | Ask | None:
        """Return the next item, None once the inbox is closed and empty.

        Trades recorded by nobody who waits are joined with those right behind them.
        """
        while not self._items:
            if self.is_closed:
                return None
            self._wanted = asyncio.get_running_loop().create_future()
            try:
                await self._wanted
            finally:
                self._wanted = None
        item = self._items.popleft()
        if type(item) is Recorded:
            item = self._joined(item)
        if not self._room.is_set():
            self._room.set()
        return item

    def close(self) -> None:
        """Take nothing more in; what is queued can still be taken."""
        self.is_closed = True
        self._room.set()
        self._wake()

    def _joined(self, first: Recorded) -> Recorded:
        items = self._items
        if not (items and type(items[0]) is Recorded):
            return first
        trades = list(first.trades)
        while items and type(following := items[0]) is Recorded:
            trades += following.trades
            items.popleft()
        return Recorded(tuple(trades))

    def _wake(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)


def connected(link: PeerLink) -> Ask:
    """Return what tells a lane of its peer's new stream."""
    return Ask(Connected(), link=link)
