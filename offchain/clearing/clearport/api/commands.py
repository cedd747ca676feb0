"""The commands `clearing channel …` that look; `acting`, `meeting` and `money` change something."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from clearing.clearport.api import acting, meeting, money
from clearing.clearport.api.group import Channel, channel, find_channel, full_id
from clearing.clearport.api.running import Call, Shown, command
from clearing.clearport.api.views import (
    channel_view,
    channels_view,
    document_of,
    event_line,
    lines_view,
    margin_view,
    peers_view,
    positions_view,
    risk_view,
    trades_view,
)
from clearing.clearport.errors import ConfigError
from clearing.operator.v1 import operator_pb2 as pb

__all__ = ["acting", "channel", "meeting", "money"]

PAUSE_S: Final = 1.0
"""Without --follow: no event for so long means that there is none left."""


@command(channel, "list")
async def list_channels(call: Call) -> Shown:
    """Show every channel."""
    reply = await call.ask("ListChannels", pb.ListChannelsRequest())
    return Shown(document_of(reply), channels_view(reply.channels))


@command(channel, "show")
async def show_channel(call: Call, *, channel_id: Channel) -> Shown:
    """Show one channel: balances, and what the peer or we have asked for."""
    found = await find_channel(call, channel_id)
    return Shown(document_of(found), channel_view(found))


@command(channel, "trades")
async def list_trades(call: Call, *, channel_id: Channel) -> Shown:
    """Show the trades that are not settled."""
    request = pb.ListTradesRequest(channel_id=await full_id(call, channel_id))
    reply = await call.ask("ListTrades", request)
    return Shown(document_of(reply), trades_view(reply.trades))


@command(channel, "positions")
async def positions(call: Call, *, channel_id: Channel) -> Shown:
    """Show what is owed, by asset."""
    request = pb.ChannelRef(channel_id=await full_id(call, channel_id))
    reply = await call.ask("GetPositions", request)
    return Shown(document_of(reply), positions_view(reply.positions))


@command(channel, "risk")
async def risk(call: Call, *, channel_id: Channel) -> Shown:
    """Show a channel's risk by asset, and what each side must cover."""
    request = pb.ChannelRef(channel_id=await full_id(call, channel_id))
    reply = await call.ask("GetRisk", request)
    return Shown(document_of(reply), risk_view(reply))


@command(channel, "margin")
async def margin(
    call: Call,
    *,
    channel_id: Channel,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, a line for each change.")] = False,
) -> Shown | None:
    """Show what may still be traded on."""
    request = pb.ChannelRef(channel_id=await full_id(call, channel_id))
    if not watch:
        reply = await call.ask("GetMarginBalance", request)
        return Shown(document_of(reply), margin_view(reply))
    async for reply in call.client.listen("SubscribeMargin", request):
        line = (
            f"{reply.seq:>6}  available {reply.available_usd}  used {reply.used_usd}  "
            f"risk {reply.risk_usd}{'  (stale prices)' if reply.is_stale else ''}"
        )
        call.show_line(document_of(reply), line)
    return None


@command(channel, "events")
async def events(
    call: Call,
    *,
    after: Annotated[int, typer.Option(min=0, help="Show those above this cursor.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as more come.")] = False,
) -> None:
    """Show what has happened, one line each."""
    if not follow:
        await call.client.login()  # the pause below is for events alone
    listened = call.client.listen("SubscribeEvents", pb.SubscribeEventsRequest(after=after))
    async for event in listened if follow else _until_pause(listened):
        call.show_line(document_of(event), event_line(event))


async def _until_pause(source: AsyncIterator[Any]) -> AsyncIterator[Any]:
    while True:
        try:
            yield await asyncio.wait_for(anext(source), PAUSE_S)
        except (TimeoutError, StopAsyncIteration):
            return


@command(channel, "peers")
async def list_peers(call: Call) -> Shown:
    """Show every peer."""
    reply = await call.ask("ListPeers", pb.ListPeersRequest())
    return Shown(document_of(reply), peers_view(reply.peers))


@command(channel, "export")
async def export(
    call: Call,
    *,
    out: Annotated[Path, typer.Option(help="New file for the states, encrypted to a watchtower.")],
    channel_id: Annotated[
        str | None, typer.Option("--channel", help="Of this channel alone.")
    ] = None,
) -> Shown:
    """Write the latest co-signed states for a watchtower."""
    known = "" if channel_id is None else await full_id(call, channel_id)
    reply = await call.ask("ExportStates", pb.ExportStatesRequest(channel_id=known))
    _write_new(out, reply.states)
    rows = {"file": str(out), "bytes": len(reply.states)}
    return Shown({**rows}, lines_view((("File", out), ("Bytes", f"{len(reply.states):,}"))))


def _write_new(path: Path, data: bytes) -> None:
    """Write a file of the owner's alone; one that is there stays as it is. Raises ConfigError."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
    except OSError as error:
        problem = (error.strerror or "cannot be written").lower()
        raise ConfigError(problem, "name a new file", field="--out") from None


@command(channel, "status")
async def status(call: Call) -> Shown:
    """Show how the daemon is."""
    reply = await call.ask("GetStatus", pb.GetStatusRequest())
    view = lines_view(
        (
            ("Daemon", f"{reply.daemon_id}, version {reply.version}"),
            ("Broker", reply.broker),
            ("Signer", reply.signer),
            ("Chain", reply.chain_id),
            ("Block", f"{reply.block_number:,}, {reply.chain_lag_seconds:,} s ago"),
            ("Channels", reply.channels),
            ("Peers connected", reply.peers_connected),
        )
    )
    return Shown(document_of(reply), view)
