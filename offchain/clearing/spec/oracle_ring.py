"""Average accepted prices over time: a ring of observations, each price in force until the next.

A price weighs nothing until time passes. The ring is held oldest first; `slots_of` says where the
contract keeps an observation.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Final

from clearing.spec.oracle_sources import Sequencer
from clearing.spec.oracle_types import FeedParams, Observation, SequencerStatus
from clearing.spec.units import mul_div_down

__all__ = [
    "CAPACITY",
    "CUMULATIVE_MODULUS",
    "EMPTY_RING",
    "MAX_WINDOW_S",
    "SPACING_S",
    "Ring",
    "cumulative_at",
    "is_fit",
    "record",
    "restarted",
    "slots_of",
    "twap",
]

CAPACITY: Final = 128
SPACING_S: Final = 30
MAX_WINDOW_S: Final = 3_600
"""CAPACITY - 1 spacings are 3,810 s: a ring without a gap always reaches back that far."""
CUMULATIVE_MODULUS: Final = 2**120
"""Prices below 2^96 times an hour stay below: differences over a window are exact."""


@dataclass(frozen=True, slots=True)
class Ring:
    """Observations, oldest first, at most CAPACITY; how many were ever written; since when gapless.

    `gap_at` is 0 for a ring that was never written.
    """

    observations: tuple[Observation, ...] = ()
    written: int = 0
    gap_at: int = 0

    @property
    def head(self) -> int:
        """Slot of the newest observation; 0 if there is none."""
        return (self.written - 1) % CAPACITY if self.written else 0


EMPTY_RING: Final = Ring()


def record(ring: Ring, now: int, price: int, max_gap_s: int) -> tuple[Ring, bool]:
    """Write a price unless the newest is younger than the spacing; say whether it was written."""
    if not ring.observations:
        return Ring((Observation(now, price, 0),), 1, now), True
    newest = ring.observations[-1]
    if now < newest.at + SPACING_S:
        return ring, False
    after = Observation(now, price, cumulative_at(ring, now))
    return (
        Ring(
            (*ring.observations, after)[-CAPACITY:],
            ring.written + 1,
            now if now - newest.at > max_gap_s else ring.gap_at,
        ),
        True,
    )


def restarted(ring: Ring, now: int) -> Ring:
    """Return the ring as if a gap ended now: it is fit again when a whole window has passed."""
    return replace(ring, gap_at=now)


def cumulative_at(ring: Ring, time: int) -> int:
    """Return Σ price · seconds up to a time, modulo CUMULATIVE_MODULUS.

    Raises ValueError for a time before the oldest observation.
    """
    index = bisect_right(ring.observations, time, key=lambda observation: observation.at)
    if index == 0:
        message = f"the ring does not reach back to {time}"
        raise ValueError(message)
    before = ring.observations[index - 1]
    return (before.cumulative + before.price * (time - before.at)) % CUMULATIVE_MODULUS


def twap(ring: Ring, now: int, window_s: int) -> int | None:
    """Return the time-weighted average over the window, rounded down; None out of its reach."""
    if not 0 < window_s <= MAX_WINDOW_S:
        return None
    if not ring.observations or ring.observations[0].at > now - window_s:
        return None
    total = cumulative_at(ring, now) - cumulative_at(ring, now - window_s)
    return mul_div_down(total % CUMULATIVE_MODULUS, 1, window_s)


def is_fit(ring: Ring, params: FeedParams, sequencer: Sequencer, now: int) -> bool:
    """Return whether the ring may stand in for a source; what is written now does not count yet."""
    if not ring.observations:
        return False
    start = now - params.twap_window
    inside = sum(start <= observation.at < now for observation in ring.observations)
    is_undisturbed = sequencer.status is not SequencerStatus.DOWN and sequencer.since < start
    return (
        now - ring.observations[-1].at <= params.twap_max_gap
        and ring.gap_at <= start
        and inside >= params.twap_min_obs
        and is_undisturbed
    )


def slots_of(ring: Ring) -> dict[int, Observation]:
    """Return the observations by the slots in which the contract keeps them."""
    oldest = ring.written - len(ring.observations)
    return {
        (oldest + index) % CAPACITY: observation
        for index, observation in enumerate(ring.observations)
    }
