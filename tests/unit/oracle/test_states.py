"""Each state with its worked numbers; docs/protocol/oracle.md shows the same."""

from dataclasses import replace

import pytest

from clearing.spec.oracle_feed import NOT_LATCHED, Latch, reading_of
from clearing.spec.oracle_ring import EMPTY_RING, record, restarted
from clearing.spec.oracle_types import (
    Gate,
    Grade,
    PriceState,
    SequencerAnswer,
    TripReason,
)
from tests.harness.prices import E8, NOW, PARAMS, answers, chainlink, feed, pyth, ring_at, usd

STALE_CHAINLINK = chainlink(3_000_00, 1_501)
STALE_PYTH = pyth(3_000_00, 61)


def read(first=None, second=None, *, of=None, **more):
    return reading_of(of or feed(), answers(first, second, **more), NOW)


def bands(reading):
    return (
        (reading.lo, reading.hi),
        (reading.open_lo, reading.open_hi),
        (reading.liq_lo, reading.liq_hi),
    )


def band(lo, hi):
    return usd(lo), usd(hi)


# EACH STATE


def test_state__both_agree__is_normal_with_the_newer_price():
    reading = read(chainlink(3_000_00), pyth(3_003_00))

    assert reading.state is PriceState.NORMAL
    assert (reading.mid, reading.mid_at) == (usd("3003"), NOW - 2)
    # 3,000 and 3,003 ∓ 1.50
    assert bands(reading) == (band("3000", "3004.5"),) * 3


def test_state__chainlink_newer__is_normal_with_chainlinks_price():
    assert read(chainlink(3_000_00, 2), pyth(3_003_00, 2)).mid == usd("3000")
    assert read(chainlink(3_000_00, 3), pyth(3_003_00, 2)).mid == usd("3003")


def test_state__pyth_not_fit_for_opening__opens_within_both_bands():
    reading = read(chainlink(3_000_00), pyth(3_003_00, 5))

    plain, opening, liquidation = bands(reading)
    assert not reading.pyth_opens
    assert plain == liquidation == band("3000", "3004.5")
    # 3,000 ∓ 15 bps = 4.50, and 3,003 ∓ 1.50
    assert opening == band("2995.5", "3004.5")


def test_state__no_pyth__is_primary_only():
    reading = read(chainlink(3_000_00), None)

    assert reading.state is PriceState.PRIMARY_ONLY
    assert reading.mid == usd("3000")
    assert bands(reading) == (band("2995.5", "3004.5"),) * 3


def test_state__pyth_uncertain__opens_within_its_band_too():
    reading = read(chainlink(3_000_00), pyth(3_003_00, conf_cents=60_00))

    plain, opening, liquidation = bands(reading)
    assert reading.state is PriceState.PRIMARY_ONLY
    assert plain == liquidation == band("2995.5", "3004.5")
    assert opening == band("2943", "3063")


def test_state__chainlink_stale__is_secondary_only_near_the_twap():
    reading = read(STALE_CHAINLINK, pyth(3_003_00))

    plain, opening, liquidation = bands(reading)
    assert reading.state is PriceState.SECONDARY_ONLY
    assert reading.mid == usd("3003")
    # 50 bps of 3,003 are 15.015; the TWAP is 2,985
    assert plain == band("2987.985", "3018.015")
    assert opening == liquidation == band("2985", "3018.015")


def test_state__confidence_wider_than_the_soft_limit__is_the_half_width():
    assert bands(read(None, pyth(3_000_00, conf_cents=20_00)))[0] == band("2980", "3020")


def test_state__pyth_alone_far_from_the_twap__is_frozen():
    """1,000 bps of 2,985 are 298.50."""
    rising = feed(last_good=usd("3200"))

    assert read(None, pyth(3_283_50), of=rising).state is PriceState.SECONDARY_ONLY
    assert read(None, pyth(3_283_51), of=rising).state is PriceState.FROZEN


def test_state__both_stale__is_twap_only():
    reading = read(STALE_CHAINLINK, STALE_PYTH)

    assert reading.state is PriceState.TWAP_ONLY
    assert (reading.mid, reading.mid_at) == (usd("2985"), NOW - 60)
    # 200 bps of 2,985 are 59.70
    assert bands(reading) == (band("2925.3", "3044.7"),) * 3


