"""Decide who an accepted stream is from, and have both ends prove themselves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

from grpc.aio import ServicerContext

from clearing.clearport.errors import ClearportError, PeerLiedError, UnavailableError
from clearing.clearport.peers.book import Book, Seat
from clearing.clearport.peers.config import HubConfig, Identity
from clearing.clearport.peers.greet import greet_accepting, greet_dialling, read_hello
from clearing.clearport.peers.hello import Greeting, Side
from clearing.clearport.peers.limits import FloodError
from clearing.clearport.peers.records import require_current
from clearing.clearport.peers.stream import Stream
from clearing.clearport.peers.tls import der_of
from clearing.spec.units import Address

__all__ = ["Admission"]


class Admission:
    """The way from a fresh stream to a proven peer. Every refusal is a ClearportError."""

    def __init__(self, config: HubConfig, own: Identity, book: Book) -> None:
        self._config = config
        self._own = own
        self._book = book

    async def dialled(self, seat: Seat, stream: Stream) -> Greeting:
        """Greet whom we have dialled."""
        greeting = self._greeting(seat)
        async with self._in_time():
            await greet_dialling(stream, greeting, self._own.signer, self._own.signer_of)
        return greeting

    async def accepted(
        self, context: ServicerContext[Any, Any], stream: Stream
    ) -> tuple[Seat, Greeting]:
        """Greet whoever has dialled us: the holder of the certificate, who must be of now."""
        async with self._in_time():
            seat = None if self._config.insecure_loopback else self._shown(context)
            first = await read_hello(stream)
            seat = seat or self._book.seat_of(Address(first.broker))
            if seat is None:
                raise PeerLiedError("no peer of ours", "exchange records first", field="broker")
            greeting = self._greeting(seat)
            try:
                self._require_welcome(seat)
                await greet_accepting(
                    stream, first, greeting, self._own.signer, self._own.signer_of
                )
            except ClearportError as error:
                seat.trouble = str(error)
                raise
            return seat, greeting

    def is_current(self, seat: Seat, greeting: Greeting) -> bool:
        """Say whether the peer is still one, and of the certificate that it greeted with."""
        return (
            self._book.seat_of(seat.record.broker) is seat
            and seat.record.certificate_hash == greeting.peer.certificate_hash
        )

    def _shown(self, context: ServicerContext[Any, Any]) -> Seat:
        """Return whose certificate the connection has shown."""
        shown = [*context.auth_context().get("x509_pem_cert", ())]
        seat = self._book.holder_of(sha256(der_of(shown[0])).digest()) if shown else None
        if seat is None:
            raise PeerLiedError("no peer's", "exchange records first", field="certificate")
        return seat

    def _require_welcome(self, seat: Seat) -> None:
        if not seat.hellos.take():
            raise FloodError("too many Hellos", "wait a minute")
        require_current(seat.record, self._own.clock())
        if seat.record.broker > self._own.broker:
            raise PeerLiedError(
                "of the two brokers the lower address dials", "wait to be dialled", field="broker"
            )

    def _greeting(self, seat: Seat) -> Greeting:
        peer = Side(seat.record.broker, seat.record.certificate_hash)
        return Greeting(self._own.domain, self._own.side, peer, self._own.versions)

    @contextlib.asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._config.limits.greet_s):
                yield
        except TimeoutError:
            raise UnavailableError("the Hellos took too long", "it is tried again") from None
