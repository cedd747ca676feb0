"""The breaker opens only as its reason allows, over many whole lives of a feed."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearing.spec import oracle_breaker
from clearing.spec.oracle_math import is_apart
from tests.property.oracle_lives import Life

LIVES = 10 * settings().max_examples
IS_FRESH = settings().max_examples >= 5_000
FIRST_SEED = int.from_bytes(os.urandom(4), "big") if IS_FRESH else 0


def live(seeds: range) -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in seeds:
        life = Life(Random(seed))
        try:
            life.play(actions=60)
        except AssertionError as failure:
            failure.add_note(f"life, seed {seed}")
            raise
        seen += life.seen
    return seen


@given(st.randoms(use_true_random=False), st.integers(1, 20))
def test_life__short__opens_as_its_reason_allows(rng, actions):
    Life(rng).play(actions)


def test_life__long__opens_as_its_reason_allows():
    """[ORA-13] [ORA-14] [ORA-15] [ORA-26] Each kind of reset and refusal is seen."""
    seen = live(range(FIRST_SEED, FIRST_SEED + LIVES))

    assert (
        min(
            seen[each]
            for each in (
                "DEVIATION reset by anybody",
                "DEVIATION reset by anybody, Pyth resting",
                "JUMP reset by anybody",
                "JUMP reset by anybody, Pyth resting",
                "SANITY reset by timelock",
                "NotTripped",
                "ResetNotDue",
            )
        )
        >= 10
    )
    assert seen["SANITY reset by anybody"] == 0


def _no_count(latch, look):
    return replace(latch, pokes=latch.pokes + 1)


def _never(latch, look):
    return False


def _always_calm(look):
    return look.sources.both_ok


def _soft_is_calm(look):
    chainlink, pyth = look.sources.chainlink, look.sources.pyth
    return look.sources.both_ok and not is_apart(chainlink.price, pyth.price, look.params.soft_dev)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("AGREEING_POKES", 2),
        ("AGREEING_POKES", 4),
        ("CALM_ROUNDS", 2),
        ("CALM_ROUNDS", 4),
        ("CALM_S", 200),
        ("CALM_S", 400),
        ("_with_agreement", _no_count),
        ("_with_round", lambda latch, _: latch),
        ("_is_left_alone", _never),
        ("_is_left_alone", oracle_breaker._is_walked),
        ("_is_calm", _always_calm),
        ("_is_calm", _soft_is_calm),
        ("_is_contradicted", lambda _: False),
        ("_is_contradicted", lambda look: look.sources.both_ok),
    ],
)
def test_life__rule_broken__is_noticed(monkeypatch, name, fault):
    """The judge is no copy: whatever rule is broken, it sees it."""
    monkeypatch.setattr(oracle_breaker, name, fault)

    with pytest.raises(AssertionError, match=r"ORA-(1[345]|26)"):
        live(range(2_000))
