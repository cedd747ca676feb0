"""How the breaker latches, what counts as evidence, and when anybody may take the latch off."""

from dataclasses import replace

import pytest

from clearing.spec.errors import SpecError
from clearing.spec.oracle import Oracle, poke, reset
from clearing.spec.oracle_events import Poked, Tripped, TripReset
from clearing.spec.oracle_feed import NOT_LATCHED, Latch, reading_of
from clearing.spec.oracle_types import Gate, PriceState, TripReason
from clearing.spec.units import Address
from tests.harness.prices import E8, FEED, NOW, PARAMS, answers, chainlink, feed, pyth, usd

TIMELOCK = Address(b"\x71" * 20)
GUARDIAN = Address(b"\x6a" * 20)
STRANGER = Address(b"\x57" * 20)
APART = answers(chainlink(3_000_00), pyth(3_150_00))
CLOSE = answers(chainlink(3_000_00), pyth(3_007_50))
LOOSE = answers(chainlink(3_000_00), pyth(3_007_51))


def oracle(of=None):
    return Oracle(TIMELOCK, GUARDIAN, {FEED: of or feed()})


def latch_of(after):
    return after.feeds[FEED].latch


def at(now, first=3_000_00, second=None, *, round_age_s=0, py_age_s=0):
    """Answers of a later moment: a round of that age, and a price of Pyth if given."""
    priced = None if second is None else pyth(second, py_age_s, now=now)
    return answers(chainlink(first, round_age_s, now=now), priced)


def counted_from(round_at, dollars, *, tripped_at=NOW, reason=TripReason.DEVIATION):
    """Return a fresh latch: rounds are counted from the one of the trip."""
    return Latch(reason, tripped_at, since=round_at, last_at=round_at, last_price=usd(dollars))


def poked(oracle_, *moments):
    """Poke with (now, answers) in turn."""
    for now, said in moments:
        oracle_, _ = poke(oracle_, FEED, said, now)
    return oracle_


def assert_refused(name, call, *args, **more):
    with pytest.raises(SpecError) as refused:
        call(*args, **more)
    assert refused.value.name == name
    return refused.value.args_


# POKE


def test_poke__good_price__is_remembered_and_recorded():
    after, effects = poke(oracle(), FEED, answers(chainlink(3_000_00), pyth(3_003_00)), NOW)

    assert effects == (Poked(FEED, PriceState.NORMAL, Gate(0), usd("3003"), recorded=True),)
    assert after.feeds[FEED].last_good == usd("3003")
    assert after.feeds[FEED].last_good_at == NOW - 2
    assert after.feeds[FEED].ring.observations[-1].price == usd("3003")


def test_poke__trip__latches_and_accepts_nothing():
    """What the view says before is what the poke latches. [ORA-13]."""
    before = reading_of(feed(), APART, NOW)

    after, effects = poke(oracle(), FEED, APART, NOW)

    assert before.trip is TripReason.DEVIATION
    assert effects == (
        Tripped(FEED, TripReason.DEVIATION, usd("3000"), usd("3150"), usd("2985")),
        Poked(FEED, PriceState.TRIPPED, Gate(0), usd("2990"), recorded=False),
    )
    assert latch_of(after) == counted_from(NOW - 600, "3000")
    assert replace(after.feeds[FEED], latch=NOT_LATCHED) == feed()


def test_poke__older_data__leaves_the_last_good_price():
    """Chainlink's round is from before the Pyth price that was accepted."""
    accepted = poked(oracle(), (NOW, answers(chainlink(3_000_00, 3), pyth(3_003_00, 2))))

    alone = poked(accepted, (NOW + 1, at(NOW + 1, 3_000_00, round_age_s=4))).feeds[FEED]
    newer = poked(accepted, (NOW + 1, at(NOW + 1, 3_001_00, round_age_s=3))).feeds[FEED]

    assert (alone.last_good, alone.last_good_at) == (usd("3003"), NOW - 2)
    assert (newer.last_good, newer.last_good_at) == (usd("3001"), NOW - 2)


