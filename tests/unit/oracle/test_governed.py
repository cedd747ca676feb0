"""What the guardian and the timelock may do, and what stops them."""

from dataclasses import fields, replace

import pytest

from clearing.spec.errors import SpecError
from clearing.spec.oracle import (
    MAX_FEE_WEI,
    MAX_PAUSE_S,
    MAX_PAUSE_TOTAL_S,
    PAUSE_GAP_S,
    Heard,
    Listing,
    Oracle,
    add_feed,
    lift_pause,
    pause,
    refund_of,
    replace_feed,
    set_params,
    twap_of,
)
from clearing.spec.oracle_events import (
    FeedAdded,
    FeedPaused,
    FeedReplaced,
    ParamsChanged,
    Poked,
)
from clearing.spec.oracle_feed import Latch, reading_of
from clearing.spec.oracle_params import bounds_of
from clearing.spec.oracle_types import (
    FeedParams,
    Gate,
    PriceState,
    SequencerAnswer,
    TripReason,
)
from clearing.spec.units import Address
from tests.harness.prices import (
    FEED,
    NOW,
    PARAMS,
    SOURCES,
    answers,
    chainlink,
    feed,
    pyth,
    usd,
)

TIMELOCK = Address(b"\x71" * 20)
GUARDIAN = Address(b"\x6a" * 20)
STRANGER = Address(b"\x57" * 20)
NAME = "ETH / USD"
LISTING = Listing(SOURCES, PARAMS, NAME)
GOOD = answers(chainlink(3_000_00), pyth(3_003_00))
HEARD = Heard(GOOD, 8, NAME)
EMPTY = Oracle(TIMELOCK, GUARDIAN)
LISTED = Oracle(TIMELOCK, GUARDIAN, {FEED: feed()})


def assert_refused(name, call, *args):
    with pytest.raises(SpecError) as refused:
        call(*args)
    assert refused.value.name == name
    return refused.value.args_


# PAUSE


def test_pause__guardian__puts_the_gate_up_and_nothing_else():
    """[ORA-16]."""
    after, effects = pause(LISTED, GUARDIAN, FEED, NOW + 60, NOW)

    assert effects == (FeedPaused(FEED, NOW + 60),)
    paused = replace(feed(), paused_until=NOW + 60, paused_since=NOW)
    assert after == replace(LISTED, feeds={FEED: paused})
    assert reading_of(after.feeds[FEED], GOOD, NOW).gates == Gate.PAUSED


def test_pause__long__is_cut_to_72_hours():
    """[ORA-22]."""
    after, effects = pause(LISTED, GUARDIAN, FEED, 2**40 - 1, NOW)

    assert effects == (FeedPaused(FEED, NOW + MAX_PAUSE_S),)
    assert after.feeds[FEED].paused_until == NOW + 72 * 3_600


def test_pause__within_a_week_of_the_last__is_refused():
    """[ORA-22]."""
    paused, _ = pause(LISTED, GUARDIAN, FEED, NOW + 60, NOW)
    due = NOW + 60 + PAUSE_GAP_S

    for now in (NOW + 60, due - 1):
        assert assert_refused("PauseTooSoon", pause, paused, GUARDIAN, FEED, now + 9, now) == (due,)
    assert pause(paused, GUARDIAN, FEED, due + 9, due)


def test_pause__while_paused__can_but_end_later():
    """[ORA-22] So the guardian cannot end a pause."""
    paused, _ = pause(LISTED, GUARDIAN, FEED, NOW + 60, NOW)
    due = NOW + 60 + PAUSE_GAP_S

    for until in (NOW + 60, NOW + 31):
        refused = assert_refused("PauseTooSoon", pause, paused, GUARDIAN, FEED, until, NOW + 30)
        assert refused == (due,)
    after, _ = pause(paused, GUARDIAN, FEED, NOW + 61, NOW + 30)
    assert after.feeds[FEED] == replace(paused.feeds[FEED], paused_until=NOW + 61)


def test_pause__again_and_again__ends_19_days_after_its_start():
    """[ORA-22]."""
    oracle, now, last = LISTED, NOW, NOW + MAX_PAUSE_TOTAL_S
    while now < last - MAX_PAUSE_S:
        oracle, _ = pause(oracle, GUARDIAN, FEED, 2**40 - 1, now)
        assert oracle.feeds[FEED].paused_until == now + MAX_PAUSE_S
        now = oracle.feeds[FEED].paused_until - 1

    oracle, _ = pause(oracle, GUARDIAN, FEED, 2**40 - 1, now)

    assert oracle.feeds[FEED].paused_until == last
    due = last + PAUSE_GAP_S
    for at in (now, last - 1, last, due - 1):
        assert assert_refused("PauseTooSoon", pause, oracle, GUARDIAN, FEED, at + 9, at) == (due,)
    again, _ = pause(oracle, GUARDIAN, FEED, 2**40 - 1, due)
    assert again.feeds[FEED].paused_since == due


