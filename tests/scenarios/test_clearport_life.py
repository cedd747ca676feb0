"""Two brokers' daemons, each a process with its own keys, store and TLS, live through a channel."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from clearing.chain.anvil import run_anvil
from clearing.clearport.api.client import OperatorClient
from clearing.demo.stage import STAKE_RAW, Stage, set_up
from clearing.operator.v1 import operator_pb2 as pb
from tests.harness.clearport import Broker, amounts, eventually, finished, make_broker

COLLATERAL = "10000"
PRICES = {"BTC": 50_000, "ETH": 3_000, "USDC": 1, "USDT": 1}
OWN_RAW = 30_000 * 10**6


@pytest.fixture
def stage() -> Iterator[Stage]:
    with run_anvil() as anvil:
        yield set_up(anvil)


@pytest.fixture
def brokers(stage: Stage, tmp_path: Path) -> Iterator[tuple[Broker, Broker]]:
    """Broker A has the lower address: it proposes."""
    made = [make_broker(stage, name, tmp_path / name) for name in ("one", "two")]
    low, high = sorted(made, key=lambda broker: broker.account)
    for broker in (low, high):
        stage.give("YELLOW", broker.account, STAKE_RAW)
        stage.give("USDT", broker.account, OWN_RAW)
        broker.observe(**PRICES)
        broker.start()
    yield low, high
    for broker in (low, high):
        broker.kill()


class Desk:
    """One broker's operator, with a session."""

    def __init__(self, broker: Broker, client: OperatorClient) -> None:
        self.broker = broker
        self.client = client

    async def channel(self) -> pb.Channel | None:
        reply = await self.client.ask("ListChannels", pb.ListChannelsRequest())
        return reply.channels[0] if reply.channels else None

    async def asked(self, kind: str) -> pb.PendingRequest:
        """Return the peer's request of a kind, once it is here."""

        async def look() -> Any:
            channel = await self.channel()
            waiting = () if channel is None else channel.requests
            found = [each for each in waiting if each.kind == kind and not each.is_ours]
            return found[0] if found else None

        return await eventually(f"{self.broker.name} is asked to {kind}", look)

    async def reaches(self, phase: str, version: int = 0) -> pb.Channel:
        async def look() -> Any:
            channel = await self.channel()
            is_there = channel and channel.phase == phase and channel.version >= version
            return channel if is_there else None

        try:
            return await eventually(f"{self.broker.name} is {phase}", look)
        except AssertionError as error:
            seen = f"{await self.channel()}; {self.broker.log()[-4000:]}"
            raise AssertionError(f"{error}; {seen}") from None

    async def record(self, *trades: pb.Trade) -> None:
        channel = await self.channel()
        assert channel is not None
        request = pb.RecordTradesRequest(channel_id=channel.channel_id, trades=trades)
        reply = await self.client.act("RecordTrades", request)
        assert reply.recorded == len(trades)

    async def owed(self) -> dict[str, str]:
        channel = await self.channel()
        assert channel is not None
        reply = await self.client.ask("GetPositions", pb.ChannelRef(channel_id=channel.channel_id))
        return {each.asset: each.owed for each in reply.positions}

    async def deposit(self, asset: str, amount: str) -> None:
        """Pay into the broker's ledger."""
        request = pb.MoveCollateralRequest(asset=asset, amount=amount)
        reply = await self.client.act("DepositCollateral", request)
        await finished(self.client, reply.key)


def btc_and_eth(number: int, *, is_low: bool) -> tuple[pb.Trade, pb.Trade]:
    """High sells 0.1 BTC, low sells 1 ETH, at 50,000 and 3,000 USD."""
    return (
        pb.Trade(
            trade_id=f"btc-{number}",
            is_sale=not is_low,
            base="BTC",
            quantity="0.1",
            quote="USDC",
            quote_amount="5000",
        ),
        pb.Trade(
            trade_id=f"eth-{number}",
            is_sale=is_low,
            base="ETH",
            quantity="1",
            quote="USDC",
            quote_amount="3000",
        ),
    )


async def join(desk: Desk) -> None:
    """Stake one lot, name the signer."""
    reply = await desk.client.act("Stake", pb.StakeRequest(amount="250000"))
    await finished(desk.client, reply.key)


async def meet(low: Desk, high: Desk) -> None:
    """Exchange records, wait for the stream."""
    records = [desk.broker.run("record") for desk in (high, low)]
    for desk, record in zip((low, high), records, strict=True):
        await desk.client.act("AddPeer", pb.AddPeerRequest(record=record))

    async def look() -> Any:
        reply = await low.client.ask("ListPeers", pb.ListPeersRequest())
        return reply.peers[0].is_connected

    await eventually("the stream stands", look)


async def open_channel(low: Desk, high: Desk) -> str:
    """High asks, low's operator agrees; both pay in."""
    started = await high.client.act(
        "OpenChannel",
        pb.OpenChannelRequest(
            peer="0x" + low.broker.account.hex(),
            own=amounts({"USDT": COLLATERAL}),
            theirs=amounts({"USDT": COLLATERAL}),
            challenge_duration=86_400,
            nonce=1,
        ),
    )
    request = await low.asked("Open")
    await low.client.act(
        "AcceptChannel",
        pb.RequestRef(channel_id=started.channel_id, request_id=request.request_id),
    )
    for desk in (low, high):
        await desk.reaches("open")
    return str(started.channel_id)


