"""Say to one real lane what an honest peer would not: one field altered, everything else right.

The altered bytes go the way that the peer's bytes go: through the codec into the lane. The store,
the outbox and the stream are in memory, the core and the lane are the daemon's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message as Proto

from clearing.channel.signatures import Signature
from clearing.clearport.codec import decode_message, encode_message, parse
from clearing.clearport.core.events import Heard, Ticked
from clearing.clearport.core.messages import Message, Proposal
from clearing.clearport.core.reckoning import digest_of
from clearing.clearport.core.reestablish import standing
from clearing.clearport.core.step import step
from clearing.clearport.daemon.bell import Bell
from clearing.clearport.daemon.inbox import connected
from clearing.clearport.daemon.lane import Lane
from clearing.clearport.daemon.meters import Meters
from clearing.clearport.daemon.world import World
from clearing.clearport.errors import WireError
from clearing.clearport.ports import Permit, Store
from clearing.clearport.signer.port import key_id_of
from clearing.client.errors import MoveRefusedError
from clearing.client.position import advance
from clearing.peer.v1 import peer_pb2
from clearing.spec.errors import SpecError
from clearing.spec.types import Side
from clearing.spec.units import Address
from tests.harness.kept_log import KeptLog
from tests.unit.clearport_core.chain import BROKERS
from tests.unit.clearport_core.pair import KEYS, Pair
from tests.unit.clearport_daemon.fakes import MemoryLink, MemoryOutbox, MemoryStore

__all__ = ["Scene", "lies_about", "resigned", "scene_of"]

HUGE = "9" * 90
BYTES = FieldDescriptor.TYPE_BYTES
TEXT = FieldDescriptor.TYPE_STRING
BOOL = FieldDescriptor.TYPE_BOOL
PART = FieldDescriptor.TYPE_MESSAGE


# LIES


def lies_about(honest: peer_pb2.Message) -> Iterator[tuple[str, peer_pb2.Message]]:
    """Yield the message with one thing in it altered, and what it is."""
    body = honest.WhichOneof("body")
    assert body is not None
    for path, altered in _altered(getattr(honest, body)):
        lie = peer_pb2.Message(channel_id=honest.channel_id)
        getattr(lie, body).CopyFrom(altered)
        yield path, lie


def _altered(whole: Proto) -> Iterator[tuple[str, Proto]]:
    for known in whole.DESCRIPTOR.fields:
        name = known.name
        if known.is_repeated:
            yield from _altered_list(whole, known)
        elif known.type == PART:
            if whole.HasField(name):
                for path, part in _altered(getattr(whole, name)):
                    yield f"{name}.{path}", _with(whole, name, part)
        elif known.containing_oneof is None or whole.HasField(name):
            for value in _other(known, getattr(whole, name)):
                yield f"{name}={_shown(value)}", _with(whole, name, value)


def _altered_list(whole: Proto, known: Any) -> Iterator[tuple[str, Proto]]:
    name = known.name
    values = list(getattr(whole, name))
    for place, value in enumerate(values):
        rest = values[:place], values[place + 1 :]
        yield f"{name}[{place}] left out", _with_list(whole, name, [*rest[0], *rest[1]])
        yield f"{name}[{place}] twice", _with_list(whole, name, [*values, value])
        parts = _altered(value) if known.type == PART else _named(known, value)
        for path, part in parts:
            yield f"{name}[{place}].{path}", _with_list(whole, name, [*rest[0], part, *rest[1]])
    if len(values) > 1:
        yield f"{name} the other way round", _with_list(whole, name, values[::-1])


def _named(known: Any, value: Any) -> Iterator[tuple[str, Any]]:
    for other in _other(known, value):
        yield f"={_shown(other)}", other


def _other(known: Any, value: Any) -> Sequence[Any]:
    """Return values in place of one: of its kind, and such as are none."""
    if known.type == BYTES:
        flipped = value[:-1] + bytes([value[-1] ^ 1]) if value else b"\x01"
        return [each for each in (flipped, b"", value + b"\x00") if each != value]
    if known.type == BOOL:
        return [not value]
    if known.type == TEXT:
        if value.lstrip("-").isdigit():
            return [str(int(value) + 1), str(-int(value) - 1), "0" + value, "", HUGE]
        return [value + "x", "", "x" * 5_000, "\x00"]
    most = 2**32 - 1 if known.type == FieldDescriptor.TYPE_UINT32 else 2**64 - 1
    return [each for each in (value + 1, value - 1, 0, most) if 0 <= each != value]


def _with(whole: Proto, name: str, value: Any) -> Proto:
    copy = type(whole)()
    copy.CopyFrom(whole)
    if isinstance(value, Proto):
        getattr(copy, name).CopyFrom(value)
    else:
        setattr(copy, name, value)
    return copy


def _with_list(whole: Proto, name: str, values: list[Any]) -> Proto:
    copy = type(whole)()
    copy.CopyFrom(whole)
    copy.ClearField(name)
    getattr(copy, name).extend(values)
    return copy


def _shown(value: Any) -> str:
    return repr(value)[:16]


def resigned(scene: Scene, lie: peer_pb2.Message) -> peer_pb2.Message:
    """Return an altered proposal with the digest of what it says, signed by low, if it has one."""
    try:
        channel_id, message = decode_message(lie)
        if not isinstance(message, Proposal):
            return lie
        line = scene.lane.phase.line
        after = advance(line.position, message.move, line.terms, message.version, message.signed_at)
        digest = digest_of(line, after.live)
    except (WireError, SpecError, MoveRefusedError, ValueError):
        return lie
    signed = replace(message, digest=digest, signature=KEYS[Side.LOW].sign(digest))
    return encode_message(channel_id, signed)


# THE LANE


@dataclass
class Signer:
    """The side's key; `permits` are what it was asked to sign."""

    side: Side
    permits: list[Permit] = field(default_factory=list)

    @property
    def key_id(self) -> str:
        return key_id_of(KEYS[self.side].address)

    @property
    def address(self) -> Address:
        return KEYS[self.side].address

    async def sign(self, permit: Permit) -> Signature:
        self.permits.append(permit)
        return KEYS[self.side].sign(permit.reservation.digest)


