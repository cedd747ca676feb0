"""The audit goes on after a part that fails, and believes no result of an earlier run."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import wait_until_gone
from tools import audit
from tools.audit_parts import PARTS, PROFILES, Part, Profile
from tools.audit_result import PartResult, read

QUICK = Profile("quick", "ci", steps=7, sample=3, limit_s=30)
WRITES = (
    "import json, pathlib; pathlib.Path('.reports/audit/{name}.json').write_text(json.dumps("
    "dict(title='It', passed=True, looked_at={looked_at})))"
)


def part(name, code, result=None):
    return Part(name, lambda _profile, _seed: (sys.executable, "-c", code), result)


def writer(name, looked_at=3):
    return part(name, WRITES.format(name=name, looked_at=looked_at))


@pytest.fixture(autouse=True)
def signals():
    """The driver's handlers are gone after each test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty checkout, in which an earlier run has left a result of the part `second`."""
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / ".reports" / "audit").mkdir(parents=True)
    earlier = {"title": "Old", "passed": True, "looked_at": 9}
    (tmp_path / ".reports" / "audit" / "second.json").write_text(json.dumps(earlier))
    return tmp_path


def outcome(monkeypatch, *parts):
    monkeypatch.setattr(audit, "PARTS", {each.name: each for each in parts})
    monkeypatch.setattr(sys, "argv", ["audit", "--profile", "dev", "--seed", "5"])
    return audit.main()


def test_audit__every_part_passes__ends_well_and_writes_the_report(checkout, monkeypatch):
    assert outcome(monkeypatch, writer("prove"), writer("second")) == 0

    report = (checkout / "docs" / "audit-report.md").read_text()
    assert "Every part passed." in report
    assert "PROFILE=dev" in report
    assert "`clearing fuzz`: 5" in report


def test_audit__a_part_that_looks_at_nothing__fails(checkout, monkeypatch, capsys):
    assert outcome(monkeypatch, writer("prove", looked_at=0), writer("second")) == 1

    assert "prove: looked at nothing" in capsys.readouterr().out


def test_audit__a_part_that_fails__does_not_stop_the_next(checkout, monkeypatch, capsys):
    assert outcome(monkeypatch, part("prove", "raise SystemExit(3)"), writer("second")) == 1

    said = capsys.readouterr().out
    assert "prove: ended with exit code 3; wrote no prove.json" in said
    assert "1 of 2 parts passed" in said


def test_audit__a_part_that_writes_nothing__does_not_live_on_an_earlier_result(
    checkout, monkeypatch, capsys
):
    assert outcome(monkeypatch, writer("prove"), part("second", "")) == 1

    assert "second: wrote no second.json" in capsys.readouterr().out


def test_run_part__reader__is_given_what_was_printed(checkout):
    def result(output):
        return PartResult(output.strip(), passed=True, looked_at=len(output))

    ran = audit.run_part(
        part("count", "import os; print(os.environ['HYPOTHESIS_PROFILE'])", result), QUICK, 5
    )

    assert ran.exit_code == 0
    assert read(Path(".reports/audit/count.json")).title == "ci"


def test_run_part__over_its_time__is_ended_with_all_it_started(checkout):
    command = ("sh", "-c", "sleep 99 & echo $!; wait")
    hasty = Profile("hasty", "ci", steps=7, sample=3, limit_s=2)

    ran = audit.run_part(Part("slow", lambda *_: command), hasty, 5)

    pid = int(Path(".reports/audit/slow.out").read_text())
    try:
        assert ran.exit_code == audit.TIMED_OUT
        assert wait_until_gone(pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_audit__told_to_end__ends_what_it_started(checkout):
    code = (
        "import sys; from pathlib import Path; from tools import audit; from tools.audit_parts "
        "import Part; audit.ROOT = Path.cwd(); audit.PARTS = {'slow': Part('slow', lambda *_: "
        "('sh', '-c', 'echo $$; exec sleep 99'))}; audit._tell = lambda *_: Path('seen').touch(); "
        "sys.argv = ['audit']; sys.exit(audit.main())"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    driver = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL
    )
    out = checkout / ".reports" / "audit" / "slow.out"
    seen = checkout / "seen"  # told, so it ends what it has started
    until = time.monotonic() + 30
    while not (seen.exists() and out.read_text()) and time.monotonic() < until:
        time.sleep(0.05)

    driver.terminate()

    assert driver.wait(timeout=30) == audit.KILLED + signal.SIGTERM
    assert wait_until_gone(int(out.read_text()))


def test_parts__of_each_profile__are_told_how_much(monkeypatch):
    ci, nightly = PROFILES["ci"], PROFILES["nightly"]

    assert PARTS["mutants"].command(ci, 5) == ("make", "mutants", f"SAMPLE={ci.sample}")
    assert PARTS["mutants"].command(nightly, 5) == ("make", "mutants")
    assert PARTS["fuzz"].command(ci, 5)[-5:] == ("--steps", "400000", "--seed", "5", "--json")


def test_audit__unknown_profile__is_told_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["audit", "--profile", "weekly"])
    with pytest.raises(SystemExit) as left:
        audit.main()

    said = capsys.readouterr().err
    assert left.value.code == 2
    assert said.startswith("audit: argument --profile: invalid choice: 'weekly'")
    assert said.count("\n") == 1
