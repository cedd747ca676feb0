"""Latch the breaker, gather evidence that the alarm is over, and say when that is enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from clearing.spec.oracle_feed import Feed, Latch
from clearing.spec.oracle_math import is_apart, jump_bps
from clearing.spec.oracle_state import Look
from clearing.spec.oracle_types import Grade, Reading, TripReason

__all__ = [
    "CALM_ROUNDS",
    "CALM_S",
    "MAX_EVIDENCE",
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
MAX_EVIDENCE: Final = 255


def latched(latch: Latch, reading: Reading, now: int) -> Latch:
    """Return the latch after a look: a greater reason replaces a lesser one, evidence anew."""
    if reading.trip <= latch.reason:
        return latch
    fresh = Latch(reason=reading.trip, tripped_at=now)
    if reading.trip is TripReason.JUMP and reading.cl_grade is Grade.OK:
        return _counted_from(fresh, reading)
    return fresh


def with_evidence(latch: Latch, look: Look, reading: Reading) -> Latch:
    """Return a latch that stood before this look, with what the look proves."""
    if latch.reason is TripReason.DEVIATION and look.sources.both_ok:
        return _with_agreement(latch, look)
    if latch.reason is TripReason.JUMP and reading.cl_grade is Grade.OK:
        return _with_round(latch, look, reading)
    return latch


def is_reset_due(feed: Feed, look: Look) -> bool:
    """Return whether anybody may take the latch off, after this look was counted."""
    latch = feed.latch
    match latch.reason:
        case TripReason.DEVIATION:
            is_over = look.now >= latch.tripped_at + look.params.cooldown
            return is_over and _is_calm(look) and latch.evidence >= AGREEING_POKES
        case TripReason.JUMP:
            return _is_calm(look) or (_is_walked(latch, look) and not _is_contradicted(look))
        case _:
            return False


def _with_agreement(latch: Latch, look: Look) -> Latch:
    """Count a poke at which both sources agree closely, once for each timestamp."""
    if not _is_calm(look):
        return replace(latch, evidence=0)
    if look.now == latch.last_at:
        return latch
    return replace(latch, evidence=_next(latch.evidence), last_at=look.now)


def _with_round(latch: Latch, look: Look, reading: Reading) -> Latch:
    """Count a new Chainlink round that lies within a jump of the one before."""
    if reading.cl_at <= latch.last_at:
        return latch
    if latch.last_price == 0:
        return _counted_from(latch, reading)
    limit_bps = jump_bps(look.params, reading.cl_at - latch.last_at)
    if is_apart(reading.c, latch.last_price, limit_bps):
        return _counted_from(latch, reading)
    return replace(
        latch, evidence=_next(latch.evidence), last_at=reading.cl_at, last_price=reading.c
    )


def _counted_from(latch: Latch, reading: Reading) -> Latch:
    """Return the latch with the present round as the one that others are counted from."""
    return replace(
        latch, evidence=0, since=reading.cl_at, last_at=reading.cl_at, last_price=reading.c
    )


def _is_calm(look: Look) -> bool:
    chainlink, pyth = look.sources.chainlink, look.sources.pyth
    return look.sources.both_ok and not is_apart(chainlink.price, pyth.price, look.params.reset_dev)


def _is_walked(latch: Latch, look: Look) -> bool:
    """Return whether Chainlink alone has walked calmly for long enough."""
    return (
        look.sources.chainlink.grade is Grade.OK
        and latch.evidence >= CALM_ROUNDS
        and latch.last_at - latch.since >= CALM_S
    )


def _is_contradicted(look: Look) -> bool:
    chainlink, pyth = look.sources.chainlink, look.sources.pyth
    return pyth.grade is Grade.OK and is_apart(chainlink.price, pyth.price, look.params.soft_dev)


def _next(evidence: int) -> int:
    return min(MAX_EVIDENCE, evidence + 1)
