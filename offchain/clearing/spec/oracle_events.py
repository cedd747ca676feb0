"""Mirror the events of `contracts/interfaces/IPriceOracle.sol`, field for field."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.spec.events import Event
from clearing.spec.oracle_types import (
    FeedId,
    FeedParams,
    FeedSources,
    Gate,
    PriceState,
    TripReason,
)

__all__ = [
    "FeedAdded",
    "FeedPaused",
    "FeedReplaced",
    "ParamsChanged",
    "Poked",
    "TripReset",
    "Tripped",
]


@dataclass(frozen=True, slots=True)
class FeedAdded(Event):
    """A feed exists from now on."""

    feed: FeedId
    sources: FeedSources
    params: FeedParams
    description: str


@dataclass(frozen=True, slots=True)
class FeedReplaced(Event):
    """A feed's prices come from elsewhere from now on."""

    feed: FeedId
    old_sources: FeedSources
    new_sources: FeedSources
    old_params: FeedParams
    new_params: FeedParams
    description: str


@dataclass(frozen=True, slots=True)
class ParamsChanged(Event):
    """A feed's limits are others from now on."""

    feed: FeedId
    old_params: FeedParams
    new_params: FeedParams


@dataclass(frozen=True, slots=True)
class Poked(Event):
    """Somebody poked; `recorded`: `mid` was written to the ring."""

    feed: FeedId
    state: PriceState
    gates: Gate
    mid: int
    recorded: bool


@dataclass(frozen=True, slots=True)
class Tripped(Event):
    """The breaker is latched; prices are 0 where there is none."""

    feed: FeedId
    reason: TripReason
    c: int
    p: int
    twap: int


@dataclass(frozen=True, slots=True)
class TripReset(Event):
    """The latch is off."""

    feed: FeedId
    reason: TripReason
    last_good: int


@dataclass(frozen=True, slots=True)
class FeedPaused(Event):
    """The PAUSED gate is up before `until`; in the past or now: it is down."""

    feed: FeedId
    until: int
