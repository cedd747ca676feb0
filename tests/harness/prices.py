"""Source answers and feeds in a few words: prices in whole USD, times relative to NOW."""

from __future__ import annotations

from typing import Final

from clearing.spec.oracle_feed import Feed
from clearing.spec.oracle_ring import EMPTY_RING, Ring, record
from clearing.spec.oracle_types import (
    ChainlinkAnswer,
    FeedParams,
    FeedSources,
    PythAnswer,
    SequencerAnswer,
    SourceAnswers,
)
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import WAD, Address

__all__ = [
    "E8",
    "FEED",
    "NOW",
    "PARAMS",
    "SOURCES",
    "UP",
    "answers",
    "chainlink",
    "feed",
    "pyth",
    "ring_at",
    "usd",
]

NOW: Final = 1_800_000_000
"""Unix seconds."""
E8: Final = 10**8
CENT_E8: Final = 10**6
FEED: Final = b"ETH/USD".ljust(16, b"\0")
PARAMS: Final = FeedParams()
SOURCES: Final = FeedSources(
    cl_feed=Address(b"\xc1" * 20),
    cl_decimals=8,
    pyth_id=b"\xf0" * 32,
    sequencer=Address(b"\x5e" * 20),
)
UP: Final = SequencerAnswer(answer=0, started_at=NOW - 10**6)


def usd(dollars: str) -> int:
    """Return a price in WAD of decimal text."""
    whole, _, part = dollars.partition(".")
    return int(whole) * WAD + int(part.ljust(18, "0") or 0)


def chainlink(
    cents: int, age_s: int = 600, *, now: int = NOW, round_id: int = 7
) -> ChainlinkAnswer:
    """Return an aggregator's answer of 8 decimals."""
    return ChainlinkAnswer(8, round_id, cents * CENT_E8, now - age_s)


def pyth(cents: int, age_s: int = 2, *, conf_cents: int = 150, now: int = NOW) -> PythAnswer:
    """Return Pyth's price of exponent −8."""
    return PythAnswer(cents * CENT_E8, conf_cents * CENT_E8, -8, now - age_s)


def answers(
    first: ChainlinkAnswer | None = None,
    second: PythAnswer | None = None,
    sequencer: SequencerAnswer | None = UP,
) -> SourceAnswers:
    """Return what all sources answer; without a price a source's call fails."""
    return SourceAnswers(first, second, sequencer)


def ring_at(price_wad: int, now: int = NOW, *, span_s: int = 1_800, step_s: int = 60) -> Ring:
    """Return a ring that has seen one price at each step, up to now."""
    ring = EMPTY_RING
    for time in range(now - span_s, now + 1, step_s):
        ring, _ = record(ring, time, price_wad, PARAMS.twap_max_gap)
    return ring


def feed(
    last_good: int = usd("2990"),
    twap: int | None = usd("2985"),
    *,
    params: FeedParams = PARAMS,
    has_sequencer: bool = True,
) -> Feed:
    """Return a feed that was poked a minute ago; without a TWAP its ring is empty."""
    sources = (
        SOURCES
        if has_sequencer
        else FeedSources(SOURCES.cl_feed, SOURCES.cl_decimals, SOURCES.pyth_id, ZERO_ADDRESS)
    )
    ring = EMPTY_RING if twap is None else ring_at(twap, NOW - 60)
    return Feed(sources, params, ring=ring, last_good=last_good, last_good_at=NOW - 60)
