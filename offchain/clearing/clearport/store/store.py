"""The `Store` port over SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from clearing.clearport.core.channel import Line
from clearing.clearport.ports import (
    BookedTrade,
    Intent,
    IntentStatus,
    OperatorEvent,
    Permit,
    Record,
    StoredPeer,
    Used,
)
from clearing.clearport.store import questions, reads
from clearing.clearport.store.backup import Manifest, Owner, backup
from clearing.clearport.store.writer import Writer
from clearing.client.session import CoSigned

__all__ = ["SqlStore"]


class SqlStore:
    """Durable memory in one database: a file (`sqlite:////path`) or a server (`postgresql://…`).

    One daemon alone may have it open. Whoever is cancelled while it waits for a commit does not
    know whether the record is durable.
    """

    def __init__(self, url: str, writer: Writer) -> None:
        """Take an open writer; `SqlStore.open` makes one."""
        self._url = url
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> SqlStore:
        """Open a database, create or migrate its tables, and lock it. Raises StoreError."""
        writer = Writer(url)
        await writer.open()
        return cls(url, writer)

    async def close(self) -> None:
        """Finish what was handed in and let others open the database."""
        await self._writer.close()

    async def commit(self, record: Record) -> Permit | None:
        """Make a record durable; see the port."""
        return await self._writer.commit(record)

    async def backup(self, path: Path, of: Owner) -> Manifest:
        """Write a consistent copy of everything, while the daemon runs. Raises StoreError."""
        return await asyncio.to_thread(backup, self._url, path, of)

    # CHANNELS

    async def lines(self) -> tuple[Line, ...]:
        """Return every channel, as committed last."""
        memory = self._writer.memory
        return await self._writer.ask(lambda _: tuple(kept.line for kept in memory.kept.values()))

    async def agreed(
        self, channel_id: bytes, *, after: int = 0, epoch: int | None = None
    ) -> tuple[CoSigned, ...]:
        """Return the co-signed states above a version, oldest first."""
        question = partial(reads.agreed, channel_id=channel_id, after=after, epoch=epoch)
        return await self._writer.ask(question)

    async def trades(self, channel_id: bytes) -> tuple[BookedTrade, ...]:
        """Return the booked trades of a channel that are not settled, oldest first."""
        return await self._writer.ask(partial(reads.trades, channel_id=channel_id))

    async def booked_among(self, channel_id: bytes, trade_ids: Sequence[str]) -> frozenset[str]:
        """Return which of these trades were ever booked in the channel, settled or not."""
        question = partial(reads.booked_among, channel_id=channel_id, trade_ids=trade_ids)
        return await self._writer.ask(question)

    # THE OUTBOX

    async def intents(self, states: Sequence[str]) -> tuple[tuple[Intent, IntentStatus], ...]:
        """Return the outbox's intents in these states, in the order they were wanted."""
        return await self._writer.ask(partial(reads.intents, states=states))

    async def intent(self, key: str) -> tuple[Intent, IntentStatus] | None:
        """Return one intent and how far it is, None if it was never wanted."""
        return await self._writer.ask(partial(reads.intent, key=key))

    async def set_intent_status(self, status: IntentStatus) -> None:
        """Note how far an intent is. Raises StoreError, also if it was never wanted."""
        await self.commit(Record(statuses=(status,)))

    # THE OPERATOR, THE PEERS, THE REST

    async def operator_events(self, after: int, limit: int) -> tuple[OperatorEvent, ...]:
        """Return events with a cursor above `after`, oldest first."""
        return await self._writer.ask(partial(reads.events, after=after, limit=limit))

    async def peers(self) -> tuple[StoredPeer, ...]:
        """Return every peer, by broker."""
        return await self._writer.ask(reads.peers)

    async def put_peer(self, peer: StoredPeer) -> None:
        """Keep a peer, or what is new of it."""
        await self.commit(Record(peers=(peer,)))

    async def fact(self, name: str) -> bytes | None:
        """Return a fact, None if it was never put."""
        return await self._writer.ask(partial(reads.fact, name=name))

    async def put_fact(self, name: str, value: bytes) -> None:
        """Keep a fact in place of what it was."""
        await self.commit(Record(facts=((name, value),)))

    async def result_of(self, used: Used) -> bytes | None:
        """Return what the first call under this idempotency key returned, None for none."""
        return await self._writer.ask(partial(questions.result_of, used=used))

    async def forget_expired(self, now: int) -> int:
        """Forget the nonces that have expired at `now` and old results; return how many nonces."""
        return await self._writer.ask(partial(reads.forget_expired, now=now))
