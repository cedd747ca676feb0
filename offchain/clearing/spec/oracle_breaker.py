"""Latch the breaker, gather evidence that the alarm is over, and say when that is enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from clearing.spec.oracle_feed import Feed, Latch
from clearing.spec.oracle_math import is_apart, jump_bps
from clearing.spec.oracle_sources import Chainlink
from clearing.spec.oracle_state import Look
from clearing.spec.oracle_types import Grade, Reading, TripReason

__all__ = [
    "CALM_ROUNDS",
    "CALM_S",
    "MAX_COUNT",
    "is_reset_due",
    "latched",
    "with_evidence",
]

AGREEING_POKES: Final = 3
"""Of distinct timestamps, the reset's own among them."""
CALM_ROUNDS: Final = 3
"""Chainlink rounds in line, after the one that they are counted from."""
CALM_S: Final = 300
"""From that round to the last one."""
MAX_COUNT: Final = 255
SECONDS_TOLD_APART: Final = 2**24
"""Of the last counted poke's time this much is kept."""


def latched(latch: Latch, look: Look, reading: Reading) -> Latch:
    """Return the latch after a look: a greater reason replaces a lesser one, evidence anew."""
    if reading.trip <= latch.reason:
        return latch
    return _with_round(Latch(reason=reading.trip, tripped_at=look.now), look)


def with_evidence(latch: Latch, look: Look) -> Latch:
    """Return a latch that stood before this look, with what the look proves."""
    if latch.reason is TripReason.NONE:
        return latch
    return _with_round(_with_agreement(latch, look), look)


def is_reset_due(feed: Feed, look: Look) -> bool:
    """Return whether anybody may take the latch off, after this look was counted."""
    latch = feed.latch
    match latch.reason:
        case TripReason.DEVIATION:
            is_over = look.now >= latch.tripped_at + look.params.cooldown
            return is_over and (_is_agreed(latch, look) or _is_left_alone(latch, look))
        case TripReason.JUMP:
            return _is_calm(look) or (_is_walked(latch, look) and not _is_contradicted(look))
        case _:
            return False


def _with_agreement(latch: Latch, look: Look) -> Latch:
    """Count a poke at which both sources agree closely, once for each timestamp."""
    if not look.sources.both_ok:
        return latch
    if not _is_calm(look):
        return replace(latch, pokes=0)
    second = look.now % SECONDS_TOLD_APART
    if second == latch.poked_at:
        return latch
    return replace(latch, pokes=_next(latch.pokes), poked_at=second)


def _with_round(latch: Latch, look: Look) -> Latch:
    """Count a new Chainlink round that lies within a jump of the one before."""
    chainlink = look.sources.chainlink
    if chainlink.grade is not Grade.OK or chainlink.at <= latch.last_at:
        return latch
    if latch.last_price == 0:
        return _counted_from(latch, chainlink)
    limit_bps = jump_bps(look.params, chainlink.at - latch.last_at)
    if is_apart(chainlink.price, latch.last_price, limit_bps):
        return _counted_from(latch, chainlink)
    return replace(
        latch, rounds=_next(latch.rounds), last_at=chainlink.at, last_price=chainlink.price
    )


def _counted_from(latch: Latch, chainlink: Chainlink) -> Latch:
    """Return the latch with the present round as the one that others are counted from."""
    at, price = chainlink.at, chainlink.price
    return replace(latch, rounds=0, since=at, last_at=at, last_price=price)


def _is_agreed(latch: Latch, look: Look) -> bool:
    """Return whether both sources agree closely, now and at enough pokes before."""
    return _is_calm(look) and latch.pokes >= AGREEING_POKES


def _is_left_alone(latch: Latch, look: Look) -> bool:
    """Return whether Pyth rests, after its accusation, while Chainlink has walked calmly."""
    return look.sources.pyth.grade is not Grade.OK and _is_walked(latch, look)


def _is_calm(look: Look) -> bool:
    chainlink, pyth = look.sources.chainlink, look.sources.pyth
    return look.sources.both_ok and not is_apart(chainlink.price, pyth.price, look.params.reset_dev)


def _is_walked(latch: Latch, look: Look) -> bool:
    """Return whether Chainlink alone has walked calmly for long enough."""
    return (
        look.sources.chainlink.grade is Grade.OK
        and latch.rounds >= CALM_ROUNDS
        and latch.last_at - latch.since >= CALM_S
    )


def _is_contradicted(look: Look) -> bool:
    chainlink, pyth = look.sources.chainlink, look.sources.pyth
    return pyth.grade is Grade.OK and is_apart(chainlink.price, pyth.price, look.params.soft_dev)


def _next(count: int) -> int:
    return min(MAX_COUNT, count + 1)