async def trade(low: Desk, high: Desk) -> None:
    """Both record two trades; they are booked once they match."""
    await low.record(*btc_and_eth(1, is_low=True))
    assert await low.owed() == {}

    await high.record(*btc_and_eth(1, is_low=False))

    for desk in (low, high):
        await desk.reaches("open", version=2)
    assert await low.owed() == {"ETH": "1", "USDC": "2000", "BTC": "-0.1"}
    assert await high.owed() == {"ETH": "-1", "USDC": "-2000", "BTC": "0.1"}


async def crash(low: Desk, high: Desk, stack: AsyncExitStack) -> Desk:
    """High dies with trades on their way; both agree once it is back."""
    for number in range(2, 7):
        await low.record(*btc_and_eth(number, is_low=True))
        await high.record(*btc_and_eth(number, is_low=False))

    high.broker.kill()
    for number in range(7, 11):
        await low.record(*btc_and_eth(number, is_low=True))
    high.broker.observe(**PRICES)
    high.broker.start()

    high = Desk(high.broker, await stack.enter_async_context(high.broker.client()))
    for number in range(7, 11):
        await high.record(*btc_and_eth(number, is_low=False))
    await agree_on(low, high, {"ETH": "10", "USDC": "20000", "BTC": "-1"})
    return high


async def call_margin(low: Desk, high: Desk) -> int:
    """Both see new prices: low owes more, and pays high what it owes beyond it.

    35,000 (ETH) and 20,000 (USDC) less 52,500 (BTC): 2,500 USD.
    """
    before = (await low.reaches("open")).version

    for desk in (low, high):
        desk.broker.observe(**PRICES | {"BTC": 52_500, "ETH": 3_500})

    for desk in (low, high):
        called = await desk.reaches("open", version=before + 1)
        own = "7500" if desk is low else "12500"
        assert [each.own for each in called.balances] == [own]
    return before + 1


async def settle(low: Desk, high: Desk, stage: Stage, channel_id: str, version: int) -> None:
    """High asks, low agrees, both pay their legs into their ledgers; the chain delivers."""
    await high.client.act(
        "RequestSettlement", pb.RequestSettlementRequest(channel_id=channel_id, seconds=3_600)
    )
    request = await low.asked("Settle")
    await low.client.act(
        "AcceptSettlement",
        pb.RequestRef(channel_id=channel_id, request_id=request.request_id),
    )
    for desk in (low, high):
        await desk.reaches("settling")
    for symbol, asset, amount, raw, desk in (
        ("WETH", "ETH", "10", 10 * 10**18, low),
        ("USDC", "USDC", "20000", 20_000 * 10**6, low),
        ("WBTC", "BTC", "1", 10**8, high),
    ):
        stage.give(symbol, desk.broker.account, raw)
        await desk.deposit(asset, amount)

    for desk in (low, high):
        after = await desk.reaches("open", version=version + 2)
        assert [(each.own, each.theirs) for each in after.balances] == [("10000", "10000")]
        assert await desk.owed() == {}
    contracts = stage.contracts
    assert contracts.ledger(high.broker.account, contracts.address_of("WETH")) == 10 * 10**18
    assert contracts.ledger(low.broker.account, contracts.address_of("WBTC")) == 10**8
    assert contracts.ledger(high.broker.account, contracts.address_of("USDC")) == 20_000 * 10**6


async def close(low: Desk, high: Desk, stage: Stage, channel_id: str) -> None:
    """Low closes, high agrees by its policy; everything is paid out."""
    await low.client.act("CloseChannel", pb.CloseChannelRequest(channel_id=channel_id))

    usdt = stage.contracts.address_of("USDT")
    for desk in (low, high):
        await desk.reaches("closed")
        assert stage.contracts.wallet(desk.broker.account, usdt) == OWN_RAW


async def live(low_broker: Broker, high_broker: Broker, stage: Stage) -> None:
    async with AsyncExitStack() as stack:
        low, high = [
            Desk(broker, await stack.enter_async_context(broker.client()))
            for broker in (low_broker, high_broker)
        ]
        for desk in (low, high):
            await join(desk)
        await meet(low, high)
        channel_id = await open_channel(low, high)
        await trade(low, high)
        high = await crash(low, high, stack)
        version = await call_margin(low, high)
        await settle(low, high, stage, channel_id, version)
        await close(low, high, stage, channel_id)
    for broker in (low_broker, high_broker):
        assert broker.stop() == 0
        assert '"level": "error"' not in broker.log()


async def agree_on(low: Desk, high: Desk, owed: dict[str, str]) -> None:
    """Wait until both have the same version, and low owes this."""

    async def look() -> Any:
        channels = [await desk.channel() for desk in (low, high)]
        versions = {channel.version for channel in channels if channel is not None}
        return len(versions) == 1 and await low.owed() == owed

    try:
        await eventually(f"low owes {owed}", look)
    except AssertionError as error:
        seen = f"{await low.owed()} {await low.channel()} {await high.channel()}"
        logs = f"{low.broker.log()[-3000:]} {high.broker.log()[-3000:]}"
        raise AssertionError(f"{error}; {seen} {logs}") from None


def test_two_daemons__a_whole_life_with_a_crash__both_agree_and_are_paid_out(
    brokers: tuple[Broker, Broker], stage: Stage
) -> None:
    started_s = time.monotonic()

    asyncio.run(live(*brokers, stage))

    assert time.monotonic() - started_s < 300
