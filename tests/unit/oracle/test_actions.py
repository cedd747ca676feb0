"""The action table, written out: one row and one column decide."""

from dataclasses import replace

import pytest

from clearing.spec.errors import SpecError
from clearing.spec.oracle_actions import is_allowed, price_for, valuation_of
from clearing.spec.oracle_feed import reading_of
from clearing.spec.oracle_types import Action, Gate, PriceState, Purpose
from tests.harness.prices import NOW, answers, chainlink, feed, pyth, usd

# columns: NORMAL, PRIMARY_ONLY, SECONDARY_ONLY, TWAP_ONLY, DIVERGED, TRIPPED, FROZEN
COLUMNS = (
    PriceState.NORMAL,
    PriceState.PRIMARY_ONLY,
    PriceState.SECONDARY_ONLY,
    PriceState.TWAP_ONLY,
    PriceState.DIVERGED,
    PriceState.TRIPPED,
    PriceState.FROZEN,
)
TABLE = {
    Action.OPEN: "yy-----",
    Action.CLOSE: "yyyyy--",
    Action.SIGNED_REDUCE: "yyyyyyy",
    Action.WITHDRAW: "yyy----",
    Action.LIQUIDATE: "yyy--a-",
    Action.FUNDING: "yyy----",
    Action.TWAP_RECORD: "yyy--a-",
}
FORBIDDING = {
    Action.OPEN: Gate.PAUSED | Gate.SEQ_DOWN | Gate.SEQ_GRACE_OPEN | Gate.SEQ_UNKNOWN,
    Action.CLOSE: Gate.PAUSED | Gate.SEQ_DOWN,
    Action.SIGNED_REDUCE: Gate.SEQ_DOWN,
    Action.WITHDRAW: Gate.PAUSED | Gate.SEQ_DOWN | Gate.SEQ_GRACE_OPEN,
    Action.LIQUIDATE: Gate.PAUSED | Gate.SEQ_DOWN | Gate.SEQ_GRACE,
    Action.FUNDING: Gate.PAUSED | Gate.SEQ_DOWN | Gate.SEQ_GRACE,
    Action.TWAP_RECORD: Gate.SEQ_DOWN | Gate.SEQ_GRACE,
}
BASE = reading_of(feed(), answers(chainlink(3_000_00), pyth(3_003_00, 5)), NOW)
NO_GATES = Gate(0)
# every number another one, so that a test sees which it got
MARKED = replace(
    BASE,
    mid=usd("100"),
    lo=usd("99"),
    hi=usd("101"),
    open_lo=usd("98"),
    open_hi=usd("102"),
    liq_lo=usd("97"),
    liq_hi=usd("103"),
    last_good=usd("50"),
)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("state", PriceState)
@pytest.mark.parametrize("agree", [False, True])
def test_is_allowed__state__is_as_the_table_says(action, state, agree):
    """Whatever the gates. [ORA-19]."""
    reading = replace(BASE, state=state, agree=agree, gates=NO_GATES)

    cell = TABLE[action][COLUMNS.index(state)]

    assert is_allowed(reading, action) is (cell == "y" or (cell == "a" and agree))


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("gate", Gate)
def test_is_allowed__one_gate__forbids_what_its_row_says(action, gate):
    """[ORA-18] [ORA-19] Closing goes on in both graces."""
    assert is_allowed(replace(BASE, gates=NO_GATES), action)

    assert is_allowed(replace(BASE, gates=gate), action) is not bool(gate & FORBIDDING[action])


@pytest.mark.parametrize(
    ("action", "long", "short"),
    [
        (Action.OPEN, "102", "98"),
        (Action.CLOSE, "99", "101"),
        (Action.SIGNED_REDUCE, "100", "100"),
        (Action.WITHDRAW, "98", "102"),
        (Action.LIQUIDATE, "103", "97"),
        (Action.FUNDING, "100", "100"),
        (Action.TWAP_RECORD, "100", "100"),
    ],
)
def test_price_for__allowed__is_the_rows_price(action, long, short):
    assert price_for(MARKED, action, is_long=True)[0] == usd(long)
    assert price_for(MARKED, action, is_long=False)[0] == usd(short)


def test_price_for__opening_without_a_fresh_pyth__is_degraded():
    fresh = replace(MARKED, pyth_opens=True)

    assert price_for(fresh, Action.OPEN, is_long=True)[1] is False
    assert price_for(MARKED, Action.OPEN, is_long=True)[1] is True
    assert price_for(MARKED, Action.CLOSE, is_long=True)[1] is False


@pytest.mark.parametrize("action", [a for a in Action if a is not Action.FUNDING])
def test_price_for__forbidden__is_refused_with_state_gates_and_action(action):
    assert price_for(MARKED, action, is_long=True)

    with pytest.raises(SpecError) as refused:
        price_for(replace(MARKED, gates=Gate.SEQ_DOWN), action, is_long=True)

    assert refused.value.name == "OracleActionBlocked"
    assert refused.value.args_ == (PriceState.NORMAL, Gate.SEQ_DOWN, action)


@pytest.mark.parametrize("change", [{"gates": Gate.SEQ_GRACE}, {"state": PriceState.DIVERGED}])
def test_price_for__funding_forbidden__falls_back_to_the_last_good_price(change):
    assert price_for(replace(MARKED, **change), Action.FUNDING, is_long=True) == (usd("50"), True)


@pytest.mark.parametrize(
    ("purpose", "long", "short"),
    [
        (Purpose.OPEN, "98", "102"),
        (Purpose.LIQUIDATE, "103", "97"),
        (Purpose.MID, "100", "100"),
    ],
)
@pytest.mark.parametrize("gates", [NO_GATES, ~NO_GATES])
def test_valuation_of__live__is_the_band_whatever_the_gates(purpose, long, short, gates):
    reading = replace(MARKED, gates=gates)

    assert valuation_of(reading, purpose, is_long=True) == usd(long)
    assert valuation_of(reading, purpose, is_long=False) == usd(short)


@pytest.mark.parametrize(
    ("purpose", "long", "short"),
    [(Purpose.OPEN, "45", "55"), (Purpose.LIQUIDATE, "55", "45"), (Purpose.MID, "50", "50")],
)
@pytest.mark.parametrize("state", [PriceState.FROZEN, PriceState.TRIPPED])
def test_valuation_of__no_price__is_a_tenth_around_the_last_good(purpose, long, short, state):
    """A dust position in a frozen feed must not shield an account."""
    reading = replace(MARKED, state=state, agree=False)

    assert valuation_of(reading, purpose, is_long=True) == usd(long)
    assert valuation_of(reading, purpose, is_long=False) == usd(short)


def test_valuation_of__tripped_in_agreement__is_the_band():
    reading = replace(MARKED, state=PriceState.TRIPPED, agree=True)

    assert valuation_of(reading, Purpose.LIQUIDATE, is_long=True) == usd("103")
