"""`clearing fuzz`: its exit codes, its JSON, and each bad argument in one line."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clearing import cli
from clearing.chain.errors import ArtifactStaleError
from tests.invariants import campaign, fuzz
from tests.unit.fuzz import toy
from tests.unit.fuzz.toy import RARE, TOY

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def table(monkeypatch):
    """The toy is in the table of machines."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setitem(fuzz.MACHINES, "toy", TOY)


def _told(capsys, *arguments):
    code = fuzz.main(["--machine", "toy", "--jobs", "1", "--json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def test_fuzz__short_run__tells_what_was_met_and_asks_for_nothing_more(capsys):
    code, told = _told(capsys, "--steps", "40", "--seed", "9")

    assert (code, told["seed"], told["steps"], told["jobs"]) == (0, 9, 40, 1)
    met = told["machines"]["toy"]["met"]
    assert met["left"]["accepted"] + met["right"]["accepted"] == 40
    assert told["machines"]["toy"]["unseen"] == []
    assert _told(capsys, "--steps", "40", "--seed", "9")[1]["machines"]["toy"]["met"] == met


def test_fuzz__long_run_that_missed_an_outcome__fails_and_names_it(capsys, monkeypatch):
    code, told = _told(capsys, "--steps", "1000", "--seed", "9")
    assert code == 1
    assert told["machines"]["toy"]["unseen"] == [f"{RARE} accepted"]

    monkeypatch.setattr(toy, "unseen", lambda _seen: [])
    assert _told(capsys, "--steps", "1000", "--seed", "9")[0] == 0


def test_fuzz__machine_that_makes_no_step__fails(capsys, monkeypatch):
    assert _told(capsys, "--steps", "40", "--seed", "9")[0] == 0

    monkeypatch.setattr(toy, "play", lambda _seed, _steps: campaign.Played(0))
    assert fuzz.main(["--machine", "toy", "--jobs", "1", "--steps", "40"]) == 1
    assert "toy: made no step" in capsys.readouterr().out


def test_fuzz__stopped__tells_what_was_seen_and_says_so(capsys, monkeypatch):
    def stopped(seed, steps):
        if seed == "9/2":
            raise KeyboardInterrupt
        return played(seed, steps)

    played = toy.play
    monkeypatch.setattr(toy, "play", stopped)
    code, told = _told(capsys, "--steps", "40", "--seed", "9")

    assert (code, told["machines"]["toy"]["steps"]) == (130, 20)


def test_fuzz__no_seed__takes_a_fresh_one_and_tells_it(capsys):
    seeds = {_told(capsys, "--steps", "10")[1]["seed"] for _ in range(4)}

    assert len(seeds) > 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--steps", "0"], "argument --steps: '0' is not a natural number above 0"),
        (["--steps", "²"], "argument --steps: '²' is not a natural number above 0"),
        (["--seed", "-1"], "argument --seed: "),
        (["--jobs", "9999"], "argument --jobs: 9999 is more than 1024"),
        (["--machine", "loom"], "argument --machine: invalid choice: 'loom'"),
        (["--what"], "unrecognized arguments: --what"),
        (["--replay", "README.md"], "README.md is no script"),
        (["--replay", "nowhere.py"], "nowhere.py is no script"),
    ],
)
def test_fuzz__bad_argument__is_told_in_one_line(arguments, problem, capsys):
    with pytest.raises(SystemExit) as left:
        fuzz.main(arguments)

    said = capsys.readouterr().err
    assert left.value.code == 2
    assert said.startswith("clearing: fuzz: ")
    assert problem in said
    assert said.count("\n") == 1


def test_fuzz__machine_without_its_module__is_told_in_one_line(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "tests.unit.fuzz.toy")
    monkeypatch.setitem(sys.modules, "tests.unit.fuzz.toy", None)
    with pytest.raises(SystemExit) as left:
        fuzz.main(["--machine", "toy"])

    assert left.value.code == 2
    assert "clearing: fuzz: machine toy: " in capsys.readouterr().err


def test_fuzz__a_source_changed_since_it_was_compiled__is_told_in_one_line(monkeypatch, capsys):
    def stale():
        raise ArtifactStaleError("contracts/One.sol is not what was compiled", "run `make compile`")

    monkeypatch.setattr(fuzz, "require_current", stale)
    with pytest.raises(SystemExit) as left:
        fuzz.main(["--machine", "toy", "--jobs", "1", "--steps", "40"])

    assert left.value.code == 2
    assert "fuzz: contracts/One.sol is not what was compiled: run `make" in capsys.readouterr().err


def test_clearing_fuzz__from_another_folder__hands_on_arguments_and_exit_code(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("CLEARING_PROJECT", str(ROOT))
    monkeypatch.chdir(tmp_path)
    helped = CliRunner().invoke(cli.app, ["fuzz", "--help"])
    text = capfd.readouterr().out
    refused = CliRunner().invoke(cli.app, ["fuzz", "--replay", "here.py"])
    said = capfd.readouterr().err

    assert (helped.exit_code, refused.exit_code) == (0, 2)
    assert "--machine" in text
    assert said.count("\n") == 1
    assert f"{tmp_path}/here.py is no script" in said


def test_clearing_fuzz__outside_a_checkout__names_the_fix(tmp_path, monkeypatch):
    (tmp_path / "ape-config.yaml").touch()
    monkeypatch.setenv("CLEARING_PROJECT", str(tmp_path))
    without_tests = CliRunner().invoke(cli.app, ["fuzz"])
    monkeypatch.setenv("CLEARING_PROJECT", str(tmp_path / "nowhere"))
    without_project = CliRunner().invoke(cli.app, ["fuzz"])

    for done, fix in ((without_tests, "run it inside the checkout"), (without_project, "name the")):
        assert done.exit_code == 2
        assert done.stderr.count("\n") == 1
        assert fix in done.stderr
