"""Turn a record into rows, or refuse it before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, Select, bindparam, select

from clearing.channel.signatures import Signature
from clearing.clearport import codec
from clearing.clearport.core.channel import Line
from clearing.clearport.core.messages import ReportedTrade
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
    OperatorEvent,
    Permit,
    Record,
    Reservation,
    Used,
)
from clearing.clearport.store.memory import Kept, Memory, Slot
from clearing.clearport.store.statements import Row
from clearing.clearport.store.tables import (
    INTENTS,
    NONCES,
    RESULTS,
    SIGNING,
    pack_version,
    unpack_version,
)
from clearing.spec.units import DAY_S

__all__ = ["RESULT_KEPT_S", "Group"]

RESULT_KEPT_S: Final = 7 * DAY_S
"""A result is returned to whoever repeats a call for so long after the call's own expiry."""

Rows = dict[str, list[Row]]


def _at_reservation() -> Select[bytes, bytes | None]:
    return select(SIGNING.c.digest, SIGNING.c.signature).where(
        SIGNING.c.channel_id == bindparam("channel"),
        SIGNING.c.epoch == bindparam("epoch"),
        SIGNING.c.version == bindparam("version"),
        SIGNING.c.type_hash == bindparam("type"),
        SIGNING.c.key_id == bindparam("key"),
    )


RESERVED: Final = _at_reservation()
HIGHEST: Final = (
    select(SIGNING.c.version)
    .where(
        SIGNING.c.channel_id == bindparam("channel"),
        SIGNING.c.epoch == bindparam("epoch"),
        SIGNING.c.type_hash == bindparam("type"),
        SIGNING.c.key_id == bindparam("key"),
    )
    .order_by(SIGNING.c.version.desc())
    .limit(1)
)
NONCE: Final = select(NONCES.c.nonce).where(
    NONCES.c.subject == bindparam("of"), NONCES.c.nonce == bindparam("nonce")
)
RESULT: Final = select(RESULTS.c.result).where(
    RESULTS.c.subject == bindparam("of"), RESULTS.c.idempotency_key == bindparam("key")
)
WANTED: Final = select(INTENTS.c.key).where(INTENTS.c.key == bindparam("key"))


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

        Raises SecondDigestError, ReplayedError, RepeatedError, StoreError; nothing of
        the record is taken in then.
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
            rows["sign"] = [_sign_row(record.signed)]
            self.memory.unsigned.pop(_without_digest(record.signed.reservation), None)
        if record.used is not None:
            self._use(record.used, rows)
        if record.intents:
            self._keys.update(intent.key for intent in record.intents)
            rows["intent"] = [self._intent_row(intent) for intent in record.intents]
        if record.statuses:
            rows["status"] = [_status_row(status) for status in record.statuses]
        if record.events:
            rows["event"] = [self._event_row(each) for each in record.events]
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
        is_low = line is not None and line.is_recovering and wanted.version <= line.floor
        if line is not None and is_low and wanted.role == "state":
            raise StoreError(
                f"version {wanted.version} is not above the restored channel's {line.floor}",
                "propose a version above it",
            )

    def _reserve(self, permit: Permit, rows: Rows) -> None:
        made = permit.reservation
        key = (made.channel_id, made.epoch, made.type_hash, made.key_id)
        self.memory.highest[key] = max(made.version, self._highest(key))
        self.memory.unsigned[_without_digest(made)] = made.digest
        rows["reserve"] = [_reserve_row(made)]

    def _highest(self, key: tuple[bytes, int, bytes, str]) -> int:
        """Return the highest version that is reserved under a key, -1 for none."""
        highest = self.memory.highest.get(key)
        if highest is None:
            values = dict(zip(("channel", "epoch", "type", "key"), key, strict=True))
            stored = self.connection.execute(HIGHEST, values).scalar()
            highest = -1 if stored is None else unpack_version(stored)
            self.memory.highest[key] = highest
        return highest

    def _stored(self, wanted: Reservation) -> tuple[bytes, Signature | None] | None:
        """Return the digest that is reserved, and its signature."""
        unsigned = self.memory.unsigned.get(_without_digest(wanted))
        if unsigned is not None:
            return unsigned, None
        values = {
            "channel": wanted.channel_id,
            "epoch": wanted.epoch,
            "version": pack_version(wanted.version),
            "type": wanted.type_hash,
            "key": wanted.key_id,
        }
        row = self.connection.execute(RESERVED, values).one_or_none()
        if row is None:
            return None
        digest, signature = row
        return digest, None if signature is None else Signature.from_bytes(signature)

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
        nonce = {"of": used.subject, "nonce": used.nonce}
        if (used.subject, used.nonce) in self._nonces or self.connection.execute(
            NONCE, nonce
        ).first():
            raise ReplayedError("this call's nonce is used", "sign the call anew", field="nonce")
        if used.idempotency_key:
            result = self._results.get((used.subject, used.idempotency_key))
            if result is None:
                values = {"of": used.subject, "key": used.idempotency_key}
                result = self.connection.execute(RESULT, values).scalar()
            if result is not None:
                raise RepeatedError(result)

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
            is_known = status.key in known
            if not is_known and not self.connection.execute(WANTED, {"key": status.key}).first():
                raise StoreError(f"no intent has the key {status.key}", "want it first")

    def _intent_row(self, intent: Intent) -> Row:
        self.memory.place += 1
        return (
            intent.key,
            self.memory.place,
            intent.to,
            intent.data,
            intent.what,
            intent.channel_id,
            "queued",
            None,
            b"",
            None,
            "",
        )

    def _event_row(self, event: OperatorEvent) -> Row:
        self.memory.cursor += 1
        fields = json.dumps(event.fields, separators=(",", ":"))
        return (self.memory.cursor, event.at, event.kind, event.channel_id, fields)

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
            rows["book"] = _book_rows(record, line, None if before is None else before.line)
        if not line.position.liabilities.rows and (owed_before or record.booked is not None):
            rows["settle"] = [(channel_id,)]
        self.memory.keep(channel_id, Kept(line, pieces))
        return rows


