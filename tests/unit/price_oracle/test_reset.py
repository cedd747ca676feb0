"""reset: the latch comes off when what its reason asks for has happened."""

from dataclasses import replace

from clearing.spec.oracle_types import PriceState, TripReason
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import (
    E8,
    FEED,
    NOW,
    OTHER,
    PARAMS,
    SECOND_AT,
    event,
    usd,
)


def reset(scene, feed=FEED):
    return scene.act("reset", feed)


def agree(scene, at, times=1, dollars=3_001, spacing=10):
    """Poke in agreement so many times; the last poke is `spacing` seconds before `at`."""
    for index in range(times):
        scene.wait(at - (times - index) * spacing - scene.now)
        scene.pyth_says(dollars)
        scene.send(scene.act("poke", FEED))
    scene.wait(at - scene.now)
    scene.pyth_says(dollars)


COOLED = NOW + 30 + PARAMS.cooldown
"""First second at which the latch of `deviated` may come off."""


def test_reset__agreement_after_a_deviation__takes_the_latch_off(deviated):
    """[ORA-14]."""
    agree(deviated, COOLED, times=2)

    deviated.send(reset(deviated))

    memo = deviated.read("memoOf", FEED)
    assert memo[:4] == (usd(3_001), COOLED, 0, TripReason.NONE)
    assert deviated.read("getPrice", FEED)[4] == PriceState.NORMAL


def test_reset__agreement_after_a_deviation__emits_poked_and_trip_reset(deviated):
    agree(deviated, COOLED, times=2)

    assert deviated.events_of(reset(deviated)) == (
        event(
            "Poked",
            feed=FEED,
            state=PriceState.TRIPPED,
            gates=0,
            mid=usd(3_001),
            recorded=False,
        ),
        event("TripReset", feed=FEED, reason=TripReason.DEVIATION, last_good=usd(3_001)),
    )


def test_reset__jump_that_both_sources_confirm__takes_the_latch_off(jumped):
    jumped.wait(1)
    jumped.pyth_says(3_201)

    assert jumped.events_of(reset(jumped))[-1] == event(
        "TripReset", feed=FEED, reason=TripReason.JUMP, last_good=usd(3_201)
    )


def test_reset__jump_that_chainlink_repeats__takes_the_latch_off(jumped):
    """[ORA-15] Three rounds in line over 300 s; the price at rest is the new one."""
    for _ in range(3):
        jumped.wait(100)
        jumped.chainlink(3_210)
        jumped.send(jumped.act("poke", FEED))

    jumped.send(reset(jumped))

    assert jumped.read("memoOf", FEED)[:4] == (usd(3_210), NOW + 400, 0, TripReason.NONE)


def alone(scene, rounds, until):
    """Let Chainlink alone speak so many times, the last time at `until`; poke each."""
    for left in reversed(range(rounds)):
        scene.wait(until - 10 * left - scene.now)
        scene.chainlink(3_001)
        scene.send(scene.act("poke", FEED))


def test_reset__deviation_while_pyth_rests__takes_the_latch_off(deviated):
    """[ORA-26] Three rounds after that of the trip, and the cooldown."""
    alone(deviated, 3, COOLED)

    deviated.send(reset(deviated))

    assert deviated.read("memoOf", FEED)[:4] == (usd(3_001), COOLED, 0, TripReason.NONE)
    assert deviated.read("getPrice", FEED)[4] == PriceState.PRIMARY_ONLY, "ORA-26"


def test_reset__by_the_timelock__needs_no_evidence(deviated):
    deviated.wait(1)
    deviated.pyth_says(3_001)

    deviated.send(reset(deviated).by(deviated.roles.timelock))

    assert deviated.read("memoOf", FEED)[3] == TripReason.NONE


def test_reset__condition_that_still_holds__keeps_the_state_and_the_price(deviated):
    deviated.send(reset(deviated).by(deviated.roles.timelock))

    assert deviated.read("memoOf", FEED)[:4] == (usd(3_003), SECOND_AT, 0, TripReason.NONE)
    assert deviated.read("getPrice", FEED)[4] == PriceState.TRIPPED


# REFUSALS


def test_reset__of_no_feed__is_refused(jumped):
    jumped.wait(1)
    jumped.pyth_says(3_201)

    jumped.assert_only_fails_for(
        lambda feed: reset(jumped, feed),
        broken=OTHER,
        fixed=FEED,
        error=refusal("UnknownFeed", feed=OTHER),
    )


