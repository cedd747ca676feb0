"""A way between two ends that can go dead without either being told."""

from __future__ import annotations

import asyncio
import contextlib


class Proxy:
    """Forwards TCP; connections that are frozen stay open and carry nothing any more."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._flows: list[asyncio.Event] = []
        self._tasks: set[asyncio.Task] = set()
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self):
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.wait(self._tasks)

    def freeze(self) -> None:
        """Carry nothing more on today's connections; new ones are good."""
        for flow in self._flows:
            flow.clear()
        self._flows.clear()

    async def _accept(self, reader, writer) -> None:
        self._tasks.add(asyncio.current_task())
        flow = asyncio.Event()
        flow.set()
        self._flows.append(flow)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(
                    self._carry(reader, far_writer, flow), self._carry(far_reader, writer, flow)
                )
        finally:
            writer.close()
            far_writer.close()

    async def _carry(self, reader, writer, flow) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await flow.wait()
                writer.write(data)
                await writer.drain()
        await flow.wait()
        writer.close()
