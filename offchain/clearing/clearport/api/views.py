"""Show what a daemon answers: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.message import Message
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clearing.operator.v1 import operator_pb2 as pb

__all__ = [
    "channel_view",
    "channels_view",
    "document_of",
    "event_line",
    "lines_view",
    "margin_view",
    "peers_view",
    "plain",
    "positions_view",
    "risk_view",
    "trades_view",
]

NONE: Final = "–"
SHORT: Final = 10


def document_of(message: Message) -> dict[str, object]:
    """Return a reply for programs, every field of it; bytes as hex."""
    return {
        field.name: _value_of(getattr(message, field.name)) for field in message.DESCRIPTOR.fields
    }


def _value_of(value: Any) -> object:
    if isinstance(value, Message):
        return document_of(value)
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, str | int | bool):
        return value
    if hasattr(value, "items"):
        return dict(value)
    return [_value_of(each) for each in value]


def plain(text: str) -> Text:
    """Return a text as it is safe on a terminal: peers have written some, with what in it."""
    return Text("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def lines_view(rows: Iterable[tuple[str, object]]) -> RenderableType:
    """Return named values, one a line; what is empty is left out."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        if value not in ("", None):
            table.add_row(plain(name), plain(str(value)))
    return table


def channels_view(channels: Sequence[pb.Channel]) -> RenderableType:
    """Return a table of channels."""
    if not channels:
        return plain("There is no channel yet.")
    table = _table(
        ("Channel", "Peer", "Phase", "Own", "Theirs", "Asked", "Alarm"), ("Epoch", "Version")
    )
    for channel in channels:
        table.add_row(
            plain(channel.channel_id[: SHORT + 2]),
            plain(_peer_text(channel)),
            plain(channel.phase),
            plain(_amounts((b.own, b.asset) for b in channel.balances)),
            plain(_amounts((b.theirs, b.asset) for b in channel.balances)),
            plain(", ".join(_asked(request) for request in channel.requests) or NONE),
            plain(channel.alarm or NONE),
            f"{channel.epoch:,}",
            f"{channel.version:,}",
        )
    return table


def channel_view(channel: pb.Channel) -> RenderableType:
    """Return one channel in full."""
    head = lines_view(
        (
            ("Channel", channel.channel_id),
            ("Peer", channel.peer),
            ("Connected", "yes" if channel.is_connected else "no"),
            ("Side", channel.side),
            ("Phase", channel.phase),
            ("Epoch", f"{channel.epoch:,}"),
            ("Version", f"{channel.version:,}"),
            ("Enforced", f"{channel.enforced_version:,}"),
            ("Alarm", channel.alarm),
        )
    )
    balances = _table(("Collateral",), ("Own", "Theirs"))
    for balance in channel.balances:
        balances.add_row(plain(balance.asset), balance.own, balance.theirs)
    if not channel.requests:
        return Group(head, balances)
    asked = _table(("Request", "Asks to", "Whose", "Agreed", "Detail"), ())
    for request in channel.requests:
        asked.add_row(
            plain(request.request_id),
            plain(request.kind),
            "ours" if request.is_ours else "the peer's",
            "yes" if request.is_agreed else "no",
            plain(request.detail),
        )
    return Group(head, balances, asked)


def trades_view(trades: Sequence[pb.ListedTrade]) -> RenderableType:
    """Return a table of trades."""
    if not trades:
        return plain("Nothing is unsettled.")
    table = _table(("Trade", "We", "Sold", "Paid in", "State"), ("Quantity", "Amount", "Version"))
    for row in trades:
        trade = row.trade
        table.add_row(
            plain(trade.trade_id),
            "sell" if trade.is_sale else "buy",
            plain(trade.base),
            plain(trade.quote),
            plain(row.state),
            trade.quantity,
            trade.quote_amount,
            f"{row.version:,}" if row.version else NONE,
        )
    return table


def positions_view(positions: Sequence[pb.Position]) -> RenderableType:
    """Return a table of what is owed."""
    if not positions:
        return plain("Nothing is owed.")
    table = _table(("Asset", ""), ("Quantity", "Price USD", "Value USD"))
    for row in positions:
        is_owed = row.owed.startswith("-")
        table.add_row(
            plain(row.asset),
            "owed to us" if is_owed else "we owe",
            row.owed.removeprefix("-"),
            row.price_usd or NONE,
            row.value_usd.removeprefix("-") or NONE,
        )
    return table


def risk_view(risk: pb.GetRiskResponse) -> RenderableType:
    """Return a channel's risk by asset."""
    table = _table(("Asset",), ("We owe", "Price USD", "Factor", "Value USD"))
    for row in risk.rows:
        table.add_row(plain(row.asset), row.owed, row.price_usd, row.factor, row.value_usd)
    totals = (
        ("Risk USD", risk.risk_usd),
        ("We must cover", risk.own_required_usd),
        ("The peer must cover", risk.peer_required_usd),
    )
    return Group(table, lines_view(totals)) if risk.rows else lines_view(totals)


def margin_view(margin: pb.MarginBalance) -> RenderableType:
    """Return a margin."""
    return lines_view(
        (
            ("Available USD", margin.available_usd),
            ("Used USD", margin.used_usd),
            ("Risk USD", margin.risk_usd),
            ("Collateral USD", margin.collateral_usd),
            ("Peer's collateral USD", margin.peer_collateral_usd),
            ("Settlement", margin.settlement),
            ("Version", f"{margin.version:,}"),
            ("As of", f"{_time(margin.as_of)}{' (stale prices)' if margin.is_stale else ''}"),
        )
    )


def peers_view(peers: Sequence[pb.Peer]) -> RenderableType:
    """Return a table of peers."""
    if not peers:
        return plain("There is no peer yet.")
    table = _table(("Name", "Broker", "Endpoint", "Connected", "Valid until"), ())
    for peer in peers:
        table.add_row(
            plain(peer.name or NONE),
            plain(peer.broker),
            plain(peer.endpoint),
            "yes" if peer.is_connected else "no",
            _time(peer.valid_until),
        )
    return table


def event_line(event: pb.Event) -> str:
    """Return an event in one line."""
    fields = " ".join(f"{name}={value}" for name, value in sorted(event.fields.items()))
    channel = event.channel_id[: SHORT + 2]
    words = (f"{event.cursor:>6}", _time(event.at), event.kind, channel, fields)
    return plain("  ".join(word for word in words if word)).plain


def _table(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE)
    for heading in texts:
        table.add_column(heading)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def _peer_text(channel: pb.Channel) -> str:
    return channel.peer[: SHORT + 2] + ("" if channel.is_connected else " (away)")


def _asked(request: pb.PendingRequest) -> str:
    return f"{request.kind} ({'ours' if request.is_ours else 'theirs'})"


def _amounts(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{amount} {asset}" for amount, asset in pairs) or NONE


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