def test_pause__wrong_caller_feed_or_time__is_refused():
    assert pause(LISTED, GUARDIAN, FEED, NOW + 1, NOW)

    for sender in (TIMELOCK, STRANGER):
        refused = assert_refused("NotGuardian", pause, LISTED, sender, FEED, NOW + 1, NOW)
        assert refused == (sender,)
    assert_refused("UnknownFeed", pause, LISTED, GUARDIAN, b"x" * 16, NOW + 1, NOW)
    assert assert_refused("PauseInPast", pause, LISTED, GUARDIAN, FEED, NOW, NOW) == (NOW,)


def test_lift_pause__timelock__puts_the_gate_down():
    paused, _ = pause(LISTED, GUARDIAN, FEED, NOW + 60, NOW)

    after, effects = lift_pause(paused, TIMELOCK, FEED, NOW + 9)

    assert effects == (FeedPaused(FEED, NOW + 9),)
    assert reading_of(after.feeds[FEED], GOOD, NOW + 9).gates == Gate(0)
    assert lift_pause(after, TIMELOCK, FEED, NOW + 10) == (after, ())
    assert_refused("NotTimelock", lift_pause, paused, GUARDIAN, FEED, NOW + 9)


# LIMITS


def test_set_params__timelock__changes_limits_alone():
    looser = replace(PARAMS, soft_dev=60)

    after, effects = set_params(LISTED, TIMELOCK, FEED, looser, NOW)

    assert effects == (ParamsChanged(FEED, PARAMS, looser),)
    assert after.feeds[FEED] == replace(feed(), params=looser)


def test_set_params__smaller_gap__starts_the_ring_anew():
    after, _ = set_params(LISTED, TIMELOCK, FEED, replace(PARAMS, twap_max_gap=599), NOW)
    wider, _ = set_params(LISTED, TIMELOCK, FEED, replace(PARAMS, twap_max_gap=601), NOW)

    assert after.feeds[FEED].ring.gap_at == NOW
    assert wider.feeds[FEED].ring == feed().ring


def test_set_params__wrong_caller_or_feed__is_refused():
    for sender in (GUARDIAN, STRANGER):
        assert_refused("NotTimelock", set_params, LISTED, sender, FEED, PARAMS, NOW)
    assert_refused("UnknownFeed", set_params, LISTED, TIMELOCK, b"x" * 16, PARAMS, NOW)


@pytest.mark.parametrize("index", range(len(fields(FeedParams))))
def test_set_params__limit_out_of_its_bounds__is_refused_by_name(index):
    """[ORA-23] Both ends are inside, one beyond each is not."""
    roomy = replace(PARAMS, hard_dev=1_000, py_open_stale=0, max_conf_open=1, reset_dev=1)
    roomy = replace(roomy, cl_deviation=1, jump_base=2_500, jump_cap=5_000)
    roomy = replace(roomy, twap_min_obs=2, twap_max_gap=30, seq_grace_liquidate=0)
    field = fields(FeedParams)[index].name
    if field == "cl_deviation":
        roomy = replace(roomy, soft_dev=499)  # never below it
    name, _, least, greatest = bounds_of(roomy)[index]
    if name == "sanityMinE8":
        greatest -= 1  # the greatest sane price lies above it

    for value in (least, greatest):
        assert set_params(LISTED, TIMELOCK, FEED, replace(roomy, **{field: value}), NOW)
    for value in (least - 1, bounds_of(roomy)[index][3] + 1):
        changed = replace(roomy, **{field: value})
        refused = assert_refused("BadParameter", set_params, LISTED, TIMELOCK, FEED, changed, NOW)
        assert refused == (name,)


def test_set_params__calm_weather__is_within_what_is_no_jump():
    """One step of Chainlink and a change of source, 15 and 50 bps, are no jump."""
    assert set_params(LISTED, TIMELOCK, FEED, replace(PARAMS, jump_base=65), NOW)

    tight = replace(PARAMS, jump_base=64)
    refused = assert_refused("BadParameter", set_params, LISTED, TIMELOCK, FEED, tight, NOW)
    assert refused == ("jumpBase",)


