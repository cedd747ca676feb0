"""Listen for peers: the door opens to the holders of pinned certificates alone."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import grpc
from grpc.aio import ServicerContext

from clearing.clearport.errors import ConfigError
from clearing.clearport.peers.config import HubConfig
from clearing.clearport.peers.limits import MAX_FRAME, Limits
from clearing.clearport.peers.stream import METHOD
from clearing.clearport.peers.tls import KeyPair, server_configuration

__all__ = ["Accept", "Server", "common_options"]

Accept = Callable[[ServicerContext[Any, Any]], Awaitable[None]]
STREAMS_OF_A_CONNECTION: Final = 4
SLACK: Final = 1024
"""Bytes that gRPC takes above our own limit, so that nothing is refused by two rules."""


def common_options(limits: Limits) -> list[tuple[str, int]]:
    """Return what both ends set: sizes, keepalive pings, how much is read ahead (one frame)."""
    return [
        ("grpc.max_receive_message_length", MAX_FRAME + SLACK),
        ("grpc.max_send_message_length", MAX_FRAME + SLACK),
        ("grpc.max_metadata_size", 8192),
        ("grpc.http2.lookahead_bytes", MAX_FRAME),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.keepalive_time_ms", _ms(limits.keepalive_s)),
        ("grpc.keepalive_timeout_ms", _ms(limits.keepalive_answer_s)),
        # gRPC acts on this one, never on the keepalive's own; its default is a minute.
        ("grpc.http2.ping_timeout_ms", _ms(limits.keepalive_answer_s)),
    ]


class Server:
    """The listener. `admit` says whose certificates are good for connections from now on."""

    def __init__(self, config: HubConfig, pair: KeyPair, accept: Accept) -> None:
        self._config = config
        self._pair = pair
        self._accept = accept
        self._certificates: frozenset[bytes] = frozenset()
        self._configuration = server_configuration(pair, ())
        self._news: grpc.ServerCertificateConfiguration | None = None
        self._news_lock = threading.Lock()
        self._server: grpc.aio.Server | None = None

    def admit(self, certificates: Iterable[bytes]) -> None:
        """Replace the certificates (DER) that a connection may show."""
        wanted = frozenset(certificates)
        if wanted != self._certificates:
            self._certificates = wanted
            self._configuration = server_configuration(self._pair, wanted)
            with self._news_lock:
                self._news = self._configuration

    async def start(self) -> None:
        """Listen. Raises ConfigError if the address cannot be had."""
        server = grpc.aio.server(options=self._options())
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(
            self._handle
        )
        service, _, method = METHOD[1:].partition("/")
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}),)
        )
        address = str(self._config.listen)
        try:
            if self._config.insecure_loopback:
                server.add_insecure_port(address)
            else:
                server.add_secure_port(address, self._credentials())
            await server.start()
        except RuntimeError as error:
            raise ConfigError(
                f"cannot listen on {address}", "free it, or choose another", field="peers.listen"
            ) from error
        self._server = server

    async def stop(self, grace_s: float) -> None:
        """Take no more streams; end those there are after `grace_s`."""
        if self._server is not None:
            await self._server.stop(grace_s)

    async def _handle(self, _: object, context: ServicerContext[Any, Any]) -> None:
        await self._accept(context)

    def _credentials(self) -> grpc.ServerCredentials:
        return grpc.dynamic_ssl_server_credentials(
            self._configuration,
            self._changed_configuration,  # type: ignore[arg-type]
            require_client_authentication=True,
        )

    def _changed_configuration(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the configuration once, after it has changed. gRPC asks at every handshake.

        It asks from several threads, and what it is given replaces what other handshakes use just
        then: given one at each, strangers who only connect and hang up end the process.
        """
        with self._news_lock:
            news, self._news = self._news, None
        return news

    def _options(self) -> list[tuple[str, int]]:
        limits = self._config.limits
        return [
            *common_options(limits),
            ("grpc.so_reuseport", 0),
            ("grpc.max_concurrent_streams", STREAMS_OF_A_CONNECTION),
            ("grpc.server_handshake_timeout_ms", _ms(limits.greet_s)),
            ("grpc.max_connection_idle_ms", _ms(limits.idle_s)),
            ("grpc.http2.min_ping_interval_without_data_ms", _ms(limits.keepalive_s / 2)),
        ]


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
