"""Open a database so that what it says is committed is on the disk, and nobody else writes it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from clearing.clearport.errors import StoreError
from clearing.clearport.store.errors import store_error
from clearing.clearport.store.statements import run_sqlite

__all__ = ["Database", "engine_of", "file_of"]

PRIVATE: Final = 0o600
"""What is traded is nobody else's business."""
CHECKPOINT_PAGES: Final = 4_000
"""SQLite moves its log into the file after so many pages of 4,096 bytes."""
BEGIN: Final = "BEGIN IMMEDIATE"
WAIT_MS: Final = 30_000
"""How long one statement may take: a server that hangs is a server that is gone."""
ADVISORY_LOCK: Final = 0x5C9_C1EA
"""PostgreSQL's lock of this number, in the database and the schema, is a daemon's."""


class Database:
    """The one connection, and the lock that keeps every other daemon out."""

    def __init__(self, url: str) -> None:
        """Open it. Raises StoreError."""
        self.engine = engine_of(url)
        self._lock = _lock_file(self.engine.url)
        try:
            self.connection = _connected_alone(self.engine)
        except SQLAlchemyError as error:
            self._release()
            raise store_error(error) from error
        except BaseException:
            self._release()
            raise

    def close(self) -> None:
        """Close it and let others in."""
        try:
            _let_others_in(self.connection)
            self.connection.close()
            self.engine.dispose()
        except SQLAlchemyError as error:
            raise store_error(error) from error
        finally:
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def engine_of(url: str) -> Engine:
    """Return what connects to a database, durably; nothing is opened yet. Raises StoreError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            "the database's URL cannot be read", "write sqlite:////path or postgresql://host/name"
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql":
            return _postgresql(parsed)
        case other:
            raise StoreError(f"{other} is no database for this", "use sqlite or postgresql")


def file_of(url: URL) -> Path | None:
    """Return SQLite's file, None for a server."""
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or url.database == ":memory:":
        raise StoreError("a database in memory forgets", "name a file: sqlite:////path")
    return Path(url.database)


def _sqlite(url: URL) -> Engine:
    file = file_of(url)
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver opens no transactions of its own
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            "busy_timeout = 2000",
            "trusted_schema = OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        run_sqlite(driver, BEGIN, ())

    @event.listens_for(engine, "do_connect")
    def make_private(*_: object) -> None:
        if file is not None:
            _touch(file)

    return engine


def _postgresql(url: URL) -> Engine:
    options = f"-c synchronous_commit=on -c statement_timeout={WAIT_MS} -c lock_timeout={WAIT_MS}"
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        hide_parameters=True,
        paramstyle="format",
        connect_args={
            "connect_timeout": 10,
            "tcp_user_timeout": WAIT_MS,
            "application_name": "clearport",
            "options": options,
        },
    )


def _touch(file: Path) -> None:
    """Have a new file belong to the daemon alone. Raises StoreError."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, PRIVATE))
    except OSError as error:
        raise StoreError(
            f"{file} cannot be written ({error.strerror})",
            "give the daemon's user the right to write the file and its directory",
        ) from error


# ALONE


def _lock_file(url: URL) -> int | None:
    """Lock the file beside SQLite's, as long as this process lives. Raises StoreError."""
    file = file_of(url)
    if file is None:
        return None
    path = file.with_name(file.name + ".lock")
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror})",
            "give the daemon's user the right to write the directory",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StoreError(f"another daemon uses {file}", "stop the other daemon") from error
    return lock


def _connected_alone(engine: Engine) -> Connection:
    """Connect, and take the lock of a server, which is gone with the connection."""
    connection = engine.connect()
    try:
        if connection.dialect.name == "postgresql":
            _require_alone(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _let_others_in(connection: Connection) -> None:
    """Give a server's lock back now: it notices a closed connection only later."""
    if connection.dialect.name == "postgresql":
        statement = text("SELECT pg_advisory_unlock(:number, hashtext(current_schema()))")
        with suppress(SQLAlchemyError):  # the server is gone, and the lock with it
            connection.rollback()
            connection.execute(statement, {"number": ADVISORY_LOCK})
            connection.rollback()


def _require_alone(connection: Connection) -> None:
    statement = text("SELECT pg_try_advisory_lock(:number, hashtext(current_schema()))")
    is_taken = connection.execute(statement, {"number": ADVISORY_LOCK}).scalar()
    connection.rollback()
    if not is_taken:
        raise StoreError("another daemon uses the database", "stop the other daemon")
