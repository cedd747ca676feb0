"""One source is bent, or both: nobody opens, closes, withdraws or liquidates at what it says."""

import pytest

from clearing.spec.oracle_types import Action, Grade, PriceState, TripReason
from tests.attacks.oracle_stage import PARAMS, PRICE, Stage, stage_of_a_warm_feed, usd
from tests.harness.oracle import DECIMALS, PYTH_PRICE, Speech, saying
from tests.harness.puppet import Manner

MONEY_MOVES = {Action.OPEN, Action.CLOSE, Action.WITHDRAW, Action.LIQUIDATE, Action.FUNDING}
UINT64_MAX = 2**64 - 1


@pytest.fixture
def stage() -> Stage:
    return stage_of_a_warm_feed()


@pytest.mark.parametrize("factor", [1_000, 1 / 1_000])
def test_thousandfold__chainlink_alone__moves_no_money(stage: Stage, factor: float) -> None:
    """[ORA-13] Seen before any poke as after it, so nobody trades in front of the keeper."""
    stage.wait(12)
    stage.silence_pyth()
    stage.chainlink(PRICE)
    assert stage.allowed() >= MONEY_MOVES
    stage.chainlink(PRICE * factor)

    before = stage.look()
    assert not stage.allowed() & MONEY_MOVES
    stage.poke()

    assert (before.state, before.trip) == (PriceState.TRIPPED, TripReason.JUMP)
    assert stage.feed.latch.reason is TripReason.JUMP
    assert not stage.allowed() & MONEY_MOVES
    assert stage.look().last_good == usd(PRICE)


def test_walk__chainlink_lies_in_small_steps_while_pyth_rests__a_fresh_pyth_price_ends_it(
    stage: Stage,
) -> None:
    """A minute's step is 370 bps of the lower price at most; a larger one trips."""
    stage.silence_pyth()
    lie = float(PRICE)
    for _ in range(10):
        stage.wait(60)
        stage.chainlink(1.04 * lie)
        assert stage.look().trip is TripReason.JUMP
        lie *= 1.0369
        stage.chainlink(lie)
        stage.poke()
        assert stage.allowed() >= MONEY_MOVES
    assert lie > 1.4 * PRICE, "so far a lone source goes in ten minutes"

    stage.pyth(PRICE)

    reading = stage.look()
    assert (reading.state, reading.trip) == (PriceState.TRIPPED, TripReason.DEVIATION)
    assert not stage.allowed() & MONEY_MOVES


@pytest.mark.parametrize("factor", [1_000, 1 / 1_000])
def test_thousandfold__pyth_against_chainlink__moves_no_money(stage: Stage, factor: float) -> None:
    stage.chainlink(PRICE)
    stage.pyth(PRICE)
    assert stage.allowed() >= MONEY_MOVES
    stage.pyth(PRICE * factor, conf=0)

    reading = stage.look()

    assert (reading.state, reading.trip) == (PriceState.TRIPPED, TripReason.DEVIATION)
    assert not stage.allowed() & MONEY_MOVES


def test_thousandfold__pyth_while_chainlink_is_stale__is_no_price(stage: Stage) -> None:
    """Pyth speaks alone only near the TWAP."""
    stage.wait(100)
    stage.chainlink(PRICE, age_s=PARAMS.cl_max_stale + 1)
    stage.pyth(PRICE)
    assert stage.look().state is PriceState.SECONDARY_ONLY
    stage.pyth(PRICE * 1_000)

    assert stage.look().state is PriceState.FROZEN
    assert not stage.allowed() & MONEY_MOVES
    stage.poke()
    assert stage.feed.last_good == usd(PRICE)


def test_min_answer__chainlink_stuck_at_its_floor__is_not_believed(stage: Stage) -> None:
    """The market is at 2 cents, the aggregator goes on saying its least answer, and is fresh."""
    stage.wait(12)
    stage.chainlink(1, age_s=0)
    stage.pyth(0.02, conf=0)

    alone = stage.look()

    assert alone.py_grade is Grade.BROKEN, "out of the sanity bounds"
    assert alone.trip is TripReason.JUMP
    assert not stage.allowed() & MONEY_MOVES
    stage.chainlink(0.9999)
    assert stage.look().trip is TripReason.SANITY, "both are out of bounds"
    assert not stage.allowed() & MONEY_MOVES
    stage.poke()
    assert stage.reset(stage.rig.roles.outsider) == "ResetNotDue"


def test_exponent__pyth_moves_its_point__trips(stage: Stage) -> None:
    stage.chainlink(PRICE)
    stage.pyth(PRICE)
    assert stage.look().state is PriceState.NORMAL
    stage.pyth(PRICE, expo=-7)

    assert stage.look().trip is TripReason.DEVIATION
    assert not stage.allowed() & MONEY_MOVES


