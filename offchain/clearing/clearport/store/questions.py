"""Ask what was promised before: digests, nonces, results, intents."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, select

from clearing.channel.signatures import Signature
from clearing.clearport.ports import Used
from clearing.clearport.store.memory import Slot
from clearing.clearport.store.tables import (
    INTENTS,
    NONCES,
    RESULTS,
    SIGNING,
    pack_version,
    unpack_version,
)

__all__ = ["highest_version", "is_nonce_used", "is_wanted", "reserved_at", "result_of"]

RESERVED: Final = select(SIGNING.c.digest, SIGNING.c.signature).where(
    SIGNING.c.channel_id == bindparam("channel"),
    SIGNING.c.epoch == bindparam("epoch"),
    SIGNING.c.version == bindparam("version"),
    SIGNING.c.type_hash == bindparam("type"),
    SIGNING.c.key_id == bindparam("key"),
)
HIGHEST: Final = (
    select(SIGNING.c.version)
    .where(
        SIGNING.c.channel_id == bindparam("channel"),
        SIGNING.c.epoch == bindparam("epoch"),
        SIGNING.c.type_hash == bindparam("type"),
        SIGNING.c.key_id == bindparam("key"),
    )
    .order_by(SIGNING.c.version.desc())
    .limit(1)
)
NONCE: Final = select(NONCES.c.nonce).where(
    NONCES.c.subject == bindparam("of"), NONCES.c.nonce == bindparam("nonce")
)
RESULT: Final = select(RESULTS.c.result).where(
    RESULTS.c.subject == bindparam("of"), RESULTS.c.idempotency_key == bindparam("key")
)
WANTED: Final = select(INTENTS.c.key).where(INTENTS.c.key == bindparam("key"))


def reserved_at(connection: Connection, slot: Slot) -> tuple[bytes, Signature | None] | None:
    """Return the digest that has this place, and its signature if it was signed."""
    channel_id, epoch, version, type_hash, key_id = slot
    values = {
        "channel": channel_id,
        "epoch": epoch,
        "version": pack_version(version),
        "type": type_hash,
        "key": key_id,
    }
    row = connection.execute(RESERVED, values).one_or_none()
    if row is None:
        return None
    digest, signature = row
    return digest, None if signature is None else Signature.from_bytes(signature)


def highest_version(connection: Connection, under: tuple[bytes, int, bytes, str]) -> int:
    """Return the highest version reserved under (channel, epoch, type, key), -1 for none."""
    values = dict(zip(("channel", "epoch", "type", "key"), under, strict=True))
    stored = connection.execute(HIGHEST, values).scalar()
    return -1 if stored is None else unpack_version(stored)


def is_nonce_used(connection: Connection, used: Used) -> bool:
    """Say whether a call with this nonce was made."""
    values = {"of": used.subject, "nonce": used.nonce}
    return connection.execute(NONCE, values).first() is not None


def result_of(connection: Connection, used: Used) -> bytes | None:
    """Return what the first call under this idempotency key returned, None if there was none."""
    values = {"of": used.subject, "key": used.idempotency_key}
    result: bytes | None = connection.execute(RESULT, values).scalar()
    return result


def is_wanted(connection: Connection, key: str) -> bool:
    """Say whether an intent has this key."""
    return connection.execute(WANTED, {"key": key}).first() is not None
