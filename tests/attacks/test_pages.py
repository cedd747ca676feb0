"""The threat model and the known issues say nothing that is not there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THREATS = (ROOT / "docs/threat-model.md").read_text("utf-8")
ISSUES = (ROOT / "docs/known-issues.md").read_text("utf-8")


def test_threat_model__names_a_test__that_exists() -> None:
    named = set(re.findall(r"`(test_\w+__\w+)`", THREATS))
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"^def (test_\w+)\(", sources, re.MULTILINE))

    assert named
    assert named <= there


def test_known_issues__cited__are_listed_once() -> None:
    listed = re.findall(r"^\| (KI-\d\d) \|", ISSUES, re.MULTILINE)

    assert len(set(listed)) == len(listed)
    assert set(re.findall(r"KI-\d\d", THREATS + ISSUES)) == set(listed)
