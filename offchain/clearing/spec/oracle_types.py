"""Mirror `contracts/interfaces/OracleTypes.sol`, field for field and in its order.

Prices are USD per unit, WAD. Times are Unix seconds, durations seconds, shares basis points (bps).
What the sources answer stands before it, as the contract decodes it: `None` is a call that failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

from clearing.spec.types import ZERO_ADDRESS, ZERO_WORD
from clearing.spec.units import Address

__all__ = [
    "BPS",
    "MAX_DECIMALS",
    "Action",
    "ChainlinkAnswer",
    "FeedId",
    "FeedMemo",
    "FeedParams",
    "FeedSources",
    "Gate",
    "Grade",
    "Observation",
    "PriceState",
    "Purpose",
    "PythAnswer",
    "Quote",
    "Reading",
    "SequencerAnswer",
    "SequencerStatus",
    "SourceAnswers",
    "TripReason",
]

FeedId = bytes
"""16 bytes: ASCII, left-aligned. Zero is no feed."""

BPS: Final = 10_000
"""One, in basis points."""
MAX_DECIMALS: Final = 18
"""Of prices here, and the most that a source may have."""


class Gate(IntFlag):
    """What forbids some actions whatever the price state is."""

    PAUSED = 1
    SEQ_DOWN = 2
    SEQ_GRACE = 4
    SEQ_GRACE_OPEN = 8
    SEQ_UNKNOWN = 16


class Grade(IntEnum):
    """What a source's answer is worth."""

    BROKEN = 0
    STALE = 1
    AHEAD = 2
    UNCERTAIN = 3
    OK = 4


class SequencerStatus(IntEnum):
    """What the sequencer feed says; UP also where there is none."""

    UNKNOWN = 0
    DOWN = 1
    UP = 2


class PriceState(IntEnum):
    """What the sources together are worth. Exactly one holds."""

    FROZEN = 0
    NORMAL = 1
    PRIMARY_ONLY = 2
    SECONDARY_ONLY = 3
    TWAP_ONLY = 4
    DIVERGED = 5
    TRIPPED = 6


class TripReason(IntEnum):
    """Why the breaker tripped. A greater reason replaces a lesser one, never the other way."""

    NONE = 0
    JUMP = 1
    DEVIATION = 2
    SANITY = 3


class Action(IntEnum):
    """What a price is asked for."""

    OPEN = 0
    CLOSE = 1
    SIGNED_REDUCE = 2
    WITHDRAW = 3
    LIQUIDATE = 4
    FUNDING = 5
    TWAP_RECORD = 6


class Purpose(IntEnum):
    """What a position in a market that is not acted on is valued for."""

    OPEN = 0
    LIQUIDATE = 1
    MID = 2


@dataclass(frozen=True, slots=True)
class ChainlinkAnswer:
    """`decimals` and `latestRoundData` of an aggregator."""

    decimals: int
    round_id: int
    answer: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class PythAnswer:
    """`getPriceUnsafe`: price ± conf, times 10^expo."""

    price: int
    conf: int
    expo: int
    publish_time: int


@dataclass(frozen=True, slots=True)
class SequencerAnswer:
    """`latestRoundData` of a sequencer feed: answer 0 is up, 1 is down, since `started_at`."""

    answer: int
    started_at: int


@dataclass(frozen=True, slots=True)
class SourceAnswers:
    """What the sources of a feed answer at one moment; None is a call that failed."""

    chainlink: ChainlinkAnswer | None = None
    pyth: PythAnswer | None = None
    sequencer: SequencerAnswer | None = None


@dataclass(frozen=True, slots=True)
class FeedSources:
    """Where a feed's prices come from."""

    cl_feed: Address = ZERO_ADDRESS
    cl_decimals: int = 8
    pyth_id: bytes = ZERO_WORD
    sequencer: Address = ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class FeedParams:
    """A feed's limits. The defaults are starting points, not the contract's."""

    cl_max_stale: int = 1_500
    cl_deviation: int = 15
    soft_dev: int = 50
    hard_dev: int = 300
    reset_dev: int = 25
    py_max_stale: int = 60
    py_open_stale: int = 4
    py_max_ahead: int = 10
    max_conf: int = 100
    max_conf_open: int = 30
    jump_base: int = 300
    jump_slope: int = 10
    jump_cap: int = 2_500
    twap_window: int = 900
    twap_max_gap: int = 600
    twap_dev: int = 1_000
    twap_min_obs: int = 5
    seq_grace_open: int = 3_600
    seq_grace_liquidate: int = 300
    cooldown: int = 300
    sanity_min_e8: int = 1
    sanity_max_e8: int = 7 * 10**18


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one look at the sources gives. Prices are 0 where there is none."""

    state: PriceState
    gates: Gate
    trip: TripReason
    agree: bool
    pyth_opens: bool
    ring_fit: bool
    cl_grade: Grade
    py_grade: Grade
    sequencer: SequencerStatus
    sequencer_since: int
    c: int
    cl_at: int
    p: int
    conf: int
    py_at: int
    twap: int
    mid: int
    mid_at: int
    lo: int
    hi: int
    open_lo: int
    open_hi: int
    liq_lo: int
    liq_hi: int
    last_good: int
    last_good_at: int


@dataclass(frozen=True, slots=True)
class Quote:
    """All that a reader of prices needs, in valuation form.

    Where nobody can price, mid is the last good price and the bands lie 10 % around it. `funding`:
    mid if FUNDING is allowed, else the last good price. `allowed`: bit 1 << Action.
    """

    mid: int
    funding: int
    lo: int
    hi: int
    open_lo: int
    open_hi: int
    liq_lo: int
    liq_hi: int
    allowed: int
    degraded: bool
    state: PriceState
    gates: Gate


@dataclass(frozen=True, slots=True)
class Observation:
    """One slot of the ring: `price` is in force from `at` to the next observation."""

    at: int
    price: int
    cumulative: int


@dataclass(frozen=True, slots=True)
class FeedMemo:
    """What the contract remembers of a feed."""

    last_good: int = 0
    last_good_at: int = 0
    paused_until: int = 0
    latch: TripReason = TripReason.NONE
    tripped_at: int = 0
    pokes: int = 0
    poked_at: int = 0
    rounds: int = 0
    since: int = 0
    last_at: int = 0
    last_price: int = 0
    head: int = 0
    count: int = 0
    gap_at: int = 0
