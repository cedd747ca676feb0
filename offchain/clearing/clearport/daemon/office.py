"""Hold what the desk's parts share, and the small questions they all ask."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from clearing.clearport.api.results import Result, completed
from clearing.clearport.core.channel import Phase, Wait
from clearing.clearport.core.effects import Effect, Notify
from clearing.clearport.core.messages import SettleWish, Wish
from clearing.clearport.core.notices import Kind
from clearing.clearport.daemon.bell import Bell
from clearing.clearport.daemon.exports import Exporter
from clearing.clearport.daemon.funding import Funding
from clearing.clearport.daemon.house import House
from clearing.clearport.daemon.inbox import Consume
from clearing.clearport.daemon.lane import Lane
from clearing.clearport.daemon.lanes import Lanes
from clearing.clearport.desk import PeerView
from clearing.clearport.errors import RefusedError, UnavailableError, UnknownError
from clearing.clearport.ports import Intent, Outbox, Record, Store, Used
from clearing.client.terms import Market, Token
from clearing.spec.assets import AssetId, symbol_of
from clearing.spec.units import Address

__all__ = ["Chain", "Office", "PeerBook", "consumed", "request_id", "while_wanted", "wish_of_kind"]

REQUEST_ID_BYTES: Final = 16
MINED_S: Final = 30.0
"""How long a call waits for a transaction: callers give up after 40 seconds."""
MINED_POLL_S: Final = 0.2
NOBODY: Final = Address(bytes(20))


class PeerBook(Protocol):
    """The peers that we know, and their streams."""

    async def add(self, record_json: str, used: Used) -> PeerView:
        """Take a record up, durable together with what the call consumes."""

    async def views(self) -> tuple[PeerView, ...]:
        """Return every known peer."""

    async def disconnect(self, peer: Address, used: Used) -> None:
        """Drop a peer's stream until its record is added again. Raises UnknownError."""


class Chain(Protocol):
    """How the node is, as the watcher sees it."""

    @property
    def block_number(self) -> int:
        """The block read last."""

    @property
    def block_time(self) -> int:
        """Its time, Unix seconds; 0 before the first."""

    @property
    def lag_s(self) -> float:
        """For how long the node has not shown us its head."""


@dataclass
class Office:
    """What a desk works with. `stopping` is set once nothing new is begun."""

    daemon_id: str
    house: House
    lanes: Lanes
    store: Store
    outbox: Outbox
    funding: Funding
    book: PeerBook
    chain: Chain
    signer_of: Callable[[Address], Awaitable[Address | None]]
    news: Bell
    offer_s: int
    trades_waiting: int
    exporter: Exporter | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    clock: Callable[[], float] = time.time
    last_market: Market | None = None
    _seq: int = 0

    def now(self) -> int:
        """Return the time that offers are dated by: the chain's if it is ahead of ours."""
        return max(int(self.clock()), self.chain.block_time)

    def next_seq(self) -> int:
        """Return the number of the next margin view."""
        self._seq += 1
        return self._seq

    def lane(self, channel_id: bytes) -> Lane:
        """Return a channel's lane. Raises UnknownError, UnavailableError."""
        self.require_open()
        return self.lanes.find(channel_id)

    def require_open(self) -> None:
        """Refuse what comes while the daemon stops. Raises UnavailableError."""
        if self.stopping.is_set():
            raise UnavailableError("the daemon is stopping", "ask again once it runs")

    def market(self) -> tuple[Market, bool]:
        """Return the latest market, and whether it is stale. Raises UnavailableError."""
        fresh = self.lanes.market
        if fresh is not None:
            self.last_market = fresh
        if self.last_market is None:
            fix = "check the price source: clearing clearport check"
            raise UnavailableError("no prices have been seen", fix, field="prices")
        return self.last_market, fresh is None

    async def require_signer(self, peer: Address) -> Address:
        """Return the signer that the registry names. Raises RefusedError if it names none."""
        signer = await self.signer_of(peer)
        if signer is None or signer == NOBODY:
            problem = f"0x{peer.hex()} is not registered, or names no signer"
            raise RefusedError(problem, "have it stake and name its signer", field="peer")
        return signer

    async def mined(self, intents: tuple[Intent, ...]) -> None:
        """Have transactions sent and wait until all are mined.

        Raises RefusedError if one is refused, UnavailableError if they take long.
        """
        for intent in intents:
            if await self.store.intent(intent.key) is None:
                await self.store.commit(Record(intents=(intent,)))
        self.outbox.wake()
        give_up_s = time.monotonic() + MINED_S
        for intent in intents:
            while not await self._is_mined(intent.key):
                if time.monotonic() > give_up_s:
                    fix = "ask again in a while"
                    raise UnavailableError(f"{intent.what} is not mined yet", fix)
                await asyncio.sleep(MINED_POLL_S)

    async def _is_mined(self, key: str) -> bool:
        found = await self.store.intent(key)
        status = None if found is None else found[1]
        if status is not None and status.state in {"refused", "lost"}:
            raise RefusedError(f"{status.what}: {status.reason}", "see the account")
        return status is not None and status.state in {"mined", "final"}

    def token(self, asset: AssetId) -> Token:
        """Return the token of an asset that is collateral or deliverable. Raises UnknownError."""
        for token in (*self.house.collateral, *self.house.deliverable.values()):
            if token.asset == asset:
                return token
        raise UnknownError(f"{symbol_of(asset)} is no asset here", field="asset")


def request_id() -> bytes:
    """Return a fresh request's id."""
    return secrets.token_bytes(REQUEST_ID_BYTES)


def consumed(used: Used, result: Result) -> Consume:
    """Return what a lane consumes for a call whose result is known beforehand.

    A call that the core says cannot be is refused, and consumes nothing.
    """
    whole = completed(used, result)

    def consume(_before: Phase, effects: tuple[Effect, ...]) -> Used:
        for effect in effects:
            if isinstance(effect, Notify) and effect.kind == Kind.REQUEST_FAILED:
                fields = dict(effect.fields)
                if "is_retried" not in fields:
                    raise RefusedError(fields.get("why", "cannot be"), "see the channel")
        return whole

    return consume


def wish_of_kind(phase: Phase, wanted: bytes, *, is_settlement: bool) -> Wish:
    """Return what the peer asks our operator for. Raises RefusedError for another kind.

    Who may settle may not open or withdraw: the caller's scope is for one kind alone.
    """
    wish = asked_of_us(phase, wanted).request.wish
    if isinstance(wish, SettleWish) is not is_settlement:
        call = "…Channel" if is_settlement else "…Settlement"
        problem = f"asks for {type(wish).__name__.removesuffix('Wish')}"
        raise RefusedError(problem, f"answer it by {call}", field="request_id")
    return wish


def while_wanted(wanted: bytes, wish: Wish, consume: Consume) -> Consume:
    """Return what a lane consumes for an answer to exactly this wish.

    An id may be free again and be asked with by the peer for another wish before the answer is
    taken. Raises RefusedError then.
    """

    def consume_if_same(before: Phase, effects: tuple[Effect, ...]) -> Used:
        if asked_of_us(before, wanted).request.wish != wish:
            fix = "look at the request again, then answer it"
            raise RefusedError("asks for something else by now", fix, field="request_id")
        return consume(before, effects)

    return consume_if_same


def asked_of_us(phase: Phase, wanted: bytes) -> Wait:
    """Return the peer's request that waits for our operator. Raises UnknownError."""
    for wait in phase.line.waits:
        if wait.request.request_id == wanted and not wait.is_ours:
            return wait
    raise UnknownError(
        "no such request of the peer", "see the channel's requests", field="request_id"
    )
