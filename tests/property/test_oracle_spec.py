"""What the oracle's specification promises of every feed, whatever the sources answer."""

from dataclasses import replace

import pytest
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from clearing.spec.errors import SpecError
from clearing.spec.oracle import Heard, Listing, Oracle, pause, poke_feed, replace_feed, reset
from clearing.spec.oracle_actions import is_allowed, price_for, valuation_of
from clearing.spec.oracle_events import Poked, Tripped
from clearing.spec.oracle_feed import NOT_LATCHED, Feed, Latch, reading_of
from clearing.spec.oracle_math import is_apart, jump_bps
from clearing.spec.oracle_sources import grade_chainlink, grade_pyth
from clearing.spec.oracle_types import (
    BPS,
    Action,
    ChainlinkAnswer,
    FeedParams,
    Gate,
    Grade,
    PriceState,
    Purpose,
    PythAnswer,
    SourceAnswers,
    TripReason,
)
from clearing.spec.units import DAY_S, WAD, Address
from tests.harness.prices import FEED, NOW, PARAMS, SOURCES, UP
from tests.property.oracle_scenes import (
    any_answers,
    calm_scenes,
    limits,
    prices_e8,
    pyths,
    scenes,
)

TIMELOCK = Address(b"\x71" * 20)
GUARDIAN = Address(b"\x6a" * 20)
STRANGER = Address(b"\x57" * 20)
GRACES = Gate.SEQ_GRACE | Gate.SEQ_GRACE_OPEN

booleans = st.booleans()
positive = st.integers(1, 10**40)


def read(scene, **changes):
    return reading_of(scene.feed, replace(scene.answers, **changes), NOW)


def oracle_of(feed):
    return Oracle(TIMELOCK, GUARDIAN, {FEED: feed})


def contains(outer, inner):
    return outer[0] <= inner[0] and inner[1] <= outer[1]


@given(scenes())
def test_reading__any_scene__orders_its_bands(scene):
    reading = read(scene)
    event(reading.state.name)
    band = (reading.lo, reading.hi)

    assert 0 < reading.lo <= reading.mid <= reading.hi, "ORA-01"
    assert min(reading.open_lo, reading.liq_lo) > 0, "ORA-01"
    assert contains((reading.open_lo, reading.open_hi), band), "ORA-01"
    assert contains((reading.liq_lo, reading.liq_hi), band), "ORA-01"


@given(any_answers, scenes())
def test_reading__any_words__has_one_state_and_refuses_only_actions(answers, scene):
    """[ORA-03] [ORA-19]."""
    reading = reading_of(scene.feed, answers, NOW)

    assert isinstance(reading.state, PriceState), "ORA-19"
    assert (reading.trip is not TripReason.NONE) == (reading.state is PriceState.TRIPPED), "ORA-19"
    for purpose in Purpose:
        assert valuation_of(reading, purpose, is_long=True) > 0, "ORA-03"
    for action in Action:
        if is_allowed(reading, action) or action is Action.FUNDING:
            assert price_for(reading, action, is_long=False)[0] > 0, "ORA-19"
        else:
            with pytest.raises(SpecError, match="OracleActionBlocked"):
                price_for(reading, action, is_long=False)


