"""Write what the desk says as the messages of the operator API: integers become decimal text."""

from __future__ import annotations

from collections.abc import Iterable

from clearing.clearport.api.text import address_text, hex_text, raw_text, wad_text
from clearing.clearport.desk import (
    ChannelView,
    MarginView,
    PeerView,
    RequestView,
    StatusView,
    TradeView,
)
from clearing.clearport.ports import IntentStatus, OperatorEvent
from clearing.operator.v1 import operator_pb2 as pb
from clearing.spec.assets import AssetId, symbol_of
from clearing.spec.risk import AssetRisk, RiskReport
from clearing.spec.types import Side
from clearing.spec.units import mul_down, mul_up

__all__ = [
    "channel_reply",
    "event_reply",
    "margin_reply",
    "peer_reply",
    "positions_reply",
    "risk_reply",
    "status_reply",
    "trade_reply",
    "transaction_reply",
]


def peer_reply(peer: PeerView) -> pb.Peer:
    """Return a peer."""
    return pb.Peer(
        broker=address_text(peer.broker),
        endpoint=peer.endpoint,
        signer=address_text(peer.signer),
        is_connected=peer.is_connected,
        valid_until=peer.valid_until,
        name=peer.name,
    )


def channel_reply(view: ChannelView) -> pb.Channel:
    """Return a channel at a glance, balances in whole units of each collateral token."""
    return pb.Channel(
        channel_id=hex_text(view.channel_id),
        peer=address_text(view.peer),
        side=view.side.name.lower(),
        phase=view.phase,
        epoch=view.epoch,
        version=view.version,
        enforced_version=view.enforced_version,
        balances=[
            pb.AssetBalance(
                asset=symbol_of(token.asset),
                own=raw_text(own, token),
                theirs=raw_text(theirs, token),
            )
            for token, own, theirs in view.balances_raw
        ],
        requests=[_request_reply(request) for request in view.requests],
        alarm=view.alarm,
        is_connected=view.is_connected,
    )


def _request_reply(request: RequestView) -> pb.PendingRequest:
    return pb.PendingRequest(
        request_id=hex_text(request.request_id),
        kind=request.kind,
        is_ours=request.is_ours,
        is_agreed=request.is_agreed,
        detail=request.detail,
    )


def margin_reply(view: MarginView, limit_wad: int | None = None) -> pb.MarginBalance:
    """Return a margin, of which a key with a limit is told no more than that is available."""
    available = view.available_wad if limit_wad is None else min(view.available_wad, limit_wad)
    return pb.MarginBalance(
        channel_id=hex_text(view.channel_id),
        seq=view.seq,
        collateral_usd=wad_text(view.collateral_wad),
        risk_usd=wad_text(view.risk_wad),
        used_usd=wad_text(view.used_wad),
        available_usd=wad_text(available),
        price_set=hex_text(view.price_set),
        settlement=view.settlement,
        as_of=view.as_of,
        peer_collateral_usd=wad_text(view.peer_collateral_wad),
        is_stale=view.is_stale,
        version=view.version,
    )


def positions_reply(rows: Iterable[tuple[AssetId, int, int | None]]) -> pb.GetPositionsResponse:
    """Return what is owed; values are rounded up where we owe, down where we are owed.

    An asset without a price has neither price nor value.
    """
    return pb.GetPositionsResponse(
        positions=[
            pb.Position(
                asset=symbol_of(asset),
                owed=wad_text(owed_wad),
                price_usd="" if price_wad is None else wad_text(price_wad),
                value_usd="" if price_wad is None else wad_text(_value(owed_wad, price_wad)),
            )
            for asset, owed_wad, price_wad in rows
        ]
    )


def _value(owed_wad: int, price_wad: int) -> int:
    return mul_up(owed_wad, price_wad) if owed_wad >= 0 else -mul_down(-owed_wad, price_wad)


def risk_reply(report: RiskReport, side: Side) -> pb.GetRiskResponse:
    """Return a channel's risk as our side sees it: what we owe is positive."""
    return pb.GetRiskResponse(
        risk_usd=wad_text(report.risk_wad),
        own_required_usd=wad_text(report.of(side).required_wad),
        peer_required_usd=wad_text(report.of(side.other).required_wad),
        rows=[_risk_row(row, side) for row in report.assets],
    )


def _risk_row(row: AssetRisk, side: Side) -> pb.RiskRow:
    sign = 1 if row.debtor is side else -1
    return pb.RiskRow(
        asset=symbol_of(row.asset),
        owed=wad_text(sign * row.quantity_wad),
        price_usd=wad_text(row.price_wad),
        factor=wad_text(row.factor_wad),
        value_usd=wad_text(sign * row.value_wad),
    )


def trade_reply(view: TradeView, side: Side) -> pb.ListedTrade:
    """Return a trade as our side sees it."""
    trade = view.trade.trade
    return pb.ListedTrade(
        trade=pb.Trade(
            trade_id=view.trade.trade_id,
            is_sale=trade.seller is side,
            base=symbol_of(trade.base),
            quantity=wad_text(trade.base_wad),
            quote=symbol_of(trade.quote),
            quote_amount=wad_text(trade.quote_wad),
        ),
        state=view.state,
        version=view.version,
    )


def transaction_reply(status: IntentStatus) -> pb.Transaction:
    """Return how far a transaction is; of several hashes the last one sent."""
    return pb.Transaction(
        key=status.key,
        what=status.what,
        state=status.state,
        hash=hex_text(status.hashes[-1]) if status.hashes else "",
        block_number=status.block_number or 0,
        reason=status.reason,
    )


def event_reply(event: OperatorEvent) -> pb.Event:
    """Return an event."""
    return pb.Event(
        cursor=event.cursor,
        at=event.at,
        kind=event.kind,
        channel_id=hex_text(event.channel_id),
        fields=dict(event.fields),
    )


def status_reply(status: StatusView, version: str) -> pb.GetStatusResponse:
    """Return how the daemon is; `version` is the program's."""
    return pb.GetStatusResponse(
        daemon_id=status.daemon_id,
        broker=address_text(status.broker),
        signer=address_text(status.signer),
        chain_id=status.chain_id,
        block_number=status.block_number,
        chain_lag_seconds=status.chain_lag_s,
        channels=status.channels,
        peers_connected=status.peers_connected,
        version=version,
    )
