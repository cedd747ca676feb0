"""Each reader counts what was looked at, and calls an output that shows nothing a failure."""

import json

import pytest

from tools.audit_readers import (
    coverage_result,
    fuzz_result,
    junit_result,
    slither_result,
    snapshots_result,
)

CASE = (
    '<testcase classname="tests.{folder}.test_a" name="test_{name}" time="1.5">{inner}</testcase>'
)
SLITHER = "slither: 131 contracts analysed, 57 findings, each answered\n"
SNAPSHOT = "snapshot: size and storage layout of 21 contracts\n"
COVERAGE = """== Vyper statements that ran (bound 95 %) ==
contracts/adjudicator/A.vy 97.5 % of 120, never ran: lines [3, 4]
contracts/adjudicator/B.vy {share} % of 80
"""


@pytest.fixture
def junit(tmp_path):
    """Return a function that writes a report of pytest."""

    def write(*cases):
        path = tmp_path / "tests.xml"
        path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
        return path

    return write


def case(folder, name, inner=""):
    return CASE.format(folder=folder, name=name, inner=inner)


def test_junit_result__tests_that_ran__are_counted_by_folder(junit):
    path = junit(case("attacks", "a"), case("property", "b"), case("property", "c", "<skipped/>"))

    result = junit_result("Tests", path)

    assert (result.passed, result.looked_at) == (True, 2)
    assert result.table.rows == [["tests/attacks", 1, 0, 0, 2], ["tests/property", 1, 0, 1, 3]]


@pytest.mark.parametrize("inner", ["<failure/>", "<error/>"])
def test_junit_result__a_test_that_failed__is_named(inner, junit):
    result = junit_result("Tests", junit(case("attacks", "a"), case("property", "b", inner)))

    assert (result.passed, result.looked_at) == (False, 2)
    assert result.notes == ["failed: tests.property.test_a.test_b"]


def test_junit_result__no_report_or_only_skipped__looked_at_nothing(junit, tmp_path):
    assert junit_result("Tests", tmp_path / "none.xml").looked_at == 0
    assert junit_result("Tests", junit(case("attacks", "a", "<skipped/>"))).looked_at == 0


def fuzzed(**changes):
    machine = {
        "steps": 1_200,
        "schedules": 4,
        "steps_per_s_per_core": 1_500,
        "met": {"open": {"accepted": 700, "Paused": 500}},
        "unseen": [],
        "fault": None,
    }
    return json.dumps({"seed": 4, "machines": {"channels": machine | changes}})


def test_fuzz_result__clean_run__has_each_move_and_what_it_came_to():
    result = fuzz_result(fuzzed())

    assert (result.passed, result.looked_at) == (True, 1_200)
    assert result.facts == {"seed": "4", "channels": "1,200 steps, 1,500 in a second of a core"}
    assert result.table.rows == [("channels", "open", 700, 500, "Paused 500")]


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"unseen": ["close accepted"]}, "channels: never met: close accepted"),
        ({"fault": {"seed": "4/1", "script": "a.py"}}, "channels, schedule 4/1: `a.py` plays"),
        ({"steps": 0}, "channels: made no step"),
    ],
)
def test_fuzz_result__something_found_or_not_met__fails_and_is_told(changes, note):
    result = fuzz_result(fuzzed(**changes))

    assert not result.passed
    assert result.notes[0].startswith(note)


def test_fuzz_result__a_machine_without_steps_or_no_output__looked_at_nothing():
    assert fuzz_result(fuzzed(steps=0)).looked_at == 0
    assert fuzz_result("clearing: fuzz: …").looked_at == 0


def test_slither_result__what_it_said__is_counted():
    result = slither_result(f"check: Slither\n{SLITHER}")
    assert (result.passed, result.looked_at) == (True, 131)

    nothing = slither_result("check: Slither\n")
    assert (nothing.passed, nothing.looked_at) == (False, 0)


def test_snapshots_result__sizes_and_gas__are_both_needed(junit, tmp_path):
    path = junit(case("gas", "a"), case("gas", "b"))

    assert snapshots_result(SNAPSHOT, path).looked_at == 23
    assert snapshots_result(SNAPSHOT, path).passed
    assert snapshots_result("", path).looked_at == 0
    assert snapshots_result(SNAPSHOT, tmp_path / "none.xml").looked_at == 0
    assert not snapshots_result(SNAPSHOT, junit(case("gas", "a", "<failure/>"))).passed


def test_coverage_result__bound__holds_for_each_contract():
    result = coverage_result(COVERAGE.format(share="95.0"))
    assert (result.passed, result.looked_at) == (True, 200)
    assert result.table.rows[0] == ("contracts/adjudicator/A.vy", 97.5, 120, "[3, 4]")

    assert not coverage_result(COVERAGE.format(share="94.9")).passed
    assert coverage_result("").looked_at == 0
    assert not coverage_result("").passed