def test_exponent__same_price_written_otherwise__is_the_same_price(stage: Stage) -> None:
    """[ORA-04] To the unit, wherever Pyth puts its point."""
    stage.chainlink(PRICE)
    stage.pyth(PRICE)
    expected = stage.look()

    for expo in range(-14, -3):
        raw = PRICE * 10**-expo
        stage.say(stage.rig.pyth.address, PYTH_PRICE, saying(raw, raw // 4_000, expo, stage.now))
        assert stage.look() == expected


def test_decimals__aggregator_changes_them__is_broken(stage: Stage) -> None:
    """A price ten billion times as high would follow from believing the answer."""
    stage.silence_pyth()
    stage.chainlink(PRICE)
    assert Action.OPEN in stage.allowed()
    stage.chainlink(PRICE, decimals=18)

    reading = stage.look()

    assert (reading.cl_grade, reading.c) == (Grade.BROKEN, 0)
    assert not stage.allowed() & MONEY_MOVES


@pytest.mark.parametrize("manner", [Manner.REVERT, Manner.BURN])
def test_decimals__cannot_be_asked__is_broken(stage: Stage, manner: Manner) -> None:
    stage.chainlink(PRICE)
    assert stage.look().cl_grade is Grade.OK
    stage.say(stage.listing.sources.cl_feed, DECIMALS, Speech(b"", manner))

    assert stage.look().cl_grade is Grade.BROKEN


def test_future__pyth_price_is_ahead__is_not_the_newer_one(stage: Stage) -> None:
    """[ORA-05] A price of tomorrow must not win against Chainlink's of today for a whole day."""
    stage.wait(12)
    stage.chainlink(PRICE, age_s=6)
    stage.pyth(PRICE + 5, age_s=-PARAMS.py_max_ahead)
    assert stage.look().mid == usd(PRICE + 5)

    for lead in (PARAMS.py_max_ahead + 1, 86_400, 2**63 - stage.now):
        stage.pyth(PRICE + 5, age_s=-lead)
        reading = stage.look()
        assert (reading.py_grade, reading.mid) == (Grade.AHEAD, usd(PRICE))
        assert reading.state is PriceState.PRIMARY_ONLY


def test_confidence__made_wider__never_narrows_opening_nor_stops_liquidations(
    stage: Stage,
) -> None:
    """[ORA-07] While Chainlink is OK, whoever can widen Pyth's confidence gains nothing."""
    stage.chainlink(PRICE)
    lowest, highest = 2**256, 0
    edges = (20_00, 20_01, 60_00, 60_01, 2_000_00, 9_999_999_00)
    for conf_raw in (0, 1, *(cents * 10**6 for cents in edges), UINT64_MAX):
        answer = saying(PRICE * 10**8, conf_raw, -8, stage.now)
        stage.say(stage.rig.pyth.address, PYTH_PRICE, answer)
        reading = stage.look()

        assert reading.trip is TripReason.NONE
        assert reading.open_lo <= lowest
        assert reading.open_hi >= highest
        assert Action.LIQUIDATE in stage.allowed()
        lowest, highest = reading.open_lo, reading.open_hi


@pytest.mark.parametrize("dollars", [1_990.05, 1_995, 2_000, 2_005, 2_009.99])
@pytest.mark.parametrize("conf", [0, 0.5, 6, 20])
def test_block__opened_and_closed_at_one_look__gains_nothing(
    stage: Stage, dollars: float, conf: float
) -> None:
    """[ORA-08] Whatever Pyth price within the tolerance is delivered just before."""
    stage.chainlink(PRICE)
    stage.pyth(dollars, conf=conf)

    opened, closed = stage.priced(Action.OPEN), stage.priced(Action.CLOSE)
    sold = stage.priced(Action.OPEN, is_long=False)
    bought = stage.priced(Action.CLOSE, is_long=False)

    assert opened is not None
    assert closed is not None
    assert opened >= closed
    assert sold is not None
    assert bought is not None
    assert sold <= bought


def test_block__flash_price__weighs_nothing_in_the_average(stage: Stage) -> None:
    """[ORA-11] However often it is poked within the block, and within 30 s of the last record."""
    stage.chainlink(PRICE)
    stage.wait(29)
    stage.chainlink(PRICE)
    stage.pyth(PRICE)
    before = stage.look()
    for dollars in (1_991, 2_009, 1_995):
        stage.pyth(dollars)
        for _ in range(3):
            stage.poke()

    assert stage.look().twap == before.twap == usd(PRICE)
    stage.wait(31)
    stage.chainlink(PRICE)
    stage.pyth(2_009)
    stage.poke()
    assert stage.look().twap == usd(PRICE), "recorded, but no time has passed since"


def test_sequencer__flaps__closes_go_on_and_grace_starts_anew(stage: Stage) -> None:
    """[ORA-18] Whoever wants out is let out between two outages."""
    grace, long_grace = PARAMS.seq_grace_liquidate, PARAMS.seq_grace_open
    stage.silence_pyth()
    stage.chainlink(PRICE)
    assert stage.allowed() >= MONEY_MOVES

    for _ in range(3):
        stage.wait(120)
        stage.chainlink(PRICE)
        stage.sequencer(up=False, since_s=0)
        assert not stage.allowed()
        stage.wait(60)
        stage.chainlink(PRICE)
        stage.sequencer(up=True, since_s=0)
        assert stage.allowed() & MONEY_MOVES == {Action.CLOSE}
        stage.wait(grace)
        stage.chainlink(PRICE)
        assert stage.allowed() & MONEY_MOVES == {Action.CLOSE}

    stage.wait(1)
    stage.chainlink(PRICE)
    assert stage.allowed() & MONEY_MOVES == {Action.CLOSE, Action.LIQUIDATE, Action.FUNDING}
    assert not stage.look().ring_fit
    stage.wait(long_grace - grace - 1)
    stage.chainlink(PRICE)
    assert Action.OPEN not in stage.allowed()
    stage.wait(1)
    stage.chainlink(PRICE)
    assert stage.allowed() >= MONEY_MOVES