@pytest.mark.parametrize(
    ("first", "second"),
    [(None, STALE_PYTH), (STALE_CHAINLINK, None), (STALE_CHAINLINK, pyth(3_000_00, -11))],
)
def test_state__one_stale_one_worse__is_frozen(first, second):
    reading = read(first, second)

    assert reading.state is PriceState.FROZEN
    assert (reading.mid, reading.mid_at) == (usd("2990"), NOW - 60)
    # 1,000 bps of the last good 2,990 are 299
    assert bands(reading) == (band("2691", "3289"),) * 3


def test_state__between_soft_and_hard__is_diverged():
    reading = read(chainlink(3_000_00), pyth(3_030_00))

    assert reading.state is PriceState.DIVERGED
    assert reading.mid == usd("3000")
    # from the TWAP, 2,985, to Pyth's 3,030 + 1.50
    assert bands(reading) == (band("2985", "3031.5"),) * 3


def test_state__soft_and_hard_limits__belong_to_the_milder_state():
    """50 and 300 bps of 3,000 are 15 and 90."""
    assert read(chainlink(3_000_00), pyth(3_015_00)).state is PriceState.NORMAL
    assert read(chainlink(3_000_00), pyth(3_015_01)).state is PriceState.DIVERGED
    assert read(chainlink(3_000_00), pyth(3_090_00)).state is PriceState.DIVERGED
    assert read(chainlink(3_000_00), pyth(3_090_01)).state is PriceState.TRIPPED


def test_state__too_far_apart__is_tripped_before_anybody_pokes():
    reading = read(chainlink(3_000_00), pyth(3_150_00))

    assert (reading.state, reading.trip) == (PriceState.TRIPPED, TripReason.DEVIATION)
    assert not reading.agree
    assert reading.mid == usd("2990")
    assert bands(reading) == (band("2985", "3151.5"),) * 3


def test_state__latched_while_sources_agree__has_their_price_again():
    latched = replace(feed(), latch=Latch(TripReason.DEVIATION, NOW - 10))

    reading = read(chainlink(3_000_00), pyth(3_003_00), of=latched)

    assert (reading.state, reading.agree) == (PriceState.TRIPPED, True)
    assert reading.mid == usd("3003")
    assert bands(reading) == (band("2985", "3004.5"),) * 3


def test_state__latched_in_agreement__counts_the_last_good_price_too():
    latched = replace(feed(usd("2900"), twap=None), latch=Latch(TripReason.DEVIATION, NOW - 10))

    assert bands(read(chainlink(3_000_00), pyth(3_003_00), of=latched))[0] == band("2900", "3004.5")


def test_state__tripped__counts_no_source_that_is_not_ok():
    latched = replace(feed(twap=None), latch=Latch(TripReason.SANITY, NOW - 10))

    assert bands(read(STALE_CHAINLINK, STALE_PYTH, of=latched))[0] == band("2990", "2990")
    assert bands(read(None, None, of=latched))[0] == band("2990", "2990")
    assert bands(read(STALE_CHAINLINK, pyth(3_003_00), of=latched))[0] == band("2990", "3004.5")
    assert bands(read(chainlink(3_000_00), STALE_PYTH, of=latched))[0] == band("2990", "3004.5")


def test_state__confidence_beyond_the_price__leaves_a_price_above_zero():
    reading = read(chainlink(3_000_00), pyth(3_003_00, conf_cents=9_000_00))

    assert (reading.open_lo, reading.open_hi) == (1, usd("12003"))


def test_state__pyth_from_before_chainlinks_round__accuses_nobody():
    """Signed before the crash, delivered after it: at most 10 s before the round is of its time."""
    assert read(chainlink(3_000_00, 30), pyth(3_150_00, 40)).trip is TripReason.DEVIATION

    old = read(chainlink(3_000_00, 30), pyth(3_150_00, 41))

    assert (old.state, old.trip, old.py_grade) == (PriceState.DIVERGED, TripReason.NONE, Grade.OK)
    assert old.mid == usd("3000")


def test_state__old_pyth__confirms_no_jump_either():
    """Nor does it hide one: without agreement a jump is one."""
    read_alone = read(chainlink(3_200_00, 0), None)
    read_beside = read(chainlink(3_200_00, 0), pyth(3_000_00, 50))

    assert read_alone.trip is read_beside.trip is TripReason.JUMP


# JUMPS


def test_trip__jump__is_measured_from_the_last_good_price():
    """A minute younger: 300 + 10·⌊√60⌋ = 370 bps of 2,990 are 110.63."""
    assert read(chainlink(3_100_63, 0), None).state is PriceState.PRIMARY_ONLY
    jumped = read(chainlink(3_100_64, 0), None)

    assert (jumped.state, jumped.trip) == (PriceState.TRIPPED, TripReason.JUMP)


