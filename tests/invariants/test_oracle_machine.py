"""The oracle on revm and its specification: the same readings, verdicts, prices, events, storage.

[ORA-03] [ORA-12] [ORA-13] [ORA-14] [ORA-21] [ORA-23]

`clearing fuzz --machine oracle` plays the same schedules for as long as there is patience.
"""

from __future__ import annotations

import pytest

from clearing.spec import (
    oracle,
    oracle_actions,
    oracle_bands,
    oracle_breaker,
    oracle_ring,
    oracle_state,
)
from clearing.spec.oracle_math import Band
from clearing.spec.oracle_types import Grade, Reading
from tests.invariants.oracle import play

CASES = 30_000
PLANTED = 20_000
"""Fewer cases of the same seed: without the fault the test above finds nothing in them."""
SEED = "oracle"


def test_machine__random_sources_times_and_actions__contract_is_the_specification() -> None:
    played = play(SEED, CASES)

    assert played.fault is None
    assert played.steps >= CASES


def _is_ok(reading: Reading) -> bool:
    return reading.cl_grade is Grade.OK


FAULTS = {
    "a limit is one basis point wider": (
        oracle_state,
        "is_apart",
        lambda a, b, bps: abs(a - b) * 10_000 > (bps + 1) * min(a, b),
    ),
    "half-widths round down": (oracle_bands, "part", lambda value, bps: value * bps // 10_000),
    "a jump's allowance does not grow": (
        oracle_state,
        "jump_bps",
        lambda params, _elapsed: params.jump_base,
    ),
    "a band is not cut off below 1": (
        oracle_bands,
        "around",
        lambda price, half: Band(price - half, price + half),
    ),
    "two agreeing pokes are enough": (oracle_breaker, "AGREEING_POKES", 2),
    "two calm rounds are enough": (oracle_breaker, "CALM_ROUNDS", 2),
    "Pyth alone leads out": (oracle_breaker, "_is_left_alone", lambda _latch, _look: False),
    "one poke of a second is forgotten": (oracle_breaker, "SECONDS_TOLD_APART", 2**8),
    "a price of any time accuses": (oracle_state, "is_contemporary", lambda _look: True),
    "a new Pyth id is not asked for": (
        oracle,
        "_can_replace",
        lambda reading, **_: _is_ok(reading),
    ),
    "the ring forgets nothing": (oracle_ring, "CAPACITY", 129),
    "a valuation is 9 % away": (oracle_bands, "FALLBACK_BPS", 900),
    "everything is allowed": (oracle_actions, "is_allowed", lambda _reading, _action: True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_machine__planted_fault__is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that finds nothing has to be able to find something."""
    module, name, planted = FAULTS[fault]
    monkeypatch.setattr(module, name, planted)

    assert play(SEED, PLANTED).fault is not None
