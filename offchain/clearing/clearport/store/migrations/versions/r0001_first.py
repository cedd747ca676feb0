"""Create the first tables. Frozen: later changes are later revisions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from clearing.clearport.store.guards import guards_of

__all__ = ["downgrade", "upgrade"]

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORD, TEXT, NUMBER, FLAG = sa.LargeBinary, sa.Text, sa.BigInteger, sa.Boolean
TABLES: dict[str, tuple[tuple[str, ...], dict[str, type[Any]]]] = {
    "channels": (("channel_id",), {"channel_id": WORD, "fixed": WORD}),
    "backlogs": (("channel_id",), {"channel_id": WORD, "backlog": WORD}),
    "states": (("channel_id",), {"channel_id": WORD, "state": WORD}),
    "signing": (
        ("channel_id", "epoch", "version", "type_hash", "key_id"),
        {
            "key_id": TEXT,
            "type_hash": WORD,
            "channel_id": WORD,
            "epoch": NUMBER,
            "version": WORD,
            "digest": WORD,
            "role": TEXT,
            "signature": WORD,
        },
    ),
    "agreed": (
        ("channel_id", "epoch", "version"),
        {"channel_id": WORD, "epoch": NUMBER, "version": WORD, "full": WORD},
    ),
    "booked": (
        ("channel_id", "trade_id"),
        {
            "channel_id": WORD,
            "trade_id": TEXT,
            "epoch": NUMBER,
            "version": WORD,
            "is_settled": FLAG,
            "trade": WORD,
        },
    ),
    "intents": (
        ("key",),
        {
            "key": TEXT,
            "place": NUMBER,
            "to": WORD,
            "data": WORD,
            "what": TEXT,
            "channel_id": WORD,
            "state": TEXT,
            "nonce": NUMBER,
            "hashes": WORD,
            "block_number": NUMBER,
            "reason": TEXT,
        },
    ),
    "events": (
        ("cursor",),
        {"cursor": NUMBER, "at": NUMBER, "kind": TEXT, "channel_id": WORD, "fields": TEXT},
    ),
    "nonces": (("subject", "nonce"), {"subject": WORD, "nonce": WORD, "expires_at": NUMBER}),
    "results": (
        ("subject", "idempotency_key"),
        {"subject": WORD, "idempotency_key": TEXT, "result": WORD, "expires_at": NUMBER},
    ),
    "peers": (("broker",), {"broker": WORD, "record": WORD, "is_dialled": FLAG}),
    "facts": (("name",), {"name": TEXT, "value": WORD}),
}
OPTIONAL = {("signing", "signature"), ("intents", "nonce"), ("intents", "block_number")}
INDEXES = {
    "booked": ("channel_id", "is_settled"),
    "intents": ("state",),
    "nonces": ("expires_at",),
    "results": ("expires_at",),
}


def upgrade() -> None:
    """Create the tables, their indexes and the guards of the signing history."""
    for table, (key, columns) in TABLES.items():
        op.create_table(
            table,
            *(
                sa.Column(name, kind, nullable=(table, name) in OPTIONAL, autoincrement=False)
                for name, kind in columns.items()
            ),
            sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"),
            sqlite_with_rowid=table != "signing",
        )
    for table, columns_ in INDEXES.items():
        op.create_index(f"ix_{table}_{'_'.join(columns_)}", table, list(columns_))
    op.create_index("uq_intents_place", "intents", ["place"], unique=True)
    for statement in guards_of(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Refuse: a history that may be dropped is none."""
    raise NotImplementedError("restore a backup instead")
