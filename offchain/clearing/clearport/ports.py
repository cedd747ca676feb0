"""Name what the daemon needs of the world; adapters implement it, tests use in-memory ones.

Everything that may wait is a coroutine. Every error is a `ClearportError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from clearing.channel import requests
from clearing.channel.signatures import Signature
from clearing.clearport.core.channel import Line
from clearing.clearport.core.effects import Booked
from clearing.clearport.core.events import Observed
from clearing.clearport.core.messages import Message
from clearing.client.session import CoSigned
from clearing.client.terms import Market
from clearing.spec.units import Address

__all__ = [
    "BookedTrade",
    "Intent",
    "IntentStatus",
    "OperatorEvent",
    "Outbox",
    "PeerLink",
    "Permit",
    "Prices",
    "Record",
    "Reservation",
    "StateSigner",
    "Store",
    "StoredPeer",
    "Used",
    "Watcher",
]


@dataclass(frozen=True, slots=True)
class OperatorEvent:
    """Something the operator may want to know; `cursor` orders all of a daemon's, from 1."""

    kind: str
    channel_id: bytes
    fields: tuple[tuple[str, str], ...] = ()
    cursor: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True)
class Intent:
    """A transaction that is wanted. `request` of the Adjudicator, or any other call spelt out.

    `to`, `data` and `what` say the same as the outbox sends it.
    """

    key: str
    to: Address
    data: bytes
    what: str
    channel_id: bytes = b""


@dataclass(frozen=True, slots=True)
class IntentStatus:
    """How far an intent is: `state` is queued, sent, mined, final, refused or lost.

    Lost: another transaction has used its nonce with finality.
    """

    key: str
    what: str
    state: str
    nonce: int | None = None
    hashes: tuple[bytes, ...] = ()
    block_number: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """An operator call that must not be repeated: consumed in the commit of its effect.

    `nonce` is unique for each `subject` (the operator key's address) until `expires_at`;
    `idempotency_key` may be empty, else `result` is returned to whoever repeats it.
    """

    subject: bytes
    nonce: bytes
    expires_at: int
    idempotency_key: str = ""
    result: bytes = b""


@dataclass(frozen=True, slots=True)
class Reservation:
    """The one digest that a key may sign for (key, type, channel, epoch, version); `role` says why.

    The history of these is append-only; a second digest under the same five is refused for ever.
    """

    key_id: str
    type_hash: bytes
    channel_id: bytes
    epoch: int
    version: int
    digest: bytes
    role: str = "state"


@dataclass(frozen=True, slots=True)
class Permit:
    """A reservation that is durable: a store's `commit` returns it, and the signer asks for one.

    Nothing but `commit` may make one outside tests; the type alone does not prevent it.
    `signature` is what was signed under it before, if that was stored.
    """

    reservation: Reservation
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class StoredPeer:
    """What is kept of a peer: its signed record as it came, and whether it is to be dialled."""

    broker: Address
    record: bytes
    is_dialled: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """What one transition wants durable: all of it or none. Several records may share a commit.

    `reserve` comes before the key signs, `signed` (with its signature) before it is sent. `facts`
    are small values by name, such as where the chain was last read; the last one stands.
    """

    line: Line | None = None
    reserve: Reservation | None = None
    signed: Permit | None = None
    agreed: CoSigned | None = None
    booked: Booked | None = None
    intents: tuple[Intent, ...] = ()
    events: tuple[OperatorEvent, ...] = ()
    used: Used | None = None
    statuses: tuple[IntentStatus, ...] = ()
    peers: tuple[StoredPeer, ...] = ()
    facts: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class BookedTrade:
    """A trade of the peer and ours that a version has made a liability of."""

    trade_id: str
    version: int
    is_settled: bool
    text: bytes = field(default=b"", repr=False)
    """The trade as `codec.encode_trade` writes it, serialized."""


