"""docs/protocol/oracle.md says what the specification computes, and shows the rules as they are."""

import re
from pathlib import Path

from clearing.oracle.limits import NAMES
from clearing.risk.decimal_text import scaled_text
from clearing.spec.oracle_feed import reading_of
from clearing.spec.oracle_types import Grade, PriceState
from tests.harness.prices import NOW, answers, chainlink, feed, pyth
from tests.unit.oracle.test_actions import COLUMNS, FORBIDDING, TABLE

PAGE = (Path(__file__).parents[3] / "docs/protocol/oracle.md").read_text("utf-8")
NUMBERS = re.compile(
    r"^\| ([A-Z_]+) \| (\d+|stale|none) \| (.+?) \| (\d+) \| (.+) \|$", re.MULTILINE
)
ACTION = re.compile(r"^\| ([a-z].*?) \| .*? \| ((?:(?:✓|–|agreed) \| ){7})(.*) \|$", re.MULTILINE)
MARKS = {"✓": "y", "–": "-", "agreed": "a"}
DESCRIBED = re.compile(r"(\d+), (\d+ s old|wide)")


def first_source(text):
    if text == "none":
        return None
    return chainlink(3_000_00, 1_501) if text == "stale" else chainlink(int(text) * 100)


def second_source(text):
    if text == "none":
        return None
    if text == "stale":
        return pyth(3_000_00, 61)
    price, how = DESCRIBED.fullmatch(text).groups()
    if how == "wide":
        return pyth(int(price) * 100, conf_cents=60_00)
    return pyth(int(price) * 100, int(how.split()[0]))


def shown(lo, hi):
    return f"{scaled_text(lo, 18)} – {scaled_text(hi, 18)}"


def test_page__worked_numbers__are_the_specifications():
    rows = NUMBERS.findall(PAGE)

    assert {row[0] for row in rows} == {state.name for state in PriceState}
    for state, first, second, mid, bands in rows:
        reading = reading_of(feed(), answers(first_source(first), second_source(second)), NOW)
        assert reading.state.name == state
        assert scaled_text(reading.mid, 18) == mid
        assert bands.split(" | ") == [
            shown(reading.lo, reading.hi),
            shown(reading.open_lo, reading.open_hi),
            shown(reading.liq_lo, reading.liq_hi),
        ]


def test_page__actions__are_the_table_in_its_order():
    rows = ACTION.findall(PAGE)

    cells = ["".join(MARKS[mark] for mark in row[1].split(" | ")[:7]) for row in rows]
    assert cells == list(TABLE.values())
    assert COLUMNS[0] is PriceState.NORMAL
    for (_, _, gates), forbidding in zip(rows, FORBIDDING.values(), strict=True):
        assert set(gates.split(", ")) == {gate.name for gate in forbidding}


def test_page__grades_and_limits__are_named():
    assert all(grade.name in PAGE for grade in Grade)
    named = set(re.findall(r"\b(?:soft|hard|reset|twap)Dev\b|\bjump\w+\b|\btwapMaxGap\b", PAGE))
    assert named - {"jumps"} <= set(NAMES)
