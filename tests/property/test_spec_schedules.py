"""Schedules on the specification: honest against adversary, colluders against everybody.

Hypothesis draws short schedules, which shrink; a plain loop draws many long ones and adds the seed
to a failure. The nightly profile of `make audit` draws 100,000 of each with fresh seeds.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearing.spec import channel, escrow, guards, rules
from clearing.spec.types import AssetAmounts, Outcome
from tests.property.spec_collusion import Collusion
from tests.property.spec_duel import Duel

SCHEDULES = 20 * settings().max_examples
IS_FRESH = settings().max_examples >= 5_000
FIRST_SEED = int.from_bytes(os.urandom(4), "big") if IS_FRESH else 0


def _play_duels(seeds: range) -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in seeds:
        duel = Duel(Random(seed))
        try:
            duel.play(rounds=30)
        except AssertionError as failure:
            failure.add_note(f"duel, seed {seed}")
            raise
        seen += duel.seen
    return seen


def _play_collusions(seeds: range) -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in seeds:
        collusion = Collusion(Random(seed))
        try:
            collusion.play(actions=60)
        except AssertionError as failure:
            failure.add_note(f"collusion, seed {seed}")
            raise
        seen += collusion.seen
    return seen


@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_duel__short_schedule__honest_broker_gets_what_was_agreed(rng, rounds):
    Duel(rng).play(rounds)


def test_duel__long_schedules__honest_broker_gets_what_was_agreed():
    """ADJ-12, ADJ-13, ADJ-14, ADJ-15, ADJ-23, ADJ-24, SET-02, SET-04 and what every call shows."""
    seen = _play_duels(range(FIRST_SEED, FIRST_SEED + SCHEDULES))

    # each regime has been there, or nothing was shown
    ends = {f"outcome {result.name}" for result in Outcome} | {"Closed", "close kept safe"}
    ends |= {"HASHLOCK SPLIT", "ORDER SPLIT", "Resize", "RefundOrder", "return RESIZE"}
    assert ends <= seen.keys(), f"never seen: {ends - seen.keys()}"


@given(st.randoms(use_true_random=False), st.integers(1, 20))
def test_collusion__short_schedule__every_invariant_holds(rng, actions):
    Collusion(rng).play(actions)


def test_collusion__long_schedules__every_invariant_holds():
    """Everything that `violated_in` and `violated_over` judge.

    ADJ-01, ADJ-02, ADJ-03, ADJ-04, ADJ-05, ADJ-06, ADJ-07, ADJ-08, ADJ-09, ADJ-10, ADJ-11, ADJ-15,
    ADJ-16, ADJ-18, ADJ-21, ADJ-22, ADJ-23, SET-01, SET-02, SET-03, SET-04, SET-05, SET-06, REG-01,
    REG-03.
    """
    seen = _play_collusions(range(FIRST_SEED, FIRST_SEED + SCHEDULES))

    calls = {"Open", "DepositCollateral", "Checkpoint", "Challenge", "Resize", "Reveal", "Settle"}
    calls |= {"FundOrder", "RefundOrder", "CloseCooperative", "Finalize", "WithdrawWithAuth"}
    assert calls <= seen.keys(), f"never accepted: {calls - seen.keys()}"


# SEEN TO FAIL: each rule weakened, each of the client's rules broken, and the schedules notice


def _nothing(*_args: object) -> None:
    """Stand in for a guard that does not guard."""


def _paid_by_split(state, _nets, result=Outcome.SPLIT):
    """The payout rule without what the state had not seen."""
    return tuple(
        AssetAmounts(low, split.low + split.high - low)
        for split, low in zip(state.splits, rules.shares_low(state, result), strict=True)
    )


def _any_epoch(state, channel_id, _epoch, n_assets, now):
    rules.require_valid_state(state, channel_id, state.epoch, n_assets, now)


def _turned_blindly(stored, version, _order_hash):
    if version == stored.order_version:
        return stored
    return guards.replace(stored, order_version=version, order_flags=0)


def _admitted_late(stored, hashed, _now):
    return guards.admitted(stored, hashed, 0)


WEAKENED_RULES = {
    "a response after the deadline": (channel, "require_in_time", _nothing, "ADJ-10"),
    "a state of another epoch": (channel, "require_valid_state", _any_epoch, "ADJ-18"),
    "a version that is not newer": (channel, "require_newer", _nothing, "ADJ-05"),
    "an end without what the state had not seen": (channel, "payouts", _paid_by_split, "ADJ-0"),
    "an end with an open condition": (channel, "decided_from", lambda *_: 0, "SET-05"),
    "an end that forgets a reveal": (channel, "flags_of", lambda *_: 0, "ADJ-13|SET-0"),
    "an end over a lock": (channel, "require_no_lock", _nothing, "SET-06"),
    "an unenforceable state": (channel, "require_enforceable", _nothing, "ADJ-0"),
    "an order run again": (escrow, "is_order_finished", lambda _: False, "SET-02|ADJ-08"),
    "an order above another's lock": (escrow, "turned_to", _turned_blindly, "SET-06"),
    "a funding by anybody": (escrow, "_may_fund", lambda *_: True, "ADJ-16"),
    "a settlement by an old key": (escrow, "_is_named", lambda *_: True, "ADJ-16"),
    "a funding after the deadline": (escrow, "admitted", _admitted_late, "ADJ-10"),
    "an expired RESIZE or CLOSE": (channel, "_require_valid_until", _nothing, "ADJ-13|ADJ-24"),
}


@pytest.mark.parametrize("rule", WEAKENED_RULES)
def test_schedules__rule_weakened__are_noticed(rule, monkeypatch):
    module, name, replacement, broken = WEAKENED_RULES[rule]
    monkeypatch.setattr(module, name, replacement)

    with pytest.raises(AssertionError, match=broken):
        _play_both(range(2_000))


def _play_both(seeds: range) -> None:
    for seed in seeds:
        _play_collusions(range(seed, seed + 1))
        _play_duels(range(seed, seed + 1))


BROKEN_POLICIES = {
    "sign above a live CLOSE or an unanswered proposal": ("_may_sign", lambda _: True),
    "sign above an order that can still run": ("_is_unresolved", lambda *_: False),
    "count on what a RESIZE may still take": (
        "_bounds",
        lambda duel: [list(net) for net in duel.channel.nets[: duel.n_assets]],
    ),
}


@pytest.mark.parametrize("policy", BROKEN_POLICIES)
def test_duel__honest_broker_breaks_a_rule_of_the_client__loses(policy, monkeypatch):
    """The client's "never" rules are needed: the contract alone cannot help who breaks one."""
    name, replacement = BROKEN_POLICIES[policy]
    monkeypatch.setattr(Duel, name, replacement)

    with pytest.raises(AssertionError, match=r"ADJ-13|ADJ-24|SET-02"):
        _play_duels(range(2_000))
