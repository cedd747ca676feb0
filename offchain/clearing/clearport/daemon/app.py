"""Run a daemon from its first look at the store to its last record, and stop it gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final, Protocol

from clearing.clearport.api.auth import Gate
from clearing.clearport.api.server import Listen, Server, serve
from clearing.clearport.daemon import loops
from clearing.clearport.daemon.desk import make_desk
from clearing.clearport.daemon.metrics import MetricsServer
from clearing.clearport.daemon.office import Office
from clearing.clearport.ports import PeerLink, Prices, Watcher

__all__ = ["Daemon", "Parts", "Peers"]

DRAIN_S: Final = 10.0
Loop = Callable[[], Awaitable[None]]


class Peers(Protocol):
    """Meets peers: dials those that are to be dialled, opens the door to those that dial."""

    @property
    def listening(self) -> str:
        """Where peers are met, host:port."""

    async def start(self, serve: Callable[[PeerLink], Awaitable[None]]) -> None:
        """Begin; each new stream is handed to `serve`, which returns when it is gone."""

    async def stop(self) -> None:
        """End all streams and the door."""


@dataclass
class Parts:
    """What runs. `loops` are the adapters' own, by name; `closing` lets go of what was opened."""

    office: Office
    gate: Gate
    listen: Listen
    peers: Peers
    watcher: Watcher
    prices: Prices
    price_poll_s: float
    loops: Mapping[str, Loop]
    metrics: MetricsServer | None
    closing: AsyncExitStack


@dataclass
class Daemon:
    """One broker's daemon."""

    parts: Parts
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Have `run` stop gracefully; may be called from a signal's handler."""
        self._stop.set()

    async def run(self, ready: Callable[[Mapping[str, str]], None]) -> None:
        """Run until `stop`, SIGTERM or SIGINT; `ready` is told the endpoints once all is up."""
        parts = self.parts
        office, log = parts.office, parts.office.lanes.world.log
        with _signals(self.stop):
            async with parts.closing, asyncio.TaskGroup() as tasks:
                await office.lanes.start(tasks)
                supervised = [
                    tasks.create_task(
                        loops.supervise(name, loop, office.lanes.world), name=f"loop {name}"
                    )
                    for name, loop in self._loops().items()
                ]
                try:
                    await parts.peers.start(office.lanes.serve)
                    server = await serve(make_desk(office), parts.gate, parts.listen, log)
                    endpoints = self._endpoints(server)
                    log.info("ready", **endpoints, channels=len(office.lanes))
                    ready(endpoints)
                    await self._stop.wait()
                    log.info("stopping")
                    await self._wind_down(server)
                finally:
                    await office.lanes.stop(DRAIN_S)
                    await parts.peers.stop()
                    for task in supervised:
                        task.cancel()
        log.info("stopped")

    async def _wind_down(self, server: Server) -> None:
        """Take nothing new, let what has begun end: calls, then lanes."""
        office = self.parts.office
        await server.set_serving(is_serving=False)
        office.stopping.set()
        office.news.ring()
        await server.stop()
        await office.lanes.stop(DRAIN_S)
        if office.exporter is not None:
            await office.exporter.flush()

    def _loops(self) -> dict[str, Loop]:
        parts = self.parts
        lanes = parts.office.lanes
        exporter = parts.office.exporter
        found: dict[str, Loop] = {
            "observe": lambda: loops.observe(parts.watcher, lanes),
            "price": lambda: loops.price(parts.prices, lanes, parts.price_poll_s),
            "tick": lambda: loops.tick(lanes),
            "keep_house": lambda: loops.keep_house(lanes.world),
            **parts.loops,
        }
        return found if exporter is None else found | {"export": exporter.run}

    def _endpoints(self, server: Server) -> dict[str, str]:
        parts = self.parts
        endpoints = {
            "operator": f"{parts.listen.host}:{server.port}",
            "peers": parts.peers.listening,
            "broker": f"0x{parts.office.house.broker.hex()}",
        }
        if parts.metrics is not None:
            endpoints["metrics"] = f"127.0.0.1:{parts.metrics.port}"
        return endpoints


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    try:
        yield
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)