def test_poke__price_ahead_of_the_block__is_good_as_of_now():
    after, _ = poke(oracle(), FEED, answers(chainlink(3_000_00), pyth(3_003_00, -10)), NOW)

    assert (after.feeds[FEED].last_good, after.feeds[FEED].last_good_at) == (usd("3003"), NOW)


@pytest.mark.parametrize("second", [3_050_00, None])
def test_poke__doubtful_state__accepts_nothing(second):
    said = answers(None, None) if second is None else answers(chainlink(3_000_00), pyth(second))

    after, effects = poke(oracle(), FEED, said, NOW)

    assert after == oracle()
    assert isinstance(effects[0], Poked)
    assert not effects[0].recorded


def test_poke__same_second_again__changes_nothing():
    """[ORA-11] The ring and the last good price stay as they are."""
    said = answers(chainlink(3_000_00), pyth(3_003_00))
    once = poked(oracle(), (NOW, said))

    assert poked(once, (NOW, said)) == once


def test_poke__greater_reason__replaces_a_lesser_one_with_evidence_anew():
    jumped = poked(oracle(), (NOW, at(NOW, 4_000_00)))
    assert latch_of(jumped).reason is TripReason.JUMP

    worse = poked(jumped, (NOW + 9, at(NOW + 9, 4_000_00, 5_000_00)))
    again = poked(worse, (NOW + 18, at(NOW + 18, 4_000_00)))

    assert latch_of(worse) == counted_from(NOW + 9, "4000", tripped_at=NOW + 9)
    assert latch_of(again) == replace(latch_of(worse), rounds=1, last_at=NOW + 18)


def test_poke__tripped_in_agreement__is_recorded_but_not_good():
    latched = replace(feed(), latch=Latch(TripReason.DEVIATION, NOW - 10))

    after = poked(oracle(latched), (NOW, CLOSE)).feeds[FEED]

    assert after.last_good == usd("2990")
    assert after.ring.observations[-1].price == usd("3007.5")


def test_poke__unknown_feed__is_refused():
    assert assert_refused("UnknownFeed", poke, oracle(), b"x" * 16, CLOSE, NOW) == (b"x" * 16,)


# A DEVIATION IS OVER


def calm(now):
    return now, at(now, 3_000_00, 3_000_00)


def test_reset__deviation__needs_three_agreeing_pokes_and_the_cooldown():
    """[ORA-14] The reset's own poke is the third; it comes 300 s after the trip."""
    tripped = poked(oracle(), (NOW, APART), calm(NOW + 100), calm(NOW + 200))

    early = at(NOW + 299, 3_000_00, 3_000_00)
    refused = assert_refused("ResetNotDue", reset, tripped, STRANGER, FEED, early, NOW + 299)
    after, effects = reset(tripped, STRANGER, FEED, calm(NOW + 300)[1], NOW + 300)

    assert refused == (FEED, TripReason.DEVIATION)
    assert latch_of(after) == NOT_LATCHED
    assert effects[-1] == TripReset(FEED, TripReason.DEVIATION, usd("3000"))
    assert (after.feeds[FEED].last_good, after.feeds[FEED].last_good_at) == (
        usd("3000"),
        NOW + 300,
    )


def test_reset__deviation__counts_a_timestamp_once():
    tripped = poked(oracle(), (NOW, APART), *[calm(NOW + 200)] * 3)

    assert latch_of(tripped).pokes == 1
    late = calm(NOW + 400)[1]
    assert_refused("ResetNotDue", reset, tripped, STRANGER, FEED, late, NOW + 400)


def test_reset__deviation__starts_anew_when_sources_part():
    """Closer than softDev is not enough: 25 bps of 3,000 are 7.50."""
    counted = poked(oracle(), (NOW, APART), calm(NOW + 100), calm(NOW + 200))

    assert latch_of(counted).pokes == 2
    assert latch_of(poked(counted, (NOW + 250, LOOSE))).pokes == 2  # Pyth is stale by then
    loose = at(NOW + 250, 3_000_00, 3_007_51)
    assert latch_of(poked(counted, (NOW + 250, loose))).pokes == 0


