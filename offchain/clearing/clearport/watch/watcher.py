"""Watch channels on the chain: the adapter behind `ports.Watcher`.

A loop asks the node for news, follows the chain through reorganisations, and reads the channels
that a block has touched, each at one exact block, so that an observation is never a mixture of two.
What is not yet fetched by the reader of `observed` is replaced by what is newer. A node that is out
of reach, or behind what was read from it before, is asked again and again; nothing is yielded then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from clearing.chain.contract import Contract
from clearing.chain.errors import ChainError
from clearing.chain.node import BatchNode
from clearing.channel.policy import ChainView
from clearing.clearport.core.channel import Line
from clearing.clearport.core.events import Observed
from clearing.clearport.watch.asking import ask_in_thread
from clearing.clearport.watch.blocks import Look, look
from clearing.clearport.watch.channels import Watched, read_channels, watched_of
from clearing.clearport.watch.facts import Facts
from clearing.clearport.watch.finality import Finality
from clearing.clearport.watch.trail import Trail, decode_trail, encode_trail
from clearing.spec.types import Status

__all__ = ["ChainWatcher", "WatchPolicy"]

FACT = "watch.trail"


@dataclass(frozen=True, slots=True)
class WatchPolicy:
    """How often to ask, seconds. `final_at` is what counts as final.

    `refresh_s`: a channel that nothing touches is told the chain's time this often, without asking
    the node. `reread_s`: all channels are read again this often, should the node have kept logs
    back. `timeout_s` bounds one look, `calls_at_once` what one request holds.
    """

    final_at: Finality = field(default_factory=Finality)
    poll_s: float = 0.5
    refresh_s: int = 15
    reread_s: float = 600
    timeout_s: float = 120
    max_backoff_s: float = 15
    calls_at_once: int = 500


@dataclass(slots=True)
class _Entry:
    """A watched channel: `observed` is what was read last, None if it must be read again."""

    watched: Watched
    observed: Observed | None = None


@dataclass(frozen=True, slots=True)
class _News:
    look: Look
    read: tuple[tuple[Watched, Observed], ...]


class ChainWatcher:
    """Tells, for each watched channel, what the chain says. `run` it in a task."""

    def __init__(
        self,
        node: BatchNode,
        adjudicator: Contract,
        facts: Facts,
        policy: WatchPolicy | None = None,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._adjudicator = adjudicator
        self._facts = facts
        self._policy = policy or WatchPolicy()
        self._clock_s = clock_s
        self._trail: Trail | None = None
        self._entries: dict[bytes, _Entry] = {}
        self._waiting: dict[bytes, Observed] = {}
        self._has_news = asyncio.Event()
        self._wanted = asyncio.Event()
        self._in_step_s = clock_s()
        self._read_all_s = clock_s()
        self._is_dropped = True
        self.last_error = ""

    @property
    def lag_s(self) -> float:
        """For how long the node has not shown us its head, seconds."""
        return self._clock_s() - self._in_step_s

    @property
    def block_number(self) -> int:
        """The block read last, 0 before the first."""
        tip = None if self._trail is None else self._trail.tip
        return 0 if tip is None else tip.number

    @property
    def block_time(self) -> int:
        """The time of the block read last, Unix seconds; 0 before the first."""
        tip = None if self._trail is None else self._trail.tip
        return 0 if tip is None else tip.time

    def watch(self, line: Line) -> None:
        """Watch a channel from now on; it is read anew if other calls are needed than before."""
        self.watch_channel(watched_of(line))

    def watch_channel(self, watched: Watched) -> None:
        """Watch a channel of which no more is known than this."""
        entry = self._entries.get(watched.channel_id)
        if entry is None or entry.watched != watched:
            self._entries[watched.channel_id] = _Entry(watched)
            self._wanted.set()

    def forget(self, channel_id: bytes) -> None:
        """Watch a channel no more."""
        self._entries.pop(channel_id, None)
        self._waiting.pop(channel_id, None)

    async def observed(self) -> AsyncIterator[tuple[bytes, Observed]]:
        """Yield (channel id, observation), of each channel the newest that was not fetched yet."""
        while True:
            while self._waiting:
                channel_id = next(iter(self._waiting))
                yield channel_id, self._waiting.pop(channel_id)
            self._has_news.clear()
            await self._has_news.wait()

    async def run(self) -> None:
        """Watch for ever. Raises StoreError if the trail cannot be stored."""
        stored = await self._facts.fact(FACT)
        self._trail = None if stored is None else decode_trail(stored)
        pause_s = self._policy.poll_s
        while True:
            try:
                await self._look_once()
            except (ChainError, TimeoutError) as error:
                self.last_error = str(error) or type(error).__name__
                self._is_dropped = True
                pause_s = min(2 * pause_s, self._policy.max_backoff_s)
            else:
                self.last_error = ""
                pause_s = self._policy.poll_s
            await self._pause(pause_s)

    async def _look_once(self) -> None:
        """Take in what one look brings."""
        self._wanted.clear()
        entries = tuple((each.watched, each.observed is None) for each in self._entries.values())
        news = await ask_in_thread(self._policy.timeout_s, self._news, self._trail, entries)
        if news is None:
            return
        await self._store(news.look.trail)
        self._take(news)
        self._in_step_s = self._clock_s()

    def _news(self, trail: Trail | None, entries: Sequence[tuple[Watched, bool]]) -> _News | None:
        """Look at the chain and read what it touched. Runs in a thread, and changes nothing."""
        seen = look(self._node, self._adjudicator, self._policy.final_at, trail)
        if seen is None:
            return None
        is_all = seen.touched is None or self._is_dropped or self._is_reread_due
        wanted = [
            watched
            for watched, is_unread in entries
            if is_all
            or is_unread
            or watched.channel_id in (seen.touched or ())
            or (watched.tokens and seen.trail != trail)
        ]
        read = read_channels(
            self._node,
            self._adjudicator,
            seen.trail,
            wanted,
            calls_at_once=self._policy.calls_at_once,
        )
        return _News(seen, tuple(zip(wanted, read, strict=True)))

    @property
    def _is_reread_due(self) -> bool:
        return self._clock_s() - self._read_all_s >= self._policy.reread_s

    async def _store(self, trail: Trail) -> None:
        """Make the trail durable, then go by it."""
        if trail != self._trail:
            await self._facts.put_fact(FACT, encode_trail(trail))
            self._trail = trail

    def _take(self, news: _News) -> None:
        """Keep what was read and hand it on; tell the others the time."""
        if len(news.read) >= len(self._entries):
            self._read_all_s = self._clock_s()
        self._is_dropped = False
        for watched, observed in news.read:
            entry = self._entries.get(watched.channel_id)
            if entry is not None and entry.watched == watched:  # else it changed meanwhile
                self._tell(entry, observed)
        for entry in self._entries.values():
            later = None if entry.observed is None else self._later(entry.observed, news.look.trail)
            if later is not None:
                self._tell(entry, later)

    def _later(self, observed: Observed, trail: Trail) -> Observed | None:
        """Return an untouched channel's observation at the trail's tip, None if it can wait."""
        tip = trail.tip
        is_urgent = observed.view.is_challenged or observed.latest.status is Status.CHALLENGED
        wait_s = 1 if is_urgent else self._policy.refresh_s
        if tip is None or abs(tip.time - observed.now) < wait_s:
            return None
        view = observed.view
        return replace(
            observed,
            now=tip.time,
            view=ChainView(view.channel, trail.final.time, view.is_challenged),
        )

    def _tell(self, entry: _Entry, observed: Observed) -> None:
        entry.observed = observed
        self._waiting[entry.watched.channel_id] = observed
        self._has_news.set()

    async def _pause(self, pause_s: float) -> None:
        """Wait for the next poll, or until another channel is to be watched."""
        try:
            async with asyncio.timeout(pause_s):
                await self._wanted.wait()
        except TimeoutError:
            return
