"""The parts of `make audit`: what each runs, and how its own output becomes a result.

`prove`, `mutants` and `second` write their results themselves; the others are read here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.audit_readers import (
    coverage_result,
    fuzz_result,
    junit_result,
    slither_result,
    snapshots_result,
)
from tools.audit_result import PartResult

__all__ = ["FOLDER", "PARTS", "PROFILES", "ROOT", "Part", "Profile"]

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = Path(".reports") / "audit"
TESTED: Final = ("tests/property", "tests/invariants", "tests/attacks")


@dataclass(frozen=True, slots=True)
class Profile:
    """How much is done."""

    name: str
    hypothesis: str
    """Hypothesis profile of tests/conftest.py: how many examples, and whether always the same."""
    steps: int
    """Of `clearing fuzz`, all machines together."""
    sample: int | None
    """Mutants that are run; None for the whole list."""
    limit_s: int
    """Time after which a part is stopped and has failed."""


PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile("dev", "dev", steps=20_000, sample=3, limit_s=20 * 60),
        Profile("ci", "ci", steps=400_000, sample=12, limit_s=20 * 60),
        Profile("nightly", "nightly", steps=5_000_000, sample=None, limit_s=12 * 3_600),
    )
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its command, and how to read what that left."""

    name: str
    command: Callable[[Profile, int], Sequence[str]]
    """Given the profile and the seed."""
    result: Callable[[str], PartResult] | None = None
    """Given what the command printed; None if the part writes its result itself."""


def _make(target: str, *arguments: str) -> Sequence[str]:
    return ("make", target, *arguments)


def _tests(_profile: Profile, _seed: int) -> Sequence[str]:
    report = ("--junitxml", str(FOLDER / "tests.xml"))
    workers = ("-n", str(os.cpu_count() or 1), "--dist", "loadfile")
    return (sys.executable, "-m", "pytest", "-q", *report, *workers, *TESTED)


def _tests_result(_output: str) -> PartResult:
    return junit_result("Property, invariant and attack tests", ROOT / FOLDER / "tests.xml")


def _fuzz(profile: Profile, seed: int) -> Sequence[str]:
    arguments = ("--steps", str(profile.steps), "--seed", str(seed), "--json")
    return (sys.executable, "-m", "tests.invariants.fuzz", *arguments)


def _mutants(profile: Profile, _seed: int) -> Sequence[str]:
    return _make("mutants", *([] if profile.sample is None else [f"SAMPLE={profile.sample}"]))


def _snapshots_result(output: str) -> PartResult:
    return snapshots_result(output, ROOT / ".reports" / "gas.xml")


PARTS: Final = {
    part.name: part
    for part in (
        Part("tests", _tests, _tests_result),
        Part("fuzz", _fuzz, fuzz_result),
        Part("prove", lambda _profile, _seed: _make("prove")),
        Part("mutants", _mutants),
        Part("second", lambda _profile, _seed: _make("second")),
        Part("slither", lambda _profile, _seed: _make("slither"), slither_result),
        Part("snapshots", lambda _profile, _seed: _make("snapshots"), _snapshots_result),
        Part("coverage", lambda _profile, _seed: _make("coverage"), coverage_result),
    )
}
