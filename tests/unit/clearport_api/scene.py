"""A real server on a free loopback port over a desk in memory, and raw calls to it."""

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from clearing.channel.signatures import LocalSigner
from clearing.clearport.api.auth import Gate
from clearing.clearport.api.keys import OperatorKey, Scope, Whitelist
from clearing.clearport.api.scopes import SCOPES
from clearing.clearport.api.server import Listen, Server, serve
from clearing.clearport.api.text import address_text
from clearing.clearport.api.typed import Domain
from clearing.operator.v1 import operator_pb2 as pb
from clearing.operator.v1 import operator_pb2_grpc as rpc
from tests.harness.fake_desk import CHAIN_ID, CHANNEL, DAEMON_ID, PEER, SETTLE_REQUEST, FakeDesk
from tests.harness.fake_desk import OPEN_REQUEST as OPENING

NOW = 1_700_000_000
ALL = frozenset(Scope)
OPERATOR = LocalSigner(bytes([0x11]) * 32)
TRADER = LocalSigner(bytes([0x12]) * 32)
STRANGER = LocalSigner(bytes([0x13]) * 32)
PATIENCE_S = 10

_channel = "0x" + CHANNEL.hex()
_trade = pb.Trade(
    trade_id="t-1", is_sale=True, base="ETH", quantity="1.5", quote="USDT", quote_amount="3000"
)

REQUESTS: dict[str, Any] = {
    "GetChallenge": pb.GetChallengeRequest(address=address_text(OPERATOR.address)),
    "AddPeer": pb.AddPeerRequest(record='{"broker": "0x…"}'),
    "ListPeers": pb.ListPeersRequest(),
    "OpenChannel": pb.OpenChannelRequest(
        peer=address_text(PEER),
        own=[pb.Amount(asset="USDT", amount="1000.5"), pb.Amount(asset="WETH", amount="2")],
        theirs=[pb.Amount(asset="USDT", amount="500")],
        challenge_duration=86_400,
        nonce=3,
    ),
    "AcceptChannel": pb.RequestRef(channel_id=_channel, request_id="0x" + OPENING.hex()),
    "RejectChannel": pb.RejectRequest(
        channel_id=_channel, request_id="0x" + OPENING.hex(), reason="too small"
    ),
    "ListChannels": pb.ListChannelsRequest(),
    "GetMarginBalance": pb.ChannelRef(channel_id=_channel),
    "SubscribeMargin": pb.ChannelRef(channel_id=_channel),
    "GetPositions": pb.ChannelRef(channel_id=_channel),
    "GetRisk": pb.ChannelRef(channel_id=_channel),
    "RecordTrade": pb.RecordTradesRequest(channel_id=_channel, trades=[_trade]),
    "RecordTrades": pb.RecordTradesRequest(
        channel_id=_channel,
        trades=[
            _trade,
            pb.Trade(
                trade_id="t-2",
                base="BTC",
                quantity="0.25",
                quote="USDT",
                quote_amount="7500.000001",
            ),
        ],
    ),
    "ListTrades": pb.ListTradesRequest(channel_id=_channel),
    "RequestSettlement": pb.RequestSettlementRequest(channel_id=_channel, seconds=3_600),
    "AcceptSettlement": pb.RequestRef(channel_id=_channel, request_id="0x" + SETTLE_REQUEST.hex()),
    "RejectSettlement": pb.RejectRequest(
        channel_id=_channel, request_id="0x" + SETTLE_REQUEST.hex(), reason="not now"
    ),
    "CloseChannel": pb.CloseChannelRequest(channel_id=_channel),
    "Disconnect": pb.PeerRef(broker=address_text(PEER)),
    "DepositCollateral": pb.MoveCollateralRequest(channel_id=_channel, asset="USDT", amount="1.5"),
    "Withdraw": pb.WithdrawRequest(
        channel_id="", asset="ETH", amount="0.1", to=address_text(OPERATOR.address)
    ),
    "Stake": pb.StakeRequest(amount="250000"),
    "GetTransaction": pb.TransactionRef(key=f"{CHANNEL.hex()}:1:deposit:0"),
    "SubscribeEvents": pb.SubscribeEventsRequest(after=0),
    "ExportStates": pb.ExportStatesRequest(channel_id=_channel),
    "GetStatus": pb.GetStatusRequest(),
}
"""A good request of each method but Login, whose good request depends on a challenge."""

