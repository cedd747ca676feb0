"""Turn a record into rows, or refuse it before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from clearing.channel.signatures import Signature
from clearing.clearport.core.channel import Line
from clearing.clearport.errors import (
    RepeatedError,
    ReplayedError,
    SecondDigestError,
    StoreError,
    WireError,
)
from clearing.clearport.ports import (
    Intent,
    IntentStatus,
    Permit,
    Record,
    Reservation,
    Used,
)
from clearing.clearport.store import questions
from clearing.clearport.store.memory import Kept, Memory, Slot
from clearing.clearport.store.rows import (
    book_rows,
    event_row,
    intent_row,
    reserve_row,
    sign_row,
    status_row,
)
from clearing.clearport.store.statements import Row
from clearing.clearport.store.tables import pack_version
from clearing.spec.units import DAY_S

__all__ = ["RESULT_KEPT_S", "Group"]

RESULT_KEPT_S: Final = 7 * DAY_S
"""A result is returned to whoever repeats a call for so long after the call's own expiry."""

Rows = dict[str, list[Row]]


@dataclass(slots=True)
class Group:
    """The records of one transaction: `rows` are what it writes, in no order of tables."""

    connection: Connection
    memory: Memory
    rows: Rows = field(default_factory=dict)
    _nonces: set[tuple[bytes, bytes]] = field(default_factory=set)
    _results: dict[tuple[bytes, str], bytes] = field(default_factory=dict)
    _keys: set[str] = field(default_factory=set)

    def add(self, record: Record) -> Permit | None:
        """Take a record in; return the permit that its commit makes.

        Raises SecondDigestError, ReplayedError, RepeatedError, StoreError; nothing of the
        record is taken in then.
        """
        if record.used is not None:
            self._require_unused(record.used)
        if record.signed is not None:
            self._require_reserved(record.signed)
        self._require_wanted(record.statuses, record.intents)
        permit, is_new = None, False
        if record.reserve is not None:
            permit, is_new = self._permit_of(record.reserve, record.line)
        # Encoding may refuse a value: nothing is taken in before it.
        rows = self._line_rows(record)
        self._take(record, rows, permit if is_new else None)
        return permit

    def _take(self, record: Record, rows: Rows, permit: Permit | None) -> None:
        if permit is not None:
            self._reserve(permit, rows)
        if record.signed is not None:
            rows["sign"] = [sign_row(record.signed)]
            self.memory.unsigned.pop(_slot_of(record.signed.reservation), None)
        if record.used is not None:
            self._use(record.used, rows)
        if record.intents:
            self._keys.update(intent.key for intent in record.intents)
            first = self.memory.place + 1
            rows["intent"] = [
                intent_row(place, intent) for place, intent in enumerate(record.intents, first)
            ]
            self.memory.place += len(record.intents)
        if record.statuses:
            rows["status"] = [status_row(status) for status in record.statuses]
        if record.events:
            first = self.memory.cursor + 1
            rows["event"] = [
                event_row(cursor, each) for cursor, each in enumerate(record.events, first)
            ]
            self.memory.cursor += len(record.events)
        if record.peers:
            rows["peer"] = [(p.broker, p.record, p.is_dialled) for p in record.peers]
        if record.facts:
            rows["fact"] = list(record.facts)
        for name, more in rows.items():
            self.rows.setdefault(name, []).extend(more)

    # SIGNING

    def _permit_of(self, wanted: Reservation, line: Line | None) -> tuple[Permit, bool]:
        """Return the permit, and whether its reservation is new. Raises SecondDigestError."""
        key = (wanted.channel_id, wanted.epoch, wanted.type_hash, wanted.key_id)
        if wanted.version > self._highest(key):
            self._require_above_floor(wanted, line)
            return Permit(wanted), True
        stored = self._stored(wanted)
        if stored is None:
            self._require_above_floor(wanted, line)
            return Permit(wanted), True
        digest, signature = stored
        if digest != wanted.digest:
            raise SecondDigestError(
                f"version {wanted.version} of epoch {wanted.epoch} is reserved for another digest",
                "propose a higher version",
            )
        return Permit(wanted, signature), False

    def _require_above_floor(self, wanted: Reservation, line: Line | None) -> None:
        """Refuse a new state of a restored channel that may have been signed before."""
        if line is None:
            kept = self.memory.kept.get(wanted.channel_id)
            line = None if kept is None else kept.line
        if line is not None and wanted.version <= line.floor and wanted.role == "state":
            raise StoreError(
                f"version {wanted.version} is not above the restored channel's {line.floor}",
                "propose a version above it",
            )

    def _reserve(self, permit: Permit, rows: Rows) -> None:
        made = permit.reservation
        key = (made.channel_id, made.epoch, made.type_hash, made.key_id)
        self.memory.highest[key] = max(made.version, self._highest(key))
        self.memory.unsigned[_slot_of(made)] = made.digest
        rows["reserve"] = [reserve_row(made)]

    def _highest(self, key: tuple[bytes, int, bytes, str]) -> int:
        """Return the highest version that is reserved under a key, -1 for none."""
        highest = self.memory.highest.get(key)
        if highest is None:
            highest = self.memory.highest[key] = questions.highest_version(self.connection, key)
        return highest

    def _stored(self, wanted: Reservation) -> tuple[bytes, Signature | None] | None:
        """Return the digest that is reserved, and its signature."""
        slot = _slot_of(wanted)
        unsigned = self.memory.unsigned.get(slot)
        if unsigned is not None:
            return unsigned, None
        return questions.reserved_at(self.connection, slot)

    def _require_reserved(self, signed: Permit) -> None:
        if signed.signature is None:
            raise StoreError("a signature is to be kept, and none is there", "sign first")
        stored = self._stored(signed.reservation)
        if stored is None or stored[0] != signed.reservation.digest:
            raise StoreError(
                f"version {signed.reservation.version} is signed and not reserved",
                "reserve before the key signs",
            )

    # CALLS

    def _require_unused(self, used: Used) -> None:
        """Refuse a call that was made before. Raises ReplayedError, RepeatedError."""
        if used.idempotency_key:  # first: the very same bytes may come twice
            result = self._results.get((used.subject, used.idempotency_key))
            if result is None:
                result = questions.result_of(self.connection, used)
            if result is not None:
                raise RepeatedError(result)
        is_used = (used.subject, used.nonce) in self._nonces
        if is_used or questions.is_nonce_used(self.connection, used):
            raise ReplayedError("this call's nonce is used", "sign the call anew", field="nonce")

    def _use(self, used: Used, rows: Rows) -> None:
        self._nonces.add((used.subject, used.nonce))
        rows["nonce"] = [(used.subject, used.nonce, used.expires_at)]
        if used.idempotency_key:
            self._results[used.subject, used.idempotency_key] = used.result
            until = used.expires_at + RESULT_KEPT_S
            rows["result"] = [(used.subject, used.idempotency_key, used.result, until)]

    # THE OUTBOX AND THE OPERATOR

    def _require_wanted(
        self, statuses: tuple[IntentStatus, ...], fresh: tuple[Intent, ...]
    ) -> None:
        known = self._keys.union(intent.key for intent in fresh)
        for status in statuses:
            if status.key not in known and not questions.is_wanted(self.connection, status.key):
                raise StoreError(f"no intent has the key {status.key}", "want it first")

    # LINES

    def _line_rows(self, record: Record) -> Rows:
        """Return the rows of a line, its agreed state and its booked trades. Raises StoreError."""
        line = record.line
        if line is None:
            if record.agreed is not None or record.booked is not None:
                raise StoreError("a state is agreed without its line", "persist them together")
            return {}
        channel_id = line.channel_id
        before = self.memory.kept.get(channel_id)
        try:
            writer = self.memory.writer_of(channel_id)
            pieces = writer.write(line)
        except WireError as error:
            raise StoreError(
                f"the channel cannot be kept ({error})", "see its last call"
            ) from error
        rows: Rows = {"state": [(channel_id, pieces.state)]}
        if before is None or pieces.fixed != before.pieces.fixed:
            rows["channel"] = [(channel_id, pieces.fixed)]
        if before is None or pieces.backlog != before.pieces.backlog:
            rows["backlog"] = [(channel_id, pieces.backlog)]
        if record.agreed is not None:
            state = record.agreed.state
            full = writer.cosigned(record.agreed)
            rows["agree"] = [(channel_id, state.epoch, pack_version(state.version), full)]
        owed_before = before is not None and before.line.position.liabilities.rows
        if record.booked is not None:
            rows["book"] = book_rows(record.booked, line, None if before is None else before.line)
        if not line.position.liabilities.rows and (owed_before or record.booked is not None):
            rows["settle"] = [(channel_id,)]
        self.memory.keep(channel_id, Kept(line, pieces))
        return rows


def _slot_of(reservation: Reservation) -> Slot:
    made = reservation
    return (made.channel_id, made.epoch, made.version, made.type_hash, made.key_id)
