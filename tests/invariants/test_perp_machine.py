"""The perpetual swaps equal their specification, and their ledger balances, whatever is played."""

import os

import pytest

from tests.invariants.perp import play

SCHEDULES = 60 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 6
STEPS = 400


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_perp__whatever_is_played__equals_the_specification(seed):
    steps, seen, fault = play(f"ci/{seed}", STEPS)

    assert fault is None, f"PERP-05: contracts equal the specification: {fault}"
    assert steps == STEPS
    assert sum(times for (move, _), times in seen.items() if move != "event") == STEPS
