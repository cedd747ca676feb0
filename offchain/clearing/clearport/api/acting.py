"""The commands `clearing channel …` that change something: channels, trades, settlements."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Annotated, Final

import typer

from clearing.clearport.api.group import Channel, channel, find_channel, full_id
from clearing.clearport.api.meeting import add_record
from clearing.clearport.api.running import Call, Shown, command
from clearing.clearport.api.views import channel_view, document_of, lines_view
from clearing.clearport.api.waiting import is_asked, wait_for_phase, wait_for_request
from clearing.clearport.errors import RefusedError, UnknownError
from clearing.operator.v1 import operator_pb2 as pb
from clearing.spec.units import DAY_S

__all__: list[str] = []

NONCE_BITS: Final = 63
OPENING: Final = ("requested", "opening", "open")
CLOSING: Final = ("settling", "closing", "closed")
SETTLE: Final = "settle"
ID_SHOWN: Final = 10
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]*")

RequestId = Annotated[
    str | None,
    typer.Option("--request", help="Which request, if the peer has several.", metavar="ID"),
]
AnyChannel = Annotated[
    str,
    typer.Argument(
        metavar="[CHANNEL]", help="Its id, or how it begins.", show_default="the only one that asks"
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait, and show how far it is.")]


# CHANNELS


@command(channel, "open", acts=True)
async def open_channel(
    call: Call,
    *,
    peer: Annotated[
        str,
        typer.Argument(help="The peer's address; or its record's file (-: standard input), added."),
    ],
    own: Annotated[list[str], typer.Option(help="ASSET:AMOUNT that we pay in. Repeatable.")],
    theirs: Annotated[
        list[str] | None, typer.Option(help="ASSET:AMOUNT that the peer pays in. Repeatable.")
    ] = None,
    challenge: Annotated[
        int, typer.Option(min=1, max=2**32 - 1, help="Seconds to answer a challenge in.")
    ] = DAY_S,
    nonce: Annotated[int | None, typer.Option(min=0, max=2**64 - 1, show_default="random")] = None,
    wait: Wait = False,
) -> Shown:
    """Ask a peer for a channel; funding, signing and the transaction follow by themselves."""
    request = pb.OpenChannelRequest(
        peer=peer,
        own=[_amount(text, "--own") for text in own],
        theirs=[_amount(text, "--theirs") for text in theirs or ()],
        challenge_duration=challenge,
        nonce=secrets.randbits(NONCE_BITS) if nonce is None else nonce,
    )
    call.confirm(f"Open a channel with {peer}, paying in {', '.join(own)}")
    if not _ADDRESS.fullmatch(peer):
        request.peer = (await add_record(call, Path(peer))).broker
    reply = await call.act("OpenChannel", request)
    begins = reply.channel_id[:ID_SHOWN]
    then = f"the peer's operator agrees: clearing channel accept {begins}"
    return await _started(call, reply, OPENING if wait else (), then)


@command(channel, "accept", acts=True)
async def accept(
    call: Call, *, channel_id: AnyChannel = "", request: RequestId = None, wait: Wait = False
) -> Shown:
    """Say yes to what a peer asks: an opening, a withdrawal, a close.

    With --wait the request may still be on its way.
    """
    if wait:
        await wait_for_request(call, channel_id)
    found, asked = await _asked(call, channel_id, request, is_settlement=False)
    call.confirm(f"{found.channel_id}: agree to {asked.kind}, {asked.detail}")
    named = pb.RequestRef(channel_id=found.channel_id, request_id=asked.request_id)
    reply = await call.act("AcceptChannel", named)
    return await _started(call, reply, OPENING if wait else ())


@command(channel, "reject", acts=True)
async def reject(
    call: Call,
    *,
    channel_id: Channel,
    request: RequestId = None,
    reason: Annotated[str, typer.Option(help="What the peer is told.")] = "",
) -> Shown:
    """Say no to what a peer asks."""
    found, asked = await _asked(call, channel_id, request, is_settlement=False)
    named = pb.RejectRequest(
        channel_id=found.channel_id, request_id=asked.request_id, reason=reason
    )
    return await _started(call, await call.act("RejectChannel", named), ())


@command(channel, "close", acts=True)
async def close(
    call: Call,
    *,
    channel_id: Channel,
    force: Annotated[
        bool, typer.Option("--force", help="By a challenge, without the peer.")
    ] = False,
    wait: Wait = False,
) -> Shown:
    """Settle and close a channel with the peer, or by force."""
    known = await full_id(call, channel_id)
    call.confirm(f"{'Challenge and close' if force else 'Settle and close'} {known}")
    reply = await call.act("CloseChannel", pb.CloseChannelRequest(channel_id=known, force=force))
    phases = ("challenged", *CLOSING) if force else CLOSING
    return await _started(call, reply, phases if wait else ())


# TRADES AND SETTLEMENT


@command(channel, "trade", acts=True)
async def trade(
    call: Call,
    *,
    channel_id: Channel,
    trade_id: Annotated[str, typer.Option("--id", help="By which both brokers know it.")],
    paid: Annotated[str, typer.Option("--for", help="ASSET:AMOUNT that is paid.")],
    sell: Annotated[str | None, typer.Option(help="ASSET:QUANTITY that we sell.")] = None,
    buy: Annotated[str | None, typer.Option(help="ASSET:QUANTITY that we buy.")] = None,
) -> Shown:
    """Record a trade with the peer, which records it too; then it is cleared."""
    traded = sell if buy is None else buy
    if traded is None or (sell is not None and buy is not None):
        raise RefusedError("or --buy is what it takes", "give one of them", field="--sell")
    base = _amount(traded, "--sell" if buy is None else "--buy")
    quote = _amount(paid, "--for")
    known = await full_id(call, channel_id)
    one = pb.Trade(
        trade_id=trade_id,
        is_sale=buy is None,
        base=base.asset,
        quantity=base.amount,
        quote=quote.asset,
        quote_amount=quote.amount,
    )
    call.confirm(f"{known}: {'sell' if buy is None else 'buy'} {traded} for {paid}")
    reply = await call.act("RecordTrade", pb.RecordTradesRequest(channel_id=known, trades=[one]))
    text = "recorded" if reply.recorded else "known already"
    return Shown(document_of(reply), lines_view(((trade_id, text),)))


@command(channel, "settle", acts=True)
async def settle(
    call: Call,
    *,
    channel_id: Channel,
    within: Annotated[
        int, typer.Option(min=1, max=2**32 - 1, help="Seconds that both sides have to deliver.")
    ] = DAY_S,
) -> Shown:
    """Ask the peer to deliver what is owed, both ways."""
    known = await full_id(call, channel_id)
    call.confirm(f"Settle {known} within {within:,} s")
    request = pb.RequestSettlementRequest(channel_id=known, seconds=within)
    return await _started(call, await call.act("RequestSettlement", request), ())


@command(channel, "accept-settlement", acts=True)
async def accept_settlement(call: Call, *, channel_id: Channel, request: RequestId = None) -> Shown:
    """Say yes to a settlement that the peer asks for."""
    found, asked = await _asked(call, channel_id, request, is_settlement=True)
    call.confirm(f"{found.channel_id}: agree to settle, {asked.detail}")
    named = pb.RequestRef(channel_id=found.channel_id, request_id=asked.request_id)
    return await _started(call, await call.act("AcceptSettlement", named), ())


@command(channel, "reject-settlement", acts=True)
async def reject_settlement(
    call: Call,
    *,
    channel_id: Channel,
    request: RequestId = None,
    reason: Annotated[str, typer.Option(help="What the peer is told.")] = "",
) -> Shown:
    """Say no to a settlement that the peer asks for."""
    found, asked = await _asked(call, channel_id, request, is_settlement=True)
    named = pb.RejectRequest(
        channel_id=found.channel_id, request_id=asked.request_id, reason=reason
    )
    return await _started(call, await call.act("RejectSettlement", named), ())


# SHARED


async def _started(
    call: Call, reply: pb.ChannelReply | pb.RequestReply, phases: tuple[str, ...], then: str = ""
) -> Shown:
    """Show what a request has begun, and what comes `then`; or wait for the last of the phases."""
    channel_id = reply.channel_id if isinstance(reply, pb.ChannelReply) else ""
    if phases:
        found = await wait_for_phase(call, channel_id, phases)
        return Shown(document_of(found), channel_view(found))
    rows = (("Channel", channel_id), ("Request", reply.request_id), ("Next", then))
    return Shown(document_of(reply), lines_view(rows))


async def _asked(
    call: Call, channel_id: str, request_id: str | None, *, is_settlement: bool
) -> tuple[pb.Channel, pb.PendingRequest]:
    """Return the peer's request that waits for us. Raises UnknownError, RefusedError."""
    found = await find_channel(call, channel_id) if channel_id else await _asking_channel(call)
    waiting = [
        request
        for request in found.requests
        if is_asked(request)
        and (request.kind.lower() == SETTLE) == is_settlement
        and request_id in (None, request.request_id)
    ]
    if not waiting:
        fix = "see clearing channel show"
        raise UnknownError("the peer asks for no such thing", fix, field="--request")
    if len(waiting) > 1:
        fix = f"name one of {', '.join(request.request_id for request in waiting)}"
        raise RefusedError("the peer asks for several", fix, field="--request")
    return found, waiting[0]


async def _asking_channel(call: Call) -> pb.Channel:
    """Return the one channel whose peer asks for something. Raises UnknownError, RefusedError."""
    reply: pb.ListChannelsResponse = await call.ask("ListChannels", pb.ListChannelsRequest())
    found = [each for each in reply.channels if any(map(is_asked, each.requests))]
    if not found:
        fix = "see clearing channel list, or add --wait"
        raise UnknownError("no peer asks for anything", fix, field="CHANNEL")
    if len(found) > 1:
        ids = ", ".join(each.channel_id[:ID_SHOWN] for each in found)
        raise RefusedError("several peers ask", f"name one of {ids}", field="CHANNEL")
    return found[0]


def _amount(text: str, field: str) -> pb.Amount:
    """Return ASSET:AMOUNT. Raises RefusedError."""
    asset, colon, amount = text.partition(":")
    if not asset or not colon or not amount:
        raise RefusedError("is not ASSET:AMOUNT", "write it like USDT:1000.50", field=field)
    return pb.Amount(asset=asset, amount=amount)
