"""The group of the commands `clearing channel …`, and what all of them share."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from clearing.clearport.api.running import Call
from clearing.clearport.errors import RefusedError, UnknownError
from clearing.operator.v1 import operator_pb2 as pb

__all__ = ["Broker", "Channel", "channel", "find_channel", "full_id"]

channel = typer.Typer(help="Open, trade, settle and close channels through a clearing daemon.")

Broker = Annotated[str, typer.Argument(metavar="BROKER", help="The peer's address.")]
Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="Its id, or how it begins.")]

FULL: Final = 64
_PREFIX = re.compile(r"(?:0x)?([0-9a-fA-F]{4,64})")


async def full_id(call: Call, text: str) -> str:
    """Return the id of a channel whose id, or its beginning, is given. Raises RefusedError."""
    match = _PREFIX.fullmatch(text)
    if match is None:
        fix = "write at least 4 of its hex digits"
        raise RefusedError("is no channel's id", fix, field="CHANNEL")
    if len(match[1]) == FULL:
        return f"0x{match[1].lower()}"
    return (await find_channel(call, text)).channel_id


async def find_channel(call: Call, text: str) -> pb.Channel:
    """Return the one channel whose id begins so. Raises RefusedError, UnknownError."""
    match = _PREFIX.fullmatch(text)
    digits = match[1].lower() if match else "?"
    reply: pb.ListChannelsResponse = await call.ask("ListChannels", pb.ListChannelsRequest())
    found = [c for c in reply.channels if c.channel_id.removeprefix("0x").startswith(digits)]
    if not found:
        raise UnknownError("no channel begins so", "see clearing channel list", field="CHANNEL")
    if len(found) > 1:
        raise RefusedError(f"{len(found)} begin so", "write more of it", field="CHANNEL")
    return found[0]
