"""Have the database itself refuse to change the signing history, whoever asks it.

A row of `signing` may be given its signature once; nothing else of it changes, and none goes.
SQLite's INSERT OR REPLACE would delete without asking the guard of deletions: it has its own.
"""

from __future__ import annotations

from typing import Final

__all__ = ["guards_of"]

FIXED: Final = ("key_id", "type_hash", "channel_id", "epoch", "version", "digest", "role")
REFUSAL: Final = "the signing history is append-only"

_CHANGED: Final = " OR ".join(
    (
        *(f"NEW.{column} <> OLD.{column}" for column in FIXED),
        "(OLD.signature IS NOT NULL AND (NEW.signature IS NULL OR NEW.signature <> OLD.signature))",
    )
)

_KEY: Final = ("channel_id", "epoch", "version", "type_hash", "key_id")
_SAME_KEY: Final = " AND ".join(f"{column} = NEW.{column}" for column in _KEY)


def _sqlite(name: str, when: str) -> str:
    return (
        f"CREATE TRIGGER signing_keeps_{name} BEFORE {when}"
        f" BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    )


def _postgresql(name: str, when: str) -> str:
    return f"CREATE TRIGGER signing_keeps_{name} BEFORE {when} EXECUTE FUNCTION signing_refuses()"


_IN_SQLITE: Final = (
    _sqlite("rows", "DELETE ON signing"),
    _sqlite("digests", f"UPDATE ON signing WHEN {_CHANGED}"),
    _sqlite(
        "versions",
        f"INSERT ON signing WHEN EXISTS (SELECT 1 FROM signing WHERE {_SAME_KEY})",  # noqa: S608
    ),
)
_FUNCTION: Final = (
    "CREATE FUNCTION signing_refuses() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';"
    " END $$"
)
_IN_POSTGRESQL: Final = (
    _FUNCTION,
    _postgresql("rows", "DELETE ON signing FOR EACH ROW"),
    _postgresql("table", "TRUNCATE ON signing FOR EACH STATEMENT"),
    _postgresql("digests", f"UPDATE ON signing FOR EACH ROW WHEN ({_CHANGED})"),
)


def guards_of(dialect: str) -> tuple[str, ...]:
    """Return the statements that guard the history in a database of this kind."""
    return _IN_POSTGRESQL if dialect == "postgresql" else _IN_SQLITE