def test_reset__deviation__a_source_missing_now_is_not_due():
    """Chainlink's round is the same at each poke, so it has not walked."""

    def still(now, second=3_000_00):
        return now, at(now, 3_000_00, second, round_age_s=now - NOW + 600)

    later = (still(NOW + after_s) for after_s in (100, 200, 300))
    counted = poked(oracle(), (NOW, APART), *later)

    assert latch_of(counted).pokes == 3
    alone = still(NOW + 400, None)[1]
    assert_refused("ResetNotDue", reset, counted, STRANGER, FEED, alone, NOW + 400)
    assert reset(counted, STRANGER, FEED, still(NOW + 400)[1], NOW + 400)


def alone_after(*seconds):
    """Trip by DEVIATION, then see Chainlink alone speak at each second."""
    moments = ((NOW + after_s, at(NOW + after_s, 3_000_00)) for after_s in seconds)
    return poked(oracle(), (NOW, at(NOW, 3_000_00, 3_150_00)), *moments)


def test_reset__deviation_while_pyth_rests__after_three_rounds_and_the_cooldown():
    """[ORA-26] The round of the trip is the one that others are counted from."""
    walked = alone_after(100, 200)

    early, due = (at(NOW + after_s, 3_000_00) for after_s in (299, 300))
    assert_refused("ResetNotDue", reset, walked, STRANGER, FEED, early, NOW + 299)
    after, effects = reset(walked, STRANGER, FEED, due, NOW + 300)

    assert effects[-1] == TripReset(FEED, TripReason.DEVIATION, usd("3000"))
    assert reading_of(after.feeds[FEED], due, NOW + 300).state is PriceState.PRIMARY_ONLY


def test_reset__deviation_while_pyth_rests__waits_for_the_cooldown():
    slow = feed(params=replace(PARAMS, cooldown=900))
    walked = poked(
        oracle(slow),
        *((NOW + s, at(NOW + s, 3_000_00, None if s else 3_150_00)) for s in (0, 300, 600)),
    )

    early, due = (at(NOW + after_s, 3_000_00) for after_s in (899, 900))
    assert_refused("ResetNotDue", reset, walked, STRANGER, FEED, early, NOW + 899)
    assert reset(walked, STRANGER, FEED, due, NOW + 900)


def test_reset__deviation_while_pyth_rests__two_rounds_are_not_enough():
    one = alone_after(400)

    same = at(NOW + 500, 3_000_00, round_age_s=100)
    two, three = (poked(one, (NOW + 450, at(NOW + 450, 3_000_00))), alone_after(400, 450, 500))
    assert_refused("ResetNotDue", reset, one, STRANGER, FEED, same, NOW + 500)
    assert_refused(
        "ResetNotDue",
        reset,
        two,
        STRANGER,
        FEED,
        at(NOW + 500, 3_000_00, round_age_s=50),
        NOW + 500,
    )
    assert reset(three, STRANGER, FEED, at(NOW + 500, 3_000_00), NOW + 500)


@pytest.mark.parametrize("second", [3_000_00, 3_010_00])
def test_reset__deviation_while_pyth_speaks__rounds_are_not_enough(second):
    """It has accused: near or far, it must agree three times."""
    walked = alone_after(100, 200, 300)

    said, silent = (at(NOW + 400, 3_000_00, price) for price in (second, None))
    assert_refused("ResetNotDue", reset, walked, STRANGER, FEED, said, NOW + 400)
    assert reset(walked, STRANGER, FEED, silent, NOW + 400)


