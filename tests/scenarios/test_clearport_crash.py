"""Kill a daemon at every boundary of a channel's life; restarted, it keeps every promise.

Two daemons' lanes run in this process over their real stores, keys and outboxes; the chain is the
specification's. A boundary lies before and after each commit, signature, message and transaction
of a side. What a side has not made durable when it dies is lost.

For the world outside, the boundary after one of these is the one before the next: on other days
than the nightly one only the first of such a pair is tried.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clearing.spec.types import Side
from tests.harness.clearport_chapters import CHAPTERS, Chapter
from tests.harness.clearport_ports import Fuse
from tests.harness.clearport_two import Kept, Two, begin, resume

IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
LIVES = 40 if IS_NIGHTLY else 3
KINDS = ("persist", "sign", "send", "submit", "note")
LEAST = {"persist": 60, "sign": 14, "send": 50, "submit": 4, "note": 12}
"""So many boundaries of a kind a life has at least, of both sides together."""


@dataclass(frozen=True)
class Outcome:
    """What a chapter has come to: liabilities, collateral, and both brokers' ledgers."""

    positions: tuple[object, ...]
    ledgers: tuple[tuple[object, int], ...]


@dataclass(frozen=True)
class Lived:
    """A chapter as it goes when nobody dies; `passed` are each side's boundaries."""

    before: Kept
    after: Kept
    passed: tuple[tuple[str, ...], tuple[str, ...]]
    outcome: Outcome


def _outcome(two: Two) -> Outcome:
    positions = []
    for process in two.processes:
        position = process.line.position
        splits = () if position.state is None else position.state.splits
        positions.append((position.epoch, position.liabilities, position.variation, splits))
    return Outcome(tuple(positions), tuple(sorted(two.node.chain.world.ledgers.items())))


async def _live(kept: Kept, chapter: Chapter, folder: Path, fuses: tuple[Fuse, Fuse]) -> Two:
    two = await resume(kept, folder, fuses)
    await two.live(chapter)
    return two


async def _whole(folder: Path) -> dict[str, Lived]:
    """Live through all of it undisturbed."""
    lived = {}
    kept = begin(folder)
    for chapter in CHAPTERS:
        before, fuses = kept, (Fuse(), Fuse())
        two = await _live(kept, chapter, folder, fuses)
        outcome = _outcome(two)
        kept = await two.close(folder)
        passed = (tuple(fuses[0].passed), tuple(fuses[1].passed))
        lived[chapter.name] = Lived(before, kept, passed, outcome)
    return lived


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lived]:
    return asyncio.run(_whole(tmp_path_factory.mktemp("life")))


def _worth_killing_at(passed: tuple[str, ...]) -> Iterator[int]:
    """Yield the boundaries to try."""
    for place, name in enumerate(passed):
        follows = place > 0 and passed[place - 1].startswith("after")
        if IS_NIGHTLY or not (name.startswith("before") and follows):
            yield place


async def _die_everywhere(lived: Lived, chapter: Chapter, side: Side, folder: Path) -> int:
    """Kill one side at each boundary of a chapter; return how often it died."""
    deaths = 0
    for place in _worth_killing_at(lived.passed[side]):
        fuses = (Fuse(), Fuse())
        fuses[side].kill_at = place
        two = await _live(lived.before, chapter, folder, fuses)
        where = f"{chapter.name}: {side.name} died {lived.passed[side][place]} ({place})"
        assert _outcome(two) == lived.outcome, where
        await two.close(folder)
        deaths += two.kills[side]
    return deaths


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_lanes__killed_at_every_boundary__both_agree_and_nothing_is_done_twice(
    life: dict[str, Lived], chapter: Chapter, side: Side, tmp_path: Path
) -> None:
    """CLP-01, CLP-02, CLP-03, CLP-06, CLP-07, CLP-10: the outcome is the undisturbed one."""
    lived = life[chapter.name]
    tried = len(tuple(_worth_killing_at(lived.passed[side])))

    deaths = asyncio.run(_die_everywhere(lived, chapter, side, tmp_path))

    assert deaths > 0.9 * tried > 0


def test_lanes__undisturbed__pass_boundaries_of_every_kind(life: dict[str, Lived]) -> None:
    """The matrix above looks at something."""
    counts = Counter(
        name.split()[1] for lived in life.values() for passed in lived.passed for name in passed
    )

    assert {kind: counts[kind] >= LEAST[kind] for kind in KINDS} == dict.fromkeys(KINDS, True)
    assert life["refuse"].outcome.positions[0] == life["refuse"].outcome.positions[1]


async def _die_often(seed: int, folder: Path) -> tuple[Outcome, int]:
    """Kill both sides again and again through a whole life; return how it ends."""
    draw = random.Random(seed)
    kept = begin(folder)
    deaths = 0
    for chapter in CHAPTERS:
        fuses = (Fuse(draw.randrange(20)), Fuse(draw.randrange(20)))
        two = await resume(kept, folder, fuses)
        two.next_fuse = lambda: Fuse(draw.randrange(30) if draw.random() < 0.5 else None)
        await two.live(chapter)
        deaths += sum(two.kills.values())
        outcome = _outcome(two)
        kept = await two.close(folder)
    return outcome, deaths


@pytest.mark.parametrize("seed", range(LIVES))
def test_lanes__both_die_again_and_again__the_end_is_the_undisturbed_one(
    life: dict[str, Lived], seed: int, tmp_path: Path
) -> None:
    """CLP-03, CLP-10: also killed while they recover, and both at once."""
    outcome, deaths = asyncio.run(_die_often(seed, tmp_path))

    assert deaths > len(CHAPTERS)
    assert outcome == life["close"].outcome
