"""The audit's gate fails whatever looked at nothing, and its report says what was looked at."""

import json

import pytest

from tools.audit_report import PartRun, Run, complaints, read_run, render, write_run
from tools.audit_result import PartResult, ResultInvalid, ResultTable, read, write

GOOD = PartResult(
    title="Proofs of the libraries",
    passed=True,
    looked_at=1_234,
    facts={"solver": "fast | small", "paths": 98_765},
    table=ResultTable(["proof", "paths"], [["mulDown", 12], ["a | b", 34_567]]),
    notes=["One is\nbounded."],
)


def run_of(*names, exit_code=0):
    parts = [PartRun(name, f"make {name}", exit_code, 75.0) for name in names]
    return Run("2026-01-02 03:04 UTC", "0123456789ab", "ci", 42, "2 cores", parts)


@pytest.fixture
def folder(tmp_path):
    """Two parts that have passed."""
    for name in ("prove", "second"):
        write(tmp_path / f"{name}.json", GOOD)
    return tmp_path


def changed(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_complaints__all_parts_passed__are_none(folder):
    assert complaints(run_of("prove", "second"), ["prove", "second"], folder) == {}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"looked_at": 0}, "looked at nothing"),
        ({"looked_at": -1}, "looked at nothing"),
        ({"passed": False}, "did not pass"),
        ({"looked_at": True}, "prove.json has no looked_at of type int"),
        ({"looked_at": "12"}, "prove.json has no looked_at of type int"),
        ({"title": None}, "prove.json has no title of type str"),
        ({"facts": {"a": [1]}}, "prove.json has facts that are no number or text"),
        ({"notes": "text"}, "prove.json has notes that are no list of texts"),
        ({"table": {"columns": [], "rows": []}}, "prove.json has a table without columns"),
        (
            {"table": {"columns": ["a"], "rows": [[1, 2]]}},
            "prove.json has a table whose rows do not fit its columns",
        ),
    ],
)
def test_complaints__a_part_that_shows_nothing__is_named(fields, problem, folder):
    assert complaints(run_of("prove"), ["prove"], folder) == {}

    changed(folder / "prove.json", **fields)

    assert complaints(run_of("prove"), ["prove"], folder) == {"prove": [problem]}


def test_complaints__a_part_that_wrote_nothing__is_named(folder):
    assert complaints(run_of("prove"), ["prove"], folder) == {}

    (folder / "prove.json").unlink()

    assert complaints(run_of("prove"), ["prove"], folder) == {"prove": ["wrote no prove.json"]}


def test_complaints__a_part_that_was_not_run__is_named_whatever_lies_there(folder):
    assert complaints(run_of("second"), ["prove", "second"], folder) == {"prove": ["was not run"]}


def test_complaints__a_part_that_ended_badly__is_named_whatever_it_wrote(folder):
    run = run_of("prove", exit_code=2)

    assert complaints(run, ["prove"], folder) == {"prove": ["ended with exit code 2"]}


def test_complaints__no_parts_at_all__is_a_failure(folder):
    assert complaints(run_of(), [], folder) == {"audit": ["has no parts"]}


def test_read__what_was_written__is_the_same(folder):
    assert read(folder / "prove.json") == GOOD

    (folder / "prove.json").write_text("{")
    with pytest.raises(ResultInvalid, match=r"prove\.json is no JSON"):
        read(folder / "prove.json")


def test_read_run__what_was_written__is_the_same(tmp_path):
    run = run_of("prove", "second")
    write_run(tmp_path, run)

    assert read_run(tmp_path) == run


def test_render__all_passed__tells_what_was_looked_at(folder):
    report = render(run_of("prove", "second"), ["prove", "second"], folder)

    assert "* commit: 0123456789ab" in report
    assert "* seed of `clearing fuzz`: 42" in report
    assert "* time: 2 min 30 s" in report
    assert "Every part passed." in report
    assert "| [prove](#prove) | Proofs of the libraries | 1,234 | 1 min 15 s | passed |" in report
    assert "## prove\n\nProofs of the libraries.\n" in report
    assert "* solver: fast | small\n* paths: 98,765" in report
    assert "| proof | paths |\n|---|---:|\n| mulDown | 12 |\n| a \\| b | 34,567 |" in report
    assert "\nOne is bounded.\n" in report


def test_render__a_part_is_missing__says_so_first(folder):
    report = render(run_of("second"), ["prove", "second"], folder)

    assert "**1 of 2 parts did not pass.**" in report
    assert "| 1,234 | 0 min 00 s | was not run |" in report
    assert "## prove\n\n**was not run**" in report