class Scene:
    """One side's lane, connected to a peer that we play."""

    def __init__(self, pair: Pair, side: Side) -> None:
        self.pair, self.side = pair, side
        self.later_s = 0
        node = pair.nodes[side]
        self.store, self.signer, self.log = MemoryStore(), Signer(side), KeptLog()
        self.link = MemoryLink(BROKERS[side.other])
        world = World(
            step=step,
            store=cast("Store", self.store),
            signer=self.signer,
            outbox=MemoryOutbox(),
            log=self.log,
            meters=Meters(),
            news=Bell(),
            agreed=lambda _channel_id, _agreed: None,
            watch=lambda _line: None,
            clock=lambda: pair.chain.now + self.later_s,
        )
        self.lane = Lane(node.phase, world)
        self.before = node.phase.line
        self.task: asyncio.Task[None]

    async def start(self, *, is_greeted: bool = True) -> None:
        """Run the lane, with the stream standing and both having said where they stand."""
        self.task = asyncio.create_task(self.lane.run())
        self.lane.inbox.post(connected(self.link))
        if is_greeted:
            await self.lane.ask(Heard(standing(self.pair.nodes[self.side.other].line)))
        await self.calm()
        self.link.sent.clear()
        self.signer.permits.clear()
        self.store.events.clear()
        self.before = self.lane.phase.line

    async def stop(self) -> None:
        self.lane.inbox.close()
        await self.task

    async def calm(self) -> None:
        """Wait until the lane has done what it has."""
        for _ in range(2):
            await self.lane.ask(Ticked())

    async def hear(self, frame: peer_pb2.Message) -> str:
        """Bring a frame to the lane; return the name of the field that is no value, or nothing."""
        try:
            _, message = decode_message(parse(peer_pb2.Message, frame.SerializeToString()))
        except WireError as error:
            return error.field or "nothing"
        await self.lane.ask(Heard(message))
        await self.calm()
        return ""

    async def pass_time(self, seconds: int) -> None:
        """Let the machine's clock go on."""
        self.later_s += seconds
        await self.calm()

    def frame(self, message: Message) -> peer_pb2.Message:
        """Return what the peer sends of a message."""
        return encode_message(self.before.channel_id, message)

    @property
    def said(self) -> list[Message]:
        """What our side has said."""
        return [message for _, message in self.link.sent]

    def told(self, kind: str) -> list[dict[str, str]]:
        """Return what the operator was told of a kind."""
        return [dict(each.fields) for each in self.store.events if each.kind == kind]

    def require_unmoved(self) -> None:
        """Nothing was signed, no money moved, nothing is sent to the chain; the lane goes on."""
        line = self.lane.phase.line
        assert not self.signer.permits, "a signature was given"
        assert (line.position, line.full) == (self.before.position, self.before.full)
        assert not self.store.wanted, "a transaction is wanted"
        assert self.lane.halted == ""
        assert self.log.names("error") == [] or line.alarm


async def scene_of(pair: Pair, side: Side, *, is_greeted: bool = True) -> Scene:
    """Return a running scene."""
    scene = Scene(pair, side)
    await scene.start(is_greeted=is_greeted)
    return scene
