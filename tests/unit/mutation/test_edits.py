"""Each operator on a small source: what it changes, and what it leaves alone."""

from functools import cache

import pytest

from tools.mutation import solidity, vyper
from tools.mutation.edits import OPERATORS, other_direction, other_side

SOLIDITY = """\
// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

contract Small {
    // if (π < 1) revert Never();  only a comment, and two bytes for one letter
    function pay(uint256 low, uint256 high) external nonReentrant returns (uint256) {
        if (low > high) revert Wrong(low + 1, high);
        _requireOpen(low);
        if (low == 0) return high;
        emit Paid(low, high);
        string memory text = "low < high";
        return Rounding.ceilDiv(high - low, 2) + Rounding.floorDiv(low, 2);
    }
}
"""
VYPER = """\
# pragma version 0.4.3

event Paid:
    low: uint256
    high: uint256


@external
@nonreentrant
def pay(low: uint256, high: uint256) -> uint256:
    \"\"\"
    @notice low < high
    \"\"\"
    assert low <= high, "small: low > high"
    log Paid(low=low, high=high)
    return high - low
"""


@cache
def _changes(language):
    """The (operator, before, after) of each edit."""
    source = (SOLIDITY if language == "solidity" else VYPER).encode()
    find = solidity.edits if language == "solidity" else vyper.edits
    return [(e.operator, source[e.start : e.end].decode(), e.after) for e in find(source)]


@pytest.mark.parametrize(
    "change",
    [
        ("rounding", "ceilDiv", "floorDiv"),
        ("rounding", "floorDiv", "ceilDiv"),
        ("comparison", ">", ">="),
        ("comparison", "==", "!="),
        ("guard", "if (low > high) revert Wrong(low + 1, high);", "{}"),
        ("guard", "_requireOpen(low);", "{}"),
        ("guard", "nonReentrant", ""),
        ("side", "-", "+"),
        ("side", "+", "-"),
        ("side", "low", "high"),
        ("event", "emit Paid(low, high);", "{}"),
        ("event", "low, high", "high, low"),
    ],
)
def test_solidity__one_of_the_operators__is_found(change):
    assert change in _changes("solidity")


@pytest.mark.parametrize(
    "change",
    [
        ("comparison", "<=", "<"),
        ("guard", 'assert low <= high, "small: low > high"', "pass"),
        ("guard", "@nonreentrant", "# no lock"),
        ("side", "-", "+"),
        ("side", "low", "high"),
        ("event", "log Paid(low=low, high=high)", "pass"),
        ("event", "low, high=high", "high, high=low"),
    ],
)
def test_vyper__one_of_the_operators__is_found(change):
    assert change in _changes("vyper")


def test_solidity__comments_texts_and_what_errors_carry__are_left_alone():
    comparisons = [change for change in _changes("solidity") if change[0] == "comparison"]
    sums = [change for change in _changes("solidity") if change[1] == "+"]

    assert sorted(before for _, before, _ in comparisons) == ["==", ">"]
    assert len(sums) == 1  # that of the two quotients; that inside the error is not


def test_vyper__docstrings_and_texts__are_left_alone():
    assert [change for change in _changes("vyper") if change[0] == "comparison"] == [
        ("comparison", "<=", "<")
    ]


def test_operators__both_languages__leave_none_out():
    seen = {operator for language in ("solidity", "vyper") for operator, _, _ in _changes(language)}

    assert seen == set(OPERATORS)


@pytest.mark.parametrize(
    ("name", "other"),
    [("netLow", "netHigh"), ("LOW_FUNDED", "HIGH_FUNDED"), ("isLong", "isShort"), ("lo", "hi")],
)
def test_other_side__name_of_a_side__is_swapped_both_ways(name, other):
    assert other_side(name) == other
    assert other_side(other) == name


@pytest.mark.parametrize("name", ["below", "allow", "load", "flow", "slot", "highest", "shortest"])
def test_other_side__word_that_only_looks_like_one__names_none(name):
    assert other_side(name) is None


def test_other_direction__both_ways():
    assert other_direction("ceilDiv") == "floorDiv"
    assert other_direction("Floor") == "Ceil"
    assert other_direction("payout") is None


@pytest.mark.parametrize("find", [solidity.edits, vyper.edits])
def test_edits__no_program__are_refused(find):
    with pytest.raises(ValueError, match=r"\S"):
        find(b"contract {")
