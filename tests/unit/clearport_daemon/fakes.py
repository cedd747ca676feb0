"""Ports in memory: a store that can be told to fail, a key, a link, a log."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from clearing.channel.codec import domain_separator
from clearing.channel.signatures import LocalSigner, Signature
from clearing.clearport.core.channel import Line, Phase, Policy
from clearing.clearport.core.effects import Effect
from clearing.clearport.core.events import Event, Observed
from clearing.clearport.core.messages import Message
from clearing.clearport.daemon.bell import Bell
from clearing.clearport.daemon.house import House
from clearing.clearport.daemon.meters import Meters
from clearing.clearport.daemon.world import World
from clearing.clearport.errors import ReplayedError, SecondDigestError
from clearing.clearport.ports import (
    Intent,
    IntentStatus,
    OperatorEvent,
    Permit,
    Record,
)
from clearing.client.session import CoSigned
from clearing.client.terms import Token
from clearing.spec.assets import asset_id
from clearing.spec.units import DAY_S, Address, Bytes32
from tests.harness.kept_log import KeptLog

OURS = Address(b"\x01" * 20)
PEER = Address(b"\x02" * 20)
ADJUDICATOR = Address(b"\xad" * 20)
SIGNER = LocalSigner(b"\x11" * 32)
PEER_SIGNER = LocalSigner(b"\x22" * 32)
USDT = Token(asset_id("USDT"), Address(b"\x0a" * 20), 6)
USDC = Token(asset_id("USDC"), Address(b"\x0b" * 20), 6)
BTC = Token(asset_id("BTC"), Address(b"\x0c" * 20), 8)
NOW = 1_700_000_000
POLICY = Policy(grace_s=DAY_S)

HOUSE = House(
    broker=OURS,
    signer=SIGNER.address,
    chain_id=31_337,
    adjudicator=ADJUDICATOR,
    separator=Bytes32(domain_separator(31_337, ADJUDICATOR)),
    collateral=(USDT, USDC),
    deliverable={BTC.asset: BTC, USDC.asset: USDC},
    min_challenge_s=DAY_S,
    max_challenge_s=7 * DAY_S,
)


class MemoryStore:
    """Keeps records; `fails` are errors that the next commits raise, `gate` holds them back."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.fails: list[Exception] = []
        self.gate: asyncio.Event | None = None
        self.kept: dict[bytes, Line] = {}
        self.wanted: list[Intent] = []
        self.events: list[OperatorEvent] = []
        self.nonces: set[tuple[bytes, bytes]] = set()
        self.digests: dict[tuple[object, ...], bytes] = {}

    async def commit(self, record: Record) -> Permit | None:
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        if self.fails:
            raise self.fails.pop(0)
        used, reserve = record.used, record.reserve
        if used is not None:
            if (used.subject, used.nonce) in self.nonces:
                raise ReplayedError("the nonce is used")
            self.nonces.add((used.subject, used.nonce))
        if reserve is not None:
            five = (reserve.key_id, reserve.channel_id, reserve.epoch, reserve.version)
            if self.digests.setdefault(five, reserve.digest) != reserve.digest:
                raise SecondDigestError("another digest is signed")
        self.records.append(record)
        if record.line is not None:
            self.kept[record.line.channel_id] = record.line
        self.wanted += record.intents
        first = len(self.events) + 1
        self.events += [replace(each, cursor=first + i) for i, each in enumerate(record.events)]
        return None if reserve is None else Permit(reserve)

    async def lines(self) -> tuple[Line, ...]:
        return tuple(self.kept.values())

    async def agreed(
        self, channel_id: bytes, *, after: int = 0, epoch: int | None = None
    ) -> tuple[CoSigned, ...]:
        return ()

    async def operator_events(self, after: int, limit: int) -> tuple[OperatorEvent, ...]:
        return tuple(each for each in self.events if each.cursor > after)[:limit]

    async def intents(self, states: Sequence[str]) -> tuple[tuple[Intent, IntentStatus], ...]:
        return tuple((each, IntentStatus(each.key, each.what, "queued")) for each in self.wanted)


