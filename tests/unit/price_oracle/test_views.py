"""Every view: what it answers in a known situation, and what it refuses."""

from dataclasses import astuple

import pytest

from clearing.spec.oracle_types import (
    Action,
    Gate,
    Grade,
    PriceState,
    Purpose,
    SequencerStatus,
    TripReason,
)
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import (
    FEED,
    FIRST_AT,
    NOW,
    OTHER,
    PARAMS,
    SECOND_AT,
    update,
    usd,
)

ALLOWED = {
    PriceState.FROZEN: {Action.SIGNED_REDUCE},
    PriceState.NORMAL: set(Action),
    PriceState.PRIMARY_ONLY: set(Action),
    PriceState.SECONDARY_ONLY: set(Action) - {Action.OPEN},
    PriceState.TWAP_ONLY: {Action.CLOSE, Action.SIGNED_REDUCE},
    PriceState.DIVERGED: {Action.CLOSE, Action.SIGNED_REDUCE},
    PriceState.TRIPPED: {Action.SIGNED_REDUCE},
}
FORBIDDEN = {
    Gate.PAUSED: set(Action) - {Action.SIGNED_REDUCE, Action.TWAP_RECORD},
    Gate.SEQ_DOWN: set(Action),
    Gate.SEQ_GRACE | Gate.SEQ_GRACE_OPEN: set(Action) - {Action.CLOSE, Action.SIGNED_REDUCE},
    Gate.SEQ_GRACE_OPEN: {Action.OPEN, Action.WITHDRAW},
    Gate.SEQ_UNKNOWN: {Action.OPEN},
}
BY_FEED = {
    "peekQuote": (),
    "getPrice": (),
    "twap": (1,),
    "isAllowed": (Action.OPEN,),
    "readingOf": (),
    "memoOf": (),
    "configOf": (),
    "observationOf": (0,),
}
"""Every view of one feed, and its other arguments."""


def raise_gate(scene, gates):
    """Bring the listed feed, NORMAL, behind these gates."""
    if gates == Gate.PAUSED:
        scene.send(scene.act("pause", FEED, NOW + 10, by=scene.roles.guardian))
    elif gates == Gate.SEQ_UNKNOWN:
        scene.misbehave(scene.sequencer, 1)
    else:
        scene.sequencer_says(is_down=True)
        if gates != Gate.SEQ_DOWN:
            scene.sequencer_says(is_down=False)
        if gates == Gate.SEQ_GRACE_OPEN:
            scene.wait(PARAMS.seq_grace_liquidate + 1)
            scene.pyth_says(3_003)
    assert scene.read("getPrice", FEED)[4:] == (PriceState.NORMAL, gates)


@pytest.mark.parametrize("name", BY_FEED)
def test_views__of_no_feed__are_refused(scene, name):
    scene.wait(1)
    scene.assert_only_fails_for(
        lambda feed: scene.act(name, feed, *BY_FEED[name]),
        broken=OTHER,
        fixed=FEED,
        error=refusal("UnknownFeed", feed=OTHER),
    )


@pytest.mark.parametrize("state", PriceState)
def test_is_allowed__each_state__as_the_table_says(scene, state):
    scene.become(state)

    answers = {action: scene.read("isAllowed", FEED, action) for action in Action}

    assert {action for action, (allowed, _, _) in answers.items() if allowed} == ALLOWED[state]
    assert {answer[1:] for answer in answers.values()} == {(state, 0)}


@pytest.mark.parametrize("gates", FORBIDDEN)
def test_is_allowed__each_gate__as_the_table_says(scene, gates):
    """[ORA-18] CLOSE is not among what the grace forbids."""
    raise_gate(scene, gates)

    answers = {action: scene.read("isAllowed", FEED, action) for action in Action}

    assert {action for action, (allowed, _, _) in answers.items() if not allowed} == (
        FORBIDDEN[gates]
    )


def test_is_allowed__latched_and_agreed__liquidates_and_records(deviated):
    deviated.wait(1)
    deviated.pyth_says(3_001)

    allowed = {action for action in Action if deviated.read("isAllowed", FEED, action)[0]}

    assert allowed == {Action.SIGNED_REDUCE, Action.LIQUIDATE, Action.TWAP_RECORD}


@pytest.mark.parametrize("is_long", [True, False])
def test_peek_quote__normal__has_the_prices_of_every_action(scene, is_long):
    mid, funding, lo, hi, open_lo, open_hi, liq_lo, liq_hi, allowed, degraded, state, gates = (
        scene.read("peekQuote", FEED)
    )

    def price(action):
        return scene.send(scene.act("priceFor", FEED, action, is_long))[0]

    assert (state, gates, degraded) == (PriceState.NORMAL, 0, False)
    assert allowed == sum(1 << action for action in Action)
    assert price(Action.OPEN) == (open_hi if is_long else open_lo)
    assert price(Action.CLOSE) == (lo if is_long else hi)
    assert price(Action.WITHDRAW) == (open_lo if is_long else open_hi)
    assert price(Action.LIQUIDATE) == (liq_hi if is_long else liq_lo)
    assert price(Action.FUNDING) == funding == mid


def test_peek_quote__diverged__forbids_opening(scene):
    def opens():
        return scene.read("peekQuote", FEED)[8] >> Action.OPEN & 1

    scene.pyth_says(3_015)
    assert opens() == 1

    scene.wait(1)
    scene.pyth_says(3_015.01)
    assert opens() == 0
    assert scene.read("peekQuote", FEED)[8] >> Action.CLOSE & 1 == 1


