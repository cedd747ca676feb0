"""poke: look at the sources; trip, or accept the price and write it down."""

from dataclasses import replace
from unittest.mock import ANY

import pytest

from clearing.spec.oracle_types import Gate, PriceState, TripReason
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import (
    E8,
    FEED,
    FIRST_AT,
    NOW,
    OTHER,
    PARAMS,
    REJECT,
    event,
    usd,
)

NEEDED_GAS = 200_000 * 64 // 63 + 5_000


def poke(scene, feed=FEED):
    return scene.act("poke", feed)


def poked(state, mid, *, gates=0, recorded):
    return event("Poked", feed=FEED, state=state, gates=gates, mid=usd(mid), recorded=recorded)


def tripped(reason, c, p, twap=0):
    return event("Tripped", feed=FEED, reason=reason, c=usd(c), p=usd(p), twap=usd(twap))


# A PRICE IS ACCEPTED


def test_poke__normal__is_the_last_good_price_and_an_observation(scene):
    scene.wait(30)
    scene.pyth_says(3_001)

    assert scene.changes_of(poke(scene)) == {
        "last_good": usd(3_001),
        "last_good_at": NOW + 30,
        "head": 1,
        "count": 2,
        "ring[1]": (NOW + 30, usd(3_001), 30 * usd(3_003)),
    }


def test_poke__normal__emits_poked(scene):
    scene.wait(30)

    assert scene.events_of(poke(scene)) == (poked(PriceState.NORMAL, 3_003, recorded=True),)


def test_poke__price_ahead_of_the_block__is_good_as_of_now(scene):
    scene.wait(30)
    scene.pyth_says(3_001, age=-10)

    changed = scene.changes_of(poke(scene))

    assert (changed["last_good"], changed["last_good_at"]) == (usd(3_001), NOW + 30)
    assert scene.read("getPrice", FEED)[3] == NOW + 30


def test_poke__older_data__leaves_the_last_good_price(scene):
    """Pyth's 3,003 is of NOW - 2, Chainlink's round of 600 s before."""
    scene.wait(100)

    changed = scene.changes_of(poke(scene))

    assert scene.read("getPrice", FEED)[:1] == (usd(3_000),)
    assert set(changed) == {"head", "count", "ring[1]"}


def test_poke__29_s_after_an_observation__writes_none(scene):
    scene.wait(29)

    assert scene.events_of(poke(scene)) == (poked(PriceState.NORMAL, 3_003, recorded=False),)
    assert scene.read("memoOf", FEED)[11:13] == (0, 1)


def test_poke__after_a_gap__starts_the_ring_anew(scene):
    gap = PARAMS.twap_max_gap + 1
    scene.wait(gap)

    assert scene.changes_of(poke(scene))["gap_at"] == NOW + gap


def test_poke__observation_of_this_second__does_not_make_the_ring_fit(scene):
    """[ORA-11] Seven lie in the window, six of them before now."""

    def is_fit(least):
        limits = replace(PARAMS, twap_min_obs=least)
        scene.send(scene.act("setParams", FEED, limits, by=scene.roles.timelock))
        return scene.read("readingOf", FEED)[5]

    scene.warm()

    assert is_fit(6)
    assert not is_fit(7), "ORA-11"


def test_poke__diverged__changes_nothing(scene):
    scene.wait(30)
    scene.pyth_says(3_090)
    before = scene.picture()

    assert scene.events_of(poke(scene)) == (poked(PriceState.DIVERGED, 3_000, recorded=False),)
    assert scene.picture() == before


def test_poke__sequencer_just_up__accepts_but_writes_no_observation(scene):
    scene.sequencer_says(is_down=True)
    scene.wait(30)
    scene.sequencer_says(is_down=False)

    assert scene.events_of(poke(scene)) == (
        poked(
            PriceState.NORMAL,
            3_003,
            gates=Gate.SEQ_GRACE | Gate.SEQ_GRACE_OPEN,
            recorded=False,
        ),
    )


# THE BREAKER


def test_poke__sources_too_far_apart__latches(scene):
    """What was good before the trip is kept; rounds are counted from Chainlink's."""
    scene.wait(30)
    scene.pyth_says(3_100)

    assert scene.changes_of(poke(scene)) == {
        "latch": TripReason.DEVIATION,
        "tripped_at": NOW + 30,
        "since": FIRST_AT,
        "last_at": FIRST_AT,
        "last_price": usd(3_000),
    }


def test_poke__sources_too_far_apart__emits_tripped_then_poked(scene):
    scene.wait(30)
    scene.pyth_says(3_100)

    assert scene.events_of(poke(scene)) == (
        tripped(TripReason.DEVIATION, 3_000, 3_100),
        poked(PriceState.TRIPPED, 3_003, recorded=False),
    )


def test_poke__pyth_from_before_chainlinks_round__latches_nothing(scene):
    """[ORA-24] Up to 10 s before it is of the same time."""

    def reason_at(age):
        with scene.chain.isolated():
            scene.wait(30)
            scene.chainlink(3_000)
            scene.pyth_says(3_100, age=age)
            scene.send(poke(scene))
            return scene.read("memoOf", FEED)[3], scene.read("getPrice", FEED)[4]

    assert reason_at(10) == (TripReason.DEVIATION, PriceState.TRIPPED)
    assert reason_at(11) == (TripReason.NONE, PriceState.DIVERGED), "ORA-24"


