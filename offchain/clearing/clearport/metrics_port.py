"""Answer Prometheus from a thread for as long as the process lives."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, start_http_server

from clearing.clearport.errors import ConfigError

__all__ = ["serve_registry"]


def serve_registry(registry: CollectorRegistry, host: str, port: int) -> int:
    """Answer at a port, or a free one for 0, until the process ends; return the port.

    Raises ConfigError if it is taken.
    """
    try:
        server, _ = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        problem = f"cannot listen on {host}:{port} ({error.strerror})"
        raise ConfigError(problem, "name a free port", field="metrics") from error
    return int(server.server_port)