def test_quote__at_all__is_peek_quote(scene):
    assert scene.send(scene.act("quote", FEED)) == scene.read("peekQuote", FEED)


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("is_long", [True, False])
def test_price_for_valuation__each_purpose__is_in_the_quote(scene, purpose, is_long):
    quote = scene.read("peekQuote", FEED)
    expected = {
        Purpose.OPEN: quote[4] if is_long else quote[5],
        Purpose.LIQUIDATE: quote[7] if is_long else quote[6],
        Purpose.MID: quote[0],
    }[purpose]

    assert scene.send(scene.act("priceForValuation", FEED, purpose, is_long)) == expected


@pytest.mark.parametrize(
    ("state", "mid", "lo", "hi"),
    [
        (PriceState.FROZEN, 3_003, 2_702.7, 3_303.3),
        (PriceState.NORMAL, 3_003, 3_000, 3_004.5),
        (PriceState.PRIMARY_ONLY, 3_000, 2_995.5, 3_004.5),
        (PriceState.SECONDARY_ONLY, 3_003, 2_987.985, 3_018.015),
        (PriceState.TWAP_ONLY, 3_000, 2_940, 3_060),
        (PriceState.DIVERGED, 3_000, 2_995.5, 3_031.5),
        (PriceState.TRIPPED, 3_003, 2_995.5, 3_101.5),
    ],
)
def test_get_price__each_state__has_its_band(scene, state, mid, lo, hi):
    """Worked by hand."""
    scene.become(state)

    answer = scene.read("getPrice", FEED)

    assert (*answer[:3], answer[4]) == (usd(mid), milli(lo), milli(hi), state)


def milli(dollars):
    """Return a price of three decimals in WAD."""
    return round(dollars * 1_000) * 10**15


def test_get_price__mid__carries_the_time_of_its_source(scene):
    assert scene.read("getPrice", FEED)[3] == SECOND_AT
    scene.become(PriceState.PRIMARY_ONLY)
    assert scene.read("getPrice", FEED)[3] == FIRST_AT


def test_twap__two_prices__are_weighted_by_their_time(scene):
    """3,003 for 30 s, 3,009 for 10."""
    scene.wait(30)
    scene.pyth_says(3_009)
    scene.send(scene.act("poke", FEED))
    scene.wait(10)

    assert scene.read("twap", FEED, 40) == usd(3_004.5)
    assert scene.read("twap", FEED, 10) == usd(3_009)


@pytest.mark.parametrize(("broken", "fixed"), [(0, 1), (41, 40), (3_601, 40)])
def test_twap__window_without_an_answer__is_refused(scene, broken, fixed):
    scene.wait(40)

    scene.assert_only_fails_for(
        lambda window: scene.act("twap", FEED, window),
        broken=broken,
        fixed=fixed,
        error=refusal("TwapUnavailable", feed=FEED, window=broken),
    )


def test_twap__longer_than_an_hour__is_refused(scene):
    """However far the ring reaches back."""
    scene.wait(4_000)

    scene.assert_only_fails_for(
        lambda window: scene.act("twap", FEED, window),
        broken=3_601,
        fixed=3_600,
        error=refusal("TwapUnavailable", feed=FEED, window=3_601),
    )


def test_update_fee__some_prices__is_pyth_s_own(scene):
    scene.pyth.send("setFees", 3, 5, sender=scene.roles.deployer)

    assert scene.read("updateFee", [update(NOW, 3_000)] * 2) == 2 * 3 + 5


def test_reading_of__normal__tells_all(scene):
    assert scene.read("readingOf", FEED) == (
        PriceState.NORMAL,
        0,
        TripReason.NONE,
        True,
        True,
        False,
        Grade.OK,
        Grade.OK,
        SequencerStatus.UP,
        NOW - 10**6,
        usd(3_000),
        FIRST_AT,
        usd(3_003),
        usd(1.5),
        SECOND_AT,
        0,
        usd(3_003),
        SECOND_AT,
        *(usd(3_000), usd(3_004.5)) * 3,
        usd(3_003),
        SECOND_AT,
    )


def test_reading_of__warm_ring__tells_the_average_in_any_state(scene):
    """Also where nothing depends on it."""
    scene.warm()

    reading = scene.read("readingOf", FEED)

    assert (reading[0], reading[5], reading[15]) == (PriceState.PRIMARY_ONLY, True, usd(3_000))


def test_memo_of__new_feed__tells_its_first_poke(scene):
    memo = scene.read("memoOf", FEED)

    unlatched = (TripReason.NONE, *[0] * 7)
    assert memo == (usd(3_003), SECOND_AT, 0, *unlatched, 0, 1, NOW)


def test_config_of__new_feed__is_what_it_was_added_with(scene):
    assert scene.read("configOf", FEED) == (astuple(scene.sources), astuple(PARAMS))


def test_observation_of__new_feed__has_one(scene):
    assert scene.read("observationOf", FEED, 0) == (NOW, usd(3_003), 0)
    assert scene.read("observationOf", FEED, 127) == (0, 0, 0)


def test_feeds__none__is_empty(empty):
    assert empty.read("feeds") == ()


def test_parameters__always__are_the_constructor_s(empty):
    assert empty.read("parameters") == (
        empty.roles.timelock,
        empty.roles.guardian,
        empty.pyth.address,
    )
