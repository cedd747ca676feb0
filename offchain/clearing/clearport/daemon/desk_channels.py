"""Answer operators about channels: open, accept, reject, settle, close, and the trades in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from clearing.clearport.api.results import completed
from clearing.clearport.codec import decode_trade, parse
from clearing.clearport.core.channel import Phase
from clearing.clearport.core.effects import Effect
from clearing.clearport.core.events import Consented, Forced, Recorded, Rejected, Wanted
from clearing.clearport.core.messages import ReportedTrade, SettleWish, Wish
from clearing.clearport.daemon.lane import Lane
from clearing.clearport.daemon.office import (
    Office,
    consumed,
    request_id,
    while_wanted,
    wish_of_kind,
)
from clearing.clearport.daemon.views import channel_view, phase_name, trade_views
from clearing.clearport.desk import ChannelView, OpenOrder, Started, TradeView
from clearing.clearport.errors import RefusedError, UnavailableError
from clearing.clearport.ports import BookedTrade, Intent, Used
from clearing.client import moves
from clearing.peer.v1 import peer_pb2
from clearing.spec.types import AssetSplit, ChannelDef, ClearingState, Side
from clearing.spec.types import Intent as Purpose

__all__ = ["ChannelDesk"]


class ChannelDesk:
    """The part of the desk that is about channels."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._recording: set[tuple[bytes, str]] = set()

    async def open_channel(self, order: OpenOrder, used: Used) -> Started:
        """Ask a peer for a channel; what our side lacks is approved in the same commit."""
        office = self._office
        office.require_open()
        own, theirs = dict(order.own_raw), dict(order.theirs_raw)
        signer = await office.require_signer(order.peer)
        assets = tuple(sorted(own.keys() | theirs.keys()))
        definition = office.house.define(
            order.peer, signer, assets, order.challenge_duration, order.nonce
        )
        line = office.house.line(
            definition, office.house.terms(definition.assets), is_initiator=True
        )
        pairs = ((own.get(t.asset, 0), theirs.get(t.asset, 0)) for t in line.terms.collateral)
        nets = tuple(pair if line.side is Side.LOW else pair[::-1] for pair in pairs)
        wish = moves.Open(nets, office.now() + office.offer_s)
        started = Started(line.channel_id, request_id())
        lane = self._lane_of(line.channel_id)
        intents = await self._funding(definition, wish, line.side, started)
        if lane is None:
            lane = office.lanes.begin(line)
        await lane.ask(Wanted(started.request_id, wish), consumed(used, started), intents)
        return started

    async def accept(
        self, channel_id: bytes, wanted: bytes, used: Used, *, is_settlement: bool
    ) -> None:
        """Say yes to the peer's request; what an opening pulls from us is approved before.

        Raises UnavailableError if the approval takes long: then it goes on, and whoever accepts
        again finds it done. RefusedError if the peer asks for something else under the id by now.
        """
        lane = self._office.lane(channel_id)
        line = lane.phase.line
        wish = wish_of_kind(lane.phase, wanted, is_settlement=is_settlement)
        if isinstance(wish, moves.Open):
            started = Started(channel_id, wanted)
            intents = await self._funding(line.definition, wish, line.side, started)
            await self._office.mined(intents)
        await lane.ask(Consented(wanted), while_wanted(wanted, wish, consumed(used, None)))

    async def reject(
        self, channel_id: bytes, wanted: bytes, reason: str, used: Used, *, is_settlement: bool
    ) -> None:
        """Say no to the peer's request."""
        lane = self._office.lane(channel_id)
        wish = wish_of_kind(lane.phase, wanted, is_settlement=is_settlement)
        consume = while_wanted(wanted, wish, consumed(used, None))
        await lane.ask(Rejected(wanted, reason), consume)

    async def channels(self) -> tuple[ChannelView, ...]:
        """Return every channel."""
        return tuple(channel_view(lane.phase, lane.halted) for lane in self._office.lanes)

    async def request_settlement(self, channel_id: bytes, seconds: int, used: Used) -> Started:
        """Ask the peer to deliver what is owed within `seconds`."""
        return await self._want(channel_id, SettleWish(self._office.now() + seconds), used)

    async def close_channel(self, channel_id: bytes, used: Used, *, force: bool) -> Started:
        """End a channel: settle and close with the peer, or (force) by a challenge."""
        office = self._office
        if not force:
            wish = moves.Close(office.now() + office.offer_s)
            return await self._want(channel_id, wish, used)
        started = Started(channel_id, request_id())
        await office.lane(channel_id).ask(Forced(), consumed(used, started))
        return started

    async def record_trades(
        self, channel_id: bytes, trades: tuple[ReportedTrade, ...], used: Used
    ) -> int:
        """Record trades with the peer; return how many are new. All or none."""
        lane = self._office.lane(channel_id)
        ids = frozenset(each.trade_id for each in trades)
        with self._alone(channel_id, ids):
            waiting = _waiting(lane.phase, ids)
            await self._require_unbooked(channel_id, trades)
            counted = 0

            def consume(before: Phase, _effects: tuple[Effect, ...]) -> Used:
                nonlocal counted
                _require_none(waiting - _waiting(before, ids))  # booked since the store was asked
                counted = self._new_trades(before, trades)
                return completed(used, counted)

            await lane.ask(Recorded(trades), consume)
            return counted

    async def trades(self, channel_id: bytes) -> tuple[TradeView, ...]:
        """Return the trades that are not settled."""
        phase = self._office.lane(channel_id).phase
        booked = await self._office.store.trades(channel_id)
        named = tuple((_trade_of(each), each.version) for each in booked)
        return trade_views(phase, named)

    def side_of(self, channel_id: bytes) -> Side:
        """Return our side of a channel. Raises UnknownError."""
        return self._office.lanes.find(channel_id).phase.line.side

    # PARTS

    async def _want(self, channel_id: bytes, wish: Wish, used: Used) -> Started:
        started = Started(channel_id, request_id())
        lane = self._office.lane(channel_id)
        await lane.ask(Wanted(started.request_id, wish), consumed(used, started))
        return started

    def _lane_of(self, channel_id: bytes) -> Lane | None:
        """Return the lane of a channel that may be opened again, None if there is none yet."""
        lanes = self._office.lanes
        if not lanes.has(channel_id):
            return None
        lane = lanes.find(channel_id)
        if phase_name(lane.phase) != "closed":
            raise RefusedError("names a channel that is there", "take a new one", field="nonce")
        return lane

    async def _funding(
        self, definition: ChannelDef, wish: moves.Open, side: Side, started: Started
    ) -> tuple[Intent, ...]:
        ref = f"{started.channel_id.hex()}:fund:{started.request_id.hex()}"
        opening = _opening_of(started.channel_id, wish)
        intents = await self._office.funding.opening(ref, definition, opening, side)
        return tuple(replace(each, channel_id=started.channel_id) for each in intents)

    async def _require_unbooked(self, channel_id: bytes, trades: tuple[ReportedTrade, ...]) -> None:
        """Refuse a trade that was booked before: both sides' slip would book it twice."""
        ids = tuple(each.trade_id for each in trades)
        _require_none(await self._office.store.booked_among(channel_id, ids))

    @contextmanager
    def _alone(self, channel_id: bytes, ids: frozenset[str]) -> Iterator[None]:
        """Let no other call record these trades meanwhile: one may be booked between two looks."""
        places = {(channel_id, trade_id) for trade_id in ids}
        if not places.isdisjoint(self._recording):
            raise UnavailableError("the trade is being recorded", "ask again", field="trade_id")
        self._recording |= places
        try:
            yield
        finally:
            self._recording -= places

    def _new_trades(self, phase: Phase, trades: tuple[ReportedTrade, ...]) -> int:
        """Return how many trades are not recorded yet. Raises RefusedError for a second meaning."""
        known = {each.trade_id: each for each in phase.line.trades}
        count = 0
        for each in trades:
            have = known.setdefault(each.trade_id, each)
            if have != each:
                problem = f"{each.trade_id} is recorded with other numbers"
                raise RefusedError(problem, "take an id of its own", field="trade_id")
            count += have is each
        if len(known) > self._office.trades_waiting:
            problem = f"{len(known)} trades wait to be booked"
            raise RefusedError(problem, "wait for the peer to report them", field="trades")
        return count


def _waiting(phase: Phase, ids: frozenset[str]) -> frozenset[str]:
    """Return which of these trades are recorded and not booked."""
    return frozenset(each.trade_id for each in phase.line.trades if each.trade_id in ids)


def _require_none(booked: frozenset[str]) -> None:
    if booked:
        problem = f"{min(booked)} is booked already"
        raise RefusedError(problem, "take an id of its own", field="trade_id")


def _opening_of(channel_id: bytes, wish: moves.Open) -> ClearingState:
    """Return the opening's state as far as its funding needs it."""
    splits = tuple(AssetSplit(low, high, low, high) for low, high in wish.nets)
    return ClearingState(channel_id, epoch=0, version=1, intent=Purpose.OPEN, splits=splits)


def _trade_of(booked: BookedTrade) -> ReportedTrade:
    return decode_trade(parse(peer_pb2.ReportedTrade, booked.text))
