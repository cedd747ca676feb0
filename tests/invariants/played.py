"""What a machine answers when it has played: how far, what was seen, and the first fault.

Every machine of `clearing fuzz` is a module with `play(seed, steps) -> Played` and
`unseen(seen) -> list[str]`. A seed and a number of steps always give the same schedule, in any
process: a fault is replayed by its seed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Fault", "Played", "Seen"]

Seen = Counter[tuple[str, str]]
"""How often each (move, result) was met; a result is ACCEPTED or the name of an error."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that did not hold."""

    message: str
    """What, with the invariant's ID if it has one, and the values that show it."""
    step: int
    """Number of the move it showed after, from 0 at the schedule's begin."""


@dataclass(frozen=True, slots=True)
class Played:
    """One schedule, to its end or to its first fault."""

    steps: int
    """Moves that were made, the faulty one included."""
    seen: Seen = field(default_factory=Counter)
    fault: Fault | None = None
