"""Grade what the sources answer. Total: whatever they answer has a grade, and nothing raises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clearing.spec.oracle_types import (
    BPS,
    MAX_DECIMALS,
    ChainlinkAnswer,
    FeedParams,
    FeedSources,
    Grade,
    PythAnswer,
    SequencerAnswer,
    SequencerStatus,
    SourceAnswers,
)
from clearing.spec.types import ZERO_ADDRESS

__all__ = [
    "Chainlink",
    "Pyth",
    "Sequencer",
    "Sources",
    "grade",
    "grade_chainlink",
    "grade_pyth",
    "grade_sequencer",
]

SANITY_SCALE: Final = 10**10
"""From 1e-8 USD, in which the sanity bounds stand, to WAD."""
IS_UP = 0
IS_DOWN = 1


@dataclass(frozen=True, slots=True)
class Chainlink:
    """The primary source, graded; `price` (WAD) and `at` are 0 if it is BROKEN.

    What rests, too old, is out of no bounds.
    """

    grade: Grade
    price: int = 0
    at: int = 0
    is_out_of_bounds: bool = False


@dataclass(frozen=True, slots=True)
class Pyth:
    """The secondary source, graded; `price`, `conf` (WAD) and `at` are 0 if it is BROKEN.

    What is not of the present, too old or ahead, is out of no bounds.
    """

    grade: Grade
    price: int = 0
    conf: int = 0
    at: int = 0
    opens: bool = False
    is_out_of_bounds: bool = False


@dataclass(frozen=True, slots=True)
class Sequencer:
    """What the sequencer feed says; `since` is the time of the flip, 0 if unknown or no feed."""

    status: SequencerStatus
    since: int = 0


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources of a feed, graded at one time."""

    chainlink: Chainlink
    pyth: Pyth
    sequencer: Sequencer

    @property
    def both_ok(self) -> bool:
        """Whether both sources can be used."""
        return self.chainlink.grade is Grade.OK and self.pyth.grade is Grade.OK

    def pyth_time(self, now: int) -> int:
        """Return the time of Pyth's price; one that is ahead counts as of the present."""
        return min(self.pyth.at, now)


def grade(sources: FeedSources, params: FeedParams, answers: SourceAnswers, now: int) -> Sources:
    """Grade all sources of a feed."""
    return Sources(
        grade_chainlink(answers.chainlink, sources.cl_decimals, params, now),
        grade_pyth(answers.pyth, params, now),
        grade_sequencer(answers.sequencer, now)
        if sources.sequencer != ZERO_ADDRESS
        else Sequencer(SequencerStatus.UP),
    )


def grade_chainlink(
    answer: ChainlinkAnswer | None, decimals: int, params: FeedParams, now: int
) -> Chainlink:
    """Grade an aggregator's answer; `decimals` are those of the feed's configuration."""
    if (
        answer is None
        or answer.round_id == 0
        or answer.answer <= 0
        or not 0 < answer.updated_at <= now
        or answer.decimals != decimals
    ):
        return Chainlink(Grade.BROKEN)
    scale: int = 10 ** (MAX_DECIMALS - decimals)
    price = answer.answer * scale
    is_stale = now - answer.updated_at > params.cl_max_stale
    if not _is_sane(price, params):
        return Chainlink(Grade.BROKEN, is_out_of_bounds=not is_stale)
    return Chainlink(Grade.STALE if is_stale else Grade.OK, price, answer.updated_at)


def grade_pyth(answer: PythAnswer | None, params: FeedParams, now: int) -> Pyth:
    """Grade Pyth's price."""
    if (
        answer is None
        or answer.price <= 0
        or answer.publish_time == 0
        or not -MAX_DECIMALS <= answer.expo <= 0
    ):
        return Pyth(Grade.BROKEN)
    scale: int = 10 ** (MAX_DECIMALS + answer.expo)
    price, conf, at = answer.price * scale, answer.conf * scale, answer.publish_time
    is_ahead, is_stale = at > now + params.py_max_ahead, at + params.py_max_stale < now
    if not _is_sane(price, params):
        return Pyth(Grade.BROKEN, is_out_of_bounds=not (is_ahead or is_stale))
    if is_ahead:
        return Pyth(Grade.AHEAD, price, conf, at)
    if is_stale:
        return Pyth(Grade.STALE, price, conf, at)
    if conf * BPS > params.max_conf * price:
        return Pyth(Grade.UNCERTAIN, price, conf, at)
    opens = at + params.py_open_stale >= now and conf * BPS <= params.max_conf_open * price
    return Pyth(Grade.OK, price, conf, at, opens)


def grade_sequencer(answer: SequencerAnswer | None, now: int) -> Sequencer:
    """Say whether the sequencer is up, and since when; `started_at` is the time of the flip."""
    if answer is None or answer.answer not in {IS_UP, IS_DOWN} or not 0 < answer.started_at <= now:
        return Sequencer(SequencerStatus.UNKNOWN)
    status = SequencerStatus.DOWN if answer.answer == IS_DOWN else SequencerStatus.UP
    return Sequencer(status, answer.started_at)


def _is_sane(price: int, params: FeedParams) -> bool:
    return params.sanity_min_e8 * SANITY_SCALE <= price <= params.sanity_max_e8 * SANITY_SCALE
