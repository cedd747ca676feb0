"""Compare and widen prices: the few formulas that all rules of the oracle are made of."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from clearing.spec.oracle_types import BPS, FeedParams
from clearing.spec.units import mul_div_up

__all__ = ["Band", "around", "hull", "is_apart", "jump_bps", "part"]


@dataclass(frozen=True, slots=True)
class Band:
    """Prices between which the true one lies, WAD; `lo` is never below 1."""

    lo: int
    hi: int


def is_apart(a: int, b: int, limit_bps: int) -> bool:
    """Return whether two prices differ by more than the limit, measured by the lower one."""
    return abs(a - b) * BPS > limit_bps * min(a, b)


def part(value: int, share_bps: int) -> int:
    """Return a share of a value, rounded up."""
    return mul_div_up(value, share_bps, BPS)


def around(price: int, half_width: int) -> Band:
    """Return price ∓ half_width, cut off below 1."""
    return Band(max(1, price - half_width), price + half_width)


def hull(first: Band, *others: Band) -> Band:
    """Return the least band that contains all of them."""
    every = (first, *others)
    return Band(min(band.lo for band in every), max(band.hi for band in every))


def jump_bps(params: FeedParams, elapsed_s: int) -> int:
    """Return by how much a price may differ from one that is so old; the root rounds down."""
    return min(params.jump_cap, params.jump_base + params.jump_slope * isqrt(elapsed_s))
