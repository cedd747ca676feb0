"""Carry messages to and from one peer over a stream, whichever end has dialled.

What is said waits in a queue of 256; one loop drains it, everything that waits in one frame. What
is heard is read when it is asked for and not before: a consumer that lags makes the peer wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

import grpc
from google.protobuf.message import DecodeError

from clearing.clearport.codec import decode_message, encode_message
from clearing.clearport.core.messages import Message
from clearing.clearport.errors import PeerGoneError, PeerSlowError, WireError
from clearing.clearport.peers.limits import MAX_FRAME, QUEUE, Bucket, Limits, Tally
from clearing.clearport.peers.stream import Ending, Stream, brief
from clearing.peer.v1 import peer_pb2
from clearing.spec.units import Address

__all__ = ["Link"]

MALFORMED: Final = (WireError, ValueError, TypeError, LookupError, ArithmeticError)
"""What a decoder may raise of bytes that are no message: a peer's bytes never stop the daemon."""
GONE: Final = Ending(grpc.StatusCode.UNAVAILABLE, "the peer is gone")
KIB: Final = 10
"""Bytes are shifted by this to count KiB."""
STATUS: Final = {code.value[0]: code for code in grpc.StatusCode if code.value[0]}


class Link:
    """A `PeerLink`. `run` drives it and returns when it is over; `ending` then says why."""

    __slots__ = (
        "_bucket",
        "_ending",
        "_limits",
        "_over",
        "_parting",
        "_queue",
        "_room",
        "_stream",
        "_wake",
        "broker",
        "protocol",
        "tally",
        "total",
    )

    def __init__(
        self,
        broker: Address,
        stream: Stream,
        limits: Limits,
        *,
        protocol: int,
        total: Tally,
    ) -> None:
        self.broker = broker
        self.protocol = protocol
        self.tally = Tally()
        self.total = total
        self._stream = stream
        self._limits = limits
        self._bucket = Bucket(limits.messages_per_s, limits.messages_burst)
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._over = asyncio.Event()
        self._ending: Ending | None = None
        self._parting: asyncio.Timeout | None = None
        stream.on_end(lambda: self._finish(GONE))

    @property
    def ending(self) -> Ending | None:
        """Why the link is over; None as long as it is not. Final when `wait_over` has returned."""
        return self._ending

    async def wait_over(self) -> Ending:
        """Wait for the end."""
        await self._over.wait()
        return self._ending or GONE

    async def say(self, channel_id: bytes, message: Message) -> None:
        """Queue a message; wait a little if the queue is full.

        Raises PeerGoneError; PeerSlowError if the queue stays full (the link ends then, since the
        message is lost and only a new link makes up for it); WireError for one above 1 MiB.
        """
        frame = peer_pb2.Frame(messages=(encode_message(channel_id, message),))
        chunk = frame.SerializeToString()
        if len(chunk) > MAX_FRAME:
            raise WireError(f"{len(chunk)} bytes", f"send at most {MAX_FRAME}", field="message")
        while len(self._queue) >= QUEUE and self._ending is None:
            await self._wait_for_room()
        self._require_open()
        self._queue.append(chunk)
        self._wake.set()

    async def said(self) -> AsyncIterator[tuple[bytes, Message]]:
        """Yield (channel id, message) in the peer's order until the link is over.

        One consumer at a time; cancelling it ends the link.
        """
        while self._ending is None:
            raw = await self._stream.read()
            if raw is None:
                self._finish(GONE)
                return
            frame = self._admit(raw)
            if frame is None:
                return
            for pb in frame.messages:
                try:
                    channel_id, message = decode_message(pb)
                except MALFORMED as error:
                    self._refuse_malformed(brief(str(error)))
                    return
                yield channel_id, message
                if self._ending is not None:
                    return

    async def close(self, reason: str) -> None:
        """Send what is queued, as far as it goes at once, and end the stream."""
        self.end(Ending(grpc.StatusCode.UNAVAILABLE, reason), is_flushed=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * self._limits.parting_s):
                await self._over.wait()

    def end(self, ending: Ending, *, is_flushed: bool = False) -> None:
        """End the stream without waiting for it; what is queued is sent only if it is flushed."""
        if not is_flushed:
            self._queue.clear()
        self._finish(ending)

    async def run(self) -> None:
        """Send what is queued until the link is over, then end the stream."""
        try:
            with contextlib.suppress(TimeoutError):  # it takes nothing more: ended all the same
                async with asyncio.timeout(None) as self._parting:
                    self._limit_parting()
                    await self._drain()
            self._parting = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.parting_s):
                    self._ending = await self._stream.end(self._ending or GONE)
        finally:
            self._parting = None
            self._finish(GONE)
            self._over.set()

    async def _drain(self) -> None:
        while True:
            while not self._queue:
                if self._ending is not None:
                    return
                self._wake.clear()
                await self._wake.wait()
            frame, count = self._take()
            if not await self._stream.write(frame):
                self._finish(GONE)
                return
            for tally in (self.tally, self.total):
                tally.frames_out += 1
                tally.messages_out += count

    def _take(self) -> tuple[bytes, int]:
        """Take from the queue what fits in one frame: frames laid end to end are one frame."""
        chunks = [self._queue.popleft()]
        size = len(chunks[0])
        while self._queue and size + len(self._queue[0]) <= MAX_FRAME:
            chunks.append(self._queue.popleft())
            size += len(chunks[-1])
        self._room.set()
        return b"".join(chunks), len(chunks)

    async def _wait_for_room(self) -> None:
        self._room.clear()
        try:
            async with asyncio.timeout(self._limits.patience_s):
                await self._room.wait()
        except TimeoutError:
            self._count("slow")
            reason = f"{QUEUE} messages wait for the peer"
            self.end(Ending(grpc.StatusCode.RESOURCE_EXHAUSTED, reason))
            raise PeerSlowError(reason, "it is connected to anew") from None

    def _require_open(self) -> None:
        if self._ending is not None:
            raise PeerGoneError(
                self._ending.reason or "the stream is over", "wait for the next link"
            )

    def _admit(self, raw: bytes) -> peer_pb2.Frame | None:
        """Return the frame, or None and the link is over."""
        try:
            frame = peer_pb2.Frame.FromString(raw)
        except DecodeError:
            self._refuse_malformed("frame: no Frame")
            return None
        count = len(frame.messages)
        self.tally.frames_in += 1
        self.total.frames_in += 1
        if not self._bucket.take(max(1, count, len(raw) >> KIB)):
            self._count("flooded")
            reason = f"more than {self._limits.messages_per_s} messages or KiB a second"
            self.end(Ending(grpc.StatusCode.RESOURCE_EXHAUSTED, reason))
            return None
        if frame.HasField("goodbye"):
            code = STATUS.get(frame.goodbye.code)
            self.end(Ending(code or grpc.StatusCode.UNKNOWN, brief(frame.goodbye.reason)))
            return None
        if frame.HasField("hello"):
            self._refuse_malformed("hello: said before")
            return None
        if count > QUEUE:
            self._refuse_malformed(f"messages: {count} in one frame, {QUEUE} at most")
            return None
        self.tally.messages_in += count
        self.total.messages_in += count
        return frame

    def _refuse_malformed(self, reason: str) -> None:
        self._count("malformed")
        self.end(Ending(grpc.StatusCode.INVALID_ARGUMENT, reason))

    def _count(self, name: str) -> None:
        for tally in (self.tally, self.total):
            setattr(tally, name, getattr(tally, name) + 1)

    def _finish(self, ending: Ending) -> None:
        if self._ending is None:
            self._ending = ending
            self._wake.set()
            self._room.set()
            self._limit_parting()

    def _limit_parting(self) -> None:
        """Give a stream that is to end `parting_s` for what is being sent."""
        if self._ending is not None and self._parting is not None and not self._parting.when():
            now = asyncio.get_running_loop().time()
            self._parting.reschedule(now + self._limits.parting_s)
