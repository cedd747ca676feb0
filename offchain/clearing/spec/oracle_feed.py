"""Hold what is known of one feed, and look at it once: the whole answer of a moment."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.spec.oracle_bands import bands_of
from clearing.spec.oracle_ring import EMPTY_RING, Ring, is_fit, twap
from clearing.spec.oracle_sources import Sources, grade
from clearing.spec.oracle_state import Look, agree, gates_of, state_of, trip_condition
from clearing.spec.oracle_types import (
    FeedMemo,
    FeedParams,
    FeedSources,
    Reading,
    SourceAnswers,
    TripReason,
)

__all__ = ["NOT_LATCHED", "Feed", "Latch", "look_at", "memo_of", "reading_from", "reading_of"]


@dataclass(frozen=True, slots=True)
class Latch:
    """The breaker's memory, and the evidence towards its reset, as FeedMemo words it."""

    reason: TripReason = TripReason.NONE
    tripped_at: int = 0
    pokes: int = 0
    poked_at: int = 0
    rounds: int = 0
    since: int = 0
    last_at: int = 0
    last_price: int = 0


NOT_LATCHED = Latch()


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed's storage."""

    sources: FeedSources
    params: FeedParams
    latch: Latch = NOT_LATCHED
    ring: Ring = EMPTY_RING
    last_good: int = 0
    last_good_at: int = 0
    paused_until: int = 0
    paused_since: int = 0


def look_at(feed: Feed, answers: SourceAnswers, now: int) -> Look:
    """Grade the sources and put the feed's memory beside them."""
    sources = grade(feed.sources, feed.params, answers, now)
    return Look(
        params=feed.params,
        sources=sources,
        twap=_fit_twap(feed, sources, now),
        twap_at=feed.ring.observations[-1].at if feed.ring.observations else 0,
        last_good=feed.last_good,
        last_good_at=feed.last_good_at,
        latch=feed.latch.reason,
        now=now,
    )


def reading_of(feed: Feed, answers: SourceAnswers, now: int) -> Reading:
    """Return all that one look at the sources gives."""
    return reading_from(look_at(feed, answers, now), feed.paused_until)


def reading_from(look: Look, paused_until: int) -> Reading:
    """Return what a look gives."""
    state = state_of(look)
    bands = bands_of(look, state)
    chainlink, pyth, sequencer = look.sources.chainlink, look.sources.pyth, look.sources.sequencer
    return Reading(
        state=state,
        gates=gates_of(look.params, sequencer, paused_until, look.now),
        trip=max(look.latch, trip_condition(look)),
        agree=agree(look),
        pyth_opens=pyth.opens,
        ring_fit=look.twap is not None,
        cl_grade=chainlink.grade,
        py_grade=pyth.grade,
        sequencer=sequencer.status,
        sequencer_since=sequencer.since,
        c=chainlink.price,
        cl_at=chainlink.at,
        p=pyth.price,
        conf=pyth.conf,
        py_at=pyth.at,
        twap=look.twap or 0,
        mid=bands.mid,
        mid_at=bands.mid_at,
        lo=bands.plain.lo,
        hi=bands.plain.hi,
        open_lo=bands.strict.lo,
        open_hi=bands.strict.hi,
        liq_lo=bands.favourable.lo,
        liq_hi=bands.favourable.hi,
        last_good=look.last_good,
        last_good_at=look.last_good_at,
    )


def memo_of(feed: Feed) -> FeedMemo:
    """Return the feed's memory as the contract shows it."""
    return FeedMemo(
        last_good=feed.last_good,
        last_good_at=feed.last_good_at,
        paused_until=feed.paused_until,
        latch=feed.latch.reason,
        tripped_at=feed.latch.tripped_at,
        pokes=feed.latch.pokes,
        poked_at=feed.latch.poked_at,
        rounds=feed.latch.rounds,
        since=feed.latch.since,
        last_at=feed.latch.last_at,
        last_price=feed.latch.last_price,
        head=feed.ring.head,
        count=len(feed.ring.observations),
        gap_at=feed.ring.gap_at,
    )


def _fit_twap(feed: Feed, sources: Sources, now: int) -> int | None:
    """Return the TWAP over the feed's window if the ring may stand in for a source."""
    if not is_fit(feed.ring, feed.params, sources.sequencer, now):
        return None
    return twap(feed.ring, now, feed.params.twap_window)
