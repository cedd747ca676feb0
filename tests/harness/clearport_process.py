"""Run one side of a channel as the daemon does, in this process, and kill it at any boundary.

Real are the lanes, the core, the store on its disk, the guarded key and the outbox. Each port is
wrapped: before and after every persist, sign, send and submit is a boundary, and at the one that
is chosen the side is torn down without a word: what it has not made durable is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from eth_account import Account

from clearing.chain.contract import Contract, as_address
from clearing.channel import requests
from clearing.channel.signatures import Signature
from clearing.clearport.codec import decode_message, encode_message, parse
from clearing.clearport.core.channel import Line, Policy
from clearing.clearport.core.events import Observed
from clearing.clearport.core.messages import Answer, Message, Proposal, Refusal
from clearing.clearport.core.step import step
from clearing.clearport.daemon.bell import Bell
from clearing.clearport.daemon.house import House
from clearing.clearport.daemon.lane import Lane
from clearing.clearport.daemon.lanes import Lanes
from clearing.clearport.daemon.meters import Meters
from clearing.clearport.daemon.world import World
from clearing.clearport.errors import PeerGoneError
from clearing.clearport.ports import Intent, IntentStatus, Permit, Record
from clearing.clearport.signer.guarded import GuardedSigner
from clearing.clearport.signer.port import key_id_of
from clearing.clearport.store import SqlStore
from clearing.clearport.watch.bench import OutboxPolicy
from clearing.clearport.watch.finality import Finality
from clearing.clearport.watch.outbox import ChainOutbox
from clearing.peer.v1 import peer_pb2
from clearing.spec.types import Side
from clearing.spec.units import Address
from tests.harness.clearport_node import SpecNode, View
from tests.unit.clearport_core.chain import ADJUDICATOR, BROKERS, HOUR, PARAMS
from tests.unit.clearport_core.pair import DEFINITION, KEYS, SEPARATOR, TERMS, Promise
from tests.unit.clearport_daemon.fakes import ListLog

__all__ = ["ACCOUNTS", "Fuse", "Gone", "Killed", "Process", "Stream", "history_of", "streams"]

ACCOUNTS = tuple(Account.from_key(bytes([0xA0 + side]) * 32) for side in range(2))
T = TypeVar("T")


class Killed(BaseException):
    """The process ends here, and says no more."""


class Gone(Exception):
    """The process that was asked has died; nobody knows how far it came."""


@dataclass
class Fuse:
    """Count the boundaries of one side, and kill at one. `passed` names those before it."""

    kill_at: int | None = None
    is_blown: bool = False
    passed: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        """Pass a boundary, or die of it. The dead pass none."""
        if self.is_blown:
            raise Killed(name)
        if len(self.passed) == self.kill_at:
            self.is_blown = True
            self.kill_at = None
            raise Killed(name)
        self.passed.append(name)


@dataclass
class Busy:
    """How many calls of ports are under way."""

    count: int = 0

    @contextlib.contextmanager
    def work(self) -> Any:
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1


@dataclass
class FusedStore:
    """The real store behind boundaries."""

    inner: SqlStore
    fuse: Fuse
    busy: Busy

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def commit(self, record: Record) -> Permit | None:
        with self.busy.work():
            self.fuse("before persist")
            permit = await self.inner.commit(record)
            self.fuse("after persist")
            return permit

    async def set_intent_status(self, status: IntentStatus) -> None:
        self.fuse("before note")
        await self.inner.set_intent_status(status)
        self.fuse("after note")

    async def put_fact(self, name: str, value: bytes) -> None:
        self.fuse("before note")
        await self.inner.put_fact(name, value)
        self.fuse("after note")


class Key:
    """One side's key: what it has ever signed outlives every process."""

    def __init__(self, side: Side) -> None:
        self.local = KEYS[side]
        self.key_id = key_id_of(self.local.address)
        self.signed: list[bytes] = []

    @property
    def address(self) -> Address:
        return self.local.address

    async def sign_digest(self, digest: bytes) -> Signature:
        self.signed.append(digest)
        return self.local.sign(digest)

    def close(self) -> None:
        """Nothing is held open."""


