"""A day of minute prices: an outage, a divergence, a trip, and a repricing that clears itself.

docs/protocol/oracle.md shows the same day as a picture.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from clearing.oracle.readings import read_readings
from clearing.oracle.replay import replay, seconds_by_state, transitions
from clearing.spec.oracle_actions import is_allowed
from clearing.spec.oracle_types import Action, FeedParams, Gate, PriceState, TripReason
from tests.scenarios.oracle_day import MIDNIGHT, day_csv

DAY = Path(__file__).parents[2] / "docs/protocol/oracle-day.csv"
GRACES = Gate.SEQ_GRACE | Gate.SEQ_GRACE_OPEN

STORY = [
    ("00:00", PriceState.NORMAL, Gate(0)),
    # nobody pays for Pyth any more
    ("05:00", PriceState.PRIMARY_ONLY, Gate(0)),
    ("08:00", PriceState.NORMAL, Gate(0)),
    # Chainlink's last answer is older than 1,500 s
    ("08:25", PriceState.SECONDARY_ONLY, Gate(0)),
    # Pyth stops too; the ring bridges ten minutes
    ("09:10", PriceState.TWAP_ONLY, Gate(0)),
    ("09:20", PriceState.FROZEN, Gate(0)),
    ("09:30", PriceState.PRIMARY_ONLY, Gate(0)),
    # the sequencer is down for twenty minutes
    ("12:00", PriceState.PRIMARY_ONLY, Gate.SEQ_DOWN),
    ("12:20", PriceState.PRIMARY_ONLY, GRACES),
    ("12:26", PriceState.PRIMARY_ONLY, Gate.SEQ_GRACE_OPEN),
    ("13:21", PriceState.PRIMARY_ONLY, Gate(0)),
    ("14:00", PriceState.NORMAL, Gate(0)),
    # Pyth is 1.5 % off, later 4.5 %
    ("15:00", PriceState.DIVERGED, Gate(0)),
    ("15:20", PriceState.NORMAL, Gate(0)),
    ("17:00", PriceState.TRIPPED, Gate(0)),
    ("17:17", PriceState.NORMAL, Gate(0)),
    ("20:00", PriceState.PRIMARY_ONLY, Gate(0)),
    # the market falls by 18 %, Chainlink alone says so
    ("21:30", PriceState.TRIPPED, Gate(0)),
    ("21:35", PriceState.PRIMARY_ONLY, Gate(0)),
]


@pytest.fixture(scope="module")
def moments():
    return replay(read_readings(DAY), FeedParams())


def clock(time):
    return datetime.fromtimestamp(time, UTC).strftime("%H:%M")


def allowed(moments, hour, minute, action):
    moment = moments[hour * 60 + minute]
    assert moment.time == MIDNIGHT + hour * 3_600 + minute * 60
    return is_allowed(moment.reading, action)


def test_day__file__is_what_the_generator_writes():
    assert DAY.read_text("utf-8") == day_csv()


def test_day__story__is_told_by_its_transitions(moments):
    told = [
        (clock(step.moment.time), step.moment.reading.state, step.moment.reading.gates)
        for step in transitions(moments)
    ]

    assert told == STORY


def test_day__breaker__trips_twice_and_each_time_finds_out_by_itself(moments):
    trips = [(clock(s.moment.time), s.tripped.reason) for s in transitions(moments) if s.tripped]
    resets = [(clock(s.moment.time), s.reset.reason) for s in transitions(moments) if s.reset]

    assert trips == [("17:00", TripReason.DEVIATION), ("21:30", TripReason.JUMP)]
    # Pyth is right again from 17:15 on, which is seen three times
    assert resets == [("17:17", TripReason.DEVIATION), ("21:35", TripReason.JUMP)]


def test_day__crash__stops_liquidations_for_five_minutes_and_no_longer(moments):
    """[ORA-15]."""
    assert allowed(moments, 21, 29, Action.LIQUIDATE)
    for minute in range(30, 35):
        assert not allowed(moments, 21, minute, Action.LIQUIDATE)
    assert allowed(moments, 21, 35, Action.LIQUIDATE)


def test_day__outage__stops_openings_and_leaves_closing_a_price(moments):
    assert allowed(moments, 8, 24, Action.OPEN)
    assert not allowed(moments, 8, 25, Action.OPEN)
    for hour, minute in ((8, 25), (9, 9), (9, 10), (9, 19)):
        assert allowed(moments, hour, minute, Action.CLOSE)
    assert not allowed(moments, 9, 20, Action.CLOSE)


def test_day__sequencer_returns__closing_first_then_liquidating_then_opening(moments):
    """[ORA-18]."""
    assert not allowed(moments, 12, 19, Action.CLOSE)
    assert allowed(moments, 12, 20, Action.CLOSE)
    assert not allowed(moments, 12, 25, Action.LIQUIDATE)
    assert allowed(moments, 12, 26, Action.LIQUIDATE)
    assert not allowed(moments, 13, 20, Action.OPEN)
    assert allowed(moments, 13, 21, Action.OPEN)


def test_day__time__is_spent_in_all_states(moments):
    spent = seconds_by_state(moments)

    assert set(spent) == set(PriceState)
    assert sum(spent.values()) == 24 * 3_600 - 60
