"""Give both ends of a gRPC stream one shape: whoever dialled, and whoever was dialled.

gRPC lets the accepting end give a status; the dialling end says Goodbye in a last frame instead.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc
from grpc.aio import AioRpcError, ServicerContext, StreamStreamCall

from clearing.peer.v1 import peer_pb2

__all__ = ["METHOD", "AcceptedStream", "DialledStream", "Ending", "Stream", "brief"]

METHOD: Final = "/clearing.peer.v1.Peer/Exchange"
MAX_REASON: Final = 300
GONE: Final = (AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError, grpc.aio.InternalError)
"""What gRPC raises when a stream is over."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a stream is over."""

    code: grpc.StatusCode
    reason: str


def brief(reason: str) -> str:
    """Return a peer's words as they may stand in our log."""
    return "".join(letter if letter.isprintable() else "?" for letter in reason[:MAX_REASON])


class Stream(Protocol):
    """Frames as bytes. Reading is what makes room for the peer to send more."""

    async def read(self) -> bytes | None:
        """Return the next frame; None when the stream is over."""

    async def write(self, frame: bytes) -> bool:
        """Send a frame, when there is room; False if the stream is over."""

    async def end(self, ending: Ending) -> Ending:
        """Tell the peer why, and end the stream; return the peer's word if it came first."""

    def on_end(self, call: Callable[[], None]) -> None:
        """Call back when the stream is over."""


class DialledStream:
    """The end that has dialled."""

    __slots__ = ("_call",)

    def __init__(self, call: StreamStreamCall[bytes, bytes]) -> None:
        self._call = call

    async def read(self) -> bytes | None:
        """Return the next frame; None when the stream is over."""
        try:
            frame = await self._call.read()
        except GONE:
            return None
        except asyncio.CancelledError:
            if _is_cancelled_itself():
                raise
            return None  # it is the stream that was cancelled
        return frame if isinstance(frame, bytes) else None

    async def write(self, frame: bytes) -> bool:
        """Send a frame, when there is room; False if the stream is over."""
        try:
            await self._call.write(frame)
        except GONE:
            return False
        except asyncio.CancelledError:
            if _is_cancelled_itself():
                raise
            return False
        return True

    async def end(self, ending: Ending) -> Ending:
        """Say Goodbye, then hang up; return the status that the peer gave if it came first."""
        if self._call.done() and not self._call.cancelled():
            return Ending(await self._call.code(), brief(await self._call.details() or ""))
        goodbye = peer_pb2.Goodbye(code=ending.code.value[0], reason=ending.reason)
        if await self.write(peer_pb2.Frame(goodbye=goodbye).SerializeToString()):
            with contextlib.suppress(*GONE, asyncio.CancelledError):
                await self._call.done_writing()
                await self._call.code()
        self._call.cancel()
        return ending

    def on_end(self, call: Callable[[], None]) -> None:
        """Call back when the stream is over."""
        self._call.add_done_callback(lambda _: call())


class AcceptedStream:
    """The end that was dialled: it lives as long as its handler runs."""

    __slots__ = ("_context",)

    def __init__(self, context: ServicerContext[Any, Any]) -> None:
        self._context = context

    async def read(self) -> bytes | None:
        """Return the next frame; None when the stream is over."""
        try:
            frame = await self._context.read()
        except GONE:
            return None
        return frame if isinstance(frame, bytes) else None

    async def write(self, frame: bytes) -> bool:
        """Send a frame, when there is room; False if the stream is over."""
        try:
            await self._context.write(frame)
        except GONE:
            return False
        return True

    async def end(self, ending: Ending) -> Ending:
        """Send the status; the handler must then return. It is not OK, which would lose the reason.

        May wait for ever behind what the peer does not read: gRPC has no other way to hang up.
        """
        with contextlib.suppress(grpc.aio.AbortError, *GONE):
            await self._context.abort(ending.code, ending.reason)
        return ending

    def on_end(self, call: Callable[[], None]) -> None:
        """Do nothing: gRPC cancels the handler when the stream is over."""


def _is_cancelled_itself() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