OPERATOR_METHODS = pb.DESCRIPTOR.services_by_name["Operator"].methods
ENVELOPED = [m.name for m in OPERATOR_METHODS if m.input_type.name == "Envelope"]
GUARDED = [m.name for m in OPERATOR_METHODS if m.name not in ("GetChallenge", "Login")]


class Clock:
    """Stands still until it is moved."""

    def __init__(self, at: int = NOW):
        self.at = at

    def now(self):
        return self.at


class Log:
    """Keeps what was logged."""

    def __init__(self):
        self.events = []

    def error(self, event, **fields):
        self.events.append((event, fields))


@dataclass
class Scene:
    """A server and one raw client."""

    desk: FakeDesk
    gate: Gate
    clock: Clock
    server: Server
    stub: Any
    log: Log
    tokens: dict[bytes, str] = field(default_factory=dict)

    @property
    def whitelist(self) -> Whitelist:
        return self.gate.whitelist

    def bearer(self, token: str):
        return (("authorization", f"Bearer {token}"),)

    async def login(self, signer=OPERATOR) -> str:
        """Log in and forget what the desk was asked for it."""
        address = address_text(signer.address)
        asked = await self.stub.GetChallenge(pb.GetChallengeRequest(address=address))
        digest = Domain(asked.daemon_id, asked.chain_id).login_digest(
            signer.address, asked.challenge, asked.expiry
        )
        reply = await self.stub.Login(
            pb.LoginRequest(
                address=address,
                challenge=asked.challenge,
                signature=signer.sign(digest).expanded(),
            )
        )
        self.desk.calls.clear()
        return reply.token

    def seal(self, method, signer=OPERATOR, body=None, **changes):
        """Return the envelope of a method's good request; `changes` are of the envelope."""
        body = REQUESTS[method].SerializeToString() if body is None else body
        nonce = changes.pop("signed_nonce", None) or secrets.token_bytes(32)
        expiry = changes.pop("expiry", self.clock.at + 30)
        digest = self.gate.domain.call_digest(method, body, nonce, expiry)
        sealed = {
            "body": body,
            "nonce": nonce,
            "expiry": expiry,
            "signature": signer.sign(digest).expanded(),
        }
        return pb.Envelope(**{**sealed, **changes})

    async def call(self, method, token=None, signer=OPERATOR, request=None, patience=PATIENCE_S):
        """Make a method's good call and return its first reply."""
        if request is None:
            request = self.seal(method, signer) if method in ENVELOPED else REQUESTS[method]
        metadata = () if token is None else self.bearer(token)
        call = getattr(self.stub, method)(request, metadata=metadata, timeout=patience)
        if isinstance(call, grpc.aio.UnaryStreamCall):
            try:
                return await call.read()
            finally:
                call.cancel()
        return await call

    async def act(self, method, request, token, **changes):
        """Make an enveloped call of a request."""
        envelope = self.seal(method, body=request.SerializeToString(), **changes)
        return await self.call(method, token, request=envelope)


def keys(**changes) -> list[OperatorKey]:
    """Return the list of operators; `changes` are of the first."""
    fields = {"address": OPERATOR.address, "name": "desk", "scopes": ALL, **changes}
    return [
        OperatorKey(**fields),
        OperatorKey(TRADER.address, "trader", frozenset({Scope.TRADE})),
    ]


@asynccontextmanager
async def running(listen=None, operators=None, clock=None, **gate_options):
    """Yield a scene in which an event has happened already."""
    desk, clock, log = FakeDesk(), clock or Clock(), Log()
    await desk.happen("opened", version="1")
    whitelist = Whitelist(keys() if operators is None else operators)
    gate = Gate(Domain(DAEMON_ID, CHAIN_ID), whitelist, clock=clock, **gate_options)
    server = await serve(desk, gate, listen or Listen(), log)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield Scene(desk, gate, clock, server, rpc.OperatorStub(channel), log)
    finally:
        await server.stop()


async def until(is_so):
    """Wait until something is so, within a few seconds."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


def scope_set(method):
    """Return the scopes without the one that a method takes."""
    return ALL - {SCOPES[method]}
