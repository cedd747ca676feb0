"""Look into a daemon's store from outside, while it runs or after it was killed; change nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine, func, select
from sqlalchemy.pool import NullPool

from clearing.clearport.store import reads
from clearing.clearport.store.tables import SIGNING, unpack_version
from clearing.client.session import CoSigned

__all__ = ["agreed_states", "signed_version"]

T = TypeVar("T")


def signed_version(store: Path, channel_id: bytes) -> int:
    """Return the highest version in a channel's first life that has the broker's own signature."""
    statement = select(func.max(SIGNING.c.version)).where(
        SIGNING.c.channel_id == channel_id, SIGNING.c.epoch == 0, SIGNING.c.signature.is_not(None)
    )
    found: bytes | None = _ask(store, lambda connection: connection.execute(statement).scalar())
    return 0 if found is None else unpack_version(found)


def agreed_states(store: Path, channel_id: bytes) -> tuple[CoSigned, ...]:
    """Return what both have signed in a channel's first life, oldest first."""
    return _ask(store, lambda connection: reads.agreed(connection, channel_id, after=0, epoch=0))


def _ask(store: Path, question: Callable[[Connection], T]) -> T:
    engine = create_engine(f"sqlite:///file:{store}?mode=ro&uri=true", poolclass=NullPool)
    with engine.connect() as connection:
        return question(connection)