def history_of(path: Path) -> dict[tuple[int, int], tuple[bytes, bytes | None]]:
    """Return what the disk says of signing: digest and signature by (epoch, version)."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT epoch, version, digest, signature FROM signing")
        found: dict[tuple[int, int], tuple[bytes, bytes | None]] = {}
        for epoch, version, digest, signature in rows:
            place = (epoch, int.from_bytes(version, "big"))
            if place in found:
                raise Promise(f"CLP-01: two digests for {place}")
            found[place] = (digest, signature)
        return found


@dataclass
class FusedSigner:
    """The guarded key behind boundaries; it looks at the disk before each signature."""

    inner: GuardedSigner
    fuse: Fuse
    busy: Busy
    path: Path

    @property
    def key_id(self) -> str:
        return self.inner.key_id

    @property
    def address(self) -> Address:
        return self.inner.address

    async def sign(self, permit: Permit) -> Signature:
        with self.busy.work():
            self.fuse("before sign")
            reserved = permit.reservation
            on_disk = history_of(self.path).get((reserved.epoch, reserved.version))
            if on_disk is None or on_disk[0] != reserved.digest:
                raise Promise("CLP-02: a digest is to be signed that is not on the disk")
            signature = await self.inner.sign(permit)
            self.fuse("after sign")
            return signature


class Stream:
    """One end of a stream between two processes. What was said is on its way, whatever follows."""

    def __init__(self, broker: Address, process: Process) -> None:
        self.broker = broker
        self.path, self.fuse, self.busy = process.path, process.fuse, process.busy
        self.other: Stream
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.is_open = True

    async def say(self, channel_id: bytes, message: Message) -> None:
        with self.busy.work():
            if not self.is_open:
                raise PeerGoneError("the stream is gone", "wait for the next one")
            self.fuse("before send")
            self._require_durable(message)
            self.other.queue.put_nowait(encode_message(channel_id, message).SerializeToString())
            self.fuse("after send")

    @property
    def is_waited_for(self) -> bool:
        """Whether something was said that the process has not heard, and lives to hear."""
        return not self.fuse.is_blown and not self.queue.empty()

    async def said(self) -> AsyncIterator[tuple[bytes, Message]]:
        while (frame := await self.queue.get()) is not None:
            yield decode_message(parse(peer_pb2.Message, frame))

    async def close(self, reason: str) -> None:
        self.end()

    def end(self) -> None:
        """Break it, at both ends."""
        for each in (self, self.other):
            if each.is_open:
                each.is_open = False
                each.queue.put_nowait(None)

    def _require_durable(self, message: Message) -> None:
        if not isinstance(message, Proposal | Answer | Refusal):
            return
        place = (message.epoch, message.version)
        on_disk = history_of(self.path).get(place)
        if isinstance(message, Refusal):
            if on_disk is not None and on_disk[1] is not None:
                raise Promise(f"CLP-01: {place} is signed and refused")
            return
        if on_disk is None or on_disk[1] != message.signature.to_bytes():
            raise Promise("CLP-02: a signature is sent that is not on the disk")


def streams(one: Process, other: Process) -> tuple[Stream, Stream]:
    """Return both ends of a new stream."""
    ends = (Stream(BROKERS[other.side], one), Stream(BROKERS[one.side], other))
    ends[0].other, ends[1].other = ends[1], ends[0]
    return ends


@dataclass
class Encoder:
    """The outbox as a lane sees it; the node learns what calldata means."""

    inner: ChainOutbox
    node: SpecNode

    def wake(self) -> None:
        """The test looks into the store itself."""

    def encode(self, key: str, request: requests.Request) -> Intent:
        intent = self.inner.encode(key, request)
        self.node.requests[intent.data] = request
        return intent


class Unwatched:
    """The test tells the lanes what the chain says."""

    def watch(self, line: Line) -> None:
        """Nothing to remember."""

    def observed(self) -> AsyncIterator[tuple[bytes, Observed]]:
        raise NotImplementedError


class Process:
    """One side's daemon over one file. `start` begins a new life of it."""

    def __init__(self, side: Side, path: Path, node: SpecNode, policy: Policy, key: Key) -> None:
        self.side, self.path, self.node, self.policy, self.key = side, path, node, policy, key
        self.fuse = Fuse()
        self.busy = Busy()
        self.log = ListLog()
        self.skew_s = 0
        self.store: SqlStore
        self.lanes: Lanes
        self.outbox: ChainOutbox
        self.tasks: asyncio.TaskGroup
        self.main: asyncio.Task[None] | None = None
        self.end: asyncio.Future[None]

    @property
    def is_up(self) -> bool:
        return self.main is not None and not self.main.done() and not self.fuse.is_blown

    @property
    def lane(self) -> Lane:
        """The channel's lane."""
        return next(iter(self.lanes))

    @property
    def line(self) -> Line:
        return self.lane.phase.line

    async def start(self, fuse: Fuse | None = None) -> None:
        """Open the store and take up what is in it."""
        self.fuse = fuse or Fuse()
        self.busy = Busy()
        self.end = asyncio.get_running_loop().create_future()
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.main = asyncio.create_task(self._run(ready), name=f"process {self.side.name}")
        await asyncio.wait({self.main, ready}, return_when=asyncio.FIRST_COMPLETED)
        if self.main.done():
            self.main.result()

    def begin(self) -> None:
        """Begin the channel, if it is not in the store."""
        if self.is_up and not len(self.lanes):
            line = house_of(self.side).line(DEFINITION, TERMS, is_initiator=self.side is Side.LOW)
            self.lanes.begin(line)

    async def stop(self) -> None:
        """End the process; whatever it was about to do is not done."""
        self.fuse.is_blown = True
        await self.ended()

    async def ended(self) -> None:
        """Wait until a process that was killed is gone, and its file is free."""
        if self.main is not None:
            self._die()
            await self.main

    async def ask(self, job: Coroutine[Any, Any, T]) -> T:
        """Return what the process answers. Raises Gone if it dies before."""
        assert self.main is not None
        task = asyncio.ensure_future(job)
        await asyncio.wait({task, self.main}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            raise Gone
        try:
            return task.result()
        except Killed:
            self._die()
            raise Gone from None
        except Exception:
            if self.is_up:
                raise
            raise Gone from None

    def serve(self, stream: Stream) -> None:
        """Take a new stream to the peer up."""
        self.tasks.create_task(self.lanes.serve(stream))

    def _die(self) -> None:
        """Have the process end, if it has not noticed by itself that it is dead."""
        if not self.end.done():
            self.end.set_result(None)

    async def _run(self, ready: asyncio.Future[None]) -> None:
        self.store = store = await SqlStore.open(f"sqlite:///{self.path}")
        try:
            fused = FusedStore(store, self.fuse, self.busy)
            self._build(fused)
            await self.outbox.load()
            async with asyncio.TaskGroup() as tasks:
                self.tasks = tasks
                await self.lanes.start(tasks)
                ready.set_result(None)
                await self.end
                raise Killed  # noqa: TRY301 - the lanes have to go, too
        except* Killed:
            pass
        finally:
            self.fuse.is_blown = True
            await store.close()

    def _build(self, store: FusedStore) -> None:
        view = View(self.node, self.fuse)
        self.outbox = ChainOutbox(
            view,
            ACCOUNTS[self.side],
            Contract(view, "Adjudicator", ADJUDICATOR),
            store,
            OutboxPolicy(final_at=Finality("", self.node.chain.depth)),
            clock_s=lambda: float(self.node.chain.now),
        )
        world = World(
            step=step,
            store=store,
            signer=FusedSigner(GuardedSigner(self.key), self.fuse, self.busy, self.path),
            outbox=Encoder(self.outbox, self.node),
            log=self.log,
            meters=Meters(),
            news=Bell(),
            agreed=lambda _channel_id, _agreed: None,
            watch=lambda _line: None,
            clock=lambda: self.node.chain.now + self.skew_s,
        )
        self.lanes = Lanes(world, house_of(self.side), self.policy, Unwatched(), _signer_of, 8)


def house_of(side: Side) -> House:
    """Return what a side holds new channels against."""
    return House(
        broker=BROKERS[side],
        signer=KEYS[side].address,
        chain_id=PARAMS.chain_id,
        adjudicator=ADJUDICATOR,
        separator=SEPARATOR,
        collateral=TERMS.collateral,
        deliverable=TERMS.deliverable,
        min_challenge_s=HOUR,
        max_challenge_s=24 * HOUR,
    )


async def _signer_of(broker: Address) -> Address | None:
    return KEYS[BROKERS.index(broker)].address


def addresses() -> tuple[Address, Address]:
    """Return the accounts that pay for gas."""
    low, high = (as_address(each.address) for each in ACCOUNTS)
    return low, high
