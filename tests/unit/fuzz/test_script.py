"""A fault becomes a test that fails as long as the fault is there, found by `clearing fuzz`."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from clearing.spec import channel, oracle_actions, rules
from tests.invariants import fuzz
from tests.unit.fuzz import toy
from tests.unit.fuzz.toy import TOY

ROOT = Path(__file__).resolve().parents[3]
PLANT = """
from dataclasses import replace

from clearing.spec import channel, rules


def off_by_one(*given):
    first, *rest = rules.payouts(*given)
    return (replace(first, low=first.low + 1), *rest)


channel.payouts = off_by_one
"""


@pytest.fixture(autouse=True)
def traces(tmp_path, monkeypatch):
    """Where scripts go in these tests."""
    folder = tmp_path / "traces"
    monkeypatch.setattr(fuzz, "TRACES", folder)
    monkeypatch.chdir(ROOT)
    return folder


def _found(capsys, *arguments):
    """Run the command, which must find a fault, and return what it tells of it."""
    code = fuzz.main([*arguments, "--jobs", "1", "--json"])
    machines = json.loads(capsys.readouterr().out)["machines"]
    assert code == 1
    return machines[arguments[1]]["fault"]


def _play_again(path):
    """Run the tests of a script in this process."""
    tests = {name: test for name, test in runpy.run_path(path).items() if name.startswith("test_")}
    for test in tests.values():
        test()
    return list(tests)


def test_fuzz__fault_in_the_channels__leaves_a_script_that_fails_until_it_is_mended(
    monkeypatch, capsys, traces, tmp_path
):
    plant = tmp_path / "plant.py"
    plant.write_text(PLANT)
    with monkeypatch.context() as planted:
        fuzz.MACHINES["channels"].load()  # else its modules would import what is planted
        planted.setattr(channel, "payouts", rules.payouts)  # put back what the plant replaces
        runpy.run_path(str(plant))
        fault = _found(capsys, "--machine", "channels", "--steps", "6000", "--seed", "1")
        with pytest.raises(AssertionError, match="ENC-02"):
            _play_again(fault["script"])

    assert "ENC-02" in fault["message"]
    path = Path(fault["script"])
    kept = json.loads(path.with_suffix(".json").read_text())
    assert path.parent == traces
    assert 0 < len(kept["actions"]) <= fault["step"]
    assert len(_play_again(path)) == 2  # by seed, and cut down

    _is_styled(path)
    assert fuzz.main(["--replay", str(path)]) == 0
    path.write_text(f"{path.read_text()}\n{PLANT}")
    assert fuzz.main(["--replay", str(path)]) == 1


def test_fuzz__fault_in_the_oracle__leaves_a_script_that_replays_by_seed(monkeypatch, capsys):
    with monkeypatch.context() as planted:
        fuzz.MACHINES["oracle"].load()
        planted.setattr(oracle_actions, "is_allowed", lambda _reading, _action: True)
        fault = _found(capsys, "--machine", "oracle", "--steps", "2000", "--seed", "1")
        with pytest.raises(AssertionError):
            _play_again(fault["script"])

    assert len(_play_again(fault["script"])) == 1


def test_write__message_of_any_characters__stands_in_the_docstring(monkeypatch, capsys):
    monkeypatch.setattr(toy, "play", toy.at_fault_in("3/1"))
    monkeypatch.setitem(fuzz.MACHINES, "toy", TOY)
    fault = _found(capsys, "--machine", "toy", "--steps", "30", "--seed", "3")

    assert (fault["seed"], fault["steps"], fault["step"]) == ("3/1", 10, 8)
    text = Path(fault["script"]).read_text()
    assert "it says \"no\"\n'''{or}\\u2026 \\ worse\n" in text
    _is_styled(fault["script"])
    with pytest.raises(AssertionError):
        _play_again(fault["script"])


def _is_styled(path):
    """In tests/regressions formatter and linter have nothing to say about it."""
    text, kept_as = Path(path).read_text(), f"tests/regressions/{Path(path).name}"
    for check in (["check"], ["format", "--diff"]):
        command = [
            sys.executable,
            "-m",
            "ruff",
            *check,
            "--quiet",
            "--stdin-filename",
            kept_as,
            "-",
        ]
        subprocess.run(command, check=True, input=text, text=True)
