"""Play readings through the specification, as a keeper would: poke at each row, reset when due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from clearing.oracle.readings import PRICE_DECIMALS, TimedAnswers
from clearing.spec.errors import SpecError
from clearing.spec.events import Event
from clearing.spec.oracle import Oracle, poke_feed, reset
from clearing.spec.oracle_events import Tripped, TripReset
from clearing.spec.oracle_feed import Feed, reading_of
from clearing.spec.oracle_types import FeedId, FeedParams, FeedSources, PriceState, Reading
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = ["Moment", "Transition", "replay", "seconds_by_state", "transitions"]

FEED: Final = FeedId(b"replay".ljust(16, b"\0"))
SOME_FEED: Final = Address(b"\1" * ADDRESS_BYTES)


@dataclass(frozen=True, slots=True)
class Moment:
    """One row of the file and what held after its poke; `events` are what the contract logs."""

    time: int
    reading: Reading
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Transition:
    """A moment that differs from the one before in state or gates, or moved the breaker."""

    before: PriceState | None
    moment: Moment
    tripped: Tripped | None
    reset: TripReset | None


def replay(
    rows: Iterable[TimedAnswers], params: FeedParams, *, resets: bool = True
) -> tuple[Moment, ...]:
    """Poke at each row; where `resets`, take the latch off as soon as anybody may.

    A file without the sequencer's columns has no sequencer feed.
    """
    return tuple(_play(rows, params, resets=resets))


def _play(rows: Iterable[TimedAnswers], params: FeedParams, *, resets: bool) -> Iterator[Moment]:
    feed: Feed | None = None
    for row in rows:
        if feed is None:
            feed = Feed(_sources(row), params)
        feed, effects = poke_feed(feed, FEED, row.answers, row.time)
        if resets:
            feed, more = _reset_if_due(feed, row)
            effects = (*effects, *more)
        events = tuple(effect for effect in effects if isinstance(effect, Event))
        yield Moment(row.time, reading_of(feed, row.answers, row.time), events)


def _reset_if_due(feed: Feed, row: TimedAnswers) -> tuple[Feed, tuple[Event, ...]]:
    """Call `reset` as a stranger does; what it pokes once more changes nothing in its second."""
    try:
        after, effects = reset(
            Oracle(ZERO_ADDRESS, ZERO_ADDRESS, {FEED: feed}),
            SOME_FEED,
            FEED,
            row.answers,
            row.time,
        )
    except SpecError:
        return feed, ()
    return after.feeds[FEED], tuple(e for e in effects if isinstance(e, TripReset))


def _sources(row: TimedAnswers) -> FeedSources:
    return FeedSources(
        cl_feed=SOME_FEED,
        cl_decimals=PRICE_DECIMALS,
        pyth_id=b"\1" * 32,
        sequencer=SOME_FEED if row.has_sequencer else ZERO_ADDRESS,
    )


def transitions(moments: tuple[Moment, ...]) -> tuple[Transition, ...]:
    """Return the first moment and every one that changed something for somebody."""
    found = [_transition(None, moments[0])] if moments else []
    for before, moment in pairwise(moments):
        step = _transition(before.reading.state, moment)
        is_same = (before.reading.state, before.reading.gates) == (
            moment.reading.state,
            moment.reading.gates,
        )
        if not is_same or step.tripped or step.reset:
            found.append(step)
    return tuple(found)


def _transition(before: PriceState | None, moment: Moment) -> Transition:
    tripped = next((e for e in moment.events if isinstance(e, Tripped)), None)
    cleared = next((e for e in moment.events if isinstance(e, TripReset)), None)
    return Transition(before, moment, tripped, cleared)


def seconds_by_state(moments: tuple[Moment, ...]) -> dict[PriceState, int]:
    """Return how long each state lasted; a state lasts until the next row."""
    lasted: dict[PriceState, int] = {}
    for moment, after in pairwise(moments):
        state = moment.reading.state
        lasted[state] = lasted.get(state, 0) + after.time - moment.time
    return lasted
