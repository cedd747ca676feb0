"""Count what the daemon does: plain numbers, so that counting costs the hot path nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

__all__ = ["BUCKETS_S", "Histogram", "Meters"]

BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)


@dataclass(slots=True)
class Histogram:
    """How many durations lay up to each bound, and beyond the last."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0

    def add(self, duration_s: float) -> None:
        """Count one duration, seconds."""
        self.counts[bisect_left(BUCKETS_S, duration_s)] += 1
        self.sum_s += duration_s


@dataclass(slots=True)
class Meters:
    """Since the process began. `dropped` counts what was not said to a peer, by reason.

    `agreed_at`: when the last version became co-signed and durable here, Unix seconds. `agree_s`:
    how long each took from our decision to sign it.
    """

    agreed: int = 0
    agreed_at: float = 0.0
    agree_s: Histogram = field(default_factory=Histogram)
    booked: int = 0
    transitions: int = 0
    commits: int = 0
    commit_s: Histogram = field(default_factory=Histogram)
    signatures: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