def test_reset__not_latched__is_refused(scene):
    """Also while a trip condition is about to hold."""

    def at(dollars):
        scene.wait(100)
        scene.chainlink(dollars)
        if dollars != 3_000:
            scene.send(scene.act("poke", FEED))
            scene.wait(1)
        scene.pyth_says(dollars)
        return reset(scene)

    scene.assert_only_fails_for(
        at, broken=3_000, fixed=3_200, error=refusal("NotTripped", feed=FEED)
    )


def test_reset__deviation_before_its_cooldown__is_refused(deviated):
    def at(second):
        agree(deviated, second, times=2)
        return reset(deviated)

    deviated.assert_only_fails_for(
        at,
        broken=COOLED - 1,
        fixed=COOLED,
        error=refusal("ResetNotDue", feed=FEED, reason=TripReason.DEVIATION),
    )


def test_reset__deviation_with_one_earlier_agreement__is_refused(deviated):
    def after(times):
        agree(deviated, COOLED, times=times)
        return reset(deviated)

    deviated.assert_only_fails_for(
        after,
        broken=1,
        fixed=2,
        error=refusal("ResetNotDue", feed=FEED, reason=TripReason.DEVIATION),
    )


def test_reset__deviation_and_apart_now__is_refused(deviated):
    """25 bps of 3,000 are 7.50."""

    def at(last):
        agree(deviated, COOLED - 1, times=3)
        deviated.wait(1)
        deviated.pyth_says(last)
        return reset(deviated)

    deviated.assert_only_fails_for(
        at,
        broken=3_007.51,
        fixed=3_007.50,
        error=refusal("ResetNotDue", feed=FEED, reason=TripReason.DEVIATION),
    )


def test_reset__deviation_with_two_rounds__is_refused(deviated):
    def after(rounds):
        alone(deviated, rounds, COOLED)
        return reset(deviated)

    deviated.assert_only_fails_for(
        after,
        broken=2,
        fixed=3,
        error=refusal("ResetNotDue", feed=FEED, reason=TripReason.DEVIATION),
    )


def test_reset__deviation_with_rounds_before_its_cooldown__is_refused(deviated):
    def until(second):
        alone(deviated, 3, second)
        return reset(deviated)

    deviated.assert_only_fails_for(
        until,
        broken=COOLED - 1,
        fixed=COOLED,
        error=refusal("ResetNotDue", feed=FEED, reason=TripReason.DEVIATION),
    )


def test_reset__deviation_with_rounds_while_pyth_speaks__is_refused(deviated):
    """It has accused, and is 30 bps off still; after 60 s it rests."""
    deviated.wait(COOLED - 60 - deviated.now)
    deviated.pyth_says(3_010)

    def until(second):
        alone(deviated, 3, second)
        return reset(deviated)

    deviated.assert_only_fails_for(
        until,
        broken=COOLED,
        fixed=COOLED + 1,
        error=refusal("ResetNotDue", feed=FEED, reason=TripReason.DEVIATION),
    )


def test_reset__jump_with_two_rounds__is_refused(jumped):
    def after(rounds):
        for _ in range(rounds):
            jumped.wait(150)
            jumped.chainlink(3_210)
            jumped.send(jumped.act("poke", FEED))
        return reset(jumped)

    jumped.assert_only_fails_for(
        after,
        broken=2,
        fixed=3,
        error=refusal("ResetNotDue", feed=FEED, reason=TripReason.JUMP),
    )


def test_reset__jump_with_rounds_over_less_than_300_s__is_refused(jumped):
    def over(seconds):
        for _ in range(3):
            jumped.wait(seconds // 3)
            jumped.chainlink(3_210)
            jumped.send(jumped.act("poke", FEED))
        return reset(jumped)

    jumped.assert_only_fails_for(
        over,
        broken=297,
        fixed=300,
        error=refusal("ResetNotDue", feed=FEED, reason=TripReason.JUMP),
    )


def test_reset__sanity_by_anybody__is_refused(scene):
    bounded = replace(PARAMS, sanity_max_e8=10_000 * E8)
    scene.send(scene.act("setParams", FEED, bounded, by=scene.roles.timelock))
    scene.wait(30)
    scene.chainlink(10_001)
    scene.pyth_says(10_001)
    scene.send(scene.act("poke", FEED))

    scene.assert_only_fails_for(
        lambda sender: reset(scene).by(sender),
        broken=scene.roles.outsider,
        fixed=scene.roles.timelock,
        error=refusal("ResetNotDue", feed=FEED, reason=TripReason.SANITY),
    )