def test_poke__unconfirmed_jump__latches_and_counts_rounds_from_here(scene):
    scene.wait(100)
    scene.chainlink(3_200)

    assert scene.changes_of(poke(scene)) == {
        "latch": TripReason.JUMP,
        "tripped_at": NOW + 100,
        "since": NOW + 100,
        "last_at": NOW + 100,
        "last_price": usd(3_200),
    }


def test_poke__confirmed_jump__is_accepted(scene):
    scene.wait(100)
    scene.chainlink(3_200)
    scene.pyth_says(3_205, age=1)

    assert scene.events_of(poke(scene)) == (poked(PriceState.NORMAL, 3_200, recorded=True),)


def test_poke__both_out_of_their_bounds__emits_tripped_without_prices(scene):
    bounded = replace(PARAMS, sanity_max_e8=10_000 * E8)
    scene.send(scene.act("setParams", FEED, bounded, by=scene.roles.timelock))
    scene.wait(30)
    scene.chainlink(10_001)
    scene.pyth_says(10_001)

    assert scene.events_of(poke(scene)) == (
        tripped(TripReason.SANITY, 0, 0),
        poked(PriceState.TRIPPED, 3_003, recorded=False),
    )


def test_poke__out_of_bounds_but_resting__latches_nothing(scene):
    """Chainlink's round is 600 s old at first, Pyth's price 2 s."""
    bounded = replace(PARAMS, sanity_max_e8=2_000 * E8)
    scene.send(scene.act("setParams", FEED, bounded, by=scene.roles.timelock))
    with scene.chain.isolated():
        scene.send(poke(scene))
        assert scene.read("memoOf", FEED)[3] == TripReason.SANITY

    scene.wait(59)
    scene.send(poke(scene))

    assert scene.read("memoOf", FEED)[3] == TripReason.NONE
    assert scene.read("getPrice", FEED)[4] == PriceState.FROZEN


def test_poke__greater_reason__replaces_the_latch(jumped):
    jumped.wait(30)
    jumped.pyth_says(3_400)
    jumped.chainlink(3_210)

    changed = jumped.changes_of(poke(jumped))

    assert changed == {
        "latch": TripReason.DEVIATION,
        "tripped_at": NOW + 130,
        "since": NOW + 130,
        "last_at": NOW + 130,
        "last_price": usd(3_210),
    }


def test_poke__lesser_reason__leaves_the_latch(deviated):
    deviated.wait(100)
    deviated.chainlink(3_300)

    assert deviated.events_of(poke(deviated)) == (poked(PriceState.TRIPPED, 3_003, recorded=False),)
    assert deviated.read("memoOf", FEED)[3] == TripReason.DEVIATION


def test_poke__agreement_while_latched__counts_once_a_timestamp(deviated):
    """[ORA-11] A second poke of a block adds nothing."""
    deviated.wait(1)
    deviated.pyth_says(3_001)

    deviated.send(poke(deviated), poke(deviated))

    assert deviated.read("memoOf", FEED)[5:8] == (1, (NOW + 31) % 2**24, 0)


def test_poke__apart_again_while_latched__starts_the_count_anew(deviated):
    deviated.wait(1)
    deviated.pyth_says(3_001)
    deviated.send(poke(deviated))
    deviated.wait(1)
    deviated.pyth_says(3_008)

    assert deviated.changes_of(poke(deviated)) == {"pokes": 0}


def test_poke__deviated__counts_rounds_as_well(deviated):
    """Chainlink alone may have to lead out."""
    for dollars in (3_001, 3_002):
        deviated.wait(100)
        deviated.chainlink(dollars)
        deviated.send(poke(deviated))

    assert deviated.read("memoOf", FEED)[5:11] == (0, 0, 2, FIRST_AT, NOW + 230, usd(3_002))


def test_poke__jumped__counts_agreement_as_well(jumped):
    jumped.wait(1)
    jumped.pyth_says(3_200)

    assert jumped.changes_of(poke(jumped))["pokes"] == 1


def test_poke__rounds_in_line_after_a_jump__are_counted(jumped):
    for _ in range(2):
        jumped.wait(150)
        jumped.chainlink(3_210)
        jumped.send(poke(jumped))

    assert jumped.read("memoOf", FEED)[7:11] == (2, NOW + 100, NOW + 400, usd(3_210))


# REFUSALS


def test_poke__of_no_feed__is_refused(scene):
    scene.assert_only_fails_for(
        lambda feed: poke(scene, feed),
        broken=OTHER,
        fixed=FEED,
        error=refusal("UnknownFeed", feed=OTHER),
    )


def test_poke__failed_source_without_all_of_its_gas__is_refused(scene):
    """[ORA-02] A failure counts only if the source could have answered."""
    scene.misbehave(scene.aggregator, REJECT)

    scene.assert_only_fails_for(
        lambda gas: poke(scene).with_gas(gas),
        broken=NEEDED_GAS,
        fixed=NEEDED_GAS + 200_000,
        error=refusal("InsufficientGas", have=ANY, want=NEEDED_GAS),
    )


@pytest.mark.parametrize("gas", [NEEDED_GAS, NEEDED_GAS + 20_000])
def test_poke__failed_source__tells_the_gas_that_was_left(scene, gas):
    scene.misbehave(scene.aggregator, REJECT)

    (name, (have, want)), _, _ = scene.attempt(poke(scene).with_gas(gas))

    assert (name, want) == ("InsufficientGas", NEEDED_GAS)
    assert gas - 60_000 < have < min(gas, want)
