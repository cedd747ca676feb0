"""Keep what must outlive the process: offers, checkpoints, facts. SQLite, durable on return.

One process at a time: the folder is locked for as long as the store is open.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

from clearing.chain.cursor import Block
from clearing.keeper.errors import StoreHeldError

__all__ = ["Checkpoint", "Offer", "Store"]

KEPT_CHECKPOINTS: Final = 3
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS checkpoints
  (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, parent BLOB NOT NULL, book TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS offers (
  sender TEXT NOT NULL, nonce INTEGER NOT NULL, work TEXT NOT NULL, subjects TEXT NOT NULL,
  raw BLOB NOT NULL, hashes TEXT NOT NULL, state TEXT NOT NULL, block INTEGER,
  PRIMARY KEY (sender, nonce));
CREATE INDEX IF NOT EXISTS offers_by_state ON offers (sender, state);
CREATE INDEX IF NOT EXISTS offers_by_work ON offers (sender, work);
"""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the replica was after a block."""

    block: Block
    book: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """A nonce and what is offered for it: `raw` is the newest of the transactions in `hashes`.

    `state`: open (may be mined), mined (in `block`), final, lost (another used the nonce).
    `work` says what it is for, `subjects` whom nothing else may name while it is open.
    """

    sender: str
    nonce: int
    work: str
    subjects: tuple[str, ...]
    raw: bytes
    hashes: tuple[bytes, ...]
    state: str = "open"
    block: int | None = None


class Store:
    """The keeper's own file; its methods may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        """Open, or make, the store in a folder. Raises StoreHeldError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._held: TextIO = (folder / "keeper.lock").open("a", encoding="utf-8")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._held.close()
            raise StoreHeldError(
                f"another keeper works from {folder}", "stop it, or give this one its own folder"
            ) from None
        self._lock = threading.RLock()
        self._db = sqlite3.connect(folder / "keeper.db", check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Let go of file and folder."""
        with self._lock:
            self._db.close()
            self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # FACTS

    def fact(self, name: str) -> Any:
        """Return what was kept under a name, None if nothing was."""
        with self._lock:
            row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put_fact(self, name: str, value: object) -> None:
        """Keep something JSON can hold."""
        text = json.dumps(value, separators=(",", ":"))
        with self._lock, self._db:
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, text))

    # CHECKPOINTS

    def put_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint and the few before it."""
        block, text = checkpoint.block, json.dumps(checkpoint.book, separators=(",", ":"))
        with self._lock, self._db:
            self._db.execute("DELETE FROM checkpoints WHERE number >= ?", (block.number,))
            self._db.execute(
                "INSERT INTO checkpoints VALUES (?, ?, ?, ?)",
                (block.number, block.hash, block.parent, text),
            )
            self._db.execute(
                "DELETE FROM checkpoints WHERE number NOT IN "
                "(SELECT number FROM checkpoints ORDER BY number DESC LIMIT ?)",
                (KEPT_CHECKPOINTS,),
            )

    def checkpoints(self) -> Iterable[Checkpoint]:
        """Yield what is kept, the newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, hash, parent, book FROM checkpoints ORDER BY number DESC"
            ).fetchall()
        for number, hash_, parent, text in rows:
            yield Checkpoint(Block(number, hash_, parent), json.loads(text))

    def drop_checkpoints(self) -> None:
        """Forget them all: what they hold is wrong."""
        with self._lock, self._db:
            self._db.execute("DELETE FROM checkpoints")

    # OFFERS

    def put_offers(self, offers: Iterable[Offer]) -> None:
        """Make offers durable, all or none: before anybody else hears of them."""
        rows = [
            (
                offer.sender,
                offer.nonce,
                offer.work,
                json.dumps(offer.subjects),
                offer.raw,
                json.dumps([each.hex() for each in offer.hashes]),
                offer.state,
                offer.block,
            )
            for offer in offers
        ]
        sql = "INSERT OR REPLACE INTO offers VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        with self._lock, self._db:
            self._db.executemany(sql, rows)

    def offers(self, sender: str, states: Iterable[str], least: int = 0) -> list[Offer]:
        """Return a sender's offers in some states, from a nonce on, by ascending nonce."""
        in_states = "state IN (SELECT value FROM json_each(?))"
        return self._select(
            f"sender = ? AND nonce >= ? AND {in_states} ORDER BY nonce",
            (sender, least, json.dumps(list(states))),
        )

    def offer_of(self, sender: str, work: str) -> Offer | None:
        """Return the newest offer for a piece of work."""
        found = self._select("sender = ? AND work = ? ORDER BY nonce DESC LIMIT 1", (sender, work))
        return found[0] if found else None

    def drop_offers(self, sender: str, below: int) -> None:
        """Forget what is final or lost below a nonce."""
        with self._lock, self._db:
            self._db.execute(
                "DELETE FROM offers WHERE sender = ? AND nonce < ? AND state IN ('final', 'lost')",
                (sender, below),
            )

    def _select(self, where: str, values: tuple[object, ...]) -> list[Offer]:
        columns = "sender, nonce, work, subjects, raw, hashes, state, block"
        with self._lock:
            rows = self._db.execute(
                f"SELECT {columns} FROM offers WHERE {where}",  # noqa: S608 - constants of this file
                values,
            ).fetchall()
        return [
            Offer(
                sender=row[0],
                nonce=row[1],
                work=row[2],
                subjects=tuple(json.loads(row[3])),
                raw=row[4],
                hashes=tuple(map(bytes.fromhex, json.loads(row[5]))),
                state=row[6],
                block=row[7],
            )
            for row in rows
        ]

    def next_nonce(self, sender: str) -> int:
        """Return the least nonce above all that were ever offered."""
        with self._lock:
            row = self._db.execute(
                "SELECT MAX(nonce) FROM offers WHERE sender = ?", (sender,)
            ).fetchone()
        return 0 if row[0] is None else int(row[0]) + 1
