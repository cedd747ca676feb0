"""Keep one lane for each channel: those of the store, those we begin, those that peers ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from clearing.clearport.core.channel import Line, Policy
from clearing.clearport.core.events import Heard, Lost, Observed, Priced, Ticked
from clearing.clearport.core.messages import Message, Reestablish, Request
from clearing.clearport.core.opening import rejoin
from clearing.clearport.daemon.bell import Bell
from clearing.clearport.daemon.house import House
from clearing.clearport.daemon.inbox import connected
from clearing.clearport.daemon.lane import Lane
from clearing.clearport.daemon.world import World
from clearing.clearport.errors import ClearportError, PeerLiedError, UnavailableError, UnknownError
from clearing.clearport.ports import PeerLink, Watcher
from clearing.client import moves
from clearing.client.terms import Market
from clearing.spec.units import Address

__all__ = ["Lanes"]

GREETED_AT_ONCE: Final = 64
"""Channels that take a new stream up before the others' turn: a stream's queue holds 256."""
GREET_PAUSE_S: Final = 0.01


@dataclass
class Lanes:
    """The lanes by channel, once they are started.

    `signer_of` asks the registry for a broker's signer. `market` is our latest view.
    """

    world: World
    house: House
    policy: Policy
    watcher: Watcher
    signer_of: Callable[[Address], Awaitable[Address | None]]
    per_peer: int
    market: Market | None = None
    is_stopping: bool = False
    changed: Bell = field(default_factory=Bell)
    _tasks: asyncio.TaskGroup | None = None
    _running: list[asyncio.Task[None]] = field(default_factory=list)
    _lanes: dict[bytes, Lane] = field(default_factory=dict)
    _by_peer: dict[Address, dict[bytes, Lane]] = field(default_factory=dict)
    _links: dict[Address, PeerLink] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def peers_connected(self) -> frozenset[Address]:
        """The peers whose streams stand."""
        return frozenset(self._links)

    @property
    def queued(self) -> int:
        """How many events wait in all lanes."""
        return sum(len(lane.inbox) for lane in self)

    def find(self, channel_id: bytes) -> Lane:
        """Return a channel's lane. Raises UnknownError."""
        lane = self._lanes.get(channel_id)
        if lane is None:
            fix = "see clearing channel list"
            raise UnknownError("no such channel", fix, field="channel_id")
        return lane

    def has(self, channel_id: bytes) -> bool:
        """Say whether there is such a channel."""
        return channel_id in self._lanes

    # LIFE

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Take the store's channels up; every lane is a task of this group."""
        self._tasks = tasks
        for line in await self.world.store.lines():
            self.begin(line)

    def begin(self, line: Line) -> Lane:
        """Run a lane for a channel from now on. Raises UnavailableError while stopping."""
        if self._tasks is None or self.is_stopping:
            raise UnavailableError("the daemon is not running", "ask again once it runs")
        lane = Lane(rejoin(line, self.policy), self.world)
        self._lanes[line.channel_id] = lane
        self._by_peer.setdefault(lane.peer, {})[line.channel_id] = lane
        task = self._tasks.create_task(lane.run(), name=f"lane {line.channel_id.hex()[:8]}")
        self._running.append(task)
        if self.market is not None:
            lane.observe(Priced(self.market))
        self.watcher.watch(line)
        for agreed in (line.backing, line.full):
            if agreed is not None:
                self.world.agreed(line.channel_id, agreed)
        link = self._links.get(lane.peer)
        if link is not None:
            _introduce(lane, link)
        self.changed.ring()
        return lane

    async def stop(self, patience_s: float) -> None:
        """Take no new event in and wait until each lane has done what it has, then end it."""
        self.is_stopping = True
        for lane in self:
            lane.inbox.close()
        if self._running:
            await asyncio.wait(self._running, timeout=patience_s)
        for task in self._running:
            task.cancel()

    # WHAT THE WORLD SAYS

    def observe(self, channel_id: bytes, observed: Observed) -> None:
        """Tell a channel what the chain says of it."""
        lane = self._lanes.get(channel_id)
        if lane is not None:
            lane.observe(observed)

    def price(self, market: Market | None) -> None:
        """Tell every channel our view of the market, if it has changed."""
        if market == self.market:
            return
        self.market = market
        for lane in self:
            lane.observe(Priced(market))

    def tick(self) -> None:
        """Tell every channel that time has passed."""
        for lane in self:
            lane.observe(Ticked())

    # PEERS

    async def serve(self, link: PeerLink) -> None:
        """Bring what a peer says to its channels until its stream is gone."""
        peer = link.broker
        self._links[peer] = link
        greeting = asyncio.create_task(self._greet(link), name=f"greet {peer.hex()[:8]}")
        try:
            async for channel_id, message in link.said():
                lane = self._lanes.get(channel_id)
                if lane is not None and lane.peer == peer:
                    _introduce(lane, link)
                    await lane.inbox.put(Heard(message))
                else:
                    await self._meet(peer, channel_id, message)
        finally:
            greeting.cancel()
            if self._links.get(peer) is link:
                del self._links[peer]
                for lane in self._lanes_of(peer):
                    lane.inbox.post(Lost())

    async def _greet(self, link: PeerLink) -> None:
        """Let the peer's channels take the new stream up, some at a time."""
        for number, lane in enumerate(self._lanes_of(link.broker), start=1):
            _introduce(lane, link)
            if number % GREETED_AT_ONCE == 0:
                await asyncio.sleep(GREET_PAUSE_S)

    def _lanes_of(self, peer: Address) -> tuple[Lane, ...]:
        return tuple(self._by_peer.get(peer, {}).values())

    async def _meet(self, peer: Address, channel_id: bytes, message: Message) -> None:
        """Take a message for a channel that is not: an opening makes one, the rest is dropped."""
        if isinstance(message, Reestablish) and not message.last_full:
            return  # the peer begins a channel: its request follows
        try:
            lane = await self._opened(peer, channel_id, message)
        except ClearportError as error:
            self.world.meters.refused[error.code] += 1
            self.world.log.warning(
                "peer_refused",
                peer=peer.hex(),
                channel=channel_id.hex(),
                said=type(message).__name__,
                problem=str(error),
            )
            return
        await lane.inbox.put(Heard(message))

    async def _opened(self, peer: Address, channel_id: bytes, message: Message) -> Lane:
        if isinstance(message, Reestablish):
            raise PeerLiedError(
                "the peer has a channel that we know nothing of",
                "if the store was lost, restore it from its backup",
                field="channel_id",
            )
        is_opening = isinstance(message, Request) and isinstance(message.wish, moves.Open)
        if not isinstance(message, Request) or not is_opening:
            raise PeerLiedError("no such channel", field="channel_id")
        if message.definition is None or message.terms is None:
            raise PeerLiedError("an opening must say what it opens", field="definition")
        if len(self._lanes_of(peer)) >= self.per_peer:
            fix = "raise policy.channels_per_peer"
            raise PeerLiedError("the peer has too many channels", fix, field="channel_id")
        line = self.house.line(message.definition, message.terms, is_initiator=False)
        if line.channel_id != channel_id:
            raise PeerLiedError("is not the definition's", field="channel_id")
        signer = await self.signer_of(peer)
        if signer is None:
            raise PeerLiedError("the peer is not registered", field="broker")
        self.house.require_offer(message.definition, message.terms, peer, signer)
        return self._lanes.get(channel_id) or self.begin(line)


def _introduce(lane: Lane, link: PeerLink) -> None:
    """Tell a lane of its peer's new stream, once, before it hears anything that was said on it.

    A lane that heard first would forget where the peer stands when it is told, and wait for ever.
    """
    if lane.met is not link:
        lane.met = link
        lane.inbox.post(connected(link))
