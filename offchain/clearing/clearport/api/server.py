"""Run the operator API: TLS, or plain TCP on this machine alone; health and reflection are on."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

from clearing.clearport.api.acts import Acts
from clearing.clearport.api.auth import Gate
from clearing.clearport.api.interceptor import Guard
from clearing.clearport.api.scopes import SERVICE
from clearing.clearport.api.service import Service
from clearing.clearport.api.status import Log
from clearing.clearport.api.streams import Streams
from clearing.clearport.desk import Desk
from clearing.clearport.errors import ConfigError
from clearing.operator.v1 import operator_pb2_grpc

__all__ = ["MESSAGE_BYTES", "Listen", "Server", "is_loopback", "serve"]

MESSAGE_BYTES: Final = 1024 * 1024
HEADER_BYTES: Final = 16 * 1024
MOST_CALLS: Final = 512
"""Calls and streams at once."""
MOST_ACTS: Final = 256
"""Calls that change something at once."""
STOP_S: Final = 5


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen. `host` is an address or localhost; port 0: a free one.

    Certificate (chain) and key are PEM files; both or neither.
    """

    host: str = "127.0.0.1"
    port: int = 0
    cert_file: Path | None = None
    key_file: Path | None = None
    most_calls: int = MOST_CALLS


class Server:
    """A running operator API."""

    def __init__(
        self,
        server: grpc.aio.Server,
        port: int,
        acts: Acts,
        streams: Streams,
        well: health.aio.HealthServicer,
    ) -> None:
        self.port = port
        self._server = server
        self._acts = acts
        self._streams = streams
        self._health = well

    async def set_serving(self, *, is_serving: bool) -> None:
        """Tell health checks whether the daemon serves."""
        state = health_pb2.HealthCheckResponse
        for name in ("", SERVICE):
            await self._health.set(name, state.SERVING if is_serving else state.NOT_SERVING)

    async def stop(self) -> None:
        """Take no more calls, end the streams, let what has begun end, within five seconds."""
        await self.set_serving(is_serving=False)
        self._streams.stop()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._acts.stop(STOP_S))
            group.create_task(self._server.stop(STOP_S))


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine and no other: localhost, or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def serve(desk: Desk, gate: Gate, listen: Listen, log: Log) -> Server:
    """Start serving. Raises ConfigError naming the field."""
    credentials = _credentials(listen)
    acts, streams = Acts(MOST_ACTS), Streams(gate)
    server = grpc.aio.server(
        interceptors=(Guard(gate, log),),
        maximum_concurrent_rpcs=listen.most_calls,
        options=(
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
            ("grpc.max_metadata_size", HEADER_BYTES),
            ("grpc.so_reuseport", 0),
        ),
    )
    operator_pb2_grpc.add_OperatorServicer_to_server(Service(desk, gate, acts, streams), server)
    well = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(well, server)
    names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    port = _bind(server, listen, credentials)
    await server.start()
    running = Server(server, port, acts, streams, well)
    await running.set_serving(is_serving=True)
    return running


def _credentials(listen: Listen) -> grpc.ServerCredentials | None:
    """Return what TLS needs, None for plain TCP on this machine."""
    if listen.cert_file is None and listen.key_file is None:
        if not is_loopback(listen.host):
            fix = "give operator.tls, or listen on 127.0.0.1"
            raise ConfigError("plain TCP would leave this machine", fix, field="operator.listen")
        return None
    if listen.cert_file is None or listen.key_file is None:
        missing = "certificate" if listen.cert_file is None else "key"
        raise ConfigError("is not given", "TLS needs both files", field=f"operator.tls.{missing}")
    chain = _read(listen.cert_file, "operator.tls.certificate")
    key = _read(listen.key_file, "operator.tls.key")
    return grpc.ssl_server_credentials([(key, chain)])


def _read(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise ConfigError(problem, "name a PEM file", field=field) from None


def _bind(
    server: grpc.aio.Server, listen: Listen, credentials: grpc.ServerCredentials | None
) -> int:
    host = "127.0.0.1" if listen.host == "localhost" else listen.host
    address = f"[{host}]:{listen.port}" if ":" in host else f"{host}:{listen.port}"
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError:
        port = 0
    if not port:
        fix = "free the port, or name another; check certificate and key"
        raise ConfigError(f"cannot listen on {address}", fix, field="operator.listen")
    return port