def test_reset__jump_raised_to_deviation__ends_by_rounds_too():
    """[ORA-26] Counted anew from the round of the second trip."""
    jumped = poked(oracle(), *((NOW + s, at(NOW + s, 4_000_00)) for s in (0, 100, 200)))
    raised = poked(jumped, (NOW + 250, at(NOW + 250, 4_000_00, 5_000_00)))
    assert latch_of(raised) == counted_from(NOW + 250, "4000", tripped_at=NOW + 250)
    walked = poked(raised, *((NOW + s, at(NOW + s, 4_000_00)) for s in (350, 450)))

    early, due = (at(NOW + after_s, 4_000_00) for after_s in (549, 550))
    assert_refused("ResetNotDue", reset, walked, STRANGER, FEED, early, NOW + 549)
    after, _ = reset(walked, STRANGER, FEED, due, NOW + 550)

    assert reading_of(after.feeds[FEED], due, NOW + 550).state is PriceState.PRIMARY_ONLY, "ORA-26"


def test_reset__old_data__is_good_whatever_was_before():
    """What was good before the trip is given up, though it is of newer data."""
    tripped = oracle(replace(feed(), latch=Latch(TripReason.JUMP, NOW - 9)))
    said = answers(chainlink(3_000_00), pyth(3_000_00, 59))

    after, _ = reset(tripped, STRANGER, FEED, said, NOW + 1)

    assert after.feeds[FEED].last_good_at == NOW - 59
    older = answers(chainlink(3_000_00, 600))
    by_timelock, _ = reset(tripped, TIMELOCK, FEED, older, NOW)
    assert by_timelock.feeds[FEED].last_good_at == NOW - 600


# A JUMP IS OVER


def test_reset__jump__at_once_when_both_sources_agree():
    tripped = poked(oracle(), (NOW, at(NOW, 4_000_00)))

    loose = at(NOW + 1, 4_000_00, 4_010_01)
    assert_refused("ResetNotDue", reset, tripped, STRANGER, FEED, loose, NOW + 1)
    close = at(NOW + 1, 4_000_00, 4_010_00)
    after, effects = reset(tripped, STRANGER, FEED, close, NOW + 1)

    assert latch_of(after) == NOT_LATCHED
    assert effects[-1] == TripReset(FEED, TripReason.JUMP, usd("4000"))
    assert reading_of(after.feeds[FEED], close, NOW + 1).state is PriceState.NORMAL


def walk(*steps):
    """Trip at 4,000 with the round of NOW, then see a new round at each (seconds, cents)."""
    return poked(
        oracle(),
        (NOW, at(NOW, 4_000_00)),
        *((NOW + after_s, at(NOW + after_s, cents)) for after_s, cents in steps),
    )


def test_reset__jump_without_pyth__after_three_rounds_over_five_minutes():
    """[ORA-15] A crash must not stop liquidations for good."""
    walked = walk((100, 4_010_00), (200, 4_020_00))

    due = at(NOW + 300, 4_030_00)
    early = at(NOW + 299, 4_030_00)
    assert_refused("ResetNotDue", reset, walked, STRANGER, FEED, early, NOW + 299)
    after, effects = reset(walked, STRANGER, FEED, due, NOW + 300)

    assert effects[-1] == TripReset(FEED, TripReason.JUMP, usd("4030"))
    assert reading_of(after.feeds[FEED], due, NOW + 300).state is PriceState.PRIMARY_ONLY


def test_reset__jump_without_pyth__two_rounds_are_not_enough():
    two = walk((400, 4_010_00))

    again = at(NOW + 500, 4_020_00)
    assert_refused("ResetNotDue", reset, two, STRANGER, FEED, again, NOW + 500)


def test_reset__jump__the_same_round_counts_once():
    tripped = walk((100, 4_010_00))

    same = at(NOW + 200, 4_010_00, round_age_s=100)

    assert latch_of(poked(tripped, (NOW + 200, same))) == latch_of(tripped)


def test_reset__jump__a_round_that_jumps_again_starts_the_count_anew():
    """400 bps: 300 + 10·√100 from one round to the next."""
    calm_round = latch_of(walk((100, 4_160_00)))
    jumped = latch_of(walk((100, 4_160_01)))

    assert (calm_round.rounds, calm_round.since) == (1, NOW)
    assert (jumped.rounds, jumped.since, jumped.last_price) == (0, NOW + 100, usd("4160.01"))


