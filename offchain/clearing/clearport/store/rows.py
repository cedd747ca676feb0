"""Write values as the rows of their tables, column by column."""

from __future__ import annotations

import json
from collections.abc import Iterator

from clearing.clearport import codec
from clearing.clearport.core.channel import Line
from clearing.clearport.core.effects import Booked
from clearing.clearport.core.messages import ReportedTrade
from clearing.clearport.ports import Intent, IntentStatus, OperatorEvent, Permit, Reservation
from clearing.clearport.store.statements import Row
from clearing.clearport.store.tables import pack_version

__all__ = ["book_rows", "event_row", "intent_row", "reserve_row", "sign_row", "status_row"]


def book_rows(booked: Booked, line: Line, before: Line | None) -> list[Row]:
    """Return the rows of trades that a line has booked; `before` still has them to book."""
    version = pack_version(booked.version)
    texts = _texts(booked.trade_ids, before)
    return [
        (line.channel_id, trade_id, line.position.epoch, version, False, text)
        for trade_id, text in zip(booked.trade_ids, texts, strict=True)
    ]


def _texts(trade_ids: tuple[str, ...], line: Line | None) -> Iterator[bytes]:
    """Return the encoded trades that a line was about to book; empty for one it did not know."""
    if line is None:
        known = {}
    elif line.half is not None and line.half.trade_ids == trade_ids:
        known = dict(zip(trade_ids, getattr(line.half.move, "trades", ()), strict=False))
    else:
        known = {each.trade_id: each.trade for each in (*line.reported, *line.trades)}
    for trade_id in trade_ids:
        trade = known.get(trade_id)
        if trade is None:
            yield b""
        else:
            yield codec.encode_trade(ReportedTrade(trade_id, trade)).SerializeToString()


def reserve_row(made: Reservation) -> Row:
    """Return the row of a reservation."""
    return (
        made.key_id,
        made.type_hash,
        made.channel_id,
        made.epoch,
        pack_version(made.version),
        made.digest,
        made.role,
        None,
    )


def sign_row(permit: Permit) -> Row:
    """Return the values that give a reservation its signature."""
    made, signature = permit.reservation, permit.signature
    return (
        None if signature is None else signature.to_bytes(),
        made.channel_id,
        made.epoch,
        pack_version(made.version),
        made.type_hash,
        made.key_id,
        made.digest,
    )


def status_row(status: IntentStatus) -> Row:
    """Return the values that tell how far an intent is."""
    return (
        status.state,
        status.nonce,
        b"".join(status.hashes),
        status.block_number,
        status.reason,
        status.key,
    )


def intent_row(place: int, intent: Intent) -> Row:
    """Return the row of an intent that is newly wanted."""
    return (
        intent.key,
        place,
        intent.to,
        intent.data,
        intent.what,
        intent.channel_id,
        "queued",
        None,
        b"",
        None,
        "",
    )


def event_row(cursor: int, event: OperatorEvent) -> Row:
    """Return the row of an event."""
    fields = json.dumps(event.fields, separators=(",", ":"))
    return (cursor, event.at, event.kind, event.channel_id, fields)
