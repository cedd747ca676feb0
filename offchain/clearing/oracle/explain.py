"""Say in words what a reading says in numbers: why this state, and what forbids an action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clearing.spec.oracle_actions import RULES, does_state_allow
from clearing.spec.oracle_types import (
    BPS,
    Action,
    FeedMemo,
    FeedParams,
    Gate,
    Grade,
    PriceState,
    Reading,
    TripReason,
)
from clearing.spec.units import mul_div_down

__all__ = ["age_text", "apart_text", "blockers", "chainlink_text", "pyth_text", "why"]

_STATES: Final[Mapping[PriceState, str]] = {
    PriceState.NORMAL: "both sources agree",
    PriceState.PRIMARY_ONLY: "Chainlink alone",
    PriceState.SECONDARY_ONLY: "Pyth alone, near the TWAP",
    PriceState.TWAP_ONLY: "both sources too old, the ring bridges",
    PriceState.DIVERGED: "the sources differ",
    PriceState.TRIPPED: "the breaker",
    PriceState.FROZEN: "nothing usable",
}
_TRIPS: Final[Mapping[TripReason, str]] = {
    TripReason.NONE: "",
    TripReason.JUMP: "a jump that no second source confirms",
    TripReason.DEVIATION: "the sources too far apart",
    TripReason.SANITY: "both sources outside the sanity bounds",
}


def why(reading: Reading, now: int) -> str:
    """Return what decided the state: the trip, or the sources with their grades and ages."""
    parts = [_STATES[reading.state]]
    if reading.trip is not TripReason.NONE:
        parts = [_TRIPS[reading.trip]]
    apart = apart_text(reading)
    if apart:
        parts.append(apart)
    parts += [f"Chainlink {chainlink_text(reading, now)}", f"Pyth {pyth_text(reading, now)}"]
    return "; ".join(parts)


def chainlink_text(reading: Reading, now: int) -> str:
    """Return Chainlink's grade and the age of its answer."""
    return _graded(reading.cl_grade, now - reading.cl_at)


def pyth_text(reading: Reading, now: int) -> str:
    """Return Pyth's grade and the age of its price."""
    return _graded(reading.py_grade, now - reading.py_at)


def apart_text(reading: Reading) -> str:
    """Return how far the sources are apart, to the basis point below; "" without both."""
    if not reading.c or not reading.p:
        return ""
    apart_bps = mul_div_down(abs(reading.c - reading.p), BPS, min(reading.c, reading.p))
    return f"{apart_bps} bps apart"


def age_text(age_s: int) -> str:
    """Return an age in seconds, or in larger units once those say enough."""
    if age_s < 0:
        return f"{-age_s} s ahead"
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if age_s >= 3 * unit_s:
            return f"{mul_div_down(age_s, 1, unit_s)} {unit}"
    return f"{age_s} s"


def blockers(
    reading: Reading, params: FeedParams, memo: FeedMemo, action: Action, now: int
) -> tuple[str, ...]:
    """Return what forbids an action, with the time that a gate still needs; nothing if allowed."""
    gates = RULES[action].forbidden_by & reading.gates
    found = [_gate_text(gate, reading, params, memo, now) for gate in Gate if gate & gates]
    if not does_state_allow(reading, action):
        found.append(reading.state.name)
    return tuple(found)


def _graded(grade: Grade, age_s: int) -> str:
    return grade.name if grade is Grade.BROKEN else f"{grade.name} ({age_text(age_s)})"


def _gate_text(gate: Gate, reading: Reading, params: FeedParams, memo: FeedMemo, now: int) -> str:
    """Return a gate and how long it stays up, where that is known."""
    match gate:
        case Gate.PAUSED:
            left_s = memo.paused_until - now
        case Gate.SEQ_GRACE:
            left_s = reading.sequencer_since + params.seq_grace_liquidate + 1 - now
        case Gate.SEQ_GRACE_OPEN:
            left_s = reading.sequencer_since + params.seq_grace_open + 1 - now
        case _:
            left_s = 0
    return f"{gate.name} ({age_text(left_s)} left)" if left_s > 0 else str(gate.name)