def test_reset__jump__pyth_may_not_contradict():
    """Within softDev is enough for Pyth here: 50 bps of 4,030 are 20.15."""
    walked = walk((100, 4_010_00), (200, 4_020_00))

    against = at(NOW + 300, 4_030_00, 4_050_16)
    beside = at(NOW + 300, 4_030_00, 4_050_15)
    assert_refused("ResetNotDue", reset, walked, STRANGER, FEED, against, NOW + 300)
    assert reset(walked, STRANGER, FEED, beside, NOW + 300)


def test_reset__jump_of_pyth__counts_chainlinks_rounds_from_the_first_it_sees():
    lone = answers(chainlink(3_000_00, 1_501), pyth(3_000_00))
    tripped = poked(oracle(feed(last_good=usd("2700"))), (NOW, lone))
    assert latch_of(tripped) == Latch(TripReason.JUMP, tripped_at=NOW)

    seen = poked(tripped, (NOW + 50, at(NOW + 50, 3_000_00)))

    assert latch_of(seen) == counted_from(NOW + 50, "3000", reason=TripReason.JUMP)


def test_poke__evidence__stops_counting_at_its_greatest():
    many = Latch(TripReason.DEVIATION, NOW - 9, 255, rounds=255, last_at=1, last_price=usd("3000"))

    after = latch_of(poked(oracle(replace(feed(), latch=many)), calm(NOW)))

    assert (after.pokes, after.rounds, after.last_at) == (255, 255, NOW)


@pytest.mark.parametrize(("seconds", "pokes"), [(2**24, 1), (2**24 + 1, 2)])
def test_poke__194_days_later__is_taken_for_the_same_second_but_not_the_next(seconds, pokes):
    """Only the low 24 bits are kept: an agreement may count late, never twice."""
    latched = oracle(replace(feed(), latch=Latch(TripReason.DEVIATION, NOW - 9)))

    assert latch_of(poked(latched, calm(NOW), calm(NOW + seconds))).pokes == pokes


@pytest.mark.parametrize("reason", [TripReason.JUMP, TripReason.DEVIATION, TripReason.SANITY])
def test_poke__any_latch__gathers_both_kinds_of_evidence(reason):
    latched = oracle(replace(feed(), latch=Latch(reason, NOW - 9)))

    after = latch_of(poked(latched, calm(NOW), calm(NOW + 100)))

    assert (after.pokes, after.rounds, after.since) == (2, 1, NOW)


# THE REST


def test_reset__not_tripped__is_refused():
    assert assert_refused("NotTripped", reset, oracle(), STRANGER, FEED, CLOSE, NOW) == (FEED,)


def test_reset__sanity__is_the_timelocks_alone():
    """[ORA-14]."""
    insane = feed(params=replace(PARAMS, sanity_max_e8=2_000 * E8))
    tripped = poked(oracle(insane), (NOW, APART))
    assert latch_of(tripped).reason is TripReason.SANITY

    later = at(NOW + 900, 1_990_00, 1_990_00)
    for sender in (STRANGER, GUARDIAN):
        assert_refused("ResetNotDue", reset, tripped, sender, FEED, later, NOW + 900)
    after, effects = reset(tripped, TIMELOCK, FEED, later, NOW + 900)

    assert latch_of(after) == NOT_LATCHED
    assert effects[-1] == TripReset(FEED, TripReason.SANITY, usd("1990"))


def test_reset__timelock_while_the_condition_holds__stays_tripped():
    tripped = poked(oracle(), (NOW, APART))

    after, effects = reset(tripped, TIMELOCK, FEED, APART, NOW + 1)

    assert effects[-1] == TripReset(FEED, TripReason.DEVIATION, usd("2990"))
    assert reading_of(after.feeds[FEED], APART, NOW + 1).state is PriceState.TRIPPED
