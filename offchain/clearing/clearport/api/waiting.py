"""Wait until a transaction or a channel is where it shall be, and show how far it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from clearing.clearport.api.errors import CallError
from clearing.clearport.api.running import Call
from clearing.clearport.api.views import plain
from clearing.operator.v1 import operator_pb2 as pb

__all__ = ["STAGES", "is_asked", "wait_for_phase", "wait_for_request", "wait_for_transaction"]

STAGES: Final = ("queued", "sent", "mined", "final")
FAILED: Final = frozenset({"refused", "lost"})
LOOK_S: Final = 1.0
MOST_S: Final = 15 * 60
REQUEST_S: Final = 60
"""A peer's request is here soon after it is made, if the stream stands."""

Show = Callable[[str, int], None]
T = TypeVar("T")


async def wait_for_transaction(call: Call, key: str) -> pb.Transaction:
    """Return a transaction that is final. Raises CallError if it fails, or takes 15 minutes."""
    with _progress(len(STAGES)) as show:

        async def look() -> pb.Transaction | None:
            found: pb.Transaction = await call.ask("GetTransaction", pb.TransactionRef(key=key))
            if found.state in FAILED:
                why = found.reason or "another transaction has used its nonce"
                raise CallError(f"the transaction {key} was {found.state}", why)
            if found.state in STAGES:
                show(f"{found.what}: {found.state}", STAGES.index(found.state) + 1)
            return found if found.state == STAGES[-1] else None

        return await _until(look, f"the transaction {key} is not final")


async def wait_for_phase(call: Call, channel_id: str, phases: tuple[str, ...]) -> pb.Channel:
    """Return a channel that is in the last of these phases. Raises CallError after 15 minutes."""
    with _progress(len(phases)) as show:

        async def look() -> pb.Channel | None:
            reply: pb.ListChannelsResponse = await call.ask(
                "ListChannels", pb.ListChannelsRequest()
            )
            found = next((c for c in reply.channels if c.channel_id == channel_id), None)
            if found is None:
                return None
            if found.alarm:
                raise CallError(f"the channel {channel_id} needs a person", found.alarm)
            if found.phase in phases:
                show(found.phase, phases.index(found.phase) + 1)
            return found if found.phase == phases[-1] else None

        return await _until(look, f"the channel {channel_id} is not {phases[-1]}")


def is_asked(request: pb.PendingRequest) -> bool:
    """Say whether a request is the peer's and waits for our word."""
    return not request.is_ours and not request.is_agreed


async def wait_for_request(call: Call, channel_id: str) -> None:
    """Wait until a peer asks for something, in this channel (or how its id begins), or in any.

    Raises CallError after a minute.
    """
    digits = channel_id.lower().removeprefix("0x")
    with _progress(1):

        async def look() -> pb.Channel | None:
            reply: pb.ListChannelsResponse = await call.ask(
                "ListChannels", pb.ListChannelsRequest()
            )
            asking = (c for c in reply.channels if any(map(is_asked, c.requests)))
            named = (c for c in asking if c.channel_id.removeprefix("0x").startswith(digits))
            return next(named, None)

        await _until(look, "no peer asks for anything", REQUEST_S)


async def _until(
    look: Callable[[], Awaitable[T | None]], problem: str, most_s: float = MOST_S
) -> T:
    end = time.monotonic() + most_s
    while True:
        found = await look()
        if found is not None:
            return found
        if time.monotonic() >= end:
            raise CallError(f"{problem} after {most_s:g} s", "look again later")
        await asyncio.sleep(LOOK_S)


@contextmanager
def _progress(total: int) -> Iterator[Show]:
    """Show a bar on the terminal's error stream, so that what is printed stays clean."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("waiting", total=total)
        yield lambda text, done: progress.update(
            task, description=plain(text).markup, completed=done
        )
