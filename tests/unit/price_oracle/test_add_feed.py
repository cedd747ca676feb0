"""addFeed: the timelock lists a feed whose sources work and agree."""

from dataclasses import astuple, replace

import pytest

from clearing.spec.oracle_types import Gate, PriceState
from clearing.spec.types import ZERO_ADDRESS, ZERO_WORD
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import (
    FEED,
    NAME,
    NOW,
    OTHER,
    PARAMS,
    REJECT,
    SECOND_AT,
    event,
    usd,
)

NO_FEED = bytes(16)


def add(scene, feed=FEED, *, params=PARAMS, description=NAME, **sources):
    listed = replace(scene.sources, **sources)
    return scene.act("addFeed", feed, listed, params, description, by=scene.roles.timelock)


def test_add_feed__good_sources__lists_and_pokes_it(empty):
    changed = empty.changes_of(add(empty))

    new = {key: value for key, value in changed.items() if not key.startswith("ring[")}
    assert new == {
        "feeds": (FEED,),
        "sources": astuple(empty.sources),
        "params": astuple(PARAMS),
        "last_good": usd(3_003),
        "last_good_at": SECOND_AT,
        "count": 1,
        "gap_at": NOW,
    } | {key: 0 for key in new if key not in KEPT}
    assert changed["ring[0]"] == (NOW, usd(3_003), 0)


KEPT = {"feeds", "sources", "params", "last_good", "last_good_at", "count", "gap_at"}


def test_add_feed__good_sources__emits_feed_added_and_poked(empty):
    assert empty.events_of(add(empty)) == (
        event(
            "FeedAdded",
            feed=FEED,
            sources=empty.sources,
            params=PARAMS,
            description=NAME,
        ),
        event(
            "Poked",
            feed=FEED,
            state=PriceState.NORMAL,
            gates=0,
            mid=usd(3_003),
            recorded=True,
        ),
    )


def test_add_feed__another_one__stands_behind_the_first(scene):
    scene.send(add(scene, OTHER))

    assert scene.read("feeds") == (FEED, OTHER)


def test_add_feed__no_sequencer_feed__is_not_checked(empty):
    empty.misbehave(empty.sequencer, REJECT)

    empty.send(add(empty, sequencer=ZERO_ADDRESS))

    assert empty.read("getPrice", FEED)[4:] == (PriceState.NORMAL, 0)


# REFUSALS


@pytest.mark.parametrize("who", ["guardian", "deployer", "outsider"])
def test_add_feed__by_anybody_else__is_refused(empty, who):
    caller = getattr(empty.roles, who)

    empty.assert_only_fails_for(
        lambda sender: add(empty).by(sender),
        broken=caller,
        fixed=empty.roles.timelock,
        error=refusal("NotTimelock", caller=caller),
    )


def test_add_feed__listed_already__is_refused(scene):
    scene.assert_only_fails_for(
        lambda feed: add(scene, feed),
        broken=FEED,
        fixed=OTHER,
        error=refusal("FeedExists", feed=FEED),
    )


def test_add_feed__without_a_name__is_refused(empty):
    empty.assert_only_fails_for(
        lambda feed: add(empty, feed),
        broken=NO_FEED,
        fixed=FEED,
        error=refusal("BadParameter", name="feed"),
    )


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("clFeed", "cl_feed", ZERO_ADDRESS),
        ("clDecimals", "cl_decimals", 19),
        ("pythId", "pyth_id", ZERO_WORD),
    ],
)
def test_add_feed__bad_source__is_refused(empty, name, field, value):
    empty.assert_only_fails_for(
        lambda given: add(empty, **{field: given}),
        broken=value,
        fixed=getattr(empty.sources, field),
        error=refusal("BadParameter", name=name),
    )


def test_add_feed__bad_limit__is_refused(empty):
    empty.assert_only_fails_for(
        lambda value: add(empty, params=replace(PARAMS, twap_min_obs=value)),
        broken=1,
        fixed=2,
        error=refusal("BadParameter", name="twapMinObs"),
    )


def test_add_feed__other_decimals__is_refused(empty):
    empty.assert_only_fails_for(
        lambda decimals: add(empty, cl_decimals=decimals),
        broken=18,
        fixed=8,
        error=refusal("WrongDecimals", have=8, want=18),
    )


def test_add_feed__aggregator_of_something_else__is_refused(empty):
    empty.assert_only_fails_for(
        lambda name: add(empty, description=name),
        broken="BTC / USD",
        fixed=NAME,
        error=refusal("WrongDescription", have=NAME, want="BTC / USD"),
    )


@pytest.mark.parametrize(
    ("wait", "state"), [(59, PriceState.PRIMARY_ONLY), (2_000, PriceState.FROZEN)]
)
def test_add_feed__source_too_old__is_refused(empty, wait, state):
    def after(seconds):
        empty.wait(seconds)
        return add(empty)

    empty.assert_only_fails_for(
        after, broken=wait, fixed=58, error=refusal("SelfTestFailed", state=state, gates=0)
    )


@pytest.mark.parametrize(
    ("dollars", "state"), [(3_015.01, PriceState.DIVERGED), (3_100, PriceState.TRIPPED)]
)
def test_add_feed__sources_apart__is_refused(empty, dollars, state):
    def at(price):
        empty.pyth_says(price)
        return add(empty)

    empty.assert_only_fails_for(
        at, broken=dollars, fixed=3_015, error=refusal("SelfTestFailed", state=state, gates=0)
    )


def test_add_feed__sequencer_down__is_refused(empty):
    def while_(is_down):
        empty.sequencer_says(is_down=True, age=2)
        empty.sequencer_says(is_down=is_down, age=1)
        return add(empty)

    empty.assert_only_fails_for(
        while_,
        broken=True,
        fixed=False,
        error=refusal("SelfTestFailed", state=PriceState.NORMAL, gates=Gate.SEQ_DOWN),
    )


def test_add_feed__sequencer_feed_silent__is_refused(empty):
    def in_mode(mode):
        empty.misbehave(empty.sequencer, mode)
        return add(empty)

    empty.assert_only_fails_for(
        in_mode,
        broken=REJECT,
        fixed=0,
        error=refusal("SelfTestFailed", state=PriceState.NORMAL, gates=Gate.SEQ_UNKNOWN),
    )
