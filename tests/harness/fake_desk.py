"""A daemon in memory: it holds one channel, records every call, and consumes nonces like a store.

`calls` lists (method, arguments) in the order in which they took effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from clearing.clearport.api.results import Result, completed
from clearing.clearport.core.messages import ReportedTrade
from clearing.clearport.desk import (
    ChannelView,
    MarginView,
    OpenOrder,
    PeerView,
    RequestView,
    Started,
    StatusView,
    TradeView,
)
from clearing.clearport.errors import RepeatedError, ReplayedError, UnknownError
from clearing.clearport.ports import IntentStatus, OperatorEvent, Used
from clearing.client.terms import Token
from clearing.spec.assets import AssetId, asset_id
from clearing.spec.liabilities import Liabilities, Trade
from clearing.spec.risk import FactorTable, PriceSet, RiskReport, risk_of
from clearing.spec.types import Side
from clearing.spec.units import WAD, Address

__all__ = [
    "BROKER",
    "BTC",
    "CHAIN_ID",
    "CHANNEL",
    "DAEMON_ID",
    "ETH",
    "NEXT_REQUEST",
    "OPEN_REQUEST",
    "OTHER_CHANNEL",
    "OTHER_PEER",
    "PEER",
    "SETTLE_REQUEST",
    "SIGNER",
    "USDT",
    "WETH",
    "FakeDesk",
]

DAEMON_ID = "clearport-test"
CHAIN_ID = 31_337
CHANNEL = bytes([0xC1]) * 32
OTHER_CHANNEL = bytes([0xC2]) * 32
OPEN_REQUEST = bytes([0xA0]) * 16
SETTLE_REQUEST = bytes([0xA1]) * 16
NEXT_REQUEST = bytes([0xA2]) * 16
BROKER = Address(bytes([0xB0]) * 20)
PEER = Address(bytes([0xB1]) * 20)
OTHER_PEER = Address(bytes([0xB2]) * 20)
SIGNER = Address(bytes([0xB3]) * 20)

USDT = Token(asset_id("USDT"), Address(bytes([1]) * 20), 6)
WETH = Token(asset_id("WETH"), Address(bytes([2]) * 20), 18)
ETH = Token(asset_id("ETH"), Address(bytes([2]) * 20), 18)
BTC = Token(asset_id("BTC"), Address(bytes([3]) * 20), 8)


@dataclass
class FakeDesk:
    """One open channel of which we are HIGH, with a settlement and an opening asked by the peer."""

    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    now_events: list[OperatorEvent] = field(default_factory=list)
    failure: BaseException | None = None
    refusal: Exception | None = None
    """What calls that change something raise before anything is consumed."""
    listeners: int = 0
    phase: str = "open"
    alarm: str = ""
    gate: asyncio.Event | None = None
    """If set, calls that change something wait for it."""
    transactions: dict[str, list[str]] = field(default_factory=dict)
    """States that a transaction goes through, one at each look; the last one stays."""

    def __post_init__(self) -> None:
        """Begin with nothing consumed."""
        self._nonces: set[tuple[bytes, bytes]] = set()
        self._results: dict[tuple[bytes, str], bytes] = {}
        self._seq = 0
        self.ticks = 0
        self.came = asyncio.Condition()

    # EFFECTS

    async def _take(self, method: str, used: Used, result: Result, *args: Any) -> None:
        """Consume the call in the commit of its effect, as the store does."""
        failure = self.failure or self.refusal
        if failure is not None:
            raise failure
        if self.gate is not None:
            await self.gate.wait()
        key = (used.subject, used.idempotency_key)
        if used.idempotency_key and key in self._results:
            raise RepeatedError(self._results[key])
        if (used.subject, used.nonce) in self._nonces:
            raise ReplayedError("this nonce is used", "draw another")
        self._nonces.add((used.subject, used.nonce))
        if used.idempotency_key:
            self._results[key] = completed(used, result).result
        self.calls.append((method, args))

    async def first_result(self, used: Used) -> bytes | None:
        """Return what the first call under this key returned."""
        return self._results.get((used.subject, used.idempotency_key))

    def _look(self, method: str, *args: Any) -> None:
        if self.failure is not None:
            raise self.failure
        self.calls.append((method, args))

    def _require(self, channel_id: bytes) -> None:
        if channel_id not in (CHANNEL, OTHER_CHANNEL):
            raise UnknownError("no such channel", "list the channels", field="channel_id")

    # TERMS

    def side_of(self, channel_id: bytes) -> Side:
        """Return HIGH."""
        self._require(channel_id)
        return Side.HIGH

    def collateral(self) -> tuple[Token, ...]:
        """Return two tokens."""
        return (USDT, WETH)

    def deliverable(self) -> tuple[Token, ...]:
        """Return what is traded."""
        return (ETH, BTC, USDT)

    # PEERS

    async def add_peer(self, record_json: str, used: Used) -> PeerView:
        """Take any record for the peer's."""
        view = PeerView(PEER, "peer.example:7001", SIGNER, False, 2_000_000_000, "peer")
        await self._take("add_peer", used, view, record_json)
        return view

    async def peers(self) -> tuple[PeerView, ...]:
        """Return two."""
        self._look("peers")
        return (
            PeerView(PEER, "peer.example:7001", SIGNER, True, 2_000_000_000, "peer"),
            PeerView(OTHER_PEER, "other.example:7001", SIGNER, False, 2_000_000_000, "other"),
        )

    async def disconnect(self, peer: Address, used: Used) -> None:
        """Record it."""
        await self._take("disconnect", used, None, peer)

    # CHANNELS

    async def open_channel(self, order: OpenOrder, used: Used) -> Started:
        """Return ids that nobody could know before: they hold a count."""
        count = bytes([len(self.calls) + 1]) * 32
        started = Started(OTHER_CHANNEL, count)
        await self._take("open_channel", used, started, order)
        return started

    async def accept(
        self, channel_id: bytes, request_id: bytes, used: Used, *, is_settlement: bool
    ) -> None:
        """Record it."""
        await self._take("accept", used, None, channel_id, request_id)

    async def reject(
        self, channel_id: bytes, request_id: bytes, reason: str, used: Used, *, is_settlement: bool
    ) -> None:
        """Record it."""
        await self._take("reject", used, None, channel_id, request_id, reason)

    async def channels(self) -> tuple[ChannelView, ...]:
        """Return two channels; the first has two requests of the peer's."""
        self._look("channels")
        requests = (
            RequestView(SETTLE_REQUEST, "settle", False, False, "until 1,700,000,000"),
            RequestView(OPEN_REQUEST, "open", False, False, "1,000 USDT"),
        )
        return (
            self._channel(CHANNEL, PEER, requests),
            self._channel(OTHER_CHANNEL, OTHER_PEER, ()),
        )

    def _channel(
        self, channel_id: bytes, peer: Address, requests: tuple[RequestView, ...]
    ) -> ChannelView:
        return ChannelView(
            channel_id=channel_id,
            peer=peer,
            side=Side.HIGH,
            phase=self.phase,
            epoch=1,
            version=7,
            enforced_version=1,
            balances_raw=((USDT, 1_500_000, 2_000_001), (WETH, 5 * 10**17, 0)),
            requests=requests,
            alarm=self.alarm,
            is_connected=True,
        )

    async def margin(self, channel_id: bytes) -> MarginView:
        """Return figures whose seq rises."""
        self._look("margin", channel_id)
        self._require(channel_id)
        self._seq += 1
        return MarginView(
            channel_id=channel_id,
            seq=self._seq,
            collateral_wad=1_000 * WAD,
            peer_collateral_wad=2_000 * WAD,
            risk_wad=300 * WAD,
            used_wad=250 * WAD + 1,
            available_wad=750 * WAD - 1,
            price_set=bytes([9]) * 32,
            settlement="none",
            as_of=1_700_000_000,
            version=7,
            is_stale=False,
        )

    async def margins(self, channel_id: bytes) -> AsyncIterator[MarginView]:
        """Yield a view at once, then one for each tick."""
        self.listeners += 1
        try:
            while True:
                seen = self.ticks
                yield await self.margin(channel_id)
                async with self.came:
                    while self.ticks == seen:
                        await self.came.wait()
        finally:
            self.listeners -= 1

    async def risk(self, channel_id: bytes) -> RiskReport:
        """Return the risk of owing 2 ETH and being owed 0.1 BTC."""
        self._look("risk", channel_id)
        owed = Liabilities.of({ETH.asset: -2 * WAD, BTC.asset: WAD // 10})
        prices = PriceSet.of({ETH.asset: 2_000 * WAD, BTC.asset: 30_000 * WAD})
        factors = FactorTable.of({ETH.asset: WAD // 10, BTC.asset: WAD // 20})
        return risk_of(owed, prices, factors)

    async def positions(self, channel_id: bytes) -> tuple[tuple[AssetId, int, int | None], ...]:
        """Return what is owed; one asset has no price."""
        self._look("positions", channel_id)
        return (
            (ETH.asset, 2 * WAD, 2_000 * WAD),
            (BTC.asset, -(WAD // 10), 30_000 * WAD),
            (USDT.asset, 1, None),
        )

    # TRADES

    async def record_trades(
        self, channel_id: bytes, trades: tuple[ReportedTrade, ...], used: Used
    ) -> int:
        """Say that all are new."""
        await self._take("record_trades", used, len(trades), channel_id, trades)
        return len(trades)

    async def trades(self, channel_id: bytes) -> tuple[TradeView, ...]:
        """Return a sale of ours that is booked, and one of the peer's."""
        self._look("trades", channel_id)
        ours = Trade(Side.HIGH, ETH.asset, 3 * WAD // 2, USDT.asset, 3_000 * WAD)
        theirs = Trade(Side.LOW, BTC.asset, WAD // 100, USDT.asset, 300 * WAD)
        return (
            TradeView(ReportedTrade("t-1", ours), "booked", 7),
            TradeView(ReportedTrade("t-2", theirs), "reported", 0),
        )

    async def request_settlement(self, channel_id: bytes, seconds: int, used: Used) -> Started:
        """Begin one."""
        started = Started(channel_id, NEXT_REQUEST)
        await self._take("request_settlement", used, started, channel_id, seconds)
        return started

    async def close_channel(self, channel_id: bytes, used: Used, *, force: bool) -> Started:
        """Begin it; a forced close asks nobody."""
        started = Started(channel_id, b"" if force else NEXT_REQUEST)
        await self._take("close_channel", used, started, channel_id, force)
        return started

    # MONEY

    async def deposit(self, channel_id: bytes, asset: AssetId, amount_raw: int, used: Used) -> str:
        """Return a key that says what for."""
        key = f"{channel_id.hex()}:1:deposit:{len(self.calls)}"
        await self._take("deposit", used, key, channel_id, asset, amount_raw)
        return key

    async def withdraw(
        self, channel_id: bytes, asset: AssetId, amount_raw: int, to: Address | None, used: Used
    ) -> str:
        """Return a key that says what for."""
        key = f"{channel_id.hex()}:1:withdraw:{len(self.calls)}"
        await self._take("withdraw", used, key, channel_id, asset, amount_raw, to)
        return key

    async def stake(self, amount_raw: int, used: Used) -> str:
        """Return a key."""
        await self._take("stake", used, "stake:1", amount_raw)
        return "stake:1"

    async def transaction(self, key: str) -> IntentStatus:
        """Return the next state of a known transaction."""
        self._look("transaction", key)
        if key == "nothing":
            raise UnknownError("no such transaction", "give the key that was returned", field="key")
        states = self.transactions.get(key, ["final"])
        state = states.pop(0) if len(states) > 1 else states[0]
        is_mined = state in ("mined", "final")
        return IntentStatus(
            key=key,
            what="deposit 1.5 USDT",
            state=state,
            nonce=4,
            hashes=(bytes(32), bytes([0xDD]) * 32),
            block_number=12 if is_mined else None,
            reason="the purse is empty" if state == "refused" else "",
        )

    # DAEMON

    async def events(self, after: int) -> AsyncIterator[OperatorEvent]:
        """Yield what is above the cursor, then what comes."""
        self._look("events", after)
        self.listeners += 1
        try:
            while True:
                for event in tuple(self.now_events):
                    if event.cursor > after:
                        after = event.cursor
                        yield event
                async with self.came:
                    while self._last() <= after:
                        await self.came.wait()
        finally:
            self.listeners -= 1

    def _last(self) -> int:
        return self.now_events[-1].cursor if self.now_events else 0

    async def happen(self, kind: str, channel_id: bytes = CHANNEL, **fields: str) -> None:
        """Add an event and wake whoever listens."""
        event = OperatorEvent(
            kind=kind,
            channel_id=channel_id,
            fields=tuple(fields.items()),
            cursor=self._last() + 1,
            at=1_700_000_000,
        )
        self.now_events.append(event)
        await self.tick()

    async def tick(self) -> None:
        """Wake whoever listens."""
        async with self.came:
            self.ticks += 1
            self.came.notify_all()

    async def export_states(self, channel_id: bytes | None) -> bytes:
        """Return bytes that nobody here can read."""
        self._look("export_states", channel_id)
        return b"sealed" + (channel_id or b"all")

    async def status(self) -> StatusView:
        """Return how it is."""
        self._look("status")
        return StatusView(
            daemon_id=DAEMON_ID,
            broker=BROKER,
            signer=SIGNER,
            chain_id=CHAIN_ID,
            block_number=12,
            chain_lag_s=3,
            channels=2,
            peers_connected=1,
        )
