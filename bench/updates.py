"""How many co-signed, durable updates a second two daemons agree on, each a process of its own.

Everything is as in production: TLS between them, SQLite with synchronous=FULL, keys from
keystores, trades recorded by both operators through their APIs. `batch` is 1, so that each trade is
an update of its own, and a channel has one proposal under way: the hardest case.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
import urllib.request
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.rate import machine
from clearing.chain.anvil import run_anvil
from clearing.clearport.daemon.bell import Bell
from clearing.demo.stage import STAKE_RAW, Stage, set_up
from clearing.operator.v1 import operator_pb2 as pb
from tests.harness.clearport import Broker, make_broker
from tests.harness.clearport_desk import Desk, join, meet, open_channel

__all__ = ["main", "measure"]

RESULTS = Path(__file__).resolve().parent / "results" / "clearport.json"
PRICES = {"BTC": 50_000, "ETH": 3_000, "USDC": 1, "USDT": 1}
CHANNELS = 8
LOTS = 2
CHUNK = 100
"""Trades in one call; both operators record them before the next."""
CHUNKS = 10
LONE = 40
LOOK_S = 0.2
COLLATERAL = "100000"
TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Rates:
    """What was measured. CPU of one daemon for one update, and a lone update's time, ms."""

    updates_per_s: int
    cpu_ms_low: float
    cpu_ms_high: float
    lone_ms_p50: float


