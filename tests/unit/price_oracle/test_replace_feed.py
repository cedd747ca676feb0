"""replaceFeed: a feed's prices come from elsewhere, but stay the same prices."""

from dataclasses import astuple, replace

import pytest

from clearing.spec.oracle_types import Gate, PriceState, TripReason
from clearing.spec.types import ZERO_WORD
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import (
    FEED,
    NAME,
    NOW,
    OTHER,
    PARAMS,
    REJECT,
    event,
    update,
    usd,
)

KNOWN = b"\xfd" * 32
"""A Pyth id that is not the feed's."""
OTHER_PARAMS = replace(PARAMS, cl_max_stale=2_000, twap_dev=500)


@pytest.fixture
def ready(scene):
    """100 s later; the successor says 3,001, Pyth is stale."""
    scene.wait(100)
    scene.chainlink(3_001, source=scene.successor)
    return scene


def swap(scene, feed=FEED, *, params=OTHER_PARAMS, description=NAME, **sources):
    new = replace(scene.sources, **{"cl_feed": scene.successor.address} | sources)
    return scene.act("replaceFeed", feed, new, params, description, by=scene.roles.timelock)


def new_sources(scene):
    return replace(scene.sources, cl_feed=scene.successor.address)


def test_replace_feed__same_price__changes_the_sources_and_pokes(ready):
    assert ready.changes_of(swap(ready)) == {
        "sources": astuple(new_sources(ready)),
        "params": astuple(OTHER_PARAMS),
        "last_good": usd(3_001),
        "last_good_at": NOW + 100,
        "head": 1,
        "count": 2,
        "ring[1]": (NOW + 100, usd(3_001), 100 * usd(3_003)),
    }


def test_replace_feed__same_price__emits_feed_replaced_and_poked(ready):
    assert ready.events_of(swap(ready)) == (
        event(
            "FeedReplaced",
            feed=FEED,
            old_sources=ready.sources,
            new_sources=new_sources(ready),
            old_params=PARAMS,
            new_params=OTHER_PARAMS,
            description=NAME,
        ),
        event(
            "Poked",
            feed=FEED,
            state=PriceState.PRIMARY_ONLY,
            gates=0,
            mid=usd(3_001),
            recorded=True,
        ),
    )


def test_replace_feed__latched__stays_latched(deviated):
    """[ORA-14]."""
    deviated.wait(1)
    deviated.pyth_says(3_001)
    deviated.chainlink(3_001, source=deviated.successor)

    deviated.send(swap(deviated))

    assert deviated.read("memoOf", FEED)[3] == TripReason.DEVIATION


def test_replace_feed__smaller_gap__starts_the_ring_anew(ready):
    ready.send(swap(ready, params=replace(PARAMS, twap_max_gap=599)))

    assert ready.read("memoOf", FEED)[13] == NOW + 100


# REFUSALS


@pytest.mark.parametrize("who", ["guardian", "deployer", "outsider"])
def test_replace_feed__by_anybody_else__is_refused(ready, who):
    caller = getattr(ready.roles, who)

    ready.assert_only_fails_for(
        lambda sender: swap(ready).by(sender),
        broken=caller,
        fixed=ready.roles.timelock,
        error=refusal("NotTimelock", caller=caller),
    )


def test_replace_feed__not_listed__is_refused(ready):
    ready.assert_only_fails_for(
        lambda feed: swap(ready, feed),
        broken=OTHER,
        fixed=FEED,
        error=refusal("UnknownFeed", feed=OTHER),
    )


def test_replace_feed__bad_source__is_refused(ready):
    ready.assert_only_fails_for(
        lambda value: swap(ready, pyth_id=value),
        broken=ZERO_WORD,
        fixed=ready.sources.pyth_id,
        error=refusal("BadParameter", name="pythId"),
    )


def test_replace_feed__bad_limit__is_refused(ready):
    ready.assert_only_fails_for(
        lambda value: swap(ready, params=replace(PARAMS, cooldown=value)),
        broken=59,
        fixed=60,
        error=refusal("BadParameter", name="cooldown"),
    )


def test_replace_feed__other_decimals__is_refused(ready):
    ready.assert_only_fails_for(
        lambda value: swap(ready, cl_decimals=value),
        broken=18,
        fixed=8,
        error=refusal("WrongDecimals", have=8, want=18),
    )


