"""The table of measurements: key, the state that it needs, and the function that measures it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.gas.rig import Rig, Scene

__all__ = ["METERS", "Meter", "measure_all", "meter"]


@dataclass(frozen=True, slots=True)
class Meter:
    """One number of snapshots/gas.json."""

    key: str
    given: str
    measure: Callable[[Scene], int]


METERS: Final[dict[str, Meter]] = {}


def meter(key: str, given: str) -> Callable[[Callable[[Scene], int]], Callable[[Scene], int]]:
    """Register a function that brings a scene into the state `given` and returns gasUsed."""

    def register(measure: Callable[[Scene], int]) -> Callable[[Scene], int]:
        assert key not in METERS, f"{key} is measured twice"
        METERS[key] = Meter(key, given, measure)
        return measure

    return register


def measure_all(rig: Rig) -> dict[str, int]:
    """Run every measurement, each from the named state, and return them by key."""
    results = {}
    for key in sorted(METERS):
        with rig.scene() as scene:
            results[key] = METERS[key].measure(scene)
    return results