class Store(Protocol):
    """Durable memory: what `commit` has returned for survives kill -9 and loss of power."""

    async def commit(self, record: Record) -> Permit | None:
        """Make a record durable; return the permit of its reservation, if it has one.

        Raises SecondDigestError, ReplayedError (nonce used), RepeatedError (idempotency key used;
        carries the result), StoreError: nothing of the record is durable then.
        """

    async def lines(self) -> tuple[Line, ...]:
        """Return every channel, as committed last."""

    async def agreed(
        self, channel_id: bytes, *, after: int = 0, epoch: int | None = None
    ) -> tuple[CoSigned, ...]:
        """Return the co-signed states above a version, oldest first, of one or the latest epoch."""

    async def operator_events(self, after: int, limit: int) -> tuple[OperatorEvent, ...]:
        """Return events with a cursor above `after`, oldest first.

        The newest million are kept. Cursors leave no number out, so a gap tells what is gone.
        """

    async def intents(self, states: Sequence[str]) -> tuple[tuple[Intent, IntentStatus], ...]:
        """Return the outbox's intents in these states, in the order they were wanted."""

    async def intent(self, key: str) -> tuple[Intent, IntentStatus] | None:
        """Return one intent and how far it is, None if it was never wanted."""

    async def set_intent_status(self, status: IntentStatus) -> None:
        """Note how far an intent is. Raises StoreError, also if it was never wanted."""

    async def trades(self, channel_id: bytes) -> tuple[BookedTrade, ...]:
        """Return the booked trades of a channel that are not settled, oldest first."""

    async def booked_among(self, channel_id: bytes, trade_ids: Sequence[str]) -> frozenset[str]:
        """Return which of these trades were ever booked in the channel, settled or not."""

    async def peers(self) -> tuple[StoredPeer, ...]:
        """Return every peer, by broker."""

    async def put_peer(self, peer: StoredPeer) -> None:
        """Keep a peer, or what is new of it."""

    async def fact(self, name: str) -> bytes | None:
        """Return a fact, None if it was never put."""

    async def put_fact(self, name: str, value: bytes) -> None:
        """Keep a fact in place of what it was."""

    async def result_of(self, used: Used) -> bytes | None:
        """Return what the first call under this idempotency key returned, None for none."""

    async def forget_expired(self, now: int) -> int:
        """Forget nonces expired at `now`, old results and events; return how many nonces."""


class StateSigner(Protocol):
    """The key that signs channel states: it signs what a permit allows, nothing else."""

    @property
    def key_id(self) -> str:
        """The key's name in the history."""

    @property
    def address(self) -> Address:
        """The address that the registry names as the broker's signer."""

    async def sign(self, permit: Permit) -> Signature:
        """Return the signature of the permit's digest: the stored one if there is one.

        Raises SignerError.
        """


class PeerLink(Protocol):
    """The way to one peer. `said` ends when the stream is gone; a new link is made then."""

    @property
    def broker(self) -> Address:
        """The peer's broker, proven by certificate and Hello."""

    async def say(self, channel_id: bytes, message: Message) -> None:
        """Queue a message. Raises PeerGoneError, or PeerSlowError with 256 queued."""

    def said(self) -> AsyncIterator[tuple[bytes, Message]]:
        """Yield (channel id, message) in the order in which the peer sent them."""

    async def close(self, reason: str) -> None:
        """End the stream."""


class Prices(Protocol):
    """Our own view of the market."""

    async def market(self) -> Market | None:
        """Return prices and factors, None if they are stale or missing."""


class Watcher(Protocol):
    """Tells, for each watched channel, what the chain says at every new block."""

    def watch(self, line: Line) -> None:
        """Watch a channel from now on; watching again replaces what is known of it."""

    def observed(self) -> AsyncIterator[tuple[bytes, Observed]]:
        """Yield (channel id, observation): first for a new channel, then when a block changes it.

        Nothing is yielded while the node is out of reach; a drop is followed by a fresh reading.
        """


class Outbox(Protocol):
    """Sends what the store lists as wanted; wakes up when told that there is more."""

    def wake(self) -> None:
        """Look into the store now."""

    def encode(self, key: str, request: requests.Request) -> Intent:
        """Return the intent of a call to the Adjudicator."""
