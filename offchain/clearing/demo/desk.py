"""Operate daemons as their brokers would: stake, meet, open channels, record trades, pay in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from clearing.clearport.api.client import OperatorClient
from clearing.clearport.daemon.config import read_config
from clearing.clearport.daemon.introducing import our_record
from clearing.demo.daemon import BrokerDaemon
from clearing.operator.v1 import operator_pb2 as pb

__all__ = [
    "COLLATERAL",
    "Desk",
    "amounts",
    "eventually",
    "finished",
    "join",
    "meet",
    "open_channel",
]

COLLATERAL = "10000"
PATIENCE_S = 60.0
LOOK_S = 0.1
LOG_TAIL = 4_000
T = TypeVar("T")


class Desk:
    """One broker's operator, with a session."""

    def __init__(self, broker: BrokerDaemon, client: OperatorClient) -> None:
        self.broker = broker
        self.client = client

    async def channel(self, channel_id: str) -> pb.Channel | None:
        """Return a channel, None if there is none of this id."""
        reply = await self.client.ask("ListChannels", pb.ListChannelsRequest())
        found = [each for each in reply.channels if each.channel_id == channel_id]
        return found[0] if found else None

    async def asked(self, channel_id: str, kind: str) -> pb.PendingRequest:
        """Return the peer's request of a kind, once it is here."""

        async def look() -> pb.PendingRequest | None:
            channel = await self.channel(channel_id)
            waiting = () if channel is None else channel.requests
            found = [each for each in waiting if each.kind == kind and not each.is_ours]
            return found[0] if found else None

        return await eventually(f"{self.broker.name} is asked to {kind}", look)

    async def reaches(self, channel_id: str, phase: str, version: int = 0) -> pb.Channel:
        """Return the channel once it is in a phase and has at least a version."""

        async def look() -> pb.Channel | None:
            channel = await self.channel(channel_id)
            is_there = channel and channel.phase == phase and channel.version >= version
            return channel if is_there else None

        try:
            return await eventually(f"{self.broker.name} is {phase}", look)
        except AssertionError as error:
            seen = f"{await self.channel(channel_id)}; {self.broker.log()[-LOG_TAIL:]}"
            raise AssertionError(f"{error}; {seen}") from None

    async def record(self, channel_id: str, *trades: pb.Trade) -> int:
        """Record trades; return how many were new."""
        request = pb.RecordTradesRequest(channel_id=channel_id, trades=trades)
        reply = await self.client.act("RecordTrades", request)
        return int(reply.recorded)

    async def owed(self, channel_id: str) -> dict[str, str]:
        """Return what this broker owes (negative: is owed) by asset."""
        reply = await self.client.ask("GetPositions", pb.ChannelRef(channel_id=channel_id))
        return {each.asset: each.owed for each in reply.positions}

    async def deposit(self, asset: str, amount: str) -> None:
        """Pay into the broker's ledger."""
        request = pb.MoveCollateralRequest(asset=asset, amount=amount)
        reply = await self.client.act("DepositCollateral", request)
        await finished(self.client, reply.key)


async def eventually(
    what: str, look: Callable[[], Awaitable[T | None]], patience_s: float = PATIENCE_S
) -> T:
    """Return the first true answer; raise AssertionError once patience is over."""
    give_up_s = time.monotonic() + patience_s
    found: T | None = None
    while time.monotonic() < give_up_s:
        found = await look()
        if found:
            return found
        await asyncio.sleep(LOOK_S)
    raise AssertionError(f"not in {patience_s} s: {what}; last seen {found!r}")


async def finished(client: OperatorClient, key: str) -> pb.Transaction:
    """Return a transaction once it is final; raise AssertionError if it is refused."""

    async def look() -> pb.Transaction | None:
        transaction: pb.Transaction = await client.ask("GetTransaction", pb.TransactionRef(key=key))
        if transaction.state in {"refused", "lost"}:
            raise AssertionError(str(transaction))
        return transaction if transaction.state == "final" else None

    return await eventually(f"{key} final", look)


def amounts(whole: Mapping[str, str]) -> list[pb.Amount]:
    """Return amounts by asset, whole units."""
    return [pb.Amount(asset=asset, amount=amount) for asset, amount in whole.items()]


async def join(desk: Desk, stake: str = "250000") -> None:
    """Stake YELLOW, a lot for four channels, and have the signer named."""
    reply = await desk.client.act("Stake", pb.StakeRequest(amount=stake))
    await finished(desk.client, reply.key)


async def meet(one: Desk, other: Desk) -> None:
    """Exchange records, and wait until the stream stands."""
    for desk, peer in ((one, other), (other, one)):
        record = await our_record(read_config(peer.broker.config))
        await desk.client.act("AddPeer", pb.AddPeerRequest(record=record))

    async def look() -> Any:
        reply = await one.client.ask("ListPeers", pb.ListPeersRequest())
        return reply.peers[0].is_connected

    await eventually("the stream stands", look)


async def open_channel(asker: Desk, asked: Desk, nonce: int, collateral: str = COLLATERAL) -> str:
    """One asks, the other's operator agrees, both pay in; return the channel's id."""
    started = await asker.client.act(
        "OpenChannel",
        pb.OpenChannelRequest(
            peer="0x" + asked.broker.account.hex(),
            own=amounts({"USDT": collateral}),
            theirs=amounts({"USDT": collateral}),
            challenge_duration=86_400,
            nonce=nonce,
        ),
    )
    channel_id = str(started.channel_id)
    request = await asked.asked(channel_id, "Open")
    await asked.client.act(
        "AcceptChannel", pb.RequestRef(channel_id=channel_id, request_id=request.request_id)
    )
    for desk in (asker, asked):
        await desk.reaches(channel_id, "open")
    return channel_id
