"""Wrap the ports of a daemon in boundaries, at each of which its process can be killed.

Before and after every persist, sign, send and submit is one. What is signed or sent is held
against the disk: broken promises raise.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from clearing.channel.signatures import Signature
from clearing.clearport.codec import decode_message, encode_message, parse
from clearing.clearport.core.messages import Answer, Message, Proposal, Refusal
from clearing.clearport.errors import PeerGoneError
from clearing.clearport.ports import IntentStatus, Permit, Record
from clearing.clearport.signer.guarded import GuardedSigner
from clearing.clearport.signer.port import key_id_of
from clearing.clearport.store import SqlStore
from clearing.peer.v1 import peer_pb2
from clearing.spec.types import Side
from clearing.spec.units import Address
from tests.unit.clearport_core.chain import BROKERS
from tests.unit.clearport_core.pair import KEYS, Promise

__all__ = [
    "Busy",
    "Fuse",
    "FusedSigner",
    "FusedStore",
    "Key",
    "Killed",
    "Stream",
    "history_of",
    "streams",
]


class Killed(BaseException):
    """The process ends here, and says no more."""


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


class End(Protocol):
    """What a stream ends at: a side's process, in this life of it."""

    side: Side
    path: Path
    fuse: Fuse
    busy: Busy


class Stream:
    """One end of a stream between two processes. What was said is on its way, whatever follows."""

    def __init__(self, broker: Address, process: End) -> None:
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


def streams(one: End, other: End) -> tuple[Stream, Stream]:
    """Return both ends of a new stream."""
    ends = (Stream(BROKERS[other.side], one), Stream(BROKERS[one.side], other))
    ends[0].other, ends[1].other = ends[1], ends[0]
    return ends