def test_set_params__one_step_of_chainlink__is_within_agreement():
    """15 bps."""
    close = replace(PARAMS, soft_dev=15, reset_dev=14)
    assert set_params(LISTED, TIMELOCK, FEED, close, NOW)

    closer = replace(close, soft_dev=14)
    refused = assert_refused("BadParameter", set_params, LISTED, TIMELOCK, FEED, closer, NOW)
    assert refused == ("softDev",)


# ADD


def test_add_feed__passes_its_test__is_poked():
    after, effects = add_feed(EMPTY, TIMELOCK, FEED, LISTING, HEARD, NOW)

    assert effects == (
        FeedAdded(FEED, SOURCES, PARAMS, NAME),
        Poked(FEED, PriceState.NORMAL, Gate(0), usd("3003"), recorded=True),
    )
    assert after.feeds[FEED].last_good == usd("3003")


@pytest.mark.parametrize(
    ("listing", "heard", "name", "values"),
    [
        (replace(LISTING, sources=replace(SOURCES, cl_feed=bytes(20))), HEARD, "BadParameter", 0),
        (replace(LISTING, sources=replace(SOURCES, cl_decimals=19)), HEARD, "BadParameter", 0),
        (replace(LISTING, sources=replace(SOURCES, pyth_id=bytes(32))), HEARD, "BadParameter", 0),
        (replace(LISTING, params=replace(PARAMS, max_conf=501)), HEARD, "BadParameter", 0),
        (LISTING, replace(HEARD, decimals=9), "WrongDecimals", (9, 8)),
        (LISTING, replace(HEARD, description="BTC / USD"), "WrongDescription", ("BTC / USD", NAME)),
        (
            LISTING,
            replace(HEARD, answers=answers(chainlink(3_000_00))),
            "SelfTestFailed",
            (PriceState.PRIMARY_ONLY, Gate(0)),
        ),
        (
            LISTING,
            replace(HEARD, answers=answers(chainlink(3_000_00), pyth(3_015_01))),
            "SelfTestFailed",
            (PriceState.DIVERGED, Gate(0)),
        ),
        (
            LISTING,
            replace(HEARD, answers=replace(GOOD, sequencer=SequencerAnswer(1, NOW - 9))),
            "SelfTestFailed",
            (PriceState.NORMAL, Gate.SEQ_DOWN),
        ),
        (
            LISTING,
            replace(HEARD, answers=replace(GOOD, sequencer=None)),
            "SelfTestFailed",
            (PriceState.NORMAL, Gate.SEQ_UNKNOWN),
        ),
    ],
)
def test_add_feed__fails_its_test__is_refused(listing, heard, name, values):
    assert add_feed(EMPTY, TIMELOCK, FEED, LISTING, HEARD, NOW)

    refused = assert_refused(name, add_feed, EMPTY, TIMELOCK, FEED, listing, heard, NOW)

    assert values in (0, refused)


def test_add_feed__wrong_caller_or_name__is_refused():
    for sender in (GUARDIAN, STRANGER):
        assert_refused("NotTimelock", add_feed, EMPTY, sender, FEED, LISTING, HEARD, NOW)
    assert_refused("FeedExists", add_feed, LISTED, TIMELOCK, FEED, LISTING, HEARD, NOW)
    assert_refused("BadParameter", add_feed, EMPTY, TIMELOCK, bytes(16), LISTING, HEARD, NOW)


# REPLACE


def replaced(cents, second=None, *, of=None, present=GOOD):
    heard = replace(HEARD, answers=answers(chainlink(cents), second))
    before = replace(LISTED, feeds={FEED: of or feed()})
    return replace_feed(before, TIMELOCK, FEED, LISTING, present, heard, NOW)


def test_replace_feed__same_price__is_poked():
    other = replace(LISTING, params=replace(PARAMS, soft_dev=40))

    after, effects = replace_feed(LISTED, TIMELOCK, FEED, other, GOOD, HEARD, NOW)

    assert effects[0] == FeedReplaced(FEED, SOURCES, SOURCES, PARAMS, other.params, NAME)
    assert isinstance(effects[1], Poked)
    assert after.feeds[FEED].params == other.params


def test_replace_feed__price__must_be_within_five_percent_of_the_present_one():
    """500 bps of 3,003 are 150.15; 370 bps, the jump of a minute, are allowed by Pyth."""
    assert replaced(3_153_15, pyth(3_153_15))

    with pytest.raises(SpecError) as refused:
        replaced(3_153_16, pyth(3_153_16))

    assert refused.value.name == "PriceMoved"
    assert refused.value.args_ == (usd("3153.16"), usd("3003"), 500)


