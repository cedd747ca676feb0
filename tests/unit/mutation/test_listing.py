"""An entry finds its place again, or says that it is gone; the whole list of this project does."""

from dataclasses import replace
from pathlib import Path

import pytest

from clearing.chain.project import project_root
from tools import mutants
from tools.mutation.build import closure
from tools.mutation.listing import Entry, StaleError, choose, plan, read, write

SOURCE = b"""\
def first():
    assert a < b
def second():
    assert a < b
"""
SECOND = Entry(
    id="Small-comparison-000000",
    group="Small",
    file="contracts/Small.vy",
    function="second",
    operator="comparison",
    line="assert a < b",
    nth=2,
    at=9,
    before="<",
    after="<=",
)
VYPER = """\
# pragma version 0.4.3


@external
def pay(low: uint256, high: uint256) -> uint256:
    assert low <= high, "small: low is above high"
    return high - low
"""


def test_mutated__the_second_of_two_equal_lines__is_changed_alone():
    lines = SECOND.mutated(SOURCE).decode().splitlines()

    assert [line.strip() for line in lines[1::2]] == ["assert a < b", "assert a <= b"]


def test_mutated__lines_moved__is_found_again():
    moved = b"# one more line\n" + SOURCE.replace(b"    ", b"\t")

    assert SECOND.mutated(moved).endswith(b"assert a <= b\n")


@pytest.mark.parametrize(
    "wrong", [{"line": "assert a > b"}, {"nth": 3}, {"at": 7}, {"before": ">"}], ids=str
)
def test_mutated__line_is_gone__is_stale_and_names_itself(wrong):
    assert SECOND.mutated(SOURCE)

    with pytest.raises(StaleError, match=SECOND.id):
        replace(SECOND, **wrong).mutated(SOURCE)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project with one contract and a plan."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "tests" / "mutants").mkdir(parents=True)
    (tmp_path / "contracts" / "Small.vy").write_text(VYPER)
    (tmp_path / "tests" / "mutants" / "plan.toml").write_text(
        '[Small]\nfiles = ["contracts/Small.vy"]\ncount = 2\ncritical = ["return high"]\n'
        '[[Small.step]]\ncontracts = ["contracts/Small.vy"]\ntests = ["tests/unit"]\n'
    )
    return tmp_path


def test_choose__critical_line__is_listed_whole_and_the_rest_by_the_seed(small):
    (group,) = plan(small)

    entries = choose(small, group, "seed")

    assert entries == choose(small, group, "seed")
    assert sorted(e.before for e in entries if "return" in e.line) == ["-", "high", "low"]
    assert len(entries) == 5
    source = (small / "contracts" / "Small.vy").read_bytes()
    assert len({entry.mutated(source) for entry in entries}) == 5


def test_write__explanation_and_killer__are_kept_when_the_list_is_made_anew(small):
    (group,) = plan(small)
    first, second, *rest = choose(small, group, "seed")
    told = [replace(first, explained='as "any" π'), replace(second, killed_by="t.py::t"), *rest]

    write(small, group.name, told)

    assert read(small, group.name) == told
    assert choose(small, group, "seed") == told


def test_choose__entries_listed_already__stay_and_only_what_is_missing_is_drawn(small):
    (group,) = plan(small)
    critical, other = (
        [e for e in choose(small, group, "seed") if ("return high" in e.line) is told]
        for told in (True, False)
    )
    drawn = [e for e in choose(small, replace(group, count=99), "seed") if e not in critical]
    kept = next(e for e in drawn if e not in other)
    write(small, group.name, [kept])

    entries = choose(small, group, "seed")

    assert kept in entries
    assert len(entries) == len(critical) + group.count
    assert set(critical) < set(entries)


def answered(small, **wrong):
    """Let the first entry be explained, the others be killed, and the last one as it is told."""
    (group,) = plan(small)
    (small / "test_small.py").write_text("def test_it(): ...\n")
    first, *rest = read(small, group.name)
    told = [replace(first, explained="equal")]
    told += [replace(entry, killed_by="test_small.py::test_it[1]") for entry in rest]
    write(small, group.name, [*told[:-1], replace(told[-1], **wrong)])


@pytest.mark.parametrize("gone", ["", "test_small.py::test_other[1]", "test_gone.py::test_it"])
def test_main__entry_without_its_test__fails_the_check(small, monkeypatch, capsys, gone):
    monkeypatch.setattr(mutants, "ROOT", small)
    assert mutants.main(["list"]) == 0
    answered(small)
    assert mutants.main(["check"]) == 0
    assert "5 listed, 4 killed, 1 explained" in capsys.readouterr().out

    answered(small, killed_by=gone)

    assert mutants.main(["check"]) == 1
    assert "open: " in capsys.readouterr().out


def test_main__stale_entry__fails_and_names_it(small, monkeypatch, capsys):
    monkeypatch.setattr(mutants, "ROOT", small)
    assert mutants.main(["list"]) == 0
    answered(small)
    assert mutants.main(["check"]) == 0

    (small / "contracts" / "Small.vy").write_text(VYPER.replace("high - low", "high + low"))

    assert mutants.main(["check"]) == 1
    assert mutants.main(["run"]) == 1
    assert "no longer has '-' in 'return high - low'" in capsys.readouterr().out


def test_main__list_of_nothing__fails(small, monkeypatch):
    monkeypatch.setattr(mutants, "ROOT", small)

    assert mutants.main(["check"]) == 1


def test_list__this_project__has_no_stale_entry():
    root = project_root()
    entries = [entry for group in plan(root) for entry in read(root, group.name)]

    assert len(entries) >= 150
    for entry in entries:
        entry.mutated((root / entry.file).read_bytes())


def test_plan__every_file_and_test__exists_and_is_reached():
    root = project_root()
    for group in plan(root):
        for step in group.steps:
            assert all((root / test).exists() for test in step.tests), group.name
        targets = [target for step in group.steps for target in step.contracts]
        reached = frozenset().union(*(closure(root, target) for target in targets))
        assert set(group.files) <= reached


def test_closure__contract__is_itself_and_what_it_imports():
    found = closure(project_root(), "contracts/derivatives/vault/ShareMath.sol")

    assert "contracts/derivatives/vault/ShareMath.sol" in found
    assert "@openzeppelin/contracts/utils/math/Math.sol" in found
    assert "contracts/libraries/Rounding.sol" not in found