def test_replace_feed__aggregator_of_something_else__is_refused(ready):
    ready.assert_only_fails_for(
        lambda name: swap(ready, description=name),
        broken="BTC / USD",
        fixed=NAME,
        error=refusal("WrongDescription", have=NAME, want="BTC / USD"),
    )


def test_replace_feed__other_pyth_id_that_nobody_delivered__is_refused(ready):
    """The old id may be silent, as it is most of the time."""
    ready.send(ready.act("poke", FEED))

    def with_id(pyth_id):
        data = update(ready.now, 3_002, pyth_id=KNOWN)
        ready.pyth.send("updatePriceFeeds", [data], sender=ready.roles.outsider, value=1)
        return swap(ready, pyth_id=pyth_id)

    ready.assert_only_fails_for(
        with_id,
        broken=b"\xfe" * 32,
        fixed=KNOWN,
        error=refusal("SelfTestFailed", state=PriceState.PRIMARY_ONLY, gates=0),
    )


def test_replace_feed__other_pyth_id_that_does_not_agree__is_refused(ready):
    """50 bps of 3,001 are 15.005."""

    def at(dollars):
        data = update(ready.now, dollars, pyth_id=KNOWN)
        ready.pyth.send("updatePriceFeeds", [data], sender=ready.roles.outsider, value=1)
        return swap(ready, pyth_id=KNOWN)

    ready.assert_only_fails_for(
        at,
        broken=3_016.01,
        fixed=3_016,
        error=refusal("SelfTestFailed", state=PriceState.DIVERGED, gates=0),
    )


def test_replace_feed__aggregator_too_old__is_refused(ready):
    def of_age(seconds):
        ready.chainlink(3_001, age=seconds, source=ready.successor)
        return swap(ready)

    ready.assert_only_fails_for(
        of_age,
        broken=2_001,
        fixed=2_000,
        error=refusal("SelfTestFailed", state=PriceState.FROZEN, gates=0),
    )


def test_replace_feed__that_would_trip__is_refused(ready):
    """300 bps, and 10 for each root of a second: 400 after 100 s."""

    def at(dollars):
        ready.chainlink(dollars, source=ready.successor)
        return swap(ready)

    ready.assert_only_fails_for(
        at,
        broken=3_123.13,
        fixed=3_123.12,
        error=refusal("SelfTestFailed", state=PriceState.TRIPPED, gates=0),
    )


def test_replace_feed__sequencer_feed_silent__is_refused(ready):
    def in_mode(mode):
        ready.misbehave(ready.sequencer, mode)
        return swap(ready)

    ready.assert_only_fails_for(
        in_mode,
        broken=REJECT,
        fixed=0,
        error=refusal("SelfTestFailed", state=PriceState.PRIMARY_ONLY, gates=Gate.SEQ_UNKNOWN),
    )


def test_replace_feed__other_price__is_refused(scene):
    """500 bps from what the old aggregator says."""
    scene.wait(900)

    def at(dollars):
        scene.chainlink(dollars, source=scene.successor)
        return swap(scene)

    scene.assert_only_fails_for(
        at,
        broken=3_150.01,
        fixed=3_150,
        error=refusal("PriceMoved", have=usd(3_150.01), want=usd(3_000), max_dev=500),
    )


def test_replace_feed__no_present_price__is_measured_by_the_last_good_one(scene):
    """After 2,025 s, 300 + 10 * 45 bps are allowed."""
    scene.wait(2_025)

    def at(dollars):
        scene.chainlink(dollars, source=scene.successor)
        scene.pyth_says(dollars)
        return swap(scene)

    scene.assert_only_fails_for(
        at,
        broken=3_228.23,
        fixed=3_228.22,
        error=refusal("PriceMoved", have=usd(3_228.23), want=usd(3_003), max_dev=750),
    )


def test_replace_feed__no_present_price_and_no_second_source__is_refused(scene):
    scene.wait(2_025)
    scene.chainlink(3_003, source=scene.successor)

    def aged(seconds):
        scene.pyth_says(3_003, age=seconds)
        return swap(scene)

    scene.assert_only_fails_for(
        aged,
        broken=61,
        fixed=60,
        error=refusal("SelfTestFailed", state=PriceState.PRIMARY_ONLY, gates=0),
    )
