"""Answer what operators ask without changing anything; `calls` has the other half."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Final

from clearing.clearport.api import replies
from clearing.clearport.api.acts import Acts
from clearing.clearport.api.auth import Gate, Session
from clearing.clearport.api.calls import Calls
from clearing.clearport.api.interceptor import current_session
from clearing.clearport.api.keys import MOST_CHANNELS, OperatorKey
from clearing.clearport.api.requests import optional_id
from clearing.clearport.api.streams import Streams
from clearing.clearport.api.text import parse_address, parse_id
from clearing.clearport.desk import ChannelView, Desk
from clearing.clearport.errors import ForbiddenError, RefusedError, UnavailableError
from clearing.operator.v1 import operator_pb2 as pb

__all__ = ["Service"]

LONGEST_KEY: Final = 256

_ID = re.compile(r"[0-9a-fA-F]{64}")


class Service(Calls):
    """Every method of the operator API."""

    def __init__(self, desk: Desk, gate: Gate, acts: Acts, streams: Streams) -> None:
        super().__init__(desk, gate, acts)
        self._streams = streams

    # LOGIN

    async def GetChallenge(  # noqa: N802
        self, request: pb.GetChallengeRequest, _context: object
    ) -> pb.GetChallengeResponse:
        """Return what an operator key signs to log in."""
        challenge, expiry = self._gate.challenge(parse_address(request.address, "address"))
        domain = self._gate.domain
        return pb.GetChallengeResponse(
            challenge=challenge,
            expiry=expiry,
            chain_id=domain.chain_id,
            daemon_id=domain.daemon_id,
        )

    async def Login(  # noqa: N802
        self, request: pb.LoginRequest, _context: object
    ) -> pb.LoginResponse:
        """Return a token for a signed challenge."""
        operator = parse_address(request.address, "address")
        key = self._gate.answer(operator, request.challenge, request.signature)
        margins = await self._margins(key)
        token, expires_at = self._gate.issue(key, margins)
        return pb.LoginResponse(token=token, expires_at=expires_at, scopes=sorted(key.scopes))

    async def _margins(self, key: OperatorKey) -> dict[bytes, int]:
        """Return what is available by channel; a channel without prices or margin is left out."""
        margins: dict[bytes, int] = {}
        try:
            views = await self._desk.channels()
        except UnavailableError:
            return margins
        ids = (v.channel_id for v in views if key.channels is None or v.channel_id in key.channels)
        for channel_id in sorted(ids)[:MOST_CHANNELS]:
            try:
                view = await self._desk.margin(channel_id)
            except (RefusedError, UnavailableError):
                continue
            limit = key.margin_limit_wad
            told = view.available_wad if limit is None else min(view.available_wad, limit)
            margins[channel_id] = told
        return margins

    # CHANNELS

    async def ListPeers(  # noqa: N802
        self, _request: pb.ListPeersRequest, _context: object
    ) -> pb.ListPeersResponse:
        """Return every peer; to a limited key those of its channels."""
        session = current_session()
        peers = await self._desk.peers()
        if session.key.channels is not None:
            known = {view.peer for view in await self._visible(session)}
            peers = tuple(peer for peer in peers if peer.broker in known)
        return pb.ListPeersResponse(peers=map(replies.peer_reply, peers))

    async def ListChannels(  # noqa: N802
        self, _request: pb.ListChannelsRequest, _context: object
    ) -> pb.ListChannelsResponse:
        """Return every channel of the key's."""
        views = await self._visible(current_session())
        return pb.ListChannelsResponse(channels=map(replies.channel_reply, views))

    async def _visible(self, session: Session) -> tuple[ChannelView, ...]:
        views = await self._desk.channels()
        return tuple(view for view in views if session.may_see(view.channel_id))

    async def GetMarginBalance(  # noqa: N802
        self, request: pb.ChannelRef, _context: object
    ) -> pb.MarginBalance:
        """Return the margin now."""
        session = current_session()
        view = await self._desk.margin(_channel_of(request.channel_id, session))
        return replies.margin_reply(view, session.key.margin_limit_wad)

    async def SubscribeMargin(  # noqa: N802
        self, request: pb.ChannelRef, _context: object
    ) -> AsyncIterator[pb.MarginBalance]:
        """Yield the margin on every change and every second."""
        session = current_session()
        source = self._desk.margins(_channel_of(request.channel_id, session))
        async for view in self._streams.guard(session, source):
            yield replies.margin_reply(view, session.key.margin_limit_wad)

    async def GetPositions(  # noqa: N802
        self, request: pb.ChannelRef, _context: object
    ) -> pb.GetPositionsResponse:
        """Return what is owed, by asset."""
        channel_id = _channel_of(request.channel_id, current_session())
        return replies.positions_reply(await self._desk.positions(channel_id))

    async def GetRisk(  # noqa: N802
        self, request: pb.ChannelRef, _context: object
    ) -> pb.GetRiskResponse:
        """Return the risk now, by asset and side."""
        channel_id = _channel_of(request.channel_id, current_session())
        report = await self._desk.risk(channel_id)
        return replies.risk_reply(report, self._desk.side_of(channel_id))

    async def ListTrades(  # noqa: N802
        self, request: pb.ListTradesRequest, _context: object
    ) -> pb.ListTradesResponse:
        """Return the trades that are not settled."""
        channel_id = _channel_of(request.channel_id, current_session())
        side = self._desk.side_of(channel_id)
        trades = await self._desk.trades(channel_id)
        return pb.ListTradesResponse(trades=[replies.trade_reply(view, side) for view in trades])

    # DAEMON

    async def GetTransaction(  # noqa: N802
        self, request: pb.TransactionRef, _context: object
    ) -> pb.Transaction:
        """Return how far a transaction is."""
        if not 0 < len(request.key) <= LONGEST_KEY:
            fix = "give the key that the call returned"
            raise RefusedError("is no key of a transaction", fix, field="key")
        _require_own(request.key, current_session())
        return replies.transaction_reply(await self._desk.transaction(request.key))

    async def SubscribeEvents(  # noqa: N802
        self, request: pb.SubscribeEventsRequest, _context: object
    ) -> AsyncIterator[pb.Event]:
        """Yield the events after a cursor, then new ones."""
        session = current_session()
        async for event in self._streams.guard(session, self._desk.events(request.after)):
            if session.may_see(event.channel_id):
                yield replies.event_reply(event)

    async def ExportStates(  # noqa: N802
        self, request: pb.ExportStatesRequest, _context: object
    ) -> pb.ExportStatesResponse:
        """Return co-signed states for a watchtower, encrypted to it."""
        channel_id = optional_id(request.channel_id, "channel_id")
        current_session().require_channel(channel_id)
        return pb.ExportStatesResponse(states=await self._desk.export_states(channel_id or None))

    async def GetStatus(  # noqa: N802
        self, _request: pb.GetStatusRequest, _context: object
    ) -> pb.GetStatusResponse:
        """Return how the daemon is."""
        return replies.status_reply(await self._desk.status(), version("clearing"))


def _channel_of(text: str, session: Session) -> bytes:
    channel_id = parse_id(text, "channel_id")
    session.require_channel(channel_id)
    return channel_id


def _require_own(key: str, session: Session) -> None:
    """Keep a limited key to its channels' transactions, if the key begins with a channel's id.

    Other keys are drawn at random for whoever asked for the transaction, and known to nobody else.
    """
    owner = key.partition(":")[0].removeprefix("0x")
    if _ID.fullmatch(owner) and not session.may_see(bytes.fromhex(owner)):
        problem = f"the key {session.key.name} is limited to other channels"
        raise ForbiddenError(problem, "call with a key that has this one", field="key")
