"""Model `contracts/derivatives/PriceOracle.sol`, function for function.

Whoever calls says what the sources answer at that moment; gas, ether and Pyth's own storage are
not modelled. `sender` is the caller, `now` the block's time. What is refused raises `SpecError`
with the name and values of `contracts/interfaces/IPriceOracle.sol`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects
from clearing.spec.oracle_actions import is_allowed
from clearing.spec.oracle_breaker import is_reset_due, latched, with_evidence
from clearing.spec.oracle_events import (
    FeedAdded,
    FeedPaused,
    FeedReplaced,
    ParamsChanged,
    Poked,
    Tripped,
    TripReset,
)
from clearing.spec.oracle_feed import NOT_LATCHED, Feed, look_at, reading_from, reading_of
from clearing.spec.oracle_math import is_apart, jump_bps
from clearing.spec.oracle_params import require_params, require_sources
from clearing.spec.oracle_ring import record, restarted, twap
from clearing.spec.oracle_types import (
    Action,
    FeedId,
    FeedParams,
    FeedSources,
    Grade,
    PriceState,
    Reading,
    SequencerStatus,
    SourceAnswers,
    TripReason,
)
from clearing.spec.units import DAY_S, Address

__all__ = [
    "MAX_FEE_WEI",
    "MAX_PAUSE_S",
    "MAX_PAUSE_TOTAL_S",
    "MAX_UPDATES",
    "PAUSE_GAP_S",
    "REPLACE_MAX_DEV_BPS",
    "Heard",
    "Listing",
    "Oracle",
    "add_feed",
    "feed_of",
    "lift_pause",
    "pause",
    "poke",
    "poke_feed",
    "refund_of",
    "replace_feed",
    "reset",
    "set_params",
    "twap_of",
]

MAX_PAUSE_S: Final = 72 * 3_600
MAX_PAUSE_TOTAL_S: Final = 19 * DAY_S
PAUSE_GAP_S: Final = 7 * DAY_S
REPLACE_MAX_DEV_BPS: Final = 500
MAX_UPDATES: Final = 8
MAX_FEE_WEI: Final = 10**16
NO_FEED: Final = bytes(16)

GOOD: Final = frozenset({PriceState.NORMAL, PriceState.PRIMARY_ONLY, PriceState.SECONDARY_ONLY})
"""States whose mid becomes the last good price, unless that is of newer data."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """The oracle's storage and what its constructor fixes; feeds in the order of their addition."""

    timelock: Address
    guardian: Address
    feeds: Mapping[FeedId, Feed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a proposal says of a feed; `description` is what the aggregator must say of itself."""

    sources: FeedSources
    params: FeedParams
    description: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What a listing's sources answer, and what its aggregator says of itself."""

    answers: SourceAnswers
    decimals: int
    description: str


# VIEWS


def feed_of(oracle: Oracle, feed_id: FeedId) -> Feed:
    """Return a feed. Raises UnknownFeed."""
    feed = oracle.feeds.get(feed_id)
    if feed is None:
        raise SpecError("UnknownFeed", feed_id)
    return feed


def twap_of(oracle: Oracle, feed_id: FeedId, now: int, window_s: int) -> int:
    """Return the average over a window, fit or not. Raises UnknownFeed, TwapUnavailable."""
    price = twap(feed_of(oracle, feed_id).ring, now, window_s)
    if price is None:
        raise SpecError("TwapUnavailable", feed_id, window_s)
    return price


def refund_of(paid_wei: int, fee_wei: int, updates: int) -> int:
    """Return what `updateAndPoke` gives back. Raises TooManyUpdates, FeeTooHigh, FeeNotPaid."""
    if updates > MAX_UPDATES:
        raise SpecError("TooManyUpdates", updates, MAX_UPDATES)
    if fee_wei > MAX_FEE_WEI:
        raise SpecError("FeeTooHigh", fee_wei, MAX_FEE_WEI)
    if paid_wei < fee_wei:
        raise SpecError("FeeNotPaid", paid_wei, fee_wei)
    return paid_wei - fee_wei


# UPKEEP


def poke(
    oracle: Oracle, feed_id: FeedId, answers: SourceAnswers, now: int
) -> tuple[Oracle, Effects]:
    """Look at the sources; latch the breaker, or accept the price and record it."""
    feed, effects = poke_feed(feed_of(oracle, feed_id), feed_id, answers, now)
    return _put(oracle, feed_id, feed), effects


def poke_feed(
    feed: Feed, feed_id: FeedId, answers: SourceAnswers, now: int
) -> tuple[Feed, Effects]:
    """Poke one feed: latch, evidence, last good price, ring, in this order."""
    look = look_at(feed, answers, now)
    reading = reading_from(look, feed.paused_until)
    effects: Effects = ()

    latch = latched(feed.latch, look, reading)
    if latch is not feed.latch:
        effects = (Tripped(feed_id, latch.reason, reading.c, reading.p, reading.twap),)
    else:
        latch = with_evidence(latch, look)
    feed = replace(feed, latch=latch)
    if reading.state in GOOD and reading.mid_at >= feed.last_good_at:
        feed = replace(feed, last_good=reading.mid, last_good_at=reading.mid_at)
    recorded = False
    if is_allowed(reading, Action.TWAP_RECORD):
        ring, recorded = record(feed.ring, now, reading.mid, feed.params.twap_max_gap)
        feed = replace(feed, ring=ring)
    poked = Poked(feed_id, reading.state, reading.gates, reading.mid, recorded)
    return feed, (*effects, poked)


def reset(
    oracle: Oracle, sender: Address, feed_id: FeedId, answers: SourceAnswers, now: int
) -> tuple[Oracle, Effects]:
    """Take the latch off, after a poke. Raises UnknownFeed, NotTripped, ResetNotDue."""
    feed, effects = poke_feed(feed_of(oracle, feed_id), feed_id, answers, now)
    reason = feed.latch.reason
    if reason is TripReason.NONE:
        raise SpecError("NotTripped", feed_id)
    if sender != oracle.timelock and not is_reset_due(feed, look_at(feed, answers, now)):
        raise SpecError("ResetNotDue", feed_id, reason)

    feed = replace(feed, latch=NOT_LATCHED)
    untested = reading_of(replace(feed, last_good=0, last_good_at=0), answers, now)
    if untested.state in GOOD:
        feed = replace(feed, last_good=untested.mid, last_good_at=untested.mid_at)
    event = TripReset(feed_id, reason, feed.last_good)
    return _put(oracle, feed_id, feed), (*effects, event)


# GUARDIAN


def pause(
    oracle: Oracle, sender: Address, feed_id: FeedId, until: int, now: int
) -> tuple[Oracle, Effects]:
    """Put the PAUSED gate up, or let it be up longer: 72 hours from now, 19 days in all.

    Raises NotGuardian, UnknownFeed, PauseTooSoon, PauseInPast.
    """
    if sender != oracle.guardian:
        raise SpecError("NotGuardian", sender)
    feed = feed_of(oracle, feed_id)
    not_before = feed.paused_until + PAUSE_GAP_S
    is_running = now < feed.paused_until
    if feed.paused_until and not is_running and now < not_before:
        raise SpecError("PauseTooSoon", not_before)
    if until <= now:
        raise SpecError("PauseInPast", until)
    since = feed.paused_since if is_running else now
    until = min(until, now + MAX_PAUSE_S, since + MAX_PAUSE_TOTAL_S)
    if until <= feed.paused_until:
        raise SpecError("PauseTooSoon", not_before)

    feed = replace(feed, paused_until=until, paused_since=since)
    return _put(oracle, feed_id, feed), (FeedPaused(feed_id, until),)


# TIMELOCK


def lift_pause(
    oracle: Oracle, sender: Address, feed_id: FeedId, now: int
) -> tuple[Oracle, Effects]:
    """Put the PAUSED gate down before its time. Raises NotTimelock, UnknownFeed."""
    _require_timelock(oracle, sender)
    feed = feed_of(oracle, feed_id)
    if now >= feed.paused_until:
        return oracle, ()
    return _put(oracle, feed_id, replace(feed, paused_until=now)), (FeedPaused(feed_id, now),)


def set_params(
    oracle: Oracle, sender: Address, feed_id: FeedId, params: FeedParams, now: int
) -> tuple[Oracle, Effects]:
    """Change a feed's limits. Raises NotTimelock, UnknownFeed, BadParameter."""
    _require_timelock(oracle, sender)
    feed = feed_of(oracle, feed_id)
    require_params(params)
    event = ParamsChanged(feed_id, feed.params, params)
    return _put(oracle, feed_id, _with_params(feed, params, now)), (event,)


def add_feed(
    oracle: Oracle, sender: Address, feed_id: FeedId, listing: Listing, heard: Heard, now: int
) -> tuple[Oracle, Effects]:
    """Add a feed that passes its self-test, and poke it.

    Raises NotTimelock, BadParameter, FeedExists, WrongDecimals, WrongDescription, SelfTestFailed.
    """
    _require_timelock(oracle, sender)
    if feed_id in oracle.feeds:
        raise SpecError("FeedExists", feed_id)
    if feed_id == NO_FEED:
        raise SpecError("BadParameter", "feed")
    _require_listing(listing, heard)
    added = Feed(listing.sources, listing.params)
    reading = reading_of(added, heard.answers, now)
    if reading.state is not PriceState.NORMAL or reading.sequencer is not SequencerStatus.UP:
        raise SpecError("SelfTestFailed", reading.state, reading.gates)

    event = FeedAdded(feed_id, listing.sources, listing.params, listing.description)
    feed, effects = poke_feed(added, feed_id, heard.answers, now)
    return _put(oracle, feed_id, feed), (event, *effects)


def replace_feed(
    oracle: Oracle,
    sender: Address,
    feed_id: FeedId,
    listing: Listing,
    present_answers: SourceAnswers,
    heard: Heard,
    now: int,
) -> tuple[Oracle, Effects]:
    """Let a feed's prices come from elsewhere, and poke it.

    `present_answers` is what the sources answer that are replaced. Raises NotTimelock, UnknownFeed,
    BadParameter, WrongDecimals, WrongDescription, SelfTestFailed, PriceMoved.
    """
    _require_timelock(oracle, sender)
    old = feed_of(oracle, feed_id)
    _require_listing(listing, heard)
    present = reading_of(old, present_answers, now)
    new = replace(_with_params(old, listing.params, now), sources=listing.sources)
    reading = reading_of(new, heard.answers, now)
    is_blind = present.state in {PriceState.FROZEN, PriceState.TRIPPED}
    would_trip = reading.state is PriceState.TRIPPED and old.latch.reason is TripReason.NONE
    is_new_pyth = listing.sources.pyth_id != old.sources.pyth_id
    if would_trip or not _can_replace(reading, must_agree=is_blind or is_new_pyth):
        raise SpecError("SelfTestFailed", reading.state, reading.gates)
    want = old.last_good if is_blind else present.mid
    elapsed_s = max(0, reading.cl_at - old.last_good_at)
    jump = jump_bps(listing.params, elapsed_s) if is_blind else 0
    max_dev = max(REPLACE_MAX_DEV_BPS, jump)
    if is_apart(reading.c, want, max_dev):
        raise SpecError("PriceMoved", reading.c, want, max_dev)
    if reading.sequencer is not SequencerStatus.UP:
        raise SpecError("SelfTestFailed", reading.state, reading.gates)

    event = FeedReplaced(
        feed_id, old.sources, listing.sources, old.params, listing.params, listing.description
    )
    feed, effects = poke_feed(new, feed_id, heard.answers, now)
    return _put(oracle, feed_id, feed), (event, *effects)


def _can_replace(reading: Reading, *, must_agree: bool) -> bool:
    """Return whether Chainlink answers and, without a price or with a new id, Pyth confirms it."""
    if reading.cl_grade is not Grade.OK:
        return False
    return not must_agree or (reading.agree and reading.py_grade is Grade.OK)


def _require_listing(listing: Listing, heard: Heard) -> None:
    """Refuse an aggregator that is not the one that was meant, and limits out of bounds."""
    require_sources(listing.sources)
    if heard.decimals != listing.sources.cl_decimals:
        raise SpecError("WrongDecimals", heard.decimals, listing.sources.cl_decimals)
    if heard.description != listing.description:
        raise SpecError("WrongDescription", heard.description, listing.description)
    require_params(listing.params)


def _require_timelock(oracle: Oracle, sender: Address) -> None:
    if sender != oracle.timelock:
        raise SpecError("NotTimelock", sender)


def _with_params(feed: Feed, params: FeedParams, now: int) -> Feed:
    """Return the feed with other limits; gaps that the old ones allowed are gaps from now on."""
    is_stricter = params.twap_max_gap < feed.params.twap_max_gap
    ring = restarted(feed.ring, now) if is_stricter else feed.ring
    return replace(feed, params=params, ring=ring)


def _put(oracle: Oracle, feed_id: FeedId, feed: Feed) -> Oracle:
    return replace(oracle, feeds={**oracle.feeds, feed_id: feed})