@pytest.mark.parametrize("cents", [3_000_000_00, 3_00])
@pytest.mark.parametrize("confirms", [False, True])
def test_replace_feed__thousand_times_or_a_thousandth__is_refused(cents, confirms):
    """[ORA-20] Proposal 117 of Compound, the 1.12 USD cbETH of Moonwell."""
    with pytest.raises(SpecError) as refused:
        replaced(cents, pyth(cents, conf_cents=0) if confirms else None)

    assert refused.value.name == ("PriceMoved" if confirms else "SelfTestFailed")


def test_replace_feed__frozen_feed__needs_both_sources_near_the_last_good_price():
    nothing = answers()
    assert replaced(3_000_00, pyth(3_003_00), present=nothing)
    old = replace(feed(), last_good_at=NOW - 10_600)

    for bad in (None, pyth(3_003_00, 61), pyth(3_020_00)):
        with pytest.raises(SpecError) as refused:
            replaced(3_000_00, bad, present=nothing)
        assert refused.value.name == "SelfTestFailed"
    # the new round is of NOW - 600: 300 + 10·√10,000 = 1,300 bps of 2,990 are 388.70
    assert replaced(3_378_70, pyth(3_378_70), of=old, present=nothing)
    with pytest.raises(SpecError) as refused:
        replaced(3_378_71, pyth(3_378_71), of=old, present=nothing)
    assert refused.value.args_ == (usd("3378.71"), usd("2990"), 1_300)


@pytest.mark.parametrize("bad", [None, pyth(3_003_00, 61), pyth(3_015_01)])
def test_replace_feed__other_pyth_id__needs_an_agreeing_price_of_it(bad):
    """An id that nobody has delivered, or a price of something else, is refused."""
    other = replace(LISTING, sources=replace(SOURCES, pyth_id=b"\xf1" * 32))

    def heard(second):
        return replace(HEARD, answers=answers(chainlink(3_000_00), second))

    def swap(listing, second):
        return replace_feed(LISTED, TIMELOCK, FEED, listing, GOOD, heard(second), NOW)

    assert swap(other, pyth(3_015_00))
    assert swap(LISTING, bad)
    with pytest.raises(SpecError) as refused:
        swap(other, bad)
    assert refused.value.name == "SelfTestFailed"


def test_replace_feed__latched__stays_latched():
    """[ORA-14]."""
    latched = replace(feed(), latch=Latch(TripReason.JUMP, NOW - 9))

    after, _ = replaced(3_000_00, pyth(3_003_00), of=latched)

    assert after.feeds[FEED].latch.reason is TripReason.JUMP


def test_replace_feed__sequencer_down__is_refused():
    down = replace(HEARD, answers=replace(GOOD, sequencer=SequencerAnswer(1, NOW - 9)))

    refused = assert_refused(
        "SelfTestFailed", replace_feed, LISTED, TIMELOCK, FEED, LISTING, GOOD, down, NOW
    )

    assert refused == (PriceState.NORMAL, Gate.SEQ_DOWN)


def test_replace_feed__wrong_caller_or_feed__is_refused():
    for sender in (GUARDIAN, STRANGER):
        assert_refused("NotTimelock", replace_feed, LISTED, sender, FEED, LISTING, GOOD, HEARD, NOW)
    assert_refused(
        "UnknownFeed", replace_feed, LISTED, TIMELOCK, b"x" * 16, LISTING, GOOD, HEARD, NOW
    )


# THE FEE


def test_refund_of__paid__is_all_but_the_fee():
    assert refund_of(10, 3, 8) == 7
    assert refund_of(3, 3, 8) == 0
    assert refund_of(MAX_FEE_WEI, MAX_FEE_WEI, 0) == 0


def test_refund_of__too_much_or_too_little__is_refused():
    assert assert_refused("TooManyUpdates", refund_of, 10, 3, 9) == (9, 8)
    assert assert_refused("FeeTooHigh", refund_of, 10**18, 10**16 + 1, 1) == (10**16 + 1, 10**16)
    assert assert_refused("FeeNotPaid", refund_of, 2, 3, 1) == (2, 3)


# THE AVERAGE


def test_twap_of__any_window_within_reach__is_the_average():
    assert twap_of(LISTED, FEED, NOW, 900) == usd("2985")

    for window_s in (0, 1_861, 3_601):
        refused = assert_refused("TwapUnavailable", twap_of, LISTED, FEED, NOW, window_s)
        assert refused == (FEED, window_s)
    assert_refused("UnknownFeed", twap_of, LISTED, b"x" * 16, NOW, 900)
