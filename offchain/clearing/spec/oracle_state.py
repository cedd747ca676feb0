"""Say what the sources together are worth: gates, trip condition, price state."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.spec.oracle_math import is_apart, jump_bps
from clearing.spec.oracle_sources import Sequencer, Sources
from clearing.spec.oracle_types import (
    FeedParams,
    Gate,
    Grade,
    PriceState,
    SequencerStatus,
    TripReason,
)

__all__ = [
    "Look",
    "agree",
    "candidate",
    "gates_of",
    "is_contemporary",
    "state_of",
    "trip_condition",
]

TRUSTED_FOR_AGREEMENT = frozenset({Grade.OK, Grade.UNCERTAIN})


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a feed: its graded sources, its memory, and what time it is.

    `twap` is None unless the ring is fit; `last_good` is 0 if there is none.
    """

    params: FeedParams
    sources: Sources
    twap: int | None
    twap_at: int
    last_good: int
    last_good_at: int
    latch: TripReason
    now: int


def gates_of(params: FeedParams, sequencer: Sequencer, paused_until: int, now: int) -> Gate:
    """Return the gates that are up."""
    gates = Gate.PAUSED if now < paused_until else Gate(0)
    if sequencer.status is SequencerStatus.DOWN:
        return gates | Gate.SEQ_DOWN
    if sequencer.status is SequencerStatus.UNKNOWN:
        return gates | Gate.SEQ_UNKNOWN
    if sequencer.since:
        if now - sequencer.since <= params.seq_grace_liquidate:
            gates |= Gate.SEQ_GRACE
        if now - sequencer.since <= params.seq_grace_open:
            gates |= Gate.SEQ_GRACE_OPEN
    return gates


def agree(look: Look) -> bool:
    """Return whether Pyth confirms Chainlink; its confidence does not matter for that."""
    chainlink, pyth = look.sources.chainlink, look.sources.pyth
    return (
        chainlink.grade is Grade.OK
        and pyth.grade in TRUSTED_FOR_AGREEMENT
        and not is_apart(chainlink.price, pyth.price, look.params.soft_dev)
    )


def is_contemporary(look: Look) -> bool:
    """Return whether Pyth's price is not from before Chainlink's round: only then can it accuse."""
    return look.sources.pyth.at + look.params.py_max_ahead >= look.sources.chainlink.at


def candidate(look: Look) -> tuple[int, int] | None:
    """Return the price that would be accepted if it is no jump, and its time.

    Chainlink's, else Pyth's.
    """
    chainlink, pyth = look.sources.chainlink, look.sources.pyth
    if chainlink.grade is Grade.OK:
        return chainlink.price, chainlink.at
    return (pyth.price, look.sources.pyth_time(look.now)) if _is_pyth_near_twap(look) else None


def trip_condition(look: Look) -> TripReason:
    """Return why the breaker would trip now; the greatest reason that holds."""
    chainlink, pyth = look.sources.chainlink, look.sources.pyth
    if chainlink.is_out_of_bounds and pyth.is_out_of_bounds:
        return TripReason.SANITY
    is_apart_by_much = is_apart(chainlink.price, pyth.price, look.params.hard_dev)
    if look.sources.both_ok and is_apart_by_much and is_contemporary(look):
        return TripReason.DEVIATION
    found = candidate(look)
    if found is None or look.last_good == 0 or agree(look):
        return TripReason.NONE
    price, at = found
    limit_bps = jump_bps(look.params, max(0, at - look.last_good_at))
    return TripReason.JUMP if is_apart(price, look.last_good, limit_bps) else TripReason.NONE


def state_of(look: Look) -> PriceState:
    """Return the state: the first that applies."""
    chainlink, pyth = look.sources.chainlink, look.sources.pyth
    if max(look.latch, trip_condition(look)) is not TripReason.NONE:
        return PriceState.TRIPPED
    if look.sources.both_ok:
        is_diverged = is_apart(chainlink.price, pyth.price, look.params.soft_dev)
        return PriceState.DIVERGED if is_diverged else PriceState.NORMAL
    if chainlink.grade is Grade.OK:
        return PriceState.PRIMARY_ONLY
    if _is_pyth_near_twap(look):
        return PriceState.SECONDARY_ONLY
    if chainlink.grade is pyth.grade is Grade.STALE and look.twap is not None:
        return PriceState.TWAP_ONLY
    return PriceState.FROZEN


def _is_pyth_near_twap(look: Look) -> bool:
    pyth = look.sources.pyth
    return (
        pyth.grade is Grade.OK
        and look.twap is not None
        and not is_apart(pyth.price, look.twap, look.params.twap_dev)
    )
