"""Whole lives of a breaker: whoever calls what, it opens only as its reason allows.

The judge keeps every look since the trip and decides by itself, from the words of the interface,
whether anybody might reset.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field, replace
from random import Random

from clearing.spec.errors import SpecError
from clearing.spec.oracle import Oracle, lift_pause, pause, poke, reset, set_params
from clearing.spec.oracle_feed import Feed, reading_of
from clearing.spec.oracle_math import is_apart, jump_bps
from clearing.spec.oracle_types import (
    ChainlinkAnswer,
    Grade,
    PriceState,
    PythAnswer,
    Reading,
    SourceAnswers,
    TripReason,
)
from clearing.spec.units import Address
from tests.harness.prices import E8, FEED, NOW, PARAMS, SOURCES, UP, usd

__all__ = ["Life"]

TIMELOCK = Address(b"\x71" * 20)
GUARDIAN = Address(b"\x6a" * 20)
STRANGER = Address(b"\x57" * 20)
USUAL, INSANE = 3_000 * E8, 10**6 * E8
LIMITS = replace(PARAMS, sanity_max_e8=INSANE - 1)
ROUNDS_NEEDED = POKES_NEEDED = 3
SPAN_S = 300

# within resetDev, softDev, hardDev, beyond; up and down
STEPS_BPS = (0, 0, 0, 0, 10, -10, 20, -20, 45, 200, 320, -320, 2_000, -2_000)
GAPS_S = (0, 1, 40, 100, 150, 400)

Look = tuple[int, int, int | None, int | None]
"""When, Chainlink's time, and both prices; None where the source is not OK."""


@dataclass
class Judge:
    """What has been seen since the trip."""

    reason: TripReason = TripReason.NONE
    tripped_at: int = 0
    looks: list[Look] = field(default_factory=list)

    def see(self, reading: Reading, now: int) -> None:
        """Note a poke. The look that trips shows no agreement, but its round counts."""
        c = reading.c if reading.cl_grade is Grade.OK else None
        p = reading.p if reading.py_grade is Grade.OK else None
        if reading.trip > self.reason:
            self.reason, self.tripped_at, self.looks = reading.trip, now, []
        self.looks.append((now, reading.cl_at, c, p))

    def is_due(self, now: int) -> bool:
        """Say whether a stranger may reset; the last look is of now."""
        _, _, c, p = self.looks[-1] if self.looks else (0, 0, None, None)
        is_close = c is not None and p is not None and not is_apart(c, p, LIMITS.reset_dev)
        if self.reason is TripReason.DEVIATION:
            is_over = now - self.tripped_at >= LIMITS.cooldown
            is_agreed = is_close and self.agreed() >= POKES_NEEDED
            is_left_alone = c is not None and p is None and self.has_walked()
            return is_over and (is_agreed or is_left_alone)
        if self.reason is TripReason.JUMP:
            is_against = c is not None and p is not None and is_apart(c, p, LIMITS.soft_dev)
            return is_close or (c is not None and not is_against and self.has_walked())
        return False

    def agreed(self) -> int:
        """Count the timestamps of agreement since the last disagreement."""
        times: list[int] = []
        last = 0
        for now, _, c, p in self.looks:
            if c is None or p is None:
                continue
            if is_apart(c, p, LIMITS.reset_dev):
                times = []
            elif now != last:
                times.append(now)
                last = now
        return len(times)

    def has_walked(self) -> bool:
        """Say whether the last rounds are in line: three after a first, over 300 s at least."""
        rounds: list[tuple[int, int]] = []
        for _, at, c, _ in self.looks:
            if c is None or (rounds and at <= rounds[-1][0]):
                continue
            if rounds and is_apart(c, rounds[-1][1], jump_bps(LIMITS, at - rounds[-1][0])):
                rounds = []
            rounds.append((at, c))
        return len(rounds) > ROUNDS_NEEDED and rounds[-1][0] - rounds[0][0] >= SPAN_S


