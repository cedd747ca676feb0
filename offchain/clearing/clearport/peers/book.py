"""Keep the peers' records: the newest of each broker, found by broker or by certificate."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from clearing.clearport.errors import PeerLiedError
from clearing.clearport.peers.hello import Side
from clearing.clearport.peers.limits import Bucket, Limits
from clearing.clearport.peers.link import Link
from clearing.clearport.peers.records import PeerRecord
from clearing.spec.units import Address

__all__ = ["Book", "Seat"]

SECONDS_PER_MINUTE = 60


@dataclass(slots=True)
class Seat:
    """A peer: its record, and what runs for it. `trouble` is why its last stream ended."""

    record: PeerRecord
    hellos: Bucket
    link: Link | None = None
    dialling: asyncio.Task[None] | None = None
    serving: asyncio.Task[None] | None = None
    trouble: str = ""

    @property
    def live(self) -> Link | None:
        """The link, if it is not over."""
        return self.link if self.link is not None and self.link.ending is None else None


class Book:
    """The seats of all peers. A dropped peer's record is remembered, so an older one stays out."""

    def __init__(self, own: Side, limits: Limits) -> None:
        self._own = own
        self._limits = limits
        self._seats: dict[Address, Seat] = {}
        self._newest: dict[Address, PeerRecord] = {}

    def __iter__(self) -> Iterator[Seat]:
        return iter(tuple(self._seats.values()))

    def seat_of(self, broker: Address) -> Seat | None:
        """Return a peer by its broker."""
        return self._seats.get(broker)

    def holder_of(self, certificate_hash: bytes) -> Seat | None:
        """Return the one peer whose certificate has this sha256."""
        for seat in self._seats.values():
            if seat.record.certificate_hash == certificate_hash:
                return seat
        return None

    def require_newest(self, record: PeerRecord) -> None:
        """Go on if the record may be taken. Raises PeerLiedError.

        A dropped peer may come back with the very record that it had.
        """
        broker = record.broker
        if broker == self._own.broker:
            raise PeerLiedError("our own", "add the peer's record", field="broker")
        newest = self._newest.get(broker)
        is_back = broker not in self._seats and record == newest
        if newest is not None and record.seq <= newest.seq and not is_back:
            raise PeerLiedError(
                f"{record.seq}, and {newest.seq} is known",
                "ask the peer for its newest record",
                field="seq",
            )
        holder = self.holder_of(record.certificate_hash)
        is_taken = holder is not None and holder.record.broker != broker
        if is_taken or record.certificate_hash == self._own.certificate_hash:
            raise PeerLiedError(
                "another broker shows it", "each makes its own", field="certificate"
            )

    def take(self, record: PeerRecord) -> Seat:
        """Seat a peer, or renew its record. Raises PeerLiedError and changes nothing."""
        self.require_newest(record)
        broker = record.broker
        self._newest[broker] = record
        seat = self._seats.get(broker)
        if seat is None:
            rate = self._limits.hellos_per_minute / SECONDS_PER_MINUTE
            seat = Seat(record, Bucket(rate, self._limits.hellos_burst))
            self._seats[broker] = seat
        seat.record = record
        return seat

    def drop(self, broker: Address) -> Seat | None:
        """Take a peer's seat away; return what it was."""
        return self._seats.pop(broker, None)