def _book_rows(record: Record, line: Line, before: Line | None) -> list[Row]:
    if record.booked is None:
        return []
    version = pack_version(record.booked.version)
    texts = _texts(record.booked.trade_ids, before)
    return [
        (line.channel_id, trade_id, line.position.epoch, version, False, text)
        for trade_id, text in zip(record.booked.trade_ids, texts, strict=True)
    ]


def _texts(trade_ids: tuple[str, ...], line: Line | None) -> Iterator[bytes]:
    """Return the encoded trades that a line was about to book; empty for one it did not know."""
    if line is None:
        known = {}
    elif line.half is not None and line.half.trade_ids == trade_ids:
        known = dict(zip(trade_ids, getattr(line.half.move, "trades", ()), strict=False))
    else:
        known = {each.trade_id: each.trade for each in (*line.reported, *line.trades)}
    for trade_id in trade_ids:
        trade = known.get(trade_id)
        if trade is None:
            yield b""
        else:
            yield codec.encode_trade(ReportedTrade(trade_id, trade)).SerializeToString()


def _without_digest(of: Reservation) -> Slot:
    return (of.channel_id, of.epoch, of.version, of.type_hash, of.key_id)


def _reserve_row(made: Reservation) -> Row:
    return (
        made.key_id,
        made.type_hash,
        made.channel_id,
        made.epoch,
        pack_version(made.version),
        made.digest,
        made.role,
        None,
    )


def _sign_row(permit: Permit) -> Row:
    made, signature = permit.reservation, permit.signature
    return (
        None if signature is None else signature.to_bytes(),
        made.channel_id,
        made.epoch,
        pack_version(made.version),
        made.type_hash,
        made.key_id,
        made.digest,
    )


def _status_row(status: IntentStatus) -> Row:
    return (
        status.state,
        status.nonce,
        b"".join(status.hashes),
        status.block_number,
        status.reason,
        status.key,
    )
