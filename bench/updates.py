"""How many co-signed, durable updates a second two daemons agree on, and how long a lone one takes.

An update is a version that both have signed and stored. `updates_per_s` has one trade in each, so
that all that is counted is updates, and one proposal under way in each channel; `trades_per_s` is
with batches, as the daemon makes them by default. A lone update has nothing else beside it.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from itertools import count

from bench.clearport_plots import draw_lone, draw_updates
from bench.operators import calls_per_s
from bench.pair import Figures, Pair, figures, open_channels, run_brokers, run_pair, trade
from bench.results import put

__all__ = ["Lone", "Measured", "Rate", "main", "measure", "percentile"]

CHANNELS = (1, 2, 4, 8)
CHUNK = 100
"""Trades in one call; the next call is made when half of them are booked."""
RUN_S = float(os.environ.get("BENCH_RUN_S", "8"))
BATCHED_CHUNK = 1_000
LONE = 200
PAUSE_S = 0.05
"""Before and after a lone update nothing is looked at."""
PERCENT = 100


@dataclass(frozen=True, slots=True)
class Rate:
    """What happened in a second, and the CPU time of a daemon for each update, ms."""

    channels: int
    updates_per_s: int
    trades_per_s: int
    cpu_ms_low: float
    cpu_ms_high: float


@dataclass(frozen=True, slots=True)
class Lone:
    """How long lone updates took, ms, each sorted.

    `agreed_ms`: from low's decision to sign to co-signed and durable with low. `called_ms`: from
    the second operator's call to co-signed and durable with both.
    """

    agreed_ms: tuple[float, ...]
    called_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """All of it: one trade in an update by number of channels; with batches; alone; calls."""

    single: tuple[Rate, ...]
    batched: Rate
    lone: Lone
    calls: dict[str, int]


def main() -> None:
    """Measure, print, and write the keys of updates into bench/results/clearport.json."""
    measured = asyncio.run(measure())
    best, batched, lone = measured.single[-1], measured.batched, measured.lone
    for each in (*measured.single, batched):
        print(
            f"{each.channels} channels: {each.updates_per_s:,} updates and {each.trades_per_s:,} "
            f"trades a second; CPU for an update {each.cpu_ms_low:.2f} ms (low), "
            f"{each.cpu_ms_high:.2f} ms (high)"
        )
    lone_keys = {
        "lone_p50_ms": percentile(lone.agreed_ms, 50),
        "lone_p99_ms": percentile(lone.agreed_ms, 99),
        "lone_call_p50_ms": percentile(lone.called_ms, 50),
        "lone_call_p99_ms": percentile(lone.called_ms, 99),
    }
    print(", ".join(f"{name} {value}" for name, value in lone_keys.items()))
    print("calls a second: " + ", ".join(f"{k} {v:,}" for k, v in measured.calls.items()))
    put(
        "clearport",
        updates_per_s=best.updates_per_s,
        updates_per_s_by_channels={
            str(each.channels): each.updates_per_s for each in measured.single
        },
        cpu_ms_per_update={"low": best.cpu_ms_low, "high": best.cpu_ms_high},
        trades_per_s=batched.trades_per_s,
        **lone_keys,
        operator_calls_per_s=measured.calls,
    )
    draw_updates(CHANNELS, [each.updates_per_s for each in measured.single])
    draw_lone(lone.agreed_ms, lone.called_ms)


async def measure() -> Measured:
    """Return all of it, of two daemons on an embedded chain."""
    most = max(CHANNELS)
    with run_brokers(most) as (_, low, high):
        channels = await open_channels(low, high, most, most)
        async with run_pair(low, high, channels, batch="1") as pair:
            lone = await _lone(pair)
            single = [await _rate(Pair(pair.low, pair.high, pair.channels[:n])) for n in CHANNELS]
        async with run_pair(low, high, channels) as pair:
            batched = await _rate(pair, BATCHED_CHUNK)
            calls = await calls_per_s(pair.low, channels)
    return Measured(tuple(single), batched, lone, calls)


def percentile(ordered: tuple[float, ...], percent: int) -> float:
    """Return the value that so many percent do not exceed, ms, to the hundredth."""
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // PERCENT)], 2)


async def _rate(pair: Pair, trades: int = CHUNK) -> Rate:
    """Return what the channels do in a second while trades never run out."""
    number = count()
    name = f"{trades}-{len(pair.channels)}"

    async def record_more() -> int:
        chunk = next(number)
        names = [f"{name}-{chunk}-{each}" for each in range(trades)]
        await asyncio.gather(*(pair.record(each, names) for each in pair.channels))
        return trades * len(pair.channels)

    before = figures(pair.low.broker).booked
    recorded = await record_more()
    recorded += await record_more()
    await pair.until_booked(before + recorded // 4)
    begun = [figures(desk.broker) for desk in pair.desks]
    give_up_s = begun[0].at_s + RUN_S
    while time.perf_counter() < give_up_s:
        recorded += await record_more()
        await pair.until_booked(before + recorded - trades * len(pair.channels))
    ended = [figures(desk.broker) for desk in pair.desks]
    await pair.until_booked(before + recorded)
    return _rate_of(len(pair.channels), begun, ended)


def _rate_of(channels: int, begun: list[Figures], ended: list[Figures]) -> Rate:
    took_s = ended[0].at_s - begun[0].at_s
    updates = [end.agreed - start.agreed for start, end in zip(begun, ended, strict=True)]
    cpu_s = [end.cpu_s - start.cpu_s for start, end in zip(begun, ended, strict=True)]
    return Rate(
        channels=channels,
        updates_per_s=int(updates[0] / took_s),
        trades_per_s=int((ended[0].booked - begun[0].booked) / took_s),
        cpu_ms_low=round(1_000 * cpu_s[0] / updates[0], 3),
        cpu_ms_high=round(1_000 * cpu_s[1] / updates[1], 3),
    )


async def _lone(pair: Pair) -> Lone:
    """Return how long updates take that nothing goes on beside; nobody looks meanwhile."""
    channel_id = pair.channels[0]
    agreed_ms, called_ms = [], []
    for number in range(LONE):
        name = f"lone-{number}"
        await pair.low.record(channel_id, trade(name, is_low=True))
        await asyncio.sleep(PAUSE_S)
        before = figures(pair.low.broker)
        called_at = time.time()
        await pair.high.record(channel_id, trade(name, is_low=False))
        await asyncio.sleep(PAUSE_S)
        after = await pair.until_agreed(before.agreed + 1)
        ended_at = max(after.agreed_at, figures(pair.high.broker).agreed_at)
        agreed_ms.append(1_000 * (after.agree_s - before.agree_s))
        called_ms.append(1_000 * (ended_at - called_at))
    return Lone(tuple(sorted(agreed_ms)), tuple(sorted(called_ms)))


if __name__ == "__main__":
    main()
