"""The commands `clearing channel …` about peers: take one up, drop its stream."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from clearing.clearport.api.group import Broker, channel
from clearing.clearport.api.running import Call, Shown, command
from clearing.clearport.api.views import document_of, lines_view
from clearing.clearport.errors import ConfigError
from clearing.operator.v1 import operator_pb2 as pb

__all__ = ["add_record"]

STDIN: Final = Path("-")


@command(channel, "add-peer", acts=True)
async def add_peer(
    call: Call,
    *,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The peer's signed record; - is standard input.")
    ],
) -> Shown:
    """Take up the record by which a peer says where it is and which certificate it has."""
    reply = await add_record(call, file)
    rows = (("Broker", reply.broker), ("Endpoint", reply.endpoint), ("Signer", reply.signer))
    return Shown(document_of(reply), lines_view(rows))


async def add_record(call: Call, file: Path) -> pb.Peer:
    """Hand a record to the daemon. Raises ConfigError, CallError."""
    try:
        record = await asyncio.to_thread(_text_of, file)
    except (OSError, UnicodeDecodeError):
        raise ConfigError("cannot be read", "name the peer's record", field="FILE") from None
    added: pb.Peer = await call.act("AddPeer", pb.AddPeerRequest(record=record))
    return added


def _text_of(file: Path) -> str:
    return sys.stdin.read() if file == STDIN else file.read_text(encoding="utf-8")


@command(channel, "disconnect", acts=True)
async def disconnect(call: Call, *, broker: Broker) -> Shown:
    """Drop the stream to a peer until its record is added again."""
    reply = await call.act("Disconnect", pb.PeerRef(broker=broker))
    return Shown(document_of(reply), lines_view((("Disconnected", broker),)))
