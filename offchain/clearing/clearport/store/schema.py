"""Bring a database to this program's tables, and refuse one that a newer program has written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import SQLAlchemyError

from clearing.clearport.errors import StoreError
from clearing.clearport.store.database import Database
from clearing.clearport.store.errors import store_error

__all__ = ["revision_of", "upgrade", "upgrade_connection"]

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Create or migrate the tables of a database that no daemon has open. Raises StoreError."""
    database = Database(url)
    try:
        upgrade_connection(database.connection)
    finally:
        database.close()


def upgrade_connection(connection: Connection) -> None:
    """Create or migrate the tables, all or nothing. Raises StoreError."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        _require_known(connection, ScriptDirectory.from_config(config))
        command.upgrade(config, "head")
        connection.commit()
    except CommandError as error:
        connection.rollback()
        raise StoreError(f"the tables cannot be migrated: {error}", "restore a backup") from error
    except SQLAlchemyError as error:
        connection.rollback()
        raise store_error(error) from error


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database's tables, None for an empty database."""
    revision: str | None = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    return revision


def _require_known(connection: Connection, scripts: ScriptDirectory) -> None:
    revision = revision_of(connection)
    known = {script.revision for script in scripts.walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"the database is of a newer program (revision {revision})",
            "start that program, or restore a backup of this one",
        )
    has_tables = bool(inspect(connection).get_table_names())
    connection.rollback()
    if revision is None and has_tables:
        raise StoreError(
            "the database holds tables of something else", "name a database of the daemon's own"
        )
