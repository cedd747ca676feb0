"""Keep one link to each peer: dialled or accepted, proven both ways, the newest one wins."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc.aio import ServicerContext

from clearing.clearport.errors import ClearportError
from clearing.clearport.peers.admission import Admission
from clearing.clearport.peers.book import Book, Seat
from clearing.clearport.peers.codes import ending_of
from clearing.clearport.peers.config import HubConfig, Identity, Log, Silent
from clearing.clearport.peers.dialler import Dialler
from clearing.clearport.peers.endpoint import require_encrypted
from clearing.clearport.peers.hello import Greeting
from clearing.clearport.peers.limits import Tally
from clearing.clearport.peers.link import Link
from clearing.clearport.peers.records import (
    PeerRecord,
    SignedRecord,
    require_record,
)
from clearing.clearport.peers.server import Server
from clearing.clearport.peers.stream import AcceptedStream, DialledStream, Ending, Stream
from clearing.clearport.ports import PeerLink
from clearing.spec.units import Address

__all__ = ["Hub", "OnLink", "PeerState"]

OnLink = Callable[[PeerLink], Awaitable[None]]
"""Serve a new link. For the same peer it is called again only when it has returned for the link
before, which has ended by then; whoever takes longer than `parting_s` for that is cancelled."""
STOPPING: Final = Ending(grpc.StatusCode.UNAVAILABLE, "the daemon stops")
EXPIRED: Final = Ending(grpc.StatusCode.UNAUTHENTICATED, "the peer's record has run out")
DROPPED: Final = Ending(grpc.StatusCode.UNAVAILABLE, "the peer is dropped")
REPLACED: Final = Ending(grpc.StatusCode.ABORTED, "a newer connection has taken its place")
RENEWED: Final = Ending(grpc.StatusCode.UNAVAILABLE, "the peer's record is replaced")
BROKEN: Final = Ending(grpc.StatusCode.INTERNAL, "the daemon failed to serve the link")


@dataclass(frozen=True, slots=True)
class PeerState:
    """A peer, for whoever asks: `trouble` is why the last stream ended or was refused."""

    record: PeerRecord
    is_connected: bool
    trouble: str


class Hub:
    """All peers. `run` until cancelled; `add` and `drop` may come before, and at any time."""

    def __init__(
        self,
        config: HubConfig,
        identity: Identity,
        on_link: OnLink,
        log: Log | None = None,
    ) -> None:
        self.ready = asyncio.Event()
        self.tally = Tally()
        self._config = config
        self._own = identity
        self._on_link = on_link
        self._log: Log = log or Silent()
        self._book = Book(identity.side, config.limits)
        self._admission = Admission(config, identity, self._book)
        self._server = Server(config, identity.pair, self._accept)
        self._tasks: asyncio.TaskGroup | None = None

    # ------------------------------------------------------------------------- who the peers are

    async def add(self, signed: SignedRecord) -> None:
        """Check a peer's record and seat it. Raises as `check`."""
        await self.check(signed)
        self.seat(signed)

    async def check(self, signed: SignedRecord) -> None:
        """Go on if a peer's record may be taken up now; change nothing.

        Raises PeerLiedError, ConfigError (plain TCP off loopback), UnavailableError.
        """
        own, record = self._own, signed.record
        require_encrypted(
            record.endpoint, insecure_loopback=self._config.insecure_loopback, field="endpoint"
        )
        await require_record(signed, own.domain, own.signer_of, now=own.clock())
        self._book.require_newest(record)

    def seat(self, signed: SignedRecord) -> None:
        """Take a checked peer up, or renew its record; dial it if our address is the lower.

        Raises PeerLiedError if a newer record has come since.
        """
        record = signed.record
        before = self._book.seat_of(record.broker)
        known = None if before is None else before.record
        seat = self._book.take(record)
        self._admit()
        if known is not None and (known.endpoint, known.certificate) != (
            record.endpoint,
            record.certificate,
        ):
            self._vacate(seat, RENEWED)
        self._dial(seat)

    def drop(self, broker: Address) -> None:
        """End the link to a peer; neither dial nor accept it until it is added again."""
        seat = self._book.drop(broker)
        if seat is not None:
            self._admit()
            self._vacate(seat, DROPPED)

    def connected(self, broker: Address) -> PeerLink | None:
        """Return the link to a peer, if there is one."""
        seat = self._book.seat_of(broker)
        return None if seat is None else seat.live

    def peers(self) -> tuple[PeerState, ...]:
        """Return every peer."""
        return tuple(
            PeerState(seat.record, seat.live is not None, seat.trouble) for seat in self._book
        )

    # ------------------------------------------------------------------------------ its life

    async def run(self) -> None:
        """Listen and dial until cancelled. Raises ConfigError if the address cannot be had."""
        async with asyncio.TaskGroup() as tasks:
            await self._server.start()
            self._tasks = tasks
            for seat in self._book:
                self._dial(seat)
            self.ready.set()
            try:
                while True:
                    await asyncio.sleep(self._config.limits.expiry_check_s)
                    self._end_expired()
            finally:
                self.ready.clear()
                self._tasks = None
                await self._stop()

    async def _stop(self) -> None:
        links = [seat.live for seat in self._book]
        for seat in self._book:
            if seat.live is not None:
                seat.live.end(STOPPING, is_flushed=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.limits.parting_s):
                for link in links:
                    if link is not None:
                        await link.wait_over()
        await self._server.stop(0)

    def _end_expired(self) -> None:
        now = self._own.clock()
        for seat in self._book:
            if now > seat.record.valid_until and seat.live is not None:
                seat.live.end(EXPIRED)

    def _admit(self) -> None:
        self._server.admit(seat.record.certificate for seat in self._book)

    def _vacate(self, seat: Seat, ending: Ending) -> None:
        """End what runs for a peer; a dialler ends with its link."""
        if seat.live is not None:
            seat.live.end(ending)
        if seat.dialling is not None:
            seat.dialling.cancel()
            seat.dialling = None

    def _dial(self, seat: Seat) -> None:
        is_ours = self._own.broker < seat.record.broker
        if is_ours and self._tasks is not None and seat.dialling is None:
            dialler = Dialler(
                self._config,
                self._own.pair,
                lambda: seat.record,
                lambda stream: self._dialled(seat, stream),
                lambda end: self._report(seat, end),
                self._own.clock,
            )
            seat.dialling = self._tasks.create_task(dialler.run())

    # ------------------------------------------------------------------------- from stream to link

    async def _dialled(self, seat: Seat, stream: DialledStream) -> None:
        greeting = await self._admission.dialled(seat, stream)
        await self._hold(seat, stream, greeting)

    async def _accept(self, context: ServicerContext[Any, Any]) -> None:
        """Serve a stream to its end; whatever is wrong with it ends in a status, nothing else."""
        stream = AcceptedStream(context)
        try:
            seat, greeting = await self._admission.accepted(context, stream)
        except ClearportError as error:
            self._report(None, error)
            await self._part(stream, ending_of(error))
            return
        await self._hold(seat, stream, greeting)

    async def _part(self, stream: Stream, ending: Ending) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.limits.parting_s):
                await stream.end(ending)

    # ------------------------------------------------------------------------- a proven link

    async def _hold(self, seat: Seat, stream: Stream, greeting: Greeting) -> None:
        """Seat the link and drive it to its end."""
        if self._tasks is None or not self._admission.is_current(seat, greeting):
            await self._part(stream, DROPPED)
            return
        broker = seat.record.broker
        link = Link(
            broker,
            stream,
            self._config.limits,
            protocol=greeting.protocol,
            total=self.tally,
        )
        if seat.live is not None:
            seat.live.end(REPLACED)
        seat.link = link
        seat.trouble = ""
        self.tally.links += 1
        self._log.info("peer_connected", broker=broker.hex())
        seat.serving = self._tasks.create_task(self._serve(link, seat.serving))
        try:
            await link.run()
        finally:
            self._report(seat, link.ending or DROPPED)

    async def _serve(self, link: Link, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before}, timeout=self._config.limits.parting_s)
            before.cancel()
            await asyncio.wait({before})
        try:
            await self._on_link(link)
        except asyncio.CancelledError:
            link.end(BROKEN)
            raise
        except ClearportError as error:
            link.end(ending_of(error))
        except Exception as error:  # noqa: BLE001  # one peer's link may not stop all others
            self._log.warning("peer_serving_failed", broker=link.broker.hex(), error=repr(error))
            link.end(BROKEN)

    def _report(self, seat: Seat | None, end: Ending | ClearportError) -> None:
        if isinstance(end, ClearportError):
            self.tally.refused += 1
            event, reason = "peer_refused", str(end)
        else:
            event, reason = "peer_disconnected", f"{end.code.name}: {end.reason}"
        broker = "unknown" if seat is None else seat.record.broker.hex()
        if seat is not None:
            seat.trouble = reason
        self._log.warning(event, broker=broker, reason=reason)
