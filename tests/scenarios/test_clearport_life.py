"""Two brokers' daemons, each a process with its own keys, store and TLS, live through a channel."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from clearing.chain.anvil import run_anvil
from clearing.demo.stage import STAKE_RAW, Stage, set_up
from clearing.operator.v1 import operator_pb2 as pb
from tests.harness.clearport import Broker, eventually, make_broker
from tests.harness.clearport_desk import Desk, join, meet, open_channel
from tests.harness.clearport_storm import (
    KILLS,
    SEED,
    Storm,
    require_one_digest_each,
    until_signed,
)

PRICES = {"BTC": 50_000, "ETH": 3_000, "USDC": 1, "USDT": 1}
OWN_RAW = 30_000 * 10**6
PATIENT = {"CLEARPORT__POLICY__PRICE_AGE_S": "600", "CLEARPORT__PRICES__MAX_AGE_S": "600"}
"""Prices stay good for as long as the slowest machine takes."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with run_anvil() as anvil:
        yield set_up(anvil)


@pytest.fixture
def brokers(stage: Stage, tmp_path: Path) -> Iterator[tuple[Broker, Broker]]:
    """The first has the lower address: it proposes."""
    made = [make_broker(stage, name, tmp_path / name, settings=PATIENT) for name in ("one", "two")]
    low, high = sorted(made, key=lambda broker: broker.account)
    for broker in (low, high):
        stage.give("YELLOW", broker.account, STAKE_RAW)
        stage.give("USDT", broker.account, OWN_RAW)
        broker.observe(**PRICES)
    try:
        low.start()
        high.start()
        yield low, high
    finally:
        low.kill()
        high.kill()


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