def test_trip__jump_downwards__is_measured_by_the_lower_price():
    """370 bps of 2,883.31 are 106.68…: 2,990 is that far above, and no further."""
    assert read(chainlink(2_883_32, 0), None).state is PriceState.PRIMARY_ONLY
    assert read(chainlink(2_883_31, 0), None).state is PriceState.TRIPPED


@pytest.mark.parametrize("wait_s", [0, 1, 899])
def test_trip__jump__is_of_a_round_whenever_it_is_seen(wait_s):
    """[ORA-25] From the time of one price to that of the other, however late somebody looks."""
    now = NOW + wait_s

    def trip(cents):
        said = answers(chainlink(cents, wait_s, now=now))
        return reading_of(feed(), said, now).trip

    assert trip(3_100_63) is TripReason.NONE, "ORA-25"
    assert trip(3_100_64) is TripReason.JUMP, "ORA-25"


def test_trip__jump_of_older_data__is_allowed_the_base_alone():
    """300 bps of 2,990 are 89.70, for a round of the last good price's time or before it."""
    for age_s in (60, 61, 600):
        assert read(chainlink(3_079_70, age_s), None).trip is TripReason.NONE
        assert read(chainlink(3_079_71, age_s), None).trip is TripReason.JUMP


def test_trip__jump_of_pyth_alone__is_measured_by_its_time():
    """From 2,700, 20 s after it: 340 bps are 91.80. A price ahead is of now: 370 are 99.90."""
    near = feed(last_good=usd("2700"), twap=usd("2700"))

    def trip(cents, age_s):
        return read(None, pyth(cents, age_s), of=near).trip

    assert trip(2_791_80, 40) is TripReason.NONE
    assert trip(2_791_81, 40) is TripReason.JUMP
    assert trip(2_799_90, -10) is TripReason.NONE
    assert trip(2_799_91, -10) is TripReason.JUMP


def test_state__price_ahead_of_the_block__is_of_now():
    """Whoever subtracts the time of the data from the block's never falls below 0."""
    latched = replace(feed(), latch=Latch(TripReason.DEVIATION, NOW - 10))
    ahead = pyth(3_003_00, -10)

    for reading in (
        read(chainlink(3_000_00), ahead),
        read(None, ahead),
        read(chainlink(3_000_00), ahead, of=latched),
    ):
        assert (reading.mid, reading.mid_at, reading.py_at) == (usd("3003"), NOW, NOW + 10)


@pytest.mark.parametrize("conf_cents", [1_50, 100_00])
def test_trip__jump_that_pyth_confirms__is_none(conf_cents):
    confirmed = pyth(4_000_00, conf_cents=conf_cents)

    assert read(chainlink(4_000_00), None).trip is TripReason.JUMP
    assert read(chainlink(4_000_00), confirmed).trip is TripReason.NONE


def test_trip__first_poke__tests_no_jump():
    fresh = feed(last_good=0, twap=None)

    assert read(chainlink(4_000_00), None, of=fresh).state is PriceState.PRIMARY_ONLY


def test_trip__jump_of_pyth_alone__trips_too():
    near_twap = feed(last_good=usd("2700"), twap=usd("2985"))

    assert read(None, pyth(3_000_00), of=near_twap).trip is TripReason.JUMP
    assert read(None, pyth(3_000_00)).state is PriceState.SECONDARY_ONLY


def test_trip__jump_slope__is_capped():
    """2,500 bps after 48,400 s: 300 + 10·220."""
    old = replace(feed(usd("3000"), None), last_good_at=NOW - 10**6)

    assert read(chainlink(3_750_00), None, of=old).trip is TripReason.NONE
    assert read(chainlink(3_750_01), None, of=old).trip is TripReason.JUMP


def test_trip__both_insane__is_sanity_and_outranks_the_latch():
    insane = replace(PARAMS, sanity_max_e8=2_000 * E8)
    latched = replace(feed(params=insane), latch=Latch(TripReason.JUMP, NOW - 10))

    reading = read(chainlink(3_000_00), pyth(3_000_00), of=latched)

    assert (reading.trip, reading.cl_grade, reading.py_grade) == (
        TripReason.SANITY,
        Grade.BROKEN,
        Grade.BROKEN,
    )
    one = read(chainlink(3_000_00), pyth(1_999_00), of=replace(latched, latch=NOT_LATCHED))
    assert one.trip is TripReason.NONE


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (STALE_CHAINLINK, pyth(3_000_00)),
        (chainlink(3_000_00), STALE_PYTH),
        (chainlink(3_000_00), pyth(3_000_00, -11)),
    ],
)
def test_trip__insane_but_not_of_the_present__is_no_sanity(first, second):
    """What rests at an old price says nothing of today's."""
    insane = feed(params=replace(PARAMS, sanity_max_e8=2_000 * E8))
    assert read(chainlink(3_000_00), pyth(3_000_00), of=insane).trip is TripReason.SANITY

    reading = read(first, second, of=insane)

    assert (reading.state, reading.trip) == (PriceState.FROZEN, TripReason.NONE)
    assert reading.cl_grade is reading.py_grade is Grade.BROKEN


