"""Ask the tables; each function is one question, run in the writer's thread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select

from clearing.clearport import codec
from clearing.clearport.errors import StoreDamagedError, WireError
from clearing.clearport.ports import (
    BookedTrade,
    Intent,
    IntentStatus,
    OperatorEvent,
    StoredPeer,
)
from clearing.clearport.store.tables import (
    AGREED,
    BOOKED,
    EVENTS,
    FACTS,
    INTENTS,
    NONCES,
    PEERS,
    RESULTS,
    pack_version,
    unpack_version,
)
from clearing.client.session import CoSigned
from clearing.peer.v1 import peer_pb2 as pb
from clearing.spec.units import Address

__all__ = [
    "agreed",
    "booked_among",
    "events",
    "fact",
    "forget_expired",
    "intent",
    "intents",
    "peers",
    "trades",
]

WORD_BYTES = 32
EVENTS_KEPT = 1_000_000
"""Of the operator's events, the newest: a hostile peer makes one with each proposal of no use."""
ASKED_AT_ONCE = 500
"""Values in one question: fewer than any database's limit."""


def agreed(
    connection: Connection, channel_id: bytes, after: int, epoch: int | None
) -> tuple[CoSigned, ...]:
    """Return the co-signed states of an epoch (the latest) above a version, oldest first."""
    if epoch is None:
        latest = select(func.max(AGREED.c.epoch)).where(AGREED.c.channel_id == channel_id)
        epoch = connection.execute(latest).scalar()
    statement = (
        select(AGREED.c.full)
        .where(
            AGREED.c.channel_id == channel_id,
            AGREED.c.epoch == epoch,
            AGREED.c.version > pack_version(after),
        )
        .order_by(AGREED.c.version)
    )
    try:
        return tuple(
            codec.decode_cosigned(codec.parse(pb.CoSigned, full))
            for full in connection.execute(statement).scalars()
        )
    except WireError as error:
        raise StoreDamagedError(
            f"an agreed state of 0x{channel_id.hex()} cannot be read back ({error})",
            "stop the daemon, keep the file, and run `clearing clearport restore`",
        ) from error


def trades(connection: Connection, channel_id: bytes) -> tuple[BookedTrade, ...]:
    """Return the booked trades that are not settled, oldest first."""
    statement = (
        select(BOOKED)
        .where(BOOKED.c.channel_id == channel_id, BOOKED.c.is_settled.is_(False))
        .order_by(BOOKED.c.epoch, BOOKED.c.version, BOOKED.c.trade_id)
    )
    return tuple(
        BookedTrade(row.trade_id, unpack_version(row.version), row.is_settled, row.trade)
        for row in connection.execute(statement)
    )


def booked_among(
    connection: Connection, channel_id: bytes, trade_ids: Sequence[str]
) -> frozenset[str]:
    """Return which trades were ever booked."""
    found: set[str] = set()
    for start in range(0, len(trade_ids), ASKED_AT_ONCE):
        some = trade_ids[start : start + ASKED_AT_ONCE]
        statement = select(BOOKED.c.trade_id).where(
            BOOKED.c.channel_id == channel_id, BOOKED.c.trade_id.in_(some)
        )
        found.update(connection.execute(statement).scalars())
    return frozenset(found)


# THE OUTBOX


def intents(
    connection: Connection, states: Sequence[str]
) -> tuple[tuple[Intent, IntentStatus], ...]:
    """Return the intents in these states, in the order in which they were wanted."""
    statement = select(INTENTS).where(INTENTS.c.state.in_(states)).order_by(INTENTS.c.place)
    return tuple(_intent(row) for row in connection.execute(statement))


def intent(connection: Connection, key: str) -> tuple[Intent, IntentStatus] | None:
    """Return one intent."""
    row = connection.execute(select(INTENTS).where(INTENTS.c.key == key)).one_or_none()
    return None if row is None else _intent(row)


def _intent(row: Row[Any]) -> tuple[Intent, IntentStatus]:
    hashes = tuple(
        row.hashes[start : start + WORD_BYTES] for start in range(0, len(row.hashes), WORD_BYTES)
    )
    wanted = Intent(row.key, Address(row.to), row.data, row.what, row.channel_id)
    return wanted, IntentStatus(
        row.key, row.what, row.state, row.nonce, hashes, row.block_number, row.reason
    )


# THE OPERATOR, THE PEERS, THE REST


def events(connection: Connection, after: int, limit: int) -> tuple[OperatorEvent, ...]:
    """Return events above a cursor, oldest first."""
    statement = select(EVENTS).where(EVENTS.c.cursor > after).order_by(EVENTS.c.cursor).limit(limit)
    return tuple(
        OperatorEvent(
            kind=row.kind,
            channel_id=row.channel_id,
            fields=tuple((name, value) for name, value in json.loads(row.fields)),
            cursor=row.cursor,
            at=row.at,
        )
        for row in connection.execute(statement)
    )


def peers(connection: Connection) -> tuple[StoredPeer, ...]:
    """Return every peer, by broker."""
    statement = select(PEERS).order_by(PEERS.c.broker)
    return tuple(
        StoredPeer(Address(row.broker), row.record, row.is_dialled)
        for row in connection.execute(statement)
    )


def fact(connection: Connection, name: str) -> bytes | None:
    """Return a fact."""
    value: bytes | None = connection.execute(
        select(FACTS.c.value).where(FACTS.c.name == name)
    ).scalar()
    return value


def forget_expired(connection: Connection, now: int) -> int:
    """Delete the nonces that have expired, and the results and events that are kept no longer."""
    gone = connection.execute(delete(NONCES).where(NONCES.c.expires_at < now))
    connection.execute(delete(RESULTS).where(RESULTS.c.expires_at < now))
    newest = connection.execute(select(func.max(EVENTS.c.cursor))).scalar() or 0
    connection.execute(delete(EVENTS).where(EVENTS.c.cursor <= newest - EVENTS_KEPT))
    connection.commit()
    return int(gone.rowcount)
