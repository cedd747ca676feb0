"""Say what a database's error means for the daemon, and what fixes it."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)

from clearing.clearport.errors import StoreDamagedError, StoreError

__all__ = ["StoreLostError", "driver_error", "is_in_doubt", "is_refused_row", "store_error"]


class StoreLostError(StoreError):
    """Say that it is not known what the last commit left: only opening the store again tells."""


_FULL: Final = ("the disk is full", "free space; the daemon goes on by itself")
_READ_ONLY: Final = (
    "the database is read-only",
    "give the daemon's user the right to write the file and its directory",
)
_LOCKED: Final = ("another program holds the database", "stop the other program")
_DAMAGED: Final = (
    "the database is damaged",
    "stop the daemon, keep the file, and run `clearing clearport restore`",
)
_GONE: Final = (
    "the database is out of reach",
    "start it again, then the daemon: what it last wrote is read back",
)

# The first word that is found in the database's own words, or in its error's name or state.
_SIGNS: Final = (
    ("SQLITE_FULL", StoreError, _FULL),
    ("53100", StoreError, _FULL),
    ("SQLITE_READONLY", StoreError, _READ_ONLY),
    ("25006", StoreError, _READ_ONLY),
    ("SQLITE_CANTOPEN", StoreError, _READ_ONLY),
    ("SQLITE_PERM", StoreError, _READ_ONLY),
    ("SQLITE_BUSY", StoreError, _LOCKED),
    ("SQLITE_LOCKED", StoreError, _LOCKED),
    ("SQLITE_CORRUPT", StoreDamagedError, _DAMAGED),
    ("SQLITE_NOTADB", StoreDamagedError, _DAMAGED),
    ("XX001", StoreDamagedError, _DAMAGED),
    ("XX002", StoreDamagedError, _DAMAGED),
    ("57P", StoreLostError, _GONE),
    ("08", StoreLostError, _GONE),
    ("SQLITE_IOERR", StoreLostError, ("the disk fails", "replace the disk, then restore")),
)


def store_error(error: SQLAlchemyError) -> StoreError:
    """Return the error that the daemon knows."""
    if not isinstance(error, DBAPIError):
        return StoreError(f"the database refuses ({type(error).__name__})", "look at its own log")
    if error.connection_invalidated:
        return _gone()
    return driver_error(error.orig)


def driver_error(error: BaseException | None) -> StoreError:
    """Return the error that the daemon knows, from the driver's own."""
    # SQLITE_FULL and the like, or PostgreSQL's five letters.
    name = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or ""
    for sign, kind, (problem, fix) in _SIGNS:
        if name.startswith(sign):
            return kind(f"{problem} ({name})", fix)
    if not name and type(error).__name__ == "OperationalError":
        return _gone()
    first_line = str(error).partition("\n")[0]
    return StoreError(f"the database refuses: {first_line}", "look at its own log")


def _gone() -> StoreError:
    problem, fix = _GONE
    return StoreLostError(problem, fix)


def is_refused_row(error: Exception) -> bool:
    """Say whether a row is what is wrong, so that the others of its group may still stand."""
    return not isinstance(error, StoreError | OperationalError | InternalError | InterfaceError)


def is_in_doubt(error: StoreError) -> bool:
    """Say whether the commit that failed may be durable all the same."""
    return isinstance(error, StoreLostError | StoreDamagedError)
