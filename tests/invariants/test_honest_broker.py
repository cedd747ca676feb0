"""On the contracts too an honest broker ends with its latest split or agreed outcome.

ADJ-12, ADJ-13, ADJ-14, ADJ-23, ADJ-24: whatever the adversary's schedule, one transaction for each
of its actions is enough.
"""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearing.spec.types import Outcome
from tests.invariants.duel_on_chain import ChainDuel, stage
from tests.property.spec_duel import Loss

DUELS = max(200, settings().max_examples)
ROUNDS = 30


def test_duel_on_chain__long_schedules__contracts_pay_what_was_agreed():
    seen: Counter[str] = Counter()
    for seed in range(DUELS):
        with stage().deployment.chain.isolated():
            duel = ChainDuel(Random(seed), stage())
            try:
                duel.play(ROUNDS)
            except AssertionError as failure:
                failure.add_note(f"duel on chain, seed {seed}")
                raise
            seen += duel.seen

    ends = {f"outcome {result.name}" for result in Outcome} | {"Closed", "compared", "Resize"}
    assert ends <= seen.keys(), f"never seen: {ends - seen.keys()}"


@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_duel_on_chain__short_schedule__contracts_pay_what_was_agreed(rng, rounds):
    with stage().deployment.chain.isolated():
        ChainDuel(rng, stage()).play(rounds)


def test_duel_on_chain__token_from_nowhere__is_noticed():
    with stage().deployment.chain.isolated():
        duel = ChainDuel(Random(0), stage())
        duel.hand_over_a_coin()
        with pytest.raises(Loss, match="ADJ-13 the contracts pay something else"):
            duel.play(ROUNDS)
