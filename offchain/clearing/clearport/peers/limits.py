"""Bound what one peer may cost us."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from clearing.clearport.errors import PeerError

__all__ = ["MAX_FRAME", "QUEUE", "Bucket", "FloodError", "Limits", "Tally"]

MAX_FRAME: Final = 1 << 20
"""Bytes of a frame, at most: 1 MiB."""
QUEUE: Final = 256
"""Messages that wait for one peer, and messages in one frame, at most."""


class FloodError(PeerError):
    """Say that a peer asks too often."""

    code = "PEER_FLOODS"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is waited for how long (seconds), and how much is taken.

    `messages_per_s` and `messages_burst` bound what a peer may send: each KiB counts as a message
    at least, a frame without any as one. `hellos_per_minute` bounds how often it may ask us to
    sign. `patience_s` is how long a full queue is given before the peer counts as slow,
    `parting_s` how long a stream may take to end. A dialler waits from `retry_least_s` to
    `retry_most_s` after a stream that has ended, twice as long each time, until one has lasted
    `retry_most_s`. A dead connection is noticed after `keepalive_s + keepalive_answer_s`.
    """

    messages_per_s: int = 20_000
    messages_burst: int = 40_000
    hellos_per_minute: int = 60
    hellos_burst: int = 20
    greet_s: float = 5.0
    connect_s: float = 5.0
    patience_s: float = 5.0
    parting_s: float = 1.0
    retry_least_s: float = 0.2
    retry_most_s: float = 30.0
    keepalive_s: float = 10.0
    keepalive_answer_s: float = 5.0
    idle_s: float = 60.0
    expiry_check_s: float = 5.0


class Bucket:
    """A token bucket: `rate` tokens come each second until `burst` are there."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = time.monotonic()

    def take(self, cost: int = 1) -> bool:
        """Take tokens; False, and none taken, if there are too few."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True


@dataclass(slots=True)
class Tally:
    """What a peer, or all of them, has sent and been refused: numbers that only rise."""

    frames_in: int = 0
    frames_out: int = 0
    messages_in: int = 0
    messages_out: int = 0
    links: int = 0
    malformed: int = 0
    flooded: int = 0
    slow: int = 0
    refused: int = 0
