"""Run two daemons as in production, each a process of its own, with channels between them.

TLS between them, SQLite with synchronous=FULL on this machine's disk, keys from keystores, trades
recorded by both operators through their APIs, an embedded chain.
"""

from __future__ import annotations

import asyncio
import os
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from clearing.chain.anvil import run_anvil
from clearing.demo.stage import STAKE_RAW, Stage, set_up
from clearing.operator.v1 import operator_pb2 as pb
from tests.harness.clearport import Broker, make_broker
from tests.harness.clearport_desk import Desk, join, meet, open_channel

__all__ = [
    "COLLATERAL",
    "Figures",
    "Pair",
    "figures",
    "open_channels",
    "run_brokers",
    "run_pair",
    "running",
    "trade",
]

PRICES = {"BTC": 50_000, "ETH": 3_000, "USDC": 1, "USDT": 1}
COLLATERAL = 100_000
"""USDT of each broker in each channel."""
CHANNELS_FOR_A_LOT = 4
LOT = 250_000
TICKS_S = os.sysconf("SC_CLK_TCK")
LOOK_S = 0.1
PATIENT = {"CLEARPORT__PRICES__MAX_AGE_S": "3600"}
DEFAULT_POLLS = {"CLEARPORT__CHAIN__POLL_S": "2", "CLEARPORT__PRICES__POLL_S": "1"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a daemon says of itself, and the CPU time it has used: all threads, user and system.

    `agree_s` is the sum over all versions from the decision to sign to co-signed and durable.
    """

    at_s: float
    cpu_s: float
    agreed: int
    agreed_at: float
    agree_s: float
    booked: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two operators, each with a session, and the channels that are open between them."""

    low: Desk
    high: Desk
    channels: tuple[str, ...]

    @property
    def desks(self) -> tuple[Desk, Desk]:
        """Both, low first."""
        return self.low, self.high

    async def record(self, channel_id: str, names: list[str]) -> None:
        """Have both record the same trades, high first."""
        for desk in (self.high, self.low):
            await desk.record(channel_id, *(trade(each, desk is self.low) for each in names))

    async def until_ready(self) -> None:
        """Wait until the two have met and both see the chain and prices: a trade is booked."""
        for channel_id in self.channels:
            await self.record(channel_id, [f"ready-{time.time_ns()}-0"])
        for desk in self.desks:
            await self.until_booked(len(self.channels), desk)

    async def until_booked(self, count: int, desk: Desk | None = None) -> None:
        """Wait until one, by itself low, has booked so many trades since it began."""
        while True:
            if figures((desk or self.low).broker).booked >= count:
                return
            await asyncio.sleep(LOOK_S)

    async def until_agreed(self, count: int) -> Figures:
        """Wait until low has agreed on so many versions since it began; return its figures."""
        while True:
            seen = figures(self.low.broker)
            if seen.agreed >= count:
                return seen
            await asyncio.sleep(LOOK_S)


def trade(name: str, is_low: bool) -> pb.Trade:  # noqa: FBT001 - which of the two sides
    """Return a trade of 0.001 BTC: low sells those with an even number and buys the others."""
    return pb.Trade(
        trade_id=name,
        is_sale=(int(name.rpartition("-")[2]) % 2 == 0) is is_low,
        base="BTC",
        quantity="0.001",
        quote="USDC",
        quote_amount="50",
    )


@contextmanager
def run_brokers(channels: int) -> Iterator[tuple[Stage, Broker, Broker]]:
    """Yield a chain and two brokers, low first, who have the tokens for so many channels."""
    with run_anvil() as anvil, TemporaryDirectory() as folder:
        stage = set_up(anvil)
        made = [make_broker(stage, name, Path(folder) / name) for name in ("one", "two")]
        low, high = sorted(made, key=lambda broker: broker.account)
        for broker in (low, high):
            stage.give("YELLOW", broker.account, _lots(channels) * STAKE_RAW)
            stage.give("USDT", broker.account, channels * COLLATERAL * 10**6)
            broker.observe(**PRICES)
        with _environment(PATIENT):
            yield stage, low, high


async def open_channels(low: Broker, high: Broker, channels: int, stakes_for: int) -> list[str]:
    """Have two fresh brokers stake for so many channels, meet and open some; return their ids."""
    async with running(low, high) as desks:
        await asyncio.gather(*(join(each, str(LOT * _lots(stakes_for))) for each in desks))
        one, other = desks
        await meet(one, other)
        return [await open_channel(one, other, n, str(COLLATERAL)) for n in range(1, channels + 1)]


@asynccontextmanager
async def run_pair(
    low: Broker, high: Broker, channels: list[str], **policy: str
) -> AsyncIterator[Pair]:
    """Yield the operators of two daemons that run as they do by default, once they have met.

    `policy` are fields of the daemons' [policy] that are otherwise.
    """
    wanted = {f"CLEARPORT__POLICY__{name.upper()}": value for name, value in policy.items()}
    with _environment(DEFAULT_POLLS | wanted):
        async with running(low, high) as desks:
            one, other = desks
            pair = Pair(one, other, tuple(channels))
            await pair.until_ready()
            yield pair


@asynccontextmanager
async def running(*brokers: Broker) -> AsyncIterator[tuple[Desk, ...]]:
    """Yield brokers' operators, each with a session, while their daemons run."""
    async with AsyncExitStack() as stack:
        desks = []
        for broker in brokers:
            broker.start()
            stack.callback(broker.stop)
            desks.append(Desk(broker, await stack.enter_async_context(broker.client())))
        yield tuple(desks)


def figures(broker: Broker) -> Figures:
    """Return a daemon's figures now."""
    with urllib.request.urlopen(f"http://{broker.ready['metrics']}/metrics") as reply:
        lines = [line.rpartition(" ") for line in reply.read().decode().splitlines()]
    seen = {name: value for name, _, value in lines}
    return Figures(
        at_s=time.perf_counter(),
        cpu_s=_cpu_s(broker),
        agreed=int(float(seen["clearport_updates_agreed_total"])),
        agreed_at=float(seen["clearport_last_agreed_timestamp_seconds"]),
        agree_s=float(seen["clearport_agree_seconds_sum"]),
        booked=int(float(seen["clearport_trades_booked_total"])),
    )


def _cpu_s(broker: Broker) -> float:
    if broker.process is None:
        raise AssertionError("the daemon does not run")
    text = Path(f"/proc/{broker.process.pid}/stat").read_text(encoding="ascii")
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S


def _lots(channels: int) -> int:
    return -(-channels // CHANNELS_FOR_A_LOT)


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    """Have the processes that are started meanwhile see some variables."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
