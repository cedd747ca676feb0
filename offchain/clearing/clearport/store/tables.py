"""Name the tables: what is durable, and which rows can exist once only.

Words are bytes. A version has 64 bits without a sign, which no integer column holds: it is kept as
8 bytes, most significant first, which sort as the numbers do.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

__all__ = [
    "AGREED",
    "ALL",
    "BACKLOGS",
    "BOOKED",
    "CHANNELS",
    "EVENTS",
    "FACTS",
    "INTENTS",
    "METADATA",
    "NONCES",
    "PEERS",
    "RESULTS",
    "SIGNING",
    "STATES",
    "pack_version",
    "unpack_version",
]

METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
VERSION_BYTES: Final = 8


def pack_version(version: int) -> bytes:
    """Return a version as it is stored."""
    return version.to_bytes(VERSION_BYTES, "big")


def unpack_version(stored: bytes) -> int:
    """Return a stored version."""
    return int.from_bytes(stored, "big")


def _bytes(name: str, *, is_optional: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=is_optional)


def _number(name: str, *, is_optional: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=is_optional)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean(name=None), nullable=False)


CHANNELS: Final = Table(
    "channels", METADATA, _bytes("channel_id"), _bytes("fixed"), PrimaryKeyConstraint("channel_id")
)
"""The part of a line that never changes."""

BACKLOGS: Final = Table(
    "backlogs",
    METADATA,
    _bytes("channel_id"),
    _bytes("backlog"),
    PrimaryKeyConstraint("channel_id"),
)
"""The trades of a line that wait to be booked."""

STATES: Final = Table(
    "states", METADATA, _bytes("channel_id"), _bytes("state"), PrimaryKeyConstraint("channel_id")
)
"""The rest of a line."""

SIGNING: Final = Table(
    "signing",
    METADATA,
    _text("key_id"),
    _bytes("type_hash"),
    _bytes("channel_id"),
    _number("epoch"),
    _bytes("version"),
    _bytes("digest"),
    _text("role"),
    _bytes("signature", is_optional=True),
    PrimaryKeyConstraint("channel_id", "epoch", "version", "type_hash", "key_id"),
    sqlite_with_rowid=False,
)
"""What each key may sign and has signed: rows come, are given a signature, and stay as they are."""

AGREED: Final = Table(
    "agreed",
    METADATA,
    _bytes("channel_id"),
    _number("epoch"),
    _bytes("version"),
    _bytes("full"),
    PrimaryKeyConstraint("channel_id", "epoch", "version"),
)
"""Every state that both have signed."""

BOOKED: Final = Table(
    "booked",
    METADATA,
    _bytes("channel_id"),
    _text("trade_id"),
    _number("epoch"),
    _bytes("version"),
    _flag("is_settled"),
    _bytes("trade"),
    PrimaryKeyConstraint("channel_id", "trade_id"),
    Index(None, "channel_id", "is_settled"),
)
"""Every trade that a version has made a liability of, once."""

INTENTS: Final = Table(
    "intents",
    METADATA,
    _text("key"),
    _number("place"),
    _bytes("to"),
    _bytes("data"),
    _text("what"),
    _bytes("channel_id"),
    _text("state"),
    _number("nonce", is_optional=True),
    _bytes("hashes"),
    _number("block_number", is_optional=True),
    _text("reason"),
    PrimaryKeyConstraint("key"),
    Index("uq_intents_place", "place", unique=True),
    Index(None, "state"),
)
"""The outbox: transactions that are wanted, and how far they are."""

EVENTS: Final = Table(
    "events",
    METADATA,
    Column("cursor", BigInteger, nullable=False, autoincrement=False),
    _number("at"),
    _text("kind"),
    _bytes("channel_id"),
    _text("fields"),
    PrimaryKeyConstraint("cursor"),
)
"""What the operator is told."""

NONCES: Final = Table(
    "nonces",
    METADATA,
    _bytes("subject"),
    _bytes("nonce"),
    _number("expires_at"),
    PrimaryKeyConstraint("subject", "nonce"),
    Index(None, "expires_at"),
)
"""Operator calls that must not be repeated."""

RESULTS: Final = Table(
    "results",
    METADATA,
    _bytes("subject"),
    _text("idempotency_key"),
    _bytes("result"),
    _number("expires_at"),
    PrimaryKeyConstraint("subject", "idempotency_key"),
    Index(None, "expires_at"),
)
"""What the first call under an idempotency key returned."""

PEERS: Final = Table(
    "peers",
    METADATA,
    _bytes("broker"),
    _bytes("record"),
    _flag("is_dialled"),
    PrimaryKeyConstraint("broker"),
)
"""The records that peers have signed."""

FACTS: Final = Table(
    "facts", METADATA, _text("name"), _bytes("value"), PrimaryKeyConstraint("name")
)
"""Small values by name."""

ALL: Final = (
    CHANNELS,
    BACKLOGS,
    STATES,
    SIGNING,
    AGREED,
    BOOKED,
    INTENTS,
    EVENTS,
    NONCES,
    RESULTS,
    PEERS,
    FACTS,
)
