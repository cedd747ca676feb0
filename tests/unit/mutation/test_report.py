"""What fails a run: a survivor that nobody explains, nothing run, a trial that broke."""

import json
from dataclasses import replace
from typing import ClassVar

import pytest

from tests.unit.mutation.test_listing import SECOND
from tools import mutants
from tools.mutation.listing import Group, Step
from tools.mutation.trial import BrokenError, Result

KILLED = Result("killed", "tests/t.py::t", 2.0)
SURVIVED = Result("survived", "", 4.0)
GROUP = Group(
    "Small", ["contracts/Small.vy"], 1, (), [Step(["contracts/Small.vy"], ["tests/t.py"])]
)


class Bench:
    """Answers as told instead of compiling."""

    answers: ClassVar[list[Result | Exception]] = []

    def __init__(self, _root):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def judged(self, _entry, _group):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run one listed mutant with an answer; returns the exit code and the report."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "contracts" / "Small.vy").write_bytes(b"assert a < b\nassert a < b\n")
    (tmp_path / "tests" / "t.py").write_text("")
    report = tmp_path / "audit" / "mutants.json"
    for name, value in {
        "ROOT": tmp_path,
        "CACHE": tmp_path / "results.json",
        "REPORT": report,
        "Bench": Bench,
        "plan": lambda _: [GROUP],
    }.items():
        monkeypatch.setattr(mutants, name, value)

    def run(*answers, entry=SECOND, arguments=()):
        monkeypatch.setattr(mutants, "read", lambda *_: [entry])
        Bench.answers = list(answers)
        return mutants.main(["run", *arguments]), json.loads(report.read_text())

    return run


def test_run__killed__passes_and_is_not_run_again(run):
    code, report = run(KILLED)
    again, _ = run()  # no answer is left: the result was kept

    assert (code, again) == (0, 0)
    assert report["passed"]
    assert report["looked_at"] == 1
    assert report["table"]["rows"] == [["Small", "comparison", 1, 0, 0, 0]]


def test_run__survivor__fails_until_it_is_explained(run):
    code, report = run(SURVIVED)
    explained, _ = run(entry=replace(SECOND, explained="a and b are never equal"))

    assert (code, explained) == (1, 0)
    assert report["notes"] == [f"survived: {SECOND.id}"]


def test_run__explained_and_killed__fails(run):
    """Then the explanation is wrong."""
    code, report = run(KILLED, entry=replace(SECOND, explained="out of reach"))

    assert code == 1
    assert report["notes"] == [f"explained, yet killed: {SECOND.id}"]


def test_run__nothing_run__fails(run):
    code, report = run(arguments=["--only", "another"])

    assert code == 1
    assert report["looked_at"] == 0


def test_run__pytest_broke__fails_and_is_no_kill(run):
    code, report = run(BrokenError("no such test"))

    assert code == 1
    assert report["facts"]["killed"] == 0


def test_run__sample__prints_its_seed(run, capsys):
    run(KILLED, arguments=["--sample", "1", "--seed", "abc"])

    assert "a sample of 1, seed abc" in capsys.readouterr().out


def test_run__tests_changed__a_survivor_is_tried_again_and_a_kill_stays(run, tmp_path):
    test = tmp_path / "tests" / "t.py"
    run(SURVIVED)
    test.write_text("assert True")

    code, _ = run(KILLED)
    (tmp_path / "tests" / "other.py").write_text("")
    again, _ = run()

    assert (code, again) == (0, 0)


def test_run__source_changed__is_tried_again(run, tmp_path):
    run(KILLED)
    (tmp_path / "contracts" / "Small.vy").write_bytes(b"assert a < b\nassert a < b\n# new\n")

    code, _ = run(SURVIVED)

    assert code == 1


def test_run__known__runs_nothing_and_fails_while_a_result_is_missing(run):
    code, report = run(arguments=["--known"])
    run(KILLED)
    then, _ = run(arguments=["--known"])

    assert (code, then) == (1, 0)
    assert report["facts"]["not run"] == 1
