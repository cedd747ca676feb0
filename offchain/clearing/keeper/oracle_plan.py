"""Decide which feeds to poke, and for which to pay Pyth. Pure: integers, no clock.

A feed is poked when its ring grows old, when its price has moved, and when a trip is to be latched.
Pyth is paid for when what it would say is far from what the contract knows, or that is too old.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from clearing.spec.oracle_types import FeedMemo, PriceState, Reading, TripReason
from clearing.spec.units import mul_div_down

__all__ = ["FeedNow", "Latest", "OraclePlan", "OraclePolicy", "plan_oracle"]

BPS: Final = 10_000
ENOUGH_POKES: Final = 3
"""A reset asks for two; one more, for a poke that was not counted."""


@dataclass(frozen=True, slots=True)
class OraclePolicy:
    """Seconds and basis points; `pyth_max_age_s` 0: age alone is no reason to pay.

    `day_fee_wei` is what Pyth's fees may come to in a day.
    """

    poke_every_s: int = 150
    poke_move_bps: int = 50
    pyth_move_bps: int = 50
    pyth_max_age_s: int = 0
    day_fee_wei: int = 10**16


@dataclass(frozen=True, slots=True)
class FeedNow:
    """A feed at one moment: what the contract says, and when its ring grew last."""

    feed: bytes
    pyth_id: bytes
    reading: Reading
    memo: FeedMemo
    recorded_at: int


@dataclass(frozen=True, slots=True)
class Latest:
    """What Pyth would say of a price now, wad."""

    price: int
    publish_time: int


@dataclass(frozen=True, slots=True)
class OraclePlan:
    """Feeds by what is to be done; an update pokes, too."""

    update: tuple[bytes, ...] = ()
    poke: tuple[bytes, ...] = ()
    reset: tuple[bytes, ...] = ()


def plan_oracle(
    feeds: Iterable[FeedNow], latest: Mapping[bytes, Latest], policy: OraclePolicy, now: int
) -> OraclePlan:
    """Return what to do; `latest` is by Pyth's id, and lacks what nobody knows."""
    update, poke, reset = [], [], []
    for each in feeds:
        known = latest.get(each.pyth_id)
        if known is not None and _wants_update(each.reading, known, policy, now):
            update.append(each.feed)
        elif _wants_poke(each, policy, now):
            poke.append(each.feed)
        if each.memo.latch:
            reset.append(each.feed)
    return OraclePlan(tuple(update), tuple(poke), tuple(reset))


def _wants_update(reading: Reading, latest: Latest, policy: OraclePolicy, now: int) -> bool:
    if latest.publish_time <= reading.py_at:
        return False
    if reading.state not in {PriceState.NORMAL, PriceState.PRIMARY_ONLY}:
        return True  # a second source decides what may be done
    if policy.pyth_max_age_s and now - reading.py_at >= policy.pyth_max_age_s:
        return True
    is_fresh = reading.state is PriceState.NORMAL
    return _apart(latest.price, reading.p if is_fresh else reading.c, policy)


def _apart(price: int, known: int, policy: OraclePolicy) -> bool:
    return known > 0 and _moved_bps(price, known) >= policy.pyth_move_bps


def _wants_poke(each: FeedNow, policy: OraclePolicy, now: int) -> bool:
    reading, memo = each.reading, each.memo
    if now - each.recorded_at >= policy.poke_every_s:
        return True
    if reading.trip is not TripReason.NONE and memo.latch is not reading.trip:
        return True
    if memo.latch and _is_evidence(reading, memo):
        return True
    is_moved = memo.last_good and _moved_bps(reading.mid, memo.last_good) >= policy.poke_move_bps
    return bool(is_moved) and reading.state is not PriceState.FROZEN


def _is_evidence(reading: Reading, memo: FeedMemo) -> bool:
    """Return whether a poke brings a latched feed nearer to its reset."""
    return (reading.agree and memo.pokes < ENOUGH_POKES) or reading.cl_at > memo.last_at


def _moved_bps(price: int, known: int) -> int:
    return mul_div_down(abs(price - known), BPS, known)
