"""Answer the calls that change something: each in an envelope, each handed to the desk once."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from clearing.clearport.api import requests, results
from clearing.clearport.api.acts import Acts
from clearing.clearport.api.auth import Gate, Session
from clearing.clearport.api.envelope import open_envelope
from clearing.clearport.api.interceptor import current_session
from clearing.clearport.api.replies import peer_reply
from clearing.clearport.api.text import (
    hex_text,
    parse_address,
    parse_id,
    parse_request_id,
    parse_token,
)
from clearing.clearport.desk import Desk, PeerView, Started
from clearing.clearport.errors import ClearportError, RefusedError, RepeatedError, UnknownError
from clearing.clearport.ports import Used
from clearing.client.terms import Token
from clearing.operator.v1 import operator_pb2 as pb
from clearing.operator.v1 import operator_pb2_grpc as rpc
from clearing.spec.assets import asset_id
from clearing.spec.units import Address

__all__ = ["Calls"]

YELLOW: Final = Token(asset_id("YELLOW"), Address(bytes(20)), 18)
"""What is staked; the address does not matter here."""
SETTLE: Final = "settle"

T = TypeVar("T", PeerView, Started, int, str, None)


class Calls(rpc.OperatorServicer):
    """The half of the service that takes envelopes."""

    def __init__(self, desk: Desk, gate: Gate, acts: Acts) -> None:
        self._desk = desk
        self._gate = gate
        self._acts = acts

    # PEERS

    async def AddPeer(self, request: pb.Envelope, _context: object) -> pb.Peer:  # noqa: N802
        """Take a peer's record up."""
        session, used = self._open(request, "AddPeer")
        session.require_channel(b"")
        body = requests.body_of(pb.AddPeerRequest, request.body)
        act = self._desk.add_peer(body.record, used)
        return peer_reply(await self._act(used, act, PeerView))

    async def Disconnect(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.DisconnectResponse:
        """Drop the stream to a peer."""
        session, used = self._open(request, "Disconnect")
        session.require_channel(b"")
        body = requests.body_of(pb.PeerRef, request.body)
        peer = parse_address(body.broker, "broker")
        await self._act(used, self._desk.disconnect(peer, used), type(None))
        return pb.DisconnectResponse()

    # CHANNELS

    async def OpenChannel(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.ChannelReply:
        """Ask a peer for a channel."""
        session, used = self._open(request, "OpenChannel")
        session.require_channel(b"")
        body = requests.body_of(pb.OpenChannelRequest, request.body)
        order = requests.order_of(body, self._desk.collateral())
        return _channel(await self._act(used, self._desk.open_channel(order, used), Started))

    async def AcceptChannel(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.ChannelReply:
        """Say yes to what a peer asks, but for a settlement."""
        return _channel(await self._accept(request, "AcceptChannel", is_settlement=False))

    async def RejectChannel(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.ChannelReply:
        """Say no to what a peer asks, but for a settlement."""
        return _channel(await self._reject(request, "RejectChannel", is_settlement=False))

    async def CloseChannel(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.ChannelReply:
        """End a channel."""
        session, used = self._open(request, "CloseChannel")
        body = requests.body_of(pb.CloseChannelRequest, request.body)
        channel_id = _channel_of(body.channel_id, session)
        act = self._desk.close_channel(channel_id, used, force=body.force)
        return _channel(await self._act(used, act, Started))

    # TRADES AND SETTLEMENT

    async def RecordTrade(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.RecordTradesResponse:
        """Record one trade."""
        return await self._record(request, "RecordTrade", most=1)

    async def RecordTrades(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.RecordTradesResponse:
        """Record trades, all or none."""
        return await self._record(request, "RecordTrades", most=requests.MOST_TRADES)

    async def _record(
        self, envelope: pb.Envelope, method: str, most: int
    ) -> pb.RecordTradesResponse:
        session, used = self._open(envelope, method)
        body = requests.body_of(pb.RecordTradesRequest, envelope.body)
        channel_id = _channel_of(body.channel_id, session)
        if len(body.trades) > most:
            problem = f"are {len(body.trades):,}"
            raise RefusedError(problem, f"give at most {most:,}", field="trades")
        side = self._desk.side_of(channel_id)
        trades = requests.trades_of(body, side, self._desk.deliverable())
        act = self._desk.record_trades(channel_id, trades, used)
        return pb.RecordTradesResponse(recorded=await self._act(used, act, int))

    async def RequestSettlement(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.RequestReply:
        """Ask the peer to deliver what is owed."""
        session, used = self._open(request, "RequestSettlement")
        body = requests.body_of(pb.RequestSettlementRequest, request.body)
        channel_id = _channel_of(body.channel_id, session)
        if not body.seconds:
            raise RefusedError("is zero", "say how long both sides have", field="seconds")
        act = self._desk.request_settlement(channel_id, body.seconds, used)
        return _request(await self._act(used, act, Started))

    async def AcceptSettlement(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.RequestReply:
        """Say yes to a settlement."""
        return _request(await self._accept(request, "AcceptSettlement", is_settlement=True))

    async def RejectSettlement(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.RequestReply:
        """Say no to a settlement."""
        return _request(await self._reject(request, "RejectSettlement", is_settlement=True))

    # MONEY

    async def DepositCollateral(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.TransactionReply:
        """Pay into a channel or our ledger."""
        session, used = self._open(request, "DepositCollateral")
        body = requests.body_of(pb.MoveCollateralRequest, request.body)
        channel_id = _optional_channel_of(body.channel_id, session)
        token = self._token(body.asset, channel_id)
        raw = requests.parse_positive(body.amount, token, "amount")
        act = self._desk.deposit(channel_id, token.asset, raw, used)
        return pb.TransactionReply(key=await self._act(used, act, str))

    async def Withdraw(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.TransactionReply:
        """Take out of a channel or our ledger."""
        session, used = self._open(request, "Withdraw")
        body = requests.body_of(pb.WithdrawRequest, request.body)
        channel_id = _optional_channel_of(body.channel_id, session)
        token = self._token(body.asset, channel_id)
        raw = requests.parse_positive(body.amount, token, "amount")
        to = parse_address(body.to, "to") if body.to else None
        act = self._desk.withdraw(channel_id, token.asset, raw, to, used)
        return pb.TransactionReply(key=await self._act(used, act, str))

    async def Stake(  # noqa: N802
        self, request: pb.Envelope, _context: object
    ) -> pb.TransactionReply:
        """Stake YELLOW."""
        session, used = self._open(request, "Stake")
        session.require_channel(b"")
        body = requests.body_of(pb.StakeRequest, request.body)
        raw = requests.parse_positive(body.amount, YELLOW, "amount")
        return pb.TransactionReply(key=await self._act(used, self._desk.stake(raw, used), str))

    def _token(self, asset: str, channel_id: bytes) -> Token:
        """Return a token by name: a channel holds collateral, our ledger all that is traded too."""
        known = self._desk.collateral()
        return parse_token(
            asset, known if channel_id else (*self._desk.deliverable(), *known), "asset"
        )

    # BOTH

    def _open(self, envelope: pb.Envelope, method: str) -> tuple[Session, Used]:
        session = current_session()
        return session, open_envelope(envelope, method, session, self._gate)

    async def _act(self, used: Used, act: Coroutine[Any, Any, T], kind: type[T]) -> T:
        """Return what the desk returns, or has returned to the first call with this key."""
        try:
            return await self._acts.run(act)
        except RepeatedError as repeated:
            return results.first_result(used, repeated.result, kind)
        except ClearportError:
            stored = await self._desk.first_result(used) if used.idempotency_key else None
            if stored is None:
                raise
            return results.first_result(used, stored, kind)

    async def _accept(self, envelope: pb.Envelope, method: str, *, is_settlement: bool) -> Started:
        session, used = self._open(envelope, method)
        body = requests.body_of(pb.RequestRef, envelope.body)
        channel_id = _channel_of(body.channel_id, session)
        request_id = parse_request_id(body.request_id, "request_id")
        await self._require_kind(channel_id, request_id, used, is_settlement=is_settlement)
        act = self._desk.accept(channel_id, request_id, used, is_settlement=is_settlement)
        await self._act(used, act, type(None))
        return Started(channel_id, request_id)

    async def _reject(self, envelope: pb.Envelope, method: str, *, is_settlement: bool) -> Started:
        session, used = self._open(envelope, method)
        body = requests.body_of(pb.RejectRequest, envelope.body)
        channel_id = _channel_of(body.channel_id, session)
        request_id = parse_request_id(body.request_id, "request_id")
        reason = requests.reason_of(body.reason)
        await self._require_kind(channel_id, request_id, used, is_settlement=is_settlement)
        act = self._desk.reject(channel_id, request_id, reason, used, is_settlement=is_settlement)
        await self._act(used, act, type(None))
        return Started(channel_id, request_id)

    async def _require_kind(
        self, channel_id: bytes, request_id: bytes, used: Used, *, is_settlement: bool
    ) -> None:
        """Refuse to answer by a call that takes another scope than the request's kind.

        A request that is not there any more may have been answered by the first call with this
        idempotency key, which the desk knows.
        """
        for view in await self._desk.channels():
            for known in view.requests if view.channel_id == channel_id else ():
                if known.request_id == request_id:
                    _require_same(known.kind, is_settlement=is_settlement)
                    return
        if not used.idempotency_key:
            raise UnknownError("no such request", "list the channels", field="request_id")


def _require_same(kind: str, *, is_settlement: bool) -> None:
    is_settle = kind.lower().removesuffix("wish") == SETTLE
    if is_settle != is_settlement:
        call = "…Settlement" if is_settle else "…Channel"
        raise RefusedError(f"asks to {kind}", f"answer it by {call}", field="request_id")


def _channel_of(text: str, session: Session) -> bytes:
    channel_id = parse_id(text, "channel_id")
    session.require_channel(channel_id)
    return channel_id


def _optional_channel_of(text: str, session: Session) -> bytes:
    channel_id = requests.optional_id(text, "channel_id")
    session.require_channel(channel_id)
    return channel_id


def _channel(started: Started) -> pb.ChannelReply:
    return pb.ChannelReply(
        channel_id=hex_text(started.channel_id), request_id=hex_text(started.request_id)
    )


def _request(started: Started) -> pb.RequestReply:
    return pb.RequestReply(request_id=hex_text(started.request_id))