class Life:
    """A feed, its sources' prices in 1e-8 USD, and callers of every kind; `seen` counts them."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.seen: Counter[str] = Counter()
        self.now = self.round_at = NOW
        self.c = self.p = USUAL
        self.has_chainlink = self.has_pyth = True
        self.judge = Judge()
        feed = Feed(SOURCES, LIMITS, last_good=usd("3000"), last_good_at=NOW)
        self.oracle = Oracle(TIMELOCK, GUARDIAN, {FEED: feed})

    @property
    def feed(self) -> Feed:
        return self.oracle.feeds[FEED]

    @property
    def answers(self) -> SourceAnswers:
        return SourceAnswers(
            ChainlinkAnswer(8, 1, self.c, self.round_at) if self.has_chainlink else None,
            PythAnswer(self.p, 0, -8, self.now) if self.has_pyth else None,
            UP,
        )

    def play(self, actions: int) -> None:
        """Let something happen so many times, and judge after each."""
        happenings = (
            [self.move] * 4 + [self.calm] * 3 + [self.poke] * 6 + [self.try_reset] * 6
        ) + [self.come_and_go, self.go_insane, self.govern]
        for _ in range(actions):
            self.random.choice(happenings)()
            latch = self.feed.latch.reason
            assert latch is self.judge.reason, "ORA-14"
            if latch is not TripReason.NONE:
                assert self.read().state is PriceState.TRIPPED, "ORA-14"

    def read(self) -> Reading:
        return reading_of(self.feed, self.answers, self.now)

    # THE WORLD

    def move(self) -> None:
        """Chainlink moves, or stands; Pyth says something near or far."""
        self.now += self.random.choice(GAPS_S)
        if self.random.random() < 0.7:
            self.c = max(E8, self.c + self.c * self.random.choice(STEPS_BPS) // 10_000)
            self.round_at = self.now
        self.p = self.c + self.c * self.random.choice(STEPS_BPS) // 10_000

    def calm(self) -> None:
        """New rounds of one price, with Pyth beside it or silent, each poked."""
        self.has_chainlink, self.has_pyth = True, self.random.random() < 0.5
        self.p = self.c
        for _ in range(self.random.randint(1, 4)):
            self.now += self.random.choice((60, 100, 150))
            self.round_at = self.now
            self.poke()

    def come_and_go(self) -> None:
        self.has_chainlink = self.random.random() < 0.8
        self.has_pyth = self.random.random() < 0.6

    def go_insane(self) -> None:
        """Both sources leave the sanity bounds, or return."""
        self.c = self.p = INSANE if self.random.random() < 0.3 else USUAL
        self.round_at = self.now

    # CALLERS

    def poke(self) -> None:
        before, reading = self.feed.latch.reason, self.read()
        self.oracle, _ = poke(self.oracle, FEED, self.answers, self.now)
        self.judge.see(reading, self.now)
        assert self.feed.latch.reason is max(before, reading.trip), "ORA-13"

    def try_reset(self) -> None:
        """Somebody tries, the timelock seldom; a refused call leaves nothing behind."""
        sender = self.random.choice((STRANGER,) * 6 + (GUARDIAN,) * 3 + (TIMELOCK,))
        judge = deepcopy(self.judge)
        judge.see(self.read(), self.now)
        is_tripped = judge.reason is not TripReason.NONE
        is_due = judge.is_due(self.now) or sender == TIMELOCK
        try:
            self.oracle, _ = reset(self.oracle, sender, FEED, self.answers, self.now)
        except SpecError as refused:
            name = refused.name
            self.seen[name] += 1
        else:
            name = None
        if name is not None:
            assert name == ("ResetNotDue" if is_tripped else "NotTripped"), "ORA-14"
            is_jump = judge.reason is TripReason.JUMP
            assert not (is_tripped and is_due), "ORA-15" if is_jump else "ORA-26"
            return
        assert is_tripped, "ORA-14"
        assert is_due, "ORA-14"
        who = "timelock" if sender == TIMELOCK else "anybody"
        self.seen[f"{judge.reason.name} reset by {who}"] += 1
        self.seen[f"{judge.reason.name} reset by {who}, Pyth resting"] += judge.looks[-1][3] is None
        self.judge = Judge()

    def govern(self) -> None:
        """What guardian and timelock do otherwise leaves the latch alone."""
        before = self.feed.latch
        try:
            until = self.now + self.random.randint(0, 10**6)
            self.oracle, _ = pause(self.oracle, GUARDIAN, FEED, until, self.now)
        except SpecError:
            self.oracle, _ = lift_pause(self.oracle, TIMELOCK, FEED, self.now)
        self.oracle, _ = set_params(self.oracle, TIMELOCK, FEED, LIMITS, self.now)
        assert self.feed.latch == before, "ORA-14"