class MemorySigner:
    """Signs what it is permitted; `fails` are errors of the next calls."""

    key_id = "0x" + SIGNER.address.hex()
    address = SIGNER.address

    def __init__(self) -> None:
        self.permits: list[Permit] = []
        self.fails: list[Exception] = []

    async def sign(self, permit: Permit) -> Signature:
        if self.fails:
            raise self.fails.pop(0)
        self.permits.append(permit)
        return SIGNER.sign(permit.reservation.digest)


class MemoryOutbox:
    """Encodes a request as its own text."""

    def __init__(self) -> None:
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1

    def encode(self, key: str, request: object) -> Intent:
        return Intent(key, ADJUDICATOR, repr(request).encode(), "Adjudicator.call")


class MemoryLink:
    """A stream to the peer; `said` ends once `close` is called or `hang_up`."""

    def __init__(self, broker: Address = PEER) -> None:
        self.broker = broker
        self.sent: list[tuple[bytes, Message]] = []
        self.fails: list[Exception] = []
        self.closed = ""
        self._heard: asyncio.Queue[tuple[bytes, Message] | None] = asyncio.Queue()

    async def say(self, channel_id: bytes, message: Message) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.sent.append((channel_id, message))

    def hear(self, channel_id: bytes, message: Message) -> None:
        self._heard.put_nowait((channel_id, message))

    def hang_up(self) -> None:
        self._heard.put_nowait(None)

    async def said(self) -> AsyncIterator[tuple[bytes, Message]]:
        while (item := await self._heard.get()) is not None:
            yield item

    async def close(self, reason: str) -> None:
        self.closed = reason
        self.hang_up()


class MemoryWatcher:
    """Remembers what is watched."""

    def __init__(self) -> None:
        self.watched: list[Line] = []

    def watch(self, line: Line) -> None:
        self.watched.append(line)

    async def observed(self) -> AsyncIterator[tuple[bytes, Observed]]:
        return
        yield


Play = Callable[[Phase, Event], tuple[Phase, tuple[Effect, ...]]]


class Script:
    """A core that does what the test says; it remembers what it was given."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.events: list[Event] = []

    def __call__(self, phase: Phase, event: Event, *, now: int) -> tuple[Phase, tuple[Effect, ...]]:
        self.events.append(event)
        return self.play(phase, event)


@dataclass
class Parts:
    """A world in memory."""

    play: Play
    store: MemoryStore = field(default_factory=MemoryStore)
    signer: MemorySigner = field(default_factory=MemorySigner)
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    log: KeptLog = field(default_factory=KeptLog)
    meters: Meters = field(default_factory=Meters)
    news: Bell = field(default_factory=Bell)
    exported: list[tuple[bytes, CoSigned]] = field(default_factory=list)
    watched: list[Line] = field(default_factory=list)
    guard: Play = lambda phase, _event: (phase, ())

    def __post_init__(self) -> None:
        self.script = Script(self.play)

    def world(self) -> World:
        return World(
            step=self.script,
            store=self.store,  # type: ignore[arg-type]  # it has what lanes ask for
            signer=self.signer,
            outbox=self.outbox,
            log=self.log,
            meters=self.meters,
            news=self.news,
            agreed=lambda channel_id, agreed: self.exported.append((channel_id, agreed)),
            watch=self.watched.append,
            guard=Script(self.guard),
            clock=lambda: NOW,
        )


def line_of(nonce: int = 1, peer: Address = PEER) -> Line:
    definition = HOUSE.define(peer, PEER_SIGNER.address, (USDT.asset,), DAY_S, nonce)
    return HOUSE.line(definition, HOUSE.terms(definition.assets), is_initiator=True)


def phase_of(nonce: int = 1) -> Phase:
    return Phase(line_of(nonce), POLICY)