@given(prices_e8, st.integers(0, 18), st.integers(-18, 0))
def test_grade__one_price_in_other_units__is_the_same_to_the_coarser_unit(price, decimals, expo):
    """A price below one unit of a source is no price there."""
    real = price * WAD // 10**8 + 123_456_789
    fine = replace(PARAMS, sanity_min_e8=1, sanity_max_e8=7 * 10**18)
    cl_unit, py_unit = 10 ** (18 - decimals), 10 ** (18 + expo)
    assume(real >= max(cl_unit, py_unit, 10**10))

    chainlink = grade_chainlink(
        ChainlinkAnswer(decimals, 1, real // cl_unit, NOW), decimals, fine, NOW
    )
    pyth = grade_pyth(PythAnswer(real // py_unit, 0, expo, NOW), fine, NOW)

    assert chainlink.grade is pyth.grade is Grade.OK, "ORA-04"
    assert abs(chainlink.price - pyth.price) < max(cl_unit, py_unit), "ORA-04"


@given(positive, positive, st.integers(0, 20_000))
@example(10_000, 10_050, 50)
@example(10_000, 10_051, 50)
def test_is_apart__either_way_round__is_the_same(a, b, bps):
    assert is_apart(a, b, bps) == is_apart(b, a, bps), "ORA-06"
    assert not is_apart(a, a, 0), "ORA-06"


@given(scenes() | calm_scenes(), st.integers(0, 2**64))
def test_confidence__wider__opens_no_narrower_and_forbids_no_liquidation(scene, more):
    assume(scene.answers.pyth is not None)
    wider = replace(scene.answers.pyth, conf=scene.answers.pyth.conf + more)

    before, after = read(scene), read(scene, pyth=wider)

    if is_allowed(before, Action.OPEN) and is_allowed(after, Action.OPEN):
        event("opening")
        old, new = (before.open_lo, before.open_hi), (after.open_lo, after.open_hi)
        assert contains(new, old), "ORA-07"
    if before.cl_grade is Grade.OK and is_allowed(before, Action.LIQUIDATE):
        event("liquidating")
        assert is_allowed(after, Action.LIQUIDATE), "ORA-07"


@given(calm_scenes(), st.data(), booleans, booleans)
def test_block__any_pyth_prices__opening_is_never_better_than_closing(
    scene, data, is_long, pokes_between
):
    """Whoever chooses the Pyth prices of a block, and pokes between, gains nothing by a round."""
    first = read(scene)
    feed = scene.feed
    later = replace(scene.answers, pyth=data.draw(pyths(scene.price, feed.params)))
    if pokes_between:
        feed, _ = poke_feed(feed, FEED, scene.answers, NOW)
        feed, _ = poke_feed(feed, FEED, later, NOW)
    second = reading_of(feed, later, NOW)
    if not (is_allowed(first, Action.OPEN) and is_allowed(second, Action.CLOSE)):
        return
    event(f"{first.state.name}, {second.state.name}")

    opened, _ = price_for(first, Action.OPEN, is_long=is_long)
    closed, _ = price_for(second, Action.CLOSE, is_long=is_long)

    assert opened >= closed if is_long else opened <= closed, "ORA-08"


@given(scenes() | calm_scenes())
def test_liquidation__price__is_no_worse_than_the_other_bounds_close(scene):
    reading = read(scene)
    if not is_allowed(reading, Action.LIQUIDATE):
        return
    event(reading.state.name)

    assert price_for(reading, Action.LIQUIDATE, is_long=True)[0] >= reading.hi, "ORA-09"
    assert price_for(reading, Action.LIQUIDATE, is_long=False)[0] <= reading.lo, "ORA-09"


@given(scenes())
def test_poke__again_in_the_same_second__changes_nothing(scene):
    once, _ = poke_feed(scene.feed, FEED, scene.answers, NOW)

    twice, effects = poke_feed(once, FEED, scene.answers, NOW)

    assert twice == once, "ORA-11"
    assert len(effects) == 1, "ORA-11"
    assert isinstance(effects[0], Poked), "ORA-11"
    assert not effects[0].recorded, "ORA-11"


@given(scenes(), st.sampled_from((0, 1)))
def test_poke__any_scene__leaves_the_ring_as_fit_as_it_was_within_the_second(scene, lacking):
    """With just enough observations, or one too few, before it."""
    feed = scene.feed
    window = range(NOW - feed.params.twap_window, NOW)
    least = max(2, sum(each.at in window for each in feed.ring.observations) + lacking)
    feed = replace(feed, params=replace(feed.params, twap_min_obs=least))

    after, _ = poke_feed(feed, FEED, scene.answers, NOW)

    before, now = (reading_of(each, scene.answers, NOW) for each in (feed, after))
    event(f"fit: {before.ring_fit}, written: {after.ring != feed.ring}")

    assert (now.ring_fit, now.twap) == (before.ring_fit, before.twap), "ORA-11"


@given(scenes(), st.integers(1, 100), st.integers(1, 3_000), booleans)
def test_poke__pyth_from_before_chainlinks_round__latches_no_deviation(scene, older_s, more, is_up):
    """However far it is off, and whoever delivers it."""
    params = scene.feed.params
    off = scene.price * (params.hard_dev + more) // BPS + 1
    price = scene.price + off if is_up else scene.price * BPS // (BPS + params.hard_dev + more)
    assume(price > 0)
    pyth = PythAnswer(price, 0, -8, NOW - params.py_max_ahead - older_s)
    said = replace(scene.answers, chainlink=ChainlinkAnswer(8, 7, scene.price, NOW), pyth=pyth)
    reading = reading_of(scene.feed, said, NOW)
    event(reading.state.name)

    after, _ = poke_feed(scene.feed, FEED, said, NOW)

    if scene.feed.latch.reason < TripReason.DEVIATION:
        assert reading.trip < TripReason.DEVIATION, "ORA-24"
        assert after.latch.reason < TripReason.DEVIATION, "ORA-24"


@given(scenes())
def test_poke__any_scene__latches_what_the_view_says(scene):
    reading = read(scene)

    after, effects = poke_feed(scene.feed, FEED, scene.answers, NOW)

    assert after.latch.reason is reading.trip, "ORA-13"
    assert isinstance(effects[0], Tripped) == (reading.trip > scene.feed.latch.reason), "ORA-13"
    assert after.latch.reason >= scene.feed.latch.reason, "ORA-14"
    poked = effects[-1]
    assert isinstance(poked, Poked)
    assert (poked.state, poked.gates, poked.mid) == (reading.state, reading.gates, reading.mid)


@given(scenes())
def test_poke__price_that_is_not_good__is_not_remembered(scene):
    reading = read(scene)
    good = (PriceState.NORMAL, PriceState.PRIMARY_ONLY, PriceState.SECONDARY_ONLY)

    after, _ = poke_feed(scene.feed, FEED, scene.answers, NOW)

    held = (scene.feed.last_good, scene.feed.last_good_at)
    is_newer = reading.mid_at >= scene.feed.last_good_at
    accepted = (reading.mid, reading.mid_at) if reading.state in good and is_newer else held
    assert (after.last_good, after.last_good_at) == accepted
    assert reading.mid_at <= NOW
    assert held[1] <= after.last_good_at <= NOW
    if not is_allowed(reading, Action.TWAP_RECORD):
        assert after.ring == scene.feed.ring


walks = st.lists(st.integers(60, 120), min_size=8, max_size=8)


def walked_out(feed, price, gaps):
    """Let Chainlink alone speak after each gap, then anybody reset; return the refusal or reading.

    It speaks at least every two minutes and walks by half of what is no jump.
    """
    now = NOW
    for gap in gaps:
        now += gap
        price += price * feed.params.jump_base // 20_000
        answers = SourceAnswers(ChainlinkAnswer(8, 1, price, now), None, UP)
        feed, _ = poke_feed(feed, FEED, answers, now)
    try:
        after, _ = reset(oracle_of(feed), STRANGER, FEED, answers, now)
    except SpecError as refused:
        return refused.name
    return reading_of(after.feeds[FEED], answers, now)


@given(limits, prices_e8, prices_e8, walks)
def test_jump__any_latched__an_honest_chainlink_alone_leads_out(params, price, before, gaps):
    latch = Latch(TripReason.JUMP, NOW - 1)
    wad = before * 10**10
    feed = Feed(SOURCES, params, latch=latch, last_good=wad, last_good_at=NOW - 1)

    reading = walked_out(feed, price, gaps)

    assert reading != "ResetNotDue", "ORA-15"
    assert reading.state is PriceState.PRIMARY_ONLY, "ORA-15"
    assert is_allowed(reading, Action.LIQUIDATE), "ORA-15"


@given(limits, prices_e8, prices_e8, walks, booleans)
def test_deviation__any_latched__an_honest_chainlink_alone_leads_out(
    params, price, before, gaps, was_jump
):
    """Whether it began as a jump or not; its cooldown is over, and Pyth rests again."""
    tripped_at = NOW - params.cooldown
    first = Latch(TripReason.JUMP, tripped_at - 9) if was_jump else NOT_LATCHED
    feed = Feed(
        SOURCES, params, latch=first, last_good=before * 10**10, last_good_at=tripped_at - 9
    )
    accused = SourceAnswers(
        ChainlinkAnswer(8, 1, price, tripped_at), PythAnswer(3 * price, 0, -8, tripped_at), UP
    )
    feed, _ = poke_feed(feed, FEED, accused, tripped_at)
    assert feed.latch.reason is TripReason.DEVIATION

    reading = walked_out(feed, price, gaps)

    assert reading != "ResetNotDue", "ORA-26"
    assert reading.state is PriceState.PRIMARY_ONLY, "ORA-26"
    assert is_allowed(reading, Action.LIQUIDATE), "ORA-26"


later_pokes = st.lists(st.integers(0, 59), min_size=1, max_size=3)
rounds = st.lists(
    st.tuples(st.integers(60, 4_000), st.sampled_from((0, 0, 1, 9)), booleans, later_pokes),
    min_size=1,
    max_size=5,
)


def first_jump(feed, moments):
    """Poke each (round, delay) until one latches; return which, None if none."""
    for answer, delay in moments:
        answers = SourceAnswers(answer, None, UP)
        feed, _ = poke_feed(feed, FEED, answers, answer.updated_at + delay)
        if feed.latch.reason is not TripReason.NONE:
            return answer
    return None


@given(limits, prices_e8, rounds, st.integers(0, 59), st.lists(st.integers(0, 59), max_size=3))
def test_jump__whenever_somebody_pokes__the_same_round_is_one(params, price, steps, age, before):
    """Nor does it matter how often, or whether an older round was seen in between.

    Each round is as far from the one before as is no jump, or a little further.
    """
    feed = Feed(SOURCES, params, last_good=price * 10**10, last_good_at=NOW)
    old = ChainlinkAnswer(8, 1, price, NOW - age)
    at, told = NOW, []
    for gap, beyond_bps, is_up, delays in steps:
        at += gap
        far = BPS + jump_bps(params, gap) + beyond_bps
        price = max(1, price * far // BPS if is_up else -(-price * BPS // far))
        told.append((ChainlinkAnswer(8, 1, price, at), sorted(delays)))
    patient = [(old, age + delay) for delay in sorted(before)]
    patient += [(answer, delay) for answer, delays in told for delay in delays]

    prompt = first_jump(feed, [(answer, 0) for answer, _ in told])
    event(f"jumps: {prompt is not None}")

    assert first_jump(feed, patient) == prompt, "ORA-25"


@given(scenes(), st.integers(0, 2**40 - 1))
def test_pause__any_scene__leaves_everything_but_the_pause(scene, until):
    oracle = oracle_of(scene.feed)

    try:
        after, _ = pause(oracle, GUARDIAN, FEED, until, NOW)
    except SpecError:
        return

    feed = after.feeds[FEED]
    times = {"paused_until": scene.feed.paused_until, "paused_since": scene.feed.paused_since}
    assert replace(feed, **times) == scene.feed, "ORA-16"
    assert NOW < feed.paused_until <= NOW + 72 * 3_600, "ORA-22"
    assert feed.paused_until <= feed.paused_since + 19 * DAY_S, "ORA-22"
    if scene.feed.paused_until > NOW:
        assert feed.paused_since == scene.feed.paused_since, "ORA-22"
        assert feed.paused_until > scene.feed.paused_until, "ORA-22"
    before, now = read(scene), reading_of(feed, scene.answers, NOW)
    assert now == replace(before, gates=before.gates | Gate.PAUSED), "ORA-16"
    for action in Action:
        assert is_allowed(before, action) or not is_allowed(now, action), "ORA-16"


@given(scenes())
def test_grace__alone__never_stops_a_close(scene):
    reading = read(scene)
    ungraced = replace(reading, gates=reading.gates & ~GRACES)

    assert is_allowed(reading, Action.CLOSE) is is_allowed(ungraced, Action.CLOSE), "ORA-18"
    assert is_allowed(reading, Action.SIGNED_REDUCE) is is_allowed(
        ungraced, Action.SIGNED_REDUCE
    ), "ORA-18"


@given(scenes(), st.sampled_from((1_000, 1)), booleans)
def test_replace_feed__a_thousand_times_or_a_thousandth__is_refused(scene, times, confirms):
    """Even if the new Pyth price confirms it."""
    present = read(scene)
    want = (
        present.mid
        if present.state not in (PriceState.FROZEN, PriceState.TRIPPED)
        else (present.last_good)
    )
    answer = want // 10**10 * 1_000 if times > 1 else want // 10**13
    assume(answer > 0)
    heard = Heard(
        SourceAnswers(
            ChainlinkAnswer(8, 1, answer, NOW),
            PythAnswer(min(answer, 2**63 - 1), 0, -8, NOW) if confirms else None,
            UP,
        ),
        8,
        "X / USD",
    )
    listing = Listing(SOURCES, scene.feed.params, "X / USD")

    with pytest.raises(SpecError) as refused:
        replace_feed(oracle_of(scene.feed), TIMELOCK, FEED, listing, scene.answers, heard, NOW)

    assert refused.value.name in {"PriceMoved", "SelfTestFailed"}, "ORA-20"


@given(limits, st.integers(0, 10**9), st.integers(0, 10**9))
def test_jump__longer_ago__is_never_a_smaller_allowance(params: FeedParams, a, b):
    shorter, longer = sorted((a, b))

    assert jump_bps(params, shorter) <= jump_bps(params, longer)
    assert params.jump_base <= jump_bps(params, shorter) <= params.jump_cap
