"""Copy everything into one SQLite file, and begin a new store with such a copy.

A restored store does not know what was signed after its backup. So every channel is recovering:
nothing is signed at or below its floor, which lies 2**32 versions above all that is known, and
what the outbox had not finished is not sent again by itself.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from clearing.clearport.codec import LineWriter
from clearing.clearport.codec.primitives import MAX_UINT64
from clearing.clearport.core.channel import Line
from clearing.clearport.errors import StoreDamagedError, StoreError
from clearing.clearport.store.database import Database, engine_of, file_of
from clearing.clearport.store.errors import driver_error, store_error
from clearing.clearport.store.manifest import (
    Manifest,
    Owner,
    path_of,
    read_manifest,
    sha256_of,
    write_private,
)
from clearing.clearport.store.memory import read_lines
from clearing.clearport.store.schema import upgrade, upgrade_connection
from clearing.clearport.store.tables import (
    ALL,
    EVENTS,
    INTENTS,
    SIGNING,
    STATES,
    unpack_version,
)

__all__ = ["RECOVERY_GAP", "Manifest", "Owner", "backup", "restore"]

RECOVERY_GAP: Final = 2**32
"""Versions that a restored channel skips: more than it can have signed since its backup."""
UNFINISHED: Final = ("queued", "sent", "mined")
ROWS_AT_ONCE: Final = 1_000


def backup(url: str, path: Path, of: Owner) -> Manifest:
    """Write a consistent copy and its manifest; a daemon may be at work. Raises StoreError."""
    if path.exists() or path_of(path).exists():
        raise StoreError(f"{path} exists", "name a new file for each backup")
    part = path.with_name(path.name + ".part")
    created_at = int(time.time())
    with _reported(), _removed(part):
        file = file_of(engine_of(url).url)
        if file is None:
            _copy_server(url, part)
        else:
            _copy_file(file, part)
        manifest = Manifest(of.daemon_id, "0x" + of.broker.hex(), created_at, sha256_of(part))
        write_private(path_of(path), manifest.to_json())
        part.rename(path)
        _sync_directory(path.parent)
    return manifest


def restore(url: str, path: Path, of: Owner) -> Manifest:
    """Begin an empty store with a backup of the same broker; return its manifest.

    Raises StoreError, and StoreDamagedError if the backup is not what its manifest says.
    """
    manifest = read_manifest(path)
    if manifest.owner.broker != of.broker:
        raise StoreError(
            f"the backup is of broker {manifest.broker}", "take one of your own", field="broker"
        )
    with _reported(), tempfile.TemporaryDirectory(prefix="clearport-") as directory:
        copy = Path(directory) / "copy"
        _copy_file(path, copy)
        _require_sound(copy)
        upgrade(f"sqlite:///{copy}")
        target = Database(url)
        try:
            _fill(target.connection, copy, manifest)
        except BaseException:
            target.connection.rollback()
            raise
        finally:
            target.close()
    return manifest


# COPYING


def _copy_file(file: Path, to: Path) -> None:
    """Copy SQLite's file, as of one commit, into a file that needs no log beside it."""
    if not file.exists():
        raise StoreError(f"{file} is not there", "name the store's file")
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with (
        closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(to)) as target,
    ):
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
    _sync(to)


def _copy_server(url: str, to: Path) -> None:
    """Copy a server's tables, as of one moment, into SQLite's file."""
    upgrade(f"sqlite:///{to}")
    target = Database(f"sqlite:///{to}")
    source = engine_of(url).connect()
    try:
        source = source.execution_options(isolation_level="REPEATABLE READ")
        _copy_rows(source, target.connection)
        target.connection.commit()
        target.connection.rollback()
    finally:
        source.close()
        target.close()
    with closing(sqlite3.connect(to)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    to.with_name(to.name + ".lock").unlink(missing_ok=True)
    _sync(to)


def _copy_rows(source: Connection, target: Connection) -> None:
    for table in ALL:
        rows = source.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
        for some in rows.mappings().partitions(ROWS_AT_ONCE):
            target.execute(insert(table), [dict(row) for row in some])


def _fill(target: Connection, copy: Path, manifest: Manifest) -> None:
    upgrade_connection(target)
    if any(target.execute(select(func.count()).select_from(table)).scalar() for table in ALL):
        raise StoreError("the store is not empty", "move it away, then restore")
    source = engine_of(f"sqlite:///{copy}").connect()
    try:
        _copy_rows(source, target)
    finally:
        source.close()
    _recover(target, manifest)
    target.commit()


# RECOVERING


def _recover(connection: Connection, manifest: Manifest) -> None:
    """Mark every channel, and drop what the outbox had not finished."""
    for kept in read_lines(connection).values():
        line = kept.line
        highest = max(_highest_signed(connection, line.channel_id), _highest_known(line))
        floor = max(line.floor, min(highest + RECOVERY_GAP, MAX_UINT64))
        pieces = LineWriter().write(replace(line, is_recovering=True, floor=floor))
        connection.execute(
            update(STATES).where(STATES.c.channel_id == line.channel_id).values(state=pieces.state)
        )
    dropped = connection.execute(delete(INTENTS).where(INTENTS.c.state.in_(UNFINISHED))).rowcount
    last = connection.execute(select(func.max(EVENTS.c.cursor))).scalar() or 0
    connection.execute(
        insert(EVENTS).values(
            cursor=last + 1,
            at=int(time.time()),
            kind="restored",
            channel_id=b"",
            fields=f'[["backup_of","{manifest.created_at}"],["intents_dropped","{dropped}"]]',
        )
    )


def _highest_signed(connection: Connection, channel_id: bytes) -> int:
    statement = (
        select(SIGNING.c.version)
        .where(SIGNING.c.channel_id == channel_id)
        .order_by(SIGNING.c.version.desc())
        .limit(1)
    )
    version = connection.execute(statement).scalar()
    return 0 if version is None else unpack_version(version)


def _highest_known(line: Line) -> int:
    """Return the highest version that the line itself tells of."""
    states = [line.position.state, *line.signed]
    states += [line.full.state] if line.full else []
    states += [line.half.after.state] if line.half else []
    return max(line.burnt, *(state.version for state in states if state is not None), 0)


# FILES


@contextmanager
def _reported() -> Iterator[None]:
    """Say what went wrong in the daemon's words."""
    try:
        yield
    except SQLAlchemyError as error:
        raise store_error(error) from error
    except sqlite3.Error as error:
        raise driver_error(error) from error
    except OSError as error:
        raise StoreError(
            f"{error.filename} cannot be used ({error.strerror})", "free space or rights there"
        ) from error


@contextmanager
def _removed(part: Path) -> Iterator[None]:
    """Leave nothing half done."""
    try:
        yield
    finally:
        part.unlink(missing_ok=True)


def _require_sound(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreDamagedError(f"the backup is damaged ({verdict})", "take another backup")


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
