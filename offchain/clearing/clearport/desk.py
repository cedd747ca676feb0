"""Name what an operator can ask of the daemon, and what it is told: the API's other half.

`api` turns calls into these, `daemon` answers them. Amounts are integers: raw token units (`_raw`)
or WAD (`_wad`); `api` alone knows decimal text. Every method may raise RefusedError and its kin,
UnavailableError and StoreError; those that change something take `used`, which is consumed in the
same commit as the effect.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from clearing.clearport.core.messages import ReportedTrade
from clearing.clearport.ports import IntentStatus, OperatorEvent, Used
from clearing.client.terms import Token
from clearing.spec.assets import AssetId
from clearing.spec.risk import RiskReport
from clearing.spec.types import Side
from clearing.spec.units import Address

__all__ = [
    "ChannelView",
    "Desk",
    "MarginView",
    "OpenOrder",
    "PeerView",
    "RequestView",
    "Started",
    "StatusView",
    "TradeView",
]


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """Open a channel with a peer: what each side pays in, raw units by collateral asset."""

    peer: Address
    own_raw: tuple[tuple[AssetId, int], ...]
    theirs_raw: tuple[tuple[AssetId, int], ...]
    challenge_duration: int
    nonce: int


@dataclass(frozen=True, slots=True)
class Started:
    """What was begun: the channel and the request that its peer is asked."""

    channel_id: bytes
    request_id: bytes


@dataclass(frozen=True, slots=True)
class PeerView:
    """A peer as it is known and connected."""

    broker: Address
    endpoint: str
    signer: Address
    is_connected: bool
    valid_until: int
    name: str


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request on its way; `kind` is the wish's name, `detail` its numbers for a person."""

    request_id: bytes
    kind: str
    is_ours: bool
    is_agreed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel at a glance; `balances_raw`: (token, own, theirs) by collateral asset.

    `phase` is requested, opening, open, settling, closing, challenged, closed or recovering.
    """

    channel_id: bytes
    peer: Address
    side: Side
    phase: str
    epoch: int
    version: int
    enforced_version: int
    balances_raw: tuple[tuple[Token, int, int], ...]
    requests: tuple[RequestView, ...]
    alarm: str
    is_connected: bool


@dataclass(frozen=True, slots=True)
class MarginView:
    """What a side may still trade on, WAD USD. `used` is our own required margin.

    `seq` rises with each view of the daemon's life; `price_set` is the id of the prices.
    `is_stale`: no fresh prices, so the figures are by the last ones.
    """

    channel_id: bytes
    seq: int
    collateral_wad: int
    peer_collateral_wad: int
    risk_wad: int
    used_wad: int
    available_wad: int
    price_set: bytes
    settlement: str
    as_of: int
    version: int
    is_stale: bool


@dataclass(frozen=True, slots=True)
class TradeView:
    """A trade and how far it is: recorded (by us), reported (by the peer), mismatched, booked."""

    trade: ReportedTrade
    state: str
    version: int


@dataclass(frozen=True, slots=True)
class StatusView:
    """The daemon itself."""

    daemon_id: str
    broker: Address
    signer: Address
    chain_id: int
    block_number: int
    chain_lag_s: int
    channels: int
    peers_connected: int


class Desk(Protocol):
    """The daemon, as its operators see it."""

    def side_of(self, channel_id: bytes) -> Side:
        """Return our side of a channel. Raises UnknownError."""

    def collateral(self) -> tuple[Token, ...]:
        """Return the collateral tokens by the daemon's terms."""

    def deliverable(self) -> tuple[Token, ...]:
        """Return the assets that may be traded by the daemon's terms."""

    async def add_peer(self, record_json: str, used: Used) -> PeerView:
        """Take a peer's signed record up, or a newer one. Raises PeerLiedError."""

    async def peers(self) -> tuple[PeerView, ...]:
        """Return every known peer."""

    async def open_channel(self, order: OpenOrder, used: Used) -> Started:
        """Ask a peer for a channel; funding, signing and the transaction follow by themselves."""

    async def accept(
        self, channel_id: bytes, request_id: bytes, used: Used, *, is_settlement: bool
    ) -> None:
        """Say yes to the peer's request, if it is (or is not) one to settle, as the caller means.

        Raises RefusedError if it is of another kind by now.
        """

    async def reject(
        self, channel_id: bytes, request_id: bytes, reason: str, used: Used, *, is_settlement: bool
    ) -> None:
        """Say no to the peer's request; the same holds."""

    async def channels(self) -> tuple[ChannelView, ...]:
        """Return every channel."""

    async def margin(self, channel_id: bytes) -> MarginView:
        """Return the margin now."""

    def margins(self, channel_id: bytes) -> AsyncIterator[MarginView]:
        """Yield the margin on every change and every second."""

    async def risk(self, channel_id: bytes) -> RiskReport:
        """Return the channel's risk now. Raises UnavailableError without prices."""

    async def positions(self, channel_id: bytes) -> tuple[tuple[AssetId, int, int | None], ...]:
        """Return (asset, what we owe (negative: are owed), price or None), all WAD."""

    async def record_trades(
        self, channel_id: bytes, trades: tuple[ReportedTrade, ...], used: Used
    ) -> int:
        """Record trades with the peer; return how many are new. All or none."""

    async def trades(self, channel_id: bytes) -> tuple[TradeView, ...]:
        """Return the trades that are not settled."""

    async def request_settlement(self, channel_id: bytes, seconds: int, used: Used) -> Started:
        """Ask the peer to deliver what is owed within `seconds`."""

    async def close_channel(self, channel_id: bytes, used: Used, *, force: bool) -> Started:
        """End a channel: settle and close with the peer, or (force) by a challenge."""

    async def disconnect(self, peer: Address, used: Used) -> None:
        """Drop the stream to a peer and do not dial it again until AddPeer."""

    async def deposit(self, channel_id: bytes, asset: AssetId, amount_raw: int, used: Used) -> str:
        """Pay into a channel, or (empty id) into our ledger; return the last intent's key."""

    async def withdraw(
        self, channel_id: bytes, asset: AssetId, amount_raw: int, to: Address | None, used: Used
    ) -> str:
        """Take out of a channel (a RESIZE), or (empty id) out of our ledger; return the key."""

    async def stake(self, amount_raw: int, used: Used) -> str:
        """Stake YELLOW and name our signer if it is not named; return the last intent's key."""

    async def transaction(self, key: str) -> IntentStatus:
        """Return how far a transaction is. Raises UnknownError."""

    def events(self, after: int) -> AsyncIterator[OperatorEvent]:
        """Yield the events with a cursor above `after`, then new ones as they come."""

    async def export_states(self, channel_id: bytes | None) -> bytes:
        """Return the latest co-signed states for a watchtower, encrypted to its key."""

    async def first_result(self, used: Used) -> bytes | None:
        """Return what the first call under this idempotency key returned, None for none.

        A call that is repeated may be refused before the store is asked: what it wants is there.
        """

    async def status(self) -> StatusView:
        """Return how the daemon is."""
