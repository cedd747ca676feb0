"""The machine finds what it is for: each planted fault is found, shrunk, kept and found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clearing.spec import channel, escrow, guards, rules
from clearing.spec.types import AssetAmounts, Status
from tests.invariants.channels import fault_in, keep, kind_of, record
from tests.invariants.machines import MACHINES
from tests.invariants.played import Fault

PATIENCE = 60
"""Schedules in which a planted fault must show."""
STEPS = MACHINES["channels"].schedule


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


def _first_fault(*, on_chain: bool) -> tuple[str, Fault]:
    """Return the seed and the fault of the first schedule that fails."""
    for seed in (f"planted/{at}" for at in range(PATIENCE)):
        played, _ = record(seed, STEPS, on_chain=on_chain)
        if played.fault is not None:
            return seed, played.fault
    pytest.fail(f"nothing was found in {PATIENCE} schedules")


@pytest.mark.parametrize("fault", FAULTS)
def test_invariants__fault_in_the_specification__are_broken(
    fault: str, monkeypatch: pytest.MonkeyPatch
):
    module, name, wrong, broken = FAULTS[fault]
    monkeypatch.setattr(module, name, wrong)
    _, found = _first_fault(on_chain=False)
    assert broken in found.message


@pytest.mark.parametrize("fault", ["payouts", "versions", "windows", "second execution"])
def test_lock_step__specification_differs_from_contract__diverges(
    fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    module, name, wrong, _ = FAULTS[fault]
    path = tmp_path / "schedule.json"
    with monkeypatch.context() as planted:
        planted.setattr(module, name, wrong)
        seed, found = _first_fault(on_chain=True)
        assert 0 < keep(seed, STEPS, path) <= found.step
        assert kind_of(found.message) in str(fault_in(path))
    assert fault_in(path) is None
