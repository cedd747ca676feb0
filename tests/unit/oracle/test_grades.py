"""What each answer of a source is worth, at the limits and one beyond them."""

from dataclasses import replace

import pytest

from clearing.spec.oracle_sources import Sequencer, grade, grade_chainlink, grade_pyth
from clearing.spec.oracle_types import Grade, PythAnswer, SequencerAnswer, SequencerStatus
from tests.harness.prices import (
    E8,
    NOW,
    PARAMS,
    SOURCES,
    answers,
    chainlink,
    pyth,
    usd,
)

OK_CHAINLINK = chainlink(3_000_00)
OK_PYTH = pyth(3_000_00)


def graded_chainlink(answer, **limits):
    return grade_chainlink(answer, 8, replace(PARAMS, **limits), NOW)


def graded_pyth(answer, **limits):
    return grade_pyth(answer, replace(PARAMS, **limits), NOW)


def test_grade_chainlink__good_answer__is_ok_with_its_price():
    graded = graded_chainlink(OK_CHAINLINK)

    assert (graded.grade, graded.price, graded.at) == (Grade.OK, usd("3000"), NOW - 600)


@pytest.mark.parametrize(
    "change",
    [
        {"round_id": 0},
        {"answer": 0},
        {"answer": -1},
        {"answer": -(2**255)},
        {"updated_at": 0},
        {"updated_at": NOW + 1},
        {"updated_at": 2**256 - 1},
        {"decimals": 9},
    ],
)
def test_grade_chainlink__no_price__is_broken_and_tells_nothing(change):
    graded = graded_chainlink(replace(OK_CHAINLINK, **change))

    assert (graded.grade, graded.price, graded.at) == (Grade.BROKEN, 0, 0)
    assert not graded.is_out_of_bounds


def test_grade_chainlink__call_failed__is_broken():
    assert graded_chainlink(None).grade is Grade.BROKEN


def test_grade_chainlink__age__ok_at_the_limit_stale_beyond():
    """Ages and leads up to the limit count. [ORA-05]."""
    assert graded_chainlink(chainlink(3_000_00, 1_500)).grade is Grade.OK
    assert graded_chainlink(chainlink(3_000_00, 1_501)).grade is Grade.STALE
    assert graded_chainlink(chainlink(3_000_00, 0)).grade is Grade.OK


def test_grade_chainlink__sanity_bounds__are_inside_and_beyond_is_out_of_bounds():
    inside = {"sanity_min_e8": 3_000 * E8, "sanity_max_e8": 3_000 * E8 + 1}

    assert graded_chainlink(OK_CHAINLINK, **inside).grade is Grade.OK
    above = graded_chainlink(replace(OK_CHAINLINK, answer=3_000 * E8 + 2), **inside)
    far = graded_chainlink(replace(OK_CHAINLINK, answer=2**255 - 1), **inside)
    below = graded_chainlink(replace(OK_CHAINLINK, answer=3_000 * E8 - 1), **inside)

    for graded in (above, below, far):
        assert (graded.grade, graded.is_out_of_bounds) == (Grade.BROKEN, True)
    assert not graded_chainlink(None, **inside).is_out_of_bounds


def test_grade_chainlink__out_of_bounds_and_too_old__is_broken_but_accuses_nobody():
    bound = {"sanity_max_e8": 2_999 * E8}

    assert graded_chainlink(chainlink(3_000_00, 1_500), **bound).is_out_of_bounds
    old = graded_chainlink(chainlink(3_000_00, 1_501), **bound)
    far = graded_chainlink(replace(chainlink(0, 1_501), answer=2**255 - 1), **bound)

    for graded in (old, far):
        assert (graded.grade, graded.price, graded.is_out_of_bounds) == (Grade.BROKEN, 0, False)


def test_grade_pyth__good_answer__is_ok_and_opens():
    graded = graded_pyth(OK_PYTH)

    assert graded.grade is Grade.OK
    assert (graded.price, graded.conf, graded.at) == (usd("3000"), usd("1.5"), NOW - 2)
    assert graded.opens


