"""The perpetual swaps equal their specification, and their ledger balances, whatever is played."""

import pytest

from tests.invariants.swaps import play

SCHEDULES = 6
STEPS = 400


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_perp__whatever_is_played__equals_the_specification(seed):
    played = play(f"ci/{seed}", STEPS)

    assert played.fault is None, "PERP-05: contracts equal the specification"
    assert played.steps == STEPS
    assert sum(times for (move, _), times in played.seen.items() if move != "event") == STEPS
