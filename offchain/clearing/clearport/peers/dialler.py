"""Keep one stream to a peer: dial it, and again whenever the stream has ended."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import grpc
from grpc.aio import StreamStreamCall

from clearing.clearport.errors import ClearportError, PeerGoneError, UnavailableError
from clearing.clearport.peers.config import HubConfig
from clearing.clearport.peers.limits import Limits
from clearing.clearport.peers.records import PeerRecord, require_current
from clearing.clearport.peers.server import common_options
from clearing.clearport.peers.stream import METHOD, DialledStream, Ending
from clearing.clearport.peers.tls import SERVER_NAME, KeyPair, channel_credentials

__all__ = ["Backoff", "Dialler", "Greet"]

Greet = Callable[[DialledStream], Awaitable[None]]
"""Say Hello, then serve the stream until it is over. Raises ClearportError."""


class Backoff:
    """How long to wait before the next try: twice as long each time, give or take a half."""

    __slots__ = ("_limits", "_next")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._next = limits.retry_least_s

    def pause(self, lasted_s: float) -> float:
        """Return seconds to wait after a stream that lasted so long."""
        limits = self._limits
        if lasted_s >= limits.retry_most_s:
            self._next = limits.retry_least_s
        pause = self._next * random.uniform(0.5, 1.5)  # noqa: S311  # no secret: spreads the load
        self._next = min(limits.retry_most_s, self._next * 2)
        return pause


class Dialler:
    """Dials one peer by its record of then until cancelled; `report` hears why a try failed."""

    def __init__(
        self,
        config: HubConfig,
        pair: KeyPair,
        record: Callable[[], PeerRecord],
        greet: Greet,
        report: Callable[[ClearportError], None],
        clock: Callable[[], int],
    ) -> None:
        self._config = config
        self._pair = pair
        self._record = record
        self._greet = greet
        self._report = report
        self._clock = clock

    async def run(self) -> None:
        """Keep the stream for ever."""
        backoff = Backoff(self._config.limits)
        while True:
            since = time.monotonic()
            try:
                await self._dial()
            except ClearportError as error:
                self._report(error)
            except Exception as error:  # noqa: BLE001 - one peer's trouble may not end the hub
                self._report(UnavailableError(f"dialling failed ({error!r})", "it is tried again"))
            await asyncio.sleep(backoff.pause(time.monotonic() - since))

    async def _dial(self) -> None:
        limits = self._config.limits
        record = self._record()
        require_current(record, self._clock())
        async with self._channel(record) as channel:
            try:
                async with asyncio.timeout(limits.connect_s):
                    await channel.channel_ready()
            except TimeoutError:
                raise UnavailableError(
                    f"no TLS to {record.endpoint} within {limits.connect_s} s",
                    "check that the peer listens, and has our record",
                ) from None
            call: StreamStreamCall[bytes, bytes] = channel.stream_stream(METHOD)()
            stream = DialledStream(call)
            try:
                await self._greet(stream)
            except PeerGoneError as error:
                said = await stream.end(Ending(grpc.StatusCode.UNAVAILABLE, str(error)))
                raise PeerGoneError(said.reason or error.problem, error.fix) from error
            finally:
                call.cancel()

    def _channel(self, record: PeerRecord) -> grpc.aio.Channel:
        address = str(record.endpoint)
        options = [
            *common_options(self._config.limits),
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", 0),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", 1000),
        ]
        if self._config.insecure_loopback:
            return grpc.aio.insecure_channel(address, options=options)
        return grpc.aio.secure_channel(
            address,
            channel_credentials(self._pair, record.certificate),
            options=[*options, ("grpc.ssl_target_name_override", SERVER_NAME)],
        )