@pytest.mark.parametrize(
    "change",
    [
        {"price": 0},
        {"price": -1},
        {"price": -(2**63)},
        {"publish_time": 0},
        {"expo": 1},
        {"expo": -19},
        {"expo": -(2**31)},
    ],
)
def test_grade_pyth__no_price__is_broken_and_tells_nothing(change):
    graded = graded_pyth(replace(OK_PYTH, **change))

    assert (graded.grade, graded.price, graded.conf, graded.at) == (Grade.BROKEN, 0, 0, 0)
    assert not graded.is_out_of_bounds


@pytest.mark.parametrize("expo", [0, -1, -8, -18])
def test_grade_pyth__any_exponent__is_the_same_price(expo):
    """[ORA-04] 3 USD, at 0 to 18 decimals."""
    answer = PythAnswer(3 * 10**-expo, 0, expo, NOW)

    assert graded_pyth(answer).price == usd("3")


def test_grade_pyth__age_and_lead__ok_at_the_limit_refused_beyond():
    """Ages and leads up to the limit count. [ORA-05]."""
    assert graded_pyth(pyth(3_000_00, 60)).grade is Grade.OK
    assert graded_pyth(pyth(3_000_00, 61)).grade is Grade.STALE
    assert graded_pyth(pyth(3_000_00, -10)).grade is Grade.OK
    assert graded_pyth(pyth(3_000_00, -11)).grade is Grade.AHEAD


def test_grade_pyth__confidence__ok_at_the_limit_uncertain_beyond():
    """100 bps of 3,000 USD are 30."""
    assert graded_pyth(pyth(3_000_00, conf_cents=30_00)).grade is Grade.OK
    assert graded_pyth(pyth(3_000_00, conf_cents=30_01)).grade is Grade.UNCERTAIN


def test_grade_pyth__opening__is_stricter_in_age_and_confidence():
    """30 bps of 3,000 USD are 9."""
    assert graded_pyth(pyth(3_000_00, 4, conf_cents=9_00)).opens
    assert not graded_pyth(pyth(3_000_00, 5, conf_cents=9_00)).opens
    assert not graded_pyth(pyth(3_000_00, 4, conf_cents=9_01)).opens


def test_grade_pyth__out_of_bounds__is_broken():
    graded = graded_pyth(OK_PYTH, sanity_max_e8=2_999 * E8)

    assert (graded.grade, graded.is_out_of_bounds) == (Grade.BROKEN, True)


@pytest.mark.parametrize(
    ("age_s", "is_present"), [(60, True), (61, False), (-10, True), (-11, False)]
)
def test_grade_pyth__out_of_bounds_at_another_time__is_broken_but_accuses_nobody(age_s, is_present):
    graded = graded_pyth(pyth(3_000_00, age_s), sanity_max_e8=2_999 * E8)

    assert (graded.grade, graded.price, graded.conf) == (Grade.BROKEN, 0, 0)
    assert graded.is_out_of_bounds is is_present


@pytest.mark.parametrize(
    ("answer", "sequencer"),
    [
        (SequencerAnswer(0, NOW), Sequencer(SequencerStatus.UP, NOW)),
        (SequencerAnswer(1, NOW - 9), Sequencer(SequencerStatus.DOWN, NOW - 9)),
        (SequencerAnswer(2, NOW), Sequencer(SequencerStatus.UNKNOWN)),
        (SequencerAnswer(-1, NOW), Sequencer(SequencerStatus.UNKNOWN)),
        (SequencerAnswer(0, 0), Sequencer(SequencerStatus.UNKNOWN)),
        (SequencerAnswer(0, NOW + 1), Sequencer(SequencerStatus.UNKNOWN)),
        (None, Sequencer(SequencerStatus.UNKNOWN)),
    ],
)
def test_grade_sequencer__each_answer__is_told_apart(answer, sequencer):
    assert grade(SOURCES, PARAMS, answers(sequencer=answer), NOW).sequencer == sequencer


def test_grade_sequencer__no_feed__is_up_since_ever():
    unchecked = replace(SOURCES, sequencer=bytes(20))

    assert grade(unchecked, PARAMS, answers(sequencer=None), NOW).sequencer == Sequencer(
        SequencerStatus.UP
    )
