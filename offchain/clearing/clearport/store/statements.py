"""Write each hot statement once: compiled when the store opens, run with rows of plain values."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Table, bindparam, false, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import ClauseElement

from clearing.clearport.store import tables

__all__ = ["ORDER", "Row", "Statements", "run_sqlite"]

Row = tuple[Any, ...]
"""The values of a row, in the order of the table's columns or as the statement says."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as its driver takes it."""

    sql: str

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run it once for each row."""
        if len(rows) == 1:
            connection.exec_driver_sql(self.sql, rows[0])
        else:
            connection.exec_driver_sql(self.sql, list(rows))


def run_sqlite(driver: sqlite3.Connection, sql: str, *rows: Row) -> None:
    """Run a statement for each row past SQLAlchemy, which takes longer than SQLite.

    Raises what SQLAlchemy raises.
    """
    try:
        if len(rows) == 1:
            driver.execute(sql, rows[0])
        else:
            driver.executemany(sql, rows)
    except sqlite3.Error as error:
        raise DBAPIError.instance(sql, None, error, sqlite3.Error) from error


ORDER: Final = (
    "channel",
    "backlog",
    "state",
    "reserve",
    "sign",
    "agree",
    "book",
    "settle",
    "intent",
    "status",
    "event",
    "nonce",
    "result",
    "peer",
    "fact",
)
"""The order within one transaction: what a statement needs of another stands before it."""


class Statements:
    """Every statement of a commit, for one kind of database."""

    __slots__ = ("_by_name",)

    def __init__(self, dialect: Dialect) -> None:
        signing, booked, intents = tables.SIGNING, tables.BOOKED, tables.INTENTS
        signed = (
            update(signing)
            .values(signature=bindparam("the_signature"))
            .where(
                signing.c.channel_id == bindparam("of_channel"),
                signing.c.epoch == bindparam("of_epoch"),
                signing.c.version == bindparam("of_version"),
                signing.c.type_hash == bindparam("of_type"),
                signing.c.key_id == bindparam("of_key"),
                signing.c.digest == bindparam("of_digest"),
                signing.c.signature.is_(None),
            )
        )
        settled = (
            update(booked)
            .values(is_settled=true())
            .where(booked.c.channel_id == bindparam("of_channel"), booked.c.is_settled == false())
        )
        status = (
            update(intents)
            .values(
                {
                    name: bindparam(f"the_{name}")
                    for name in ("state", "nonce", "hashes", "block_number", "reason")
                }
            )
            .where(intents.c.key == bindparam("of_key"))
        )
        raw: dict[str, tuple[ClauseElement, tuple[str, ...] | None]] = {
            "channel": (_put(dialect, tables.CHANNELS), None),
            "backlog": (_put(dialect, tables.BACKLOGS), None),
            "state": (_put(dialect, tables.STATES), None),
            "reserve": (_add(dialect, signing), None),
            "sign": (
                signed,
                (
                    "the_signature",
                    "of_channel",
                    "of_epoch",
                    "of_version",
                    "of_type",
                    "of_key",
                    "of_digest",
                ),
            ),
            "agree": (_add_once(dialect, tables.AGREED), None),
            "book": (_add(dialect, booked), None),
            "settle": (settled, ("of_channel",)),
            "intent": (_add_once(dialect, intents), None),
            "status": (
                status,
                (
                    "the_state",
                    "the_nonce",
                    "the_hashes",
                    "the_block_number",
                    "the_reason",
                    "of_key",
                ),
            ),
            "event": (_add(dialect, tables.EVENTS), None),
            "nonce": (_add(dialect, tables.NONCES), None),
            "result": (_add(dialect, tables.RESULTS), None),
            "peer": (_put(dialect, tables.PEERS), None),
            "fact": (_put(dialect, tables.FACTS), None),
        }
        self._by_name = {
            name: _compile(dialect, statement, names) for name, (statement, names) in raw.items()
        }

    def run(self, connection: Connection, rows: dict[str, list[Row]]) -> None:
        """Run what has rows, in `ORDER`."""
        wanted = [(self._by_name[name], rows[name]) for name in ORDER if name in rows]
        driver = self._sqlite(connection)
        for statement, its_rows in wanted:
            if driver is None:
                statement.run(connection, its_rows)
            else:
                run_sqlite(driver, statement.sql, *its_rows)

    @staticmethod
    def _sqlite(connection: Connection) -> sqlite3.Connection | None:
        """Return SQLite's own connection, within the transaction; None for another database."""
        if connection.dialect.name != "sqlite":
            return None
        if not connection.in_transaction():
            connection.begin()
        driver = connection.connection.driver_connection
        return driver if isinstance(driver, sqlite3.Connection) else None


def _insert(dialect: Dialect, table: Table) -> Any:
    insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    return insert(table)


def _add(dialect: Dialect, table: Table) -> ClauseElement:
    """Return what adds a row and fails if its key is there."""
    added: ClauseElement = _insert(dialect, table)
    return added


def _add_once(dialect: Dialect, table: Table) -> ClauseElement:
    """Return what adds a row, or leaves the one that is there."""
    added: ClauseElement = _insert(dialect, table).on_conflict_do_nothing()
    return added


def _put(dialect: Dialect, table: Table) -> ClauseElement:
    """Return what adds a row, or takes the place of the one that is there."""
    insert = _insert(dialect, table)
    rest = {c.name: insert.excluded[c.name] for c in table.columns if not c.primary_key}
    key = [c.name for c in table.primary_key]
    put: ClauseElement = insert.on_conflict_do_update(index_elements=key, set_=rest)
    return put


def _compile(dialect: Dialect, statement: ClauseElement, names: tuple[str, ...] | None) -> Prepared:
    """Return the statement's text; `names` are its values in order, or the table's columns."""
    compiled: Any = statement.compile(dialect=dialect)
    wanted = list(names or [column.name for column in compiled.statement.table.columns])
    if compiled.positiontup != wanted:
        raise AssertionError(f"{compiled} takes {compiled.positiontup}, not {wanted}")
    return Prepared(str(compiled))