class Life:
    """One channel's life, as both operators live it."""

    def __init__(self, stage: Stage, low: Desk, high: Desk) -> None:
        self.stage = stage
        self.low = low
        self.high = high
        self.channel_id = ""

    async def begin(self) -> None:
        for desk in (self.low, self.high):
            await join(desk)
        await meet(self.low, self.high)
        self.channel_id = await open_channel(self.high, self.low, nonce=1)

    async def record(self, number: int) -> None:
        """Both record the same two trades."""
        for desk in (self.low, self.high):
            trades = btc_and_eth(number, is_low=desk is self.low)
            assert await desk.record(self.channel_id, *trades) == 2

    async def reach(self, phase: str, version: int = 0) -> list[pb.Channel]:
        """Return what both see once both are there, low first."""
        return [
            await desk.reaches(self.channel_id, phase, version) for desk in (self.low, self.high)
        ]

    async def agree_on(self, owed: dict[str, str]) -> int:
        """Return the version that both have once low owes this."""

        async def look() -> Any:
            versions = {each.version for each in await self.reach("open")}
            is_there = len(versions) == 1 and await self.low.owed(self.channel_id) == owed
            return versions.pop() if is_there else None

        return int(await eventually(f"low owes {owed}", look))

    # WHAT HAPPENS

    async def trade(self) -> None:
        """A trade is booked once both have recorded it."""
        for desk in (self.low, self.high):
            desk.broker.observe(**PRICES)
        await self.low.record(self.channel_id, *btc_and_eth(1, is_low=True))
        assert await self.low.owed(self.channel_id) == {}

        await self.high.record(self.channel_id, *btc_and_eth(1, is_low=False))

        await self.reach("open", version=2)
        expected = {"ETH": "1", "USDC": "2000", "BTC": "-0.1"}
        assert await self.low.owed(self.channel_id) == expected
        expected = {"ETH": "-1", "USDC": "-2000", "BTC": "0.1"}
        assert await self.high.owed(self.channel_id) == expected

    async def storm(self, stack: AsyncExitStack) -> None:
        """Both die at random instants while trades come that undo each other; both agree."""
        owed = await self.low.owed(self.channel_id)

        await Storm(self, stack, PRICES).blow()

        await self.agree_on(owed)
        await until_signed(self.high.broker)
        assert require_one_digest_each(self.low.broker, self.high.broker) > KILLS

    async def crash(self, stack: AsyncExitStack) -> None:
        """High dies with trades on their way; both agree once it is back."""
        for number in range(2, 7):
            await self.record(number)
        self.high.broker.kill()
        for number in range(7, 11):
            await self.low.record(self.channel_id, *btc_and_eth(number, is_low=True))

        for desk in (self.low, self.high):
            desk.broker.observe(**PRICES)
        self.high.broker.start()
        client = await stack.enter_async_context(self.high.broker.client())
        self.high = Desk(self.high.broker, client)

        for number in range(7, 11):
            await self.high.record(self.channel_id, *btc_and_eth(number, is_low=False))
        await self.agree_on({"ETH": "10", "USDC": "20000", "BTC": "-1"})

    async def call_margin(self) -> None:
        """Both see new prices: low owes more, and pays high what it owes beyond it.

        35,000 (ETH) and 20,000 (USDC) less 52,500 (BTC): 2,500 USD.
        """
        before = (await self.reach("open"))[0].version

        for desk in (self.low, self.high):
            desk.broker.observe(**PRICES | {"BTC": 52_500, "ETH": 3_500})

        low, high = await self.reach("open", before + 1)
        assert [each.own for each in low.balances] == ["7500"]
        assert [each.own for each in high.balances] == ["12500"]

    async def settle(self) -> None:
        """High asks, low agrees, both pay their legs into their ledgers; the chain delivers."""
        before = (await self.reach("open"))[0].version
        await self.high.client.act(
            "RequestSettlement",
            pb.RequestSettlementRequest(channel_id=self.channel_id, seconds=3_600),
        )
        request = await self.low.asked(self.channel_id, "Settle")
        await self.low.client.act(
            "AcceptSettlement",
            pb.RequestRef(channel_id=self.channel_id, request_id=request.request_id),
        )
        await self.reach("settling")

        for symbol, asset, amount, raw, desk in (
            ("WETH", "ETH", "10", 10 * 10**18, self.low),
            ("USDC", "USDC", "20000", 20_000 * 10**6, self.low),
            ("WBTC", "BTC", "1", 10**8, self.high),
        ):
            self.stage.give(symbol, desk.broker.account, raw)
            await desk.deposit(asset, amount)

        for channel in await self.reach("open", before + 2):
            assert [(each.own, each.theirs) for each in channel.balances] == [("10000", "10000")]
        for desk in (self.low, self.high):
            assert await desk.owed(self.channel_id) == {}
        assert self.ledger(self.high, "WETH") == 10 * 10**18
        assert self.ledger(self.high, "USDC") == 20_000 * 10**6
        assert self.ledger(self.low, "WBTC") == 10**8

    async def close(self) -> None:
        """Low closes, high agrees by its policy; everything is paid out."""
        await self.low.client.act(
            "CloseChannel", pb.CloseChannelRequest(channel_id=self.channel_id)
        )

        await self.reach("closed")
        contracts = self.stage.contracts
        for desk in (self.low, self.high):
            usdt = contracts.address_of("USDT")
            assert contracts.wallet(desk.broker.account, usdt) == OWN_RAW

    def ledger(self, desk: Desk, symbol: str) -> int:
        contracts = self.stage.contracts
        return contracts.ledger(desk.broker.account, contracts.address_of(symbol))


async def live(low: Broker, high: Broker, stage: Stage) -> None:
    async with AsyncExitStack() as stack:
        desks = [
            Desk(broker, await stack.enter_async_context(broker.client())) for broker in (low, high)
        ]
        life = Life(stage, *desks)
        await life.begin()
        await life.trade()
        await life.storm(stack)
        await life.crash(stack)
        await life.call_margin()
        await life.settle()
        await life.close()


def test_two_daemons__a_whole_life_with_crashes__both_agree_and_are_paid_out(
    brokers: tuple[Broker, Broker], stage: Stage
) -> None:
    """CLP-01, CLP-03, CLP-06, CLP-10: with real processes, files, streams and a chain."""
    asyncio.run(live(*brokers, stage))

    for broker in brokers:
        assert broker.stop() == 0
        assert '"level": "error"' not in broker.log(), f"seed {SEED}"
    _require_says_why(brokers[0])


def _require_says_why(broker: Broker) -> None:
    """A daemon whose store is damaged does not start, and says so."""
    (broker.folder / "clearport.db").write_bytes(b"this is no database" * 1_000)

    with pytest.raises(AssertionError, match="is damaged"):
        broker.start()

    assert broker.process is not None
    assert broker.process.wait(10) != 0