def main() -> None:
    """Measure, print, and write the key `updates` of bench/results/clearport.json."""
    rates = measure()
    print(
        f"{rates.updates_per_s:,} updates a second over {CHANNELS} channels; CPU for each "
        f"{rates.cpu_ms_low:.2f} ms (low), {rates.cpu_ms_high:.2f} ms (high); "
        f"a lone one takes {rates.lone_ms_p50:.1f} ms (median)"
    )
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results["updates"] = {
        "a_second": rates.updates_per_s,
        "cpu_ms": {"low": rates.cpu_ms_low, "high": rates.cpu_ms_high},
        "lone_ms_p50": rates.lone_ms_p50,
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def measure() -> Rates:
    """Return the rates of two fresh daemons on an embedded chain."""
    os.environ["CLEARPORT__POLICY__BATCH"] = "1"
    os.environ["CLEARPORT__PRICES__MAX_AGE_S"] = "3600"
    with run_anvil() as anvil, TemporaryDirectory() as folder:
        stage = set_up(anvil)
        brokers = _brokers(stage, Path(folder))
        try:
            return asyncio.run(_measure(*brokers))
        finally:
            for broker in brokers:
                broker.stop()


def _brokers(stage: Stage, folder: Path) -> tuple[Broker, Broker]:
    """Start two brokers with stake and collateral for all channels; the low one first."""
    made = [make_broker(stage, name, folder / name) for name in ("one", "two")]
    low, high = sorted(made, key=lambda broker: broker.account)
    for broker in (low, high):
        stage.give("YELLOW", broker.account, LOTS * STAKE_RAW)
        stage.give("USDT", broker.account, CHANNELS * int(COLLATERAL) * 10**6)
        broker.observe(**PRICES)
        broker.start()
    return low, high


async def _measure(low_broker: Broker, high_broker: Broker) -> Rates:
    async with AsyncExitStack() as stack:
        low, high = [
            Desk(broker, await stack.enter_async_context(broker.client()))
            for broker in (low_broker, high_broker)
        ]
        for desk in (low, high):
            await join(desk, str(250_000 * LOTS))
        await meet(low, high)
        channels = [
            await open_channel(low, high, nonce, COLLATERAL) for nonce in range(1, CHANNELS + 1)
        ]
        watch = Watch((low, high))
        looking = asyncio.create_task(watch.look())
        for channel_id in channels:  # warm up
            await _run(low, high, watch, channel_id, "warm", 1)
        cpu = [_cpu_s(desk.broker) for desk in (low, high)]
        agreed = [_agreed(desk.broker) for desk in (low, high)]
        begun_s = time.perf_counter()
        await asyncio.gather(*(_run(low, high, watch, each, "run", CHUNKS) for each in channels))
        took_s = time.perf_counter() - begun_s
        looking.cancel()
        updates = [_agreed(d.broker) - was for d, was in zip((low, high), agreed, strict=True)]
        used = [_cpu_s(d.broker) - was for d, was in zip((low, high), cpu, strict=True)]
        lone = [await _lone(low, high, channels[0], number) for number in range(LONE)]
    return Rates(
        updates_per_s=int(updates[0] / took_s),
        cpu_ms_low=round(1_000 * used[0] / updates[0], 3),
        cpu_ms_high=round(1_000 * used[1] / updates[1], 3),
        lone_ms_p50=round(statistics.median(lone), 1),
    )


@dataclass
class Watch:
    """Looks at all channels of both brokers at once, now and then: looking costs CPU as well."""

    desks: tuple[Desk, ...]
    versions: dict[tuple[Desk, str], int] = field(default_factory=dict)
    bell: Bell = field(default_factory=Bell)

    async def look(self) -> None:
        """Look for ever."""
        while True:
            for desk in self.desks:
                reply = await desk.client.ask("ListChannels", pb.ListChannelsRequest())
                for each in reply.channels:
                    self.versions[desk, each.channel_id] = each.version
            self.bell.ring()
            await asyncio.sleep(LOOK_S)

    async def reached(self, desk: Desk, channel_id: str, version: int) -> None:
        """Wait until a channel has a version."""
        while self.versions.get((desk, channel_id), 0) < version:
            await self.bell.wait(self.bell.count)


async def _run(
    low: Desk, high: Desk, watch: Watch, channel_id: str, name: str, chunks: int
) -> None:
    """Have both record chunk after chunk, the next as soon as half of the last is booked."""
    version = await _version(low, channel_id)
    for chunk in range(chunks):
        ids = [f"{name}-{chunk}-{number}" for number in range(CHUNK)]
        for desk in (high, low):
            trades = [_trade(each, n, is_low=desk is low) for n, each in enumerate(ids)]
            await desk.record(channel_id, *trades)
        await watch.reached(low, channel_id, version + CHUNK // 2)
        version += CHUNK
    for desk in (low, high):
        await watch.reached(desk, channel_id, version)


async def _version(desk: Desk, channel_id: str) -> int:
    channel = await desk.channel(channel_id)
    if channel is None:
        raise AssertionError("no such channel")
    return int(channel.version)


async def _lone(low: Desk, high: Desk, channel_id: str, number: int) -> float:
    """Return how long an update takes that nothing else goes on beside, ms: call to co-signed."""
    trade_id = f"lone-{number}"
    await low.record(channel_id, _trade(trade_id, number, is_low=True))
    before = await _version(high, channel_id)
    begun_s = time.perf_counter()
    await high.record(channel_id, _trade(trade_id, number, is_low=False))
    while await _version(high, channel_id) == before:
        pass
    return 1_000 * (time.perf_counter() - begun_s)


def _trade(trade_id: str, number: int, *, is_low: bool) -> pb.Trade:
    """Return a trade of 0.001 BTC: low sells and buys in turn."""
    return pb.Trade(
        trade_id=trade_id,
        is_sale=(number % 2 == 0) is is_low,
        base="BTC",
        quantity="0.001",
        quote="USDC",
        quote_amount="50",
    )


def _cpu_s(broker: Broker) -> float:
    """Return the CPU time that the daemon has used, all threads, user and system."""
    if broker.process is None:
        raise AssertionError("the daemon does not run")
    text = Path(f"/proc/{broker.process.pid}/stat").read_text(encoding="ascii")
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S


def _agreed(broker: Broker) -> int:
    """Return how many versions the daemon has agreed on, by its own metrics."""
    with urllib.request.urlopen(f"http://{broker.ready['metrics']}/metrics") as reply:
        for line in reply.read().decode().splitlines():
            if line.startswith("clearport_updates_agreed_total"):
                return int(float(line.split()[1]))
    raise AssertionError("no such metric")


if __name__ == "__main__":
    main()