# THE RING AS A SOURCE


@pytest.mark.parametrize(
    "unfit",
    [
        {"ring": EMPTY_RING},
        {"ring": restarted(feed().ring, NOW - 899)},
        {"params": replace(PARAMS, twap_min_obs=16)},
        {"params": replace(PARAMS, twap_max_gap=59)},
    ],
)
def test_ring__not_fit__bridges_nothing(unfit):
    """Within 900 s there are 15 observations, the newest a minute old."""
    assert read(STALE_CHAINLINK, STALE_PYTH).ring_fit

    reading = read(STALE_CHAINLINK, STALE_PYTH, of=replace(feed(), **unfit))

    assert (reading.ring_fit, reading.twap, reading.state) == (False, 0, PriceState.FROZEN)


def test_ring__just_enough__is_fit():
    """The oldest of the 15 lies at the window's start, the newest is a minute old."""
    just = replace(PARAMS, twap_min_obs=15, twap_max_gap=60)

    assert read(STALE_CHAINLINK, STALE_PYTH, of=feed(params=just)).ring_fit


def test_ring__written_now__counts_from_the_next_second_on():
    """Of the 16 observations from NOW - 900 to NOW the last is of this second."""

    def fit(least, now):
        present = replace(
            feed(params=replace(PARAMS, twap_min_obs=least)), ring=ring_at(usd("2985"), NOW)
        )
        return reading_of(present, answers(), now).ring_fit

    assert fit(15, NOW)
    assert not fit(16, NOW)
    # a second later the first of the 16 is out of the window, and the last is in
    assert fit(15, NOW + 1)
    assert not fit(16, NOW + 1)


def test_ring__window__is_the_feeds():
    """600 s at 3,000 and the last 300 at 3,300."""
    ring, _ = record(ring_at(usd("3000"), NOW - 330), NOW - 300, usd("3300"), 600)

    reading = read(STALE_CHAINLINK, STALE_PYTH, of=replace(feed(), ring=ring))

    assert reading.twap == usd("3100")


def test_ring__gap_ended_a_window_ago__is_fit():
    whole = replace(feed(), ring=restarted(feed().ring, NOW - 900))

    assert read(STALE_CHAINLINK, STALE_PYTH, of=whole).ring_fit


@pytest.mark.parametrize(
    ("sequencer", "is_fit"),
    [
        (SequencerAnswer(0, NOW - 901), True),
        (SequencerAnswer(0, NOW - 900), False),
        (SequencerAnswer(1, NOW - 901), False),
        (None, True),
    ],
)
def test_ring__outage_inside_the_window__is_not_fit(sequencer, is_fit):
    assert read(STALE_CHAINLINK, STALE_PYTH, sequencer=sequencer).ring_fit is is_fit


# GATES


@pytest.mark.parametrize(
    ("sequencer", "gates"),
    [
        (SequencerAnswer(0, NOW - 3_601), Gate(0)),
        (SequencerAnswer(0, NOW - 3_600), Gate.SEQ_GRACE_OPEN),
        (SequencerAnswer(0, NOW - 301), Gate.SEQ_GRACE_OPEN),
        (SequencerAnswer(0, NOW - 300), Gate.SEQ_GRACE_OPEN | Gate.SEQ_GRACE),
        (SequencerAnswer(1, NOW - 9_999), Gate.SEQ_DOWN),
        (SequencerAnswer(7, NOW - 9_999), Gate.SEQ_UNKNOWN),
        (None, Gate.SEQ_UNKNOWN),
    ],
)
def test_gates__sequencer__is_graced_after_its_flip(sequencer, gates):
    assert read(chainlink(3_000_00), sequencer=sequencer).gates == gates


def test_gates__pause__lapses_by_itself():
    def paused(until):
        return read(chainlink(3_000_00), of=replace(feed(), paused_until=until)).gates

    assert paused(NOW + 1) == Gate.PAUSED
    assert paused(NOW) == Gate(0)
