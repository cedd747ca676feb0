"""The machine finds what it is for: each planted fault is found, shrunk, kept and found again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clearing.spec import channel, escrow, guards, rules
from clearing.spec.types import AssetAmounts, Status
from tests.invariants.arena import arena
from tests.invariants.runner import EPISODE, Failure, Report, play
from tests.invariants.trace import dump, fault_of, load, shrunk

PATIENCE = 60
"""Schedules in which a planted fault must show."""


def _payouts_off_by_one(*given: Any) -> tuple[AssetAmounts, ...]:
    first, *rest = rules.payouts(*given)
    return (replace(first, low=first.low + 1), *rest)


def _nothing(*_: object) -> None:
    return None


def _always(*_: object) -> bool:
    return True


def _never(*_: object) -> bool:
    return False


def _keeps_deadline(stored: Any, version: int) -> Any:
    return replace(stored, status=Status.OPEN, enforced_version=version)


FAULTS = {
    "payouts": (channel, "payouts", _payouts_off_by_one, "ADJ-02"),
    "versions": (channel, "require_newer", _nothing, "ADJ-05"),
    "windows": (channel, "require_in_time", _nothing, "ADJ-10"),
    "deadline": (channel, "enforced", _keeps_deadline, "ADJ-11"),
    "outsiders": (channel, "_is_party", _always, "ADJ-15"),
    "key rotation": (escrow, "_is_named", _always, "ADJ-16"),
    "conditions": (channel, "decided_from", lambda *_: 0, "SET-05"),
    "second execution": (escrow, "is_order_finished", _never, "ADJ-08"),
    "locks": (channel, "require_no_lock", _nothing, "SET-06"),
    "newer orders": (guards, "require_no_lock", _nothing, "SET-06"),
}


def _first_failure(*, on_chain: bool) -> Failure | None:
    report = Report()
    for seed in range(PATIENCE):
        play(arena(), f"planted/{seed}", EPISODE, report, on_chain=on_chain)
        if report.failure is not None:
            return report.failure
    return None


@pytest.mark.parametrize("fault", FAULTS)
def test_invariants__fault_in_the_specification__are_broken(
    fault: str, monkeypatch: pytest.MonkeyPatch
):
    module, name, wrong, broken = FAULTS[fault]
    monkeypatch.setattr(module, name, wrong)
    failure = _first_failure(on_chain=False)
    assert failure is not None, f"{broken} does not notice the fault in {fault}"
    assert broken in failure.message


@pytest.mark.parametrize("fault", ["payouts", "versions", "windows", "second execution"])
def test_lock_step__specification_differs_from_contract__diverges(
    fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    module, name, wrong, _ = FAULTS[fault]
    with monkeypatch.context() as planted:
        planted.setattr(module, name, wrong)
        failure = _first_failure(on_chain=True)
        assert failure is not None

        path = tmp_path / "schedule.json"
        dump(path, shrunk(failure.schedule, _fails_as(failure)), failure.message)
        kept = load(path)
        assert len(kept) < len(failure.schedule)
        assert failure.kind in str(fault_of(arena(), kept))
    assert fault_of(arena(), kept) is None


def _fails_as(failure: Failure) -> Callable[[Any], bool]:
    return lambda schedule: failure.kind in (fault_of(arena(), schedule) or "")
