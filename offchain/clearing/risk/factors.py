"""Compute risk factors: the median of the absolute daily price changes over the last year.

Changes are exact fractions of integers and are ordered by cross-multiplication; the median is
rounded once, up, to WAD (1e18 is 100 %).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cmp_to_key
from itertools import pairwise
from typing import TYPE_CHECKING

from clearing.risk.errors import ClosesTooFew
from clearing.spec.assets import asset_id
from clearing.spec.risk import FactorTable
from clearing.spec.units import WAD, mul_div_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from clearing.risk.daily_closes import AssetCloses, DailyCloses

__all__ = ["DEFAULT_WINDOW", "AssetFactor", "Change", "FactorReport", "factors_of", "median_up"]

DEFAULT_WINDOW = 365
"""Changes, so 366 closes."""


@dataclass(frozen=True, slots=True)
class Change:
    """The absolute change of a price as the fraction move / base; base is positive."""

    move: int
    base: int


@dataclass(frozen=True, slots=True)
class AssetFactor:
    """One asset's factor, WAD; `observations` + `skipped` = the changes in the window."""

    symbol: str
    factor_wad: int
    observations: int
    skipped: int


@dataclass(frozen=True, slots=True)
class FactorReport:
    """The factors over the window of changes that ends on `last_day` (closes from `first_day`)."""

    window: int
    first_day: date
    last_day: date
    factors: tuple[AssetFactor, ...]

    def table(self) -> FactorTable:
        """Return the factors as `clearing.spec.risk.risk_of` takes them."""
        return FactorTable.of({asset_id(row.symbol): row.factor_wad for row in self.factors})


def factors_of(closes: DailyCloses, window: int = DEFAULT_WINDOW) -> FactorReport:
    """Return every asset's factor over the last `window` changes, at least 1.

    A change that touches a day without a price is skipped and counted.
    Raises ClosesTooFew if the days do not hold the window, or an asset has a price for fewer than
    half of its changes.
    """
    available = max(len(closes.days) - 1, 0)
    if available < window:
        raise ClosesTooFew(
            "rows",
            f"{len(closes.days)} days give {available} changes, the window is {window}",
            f"give at least {window + 1} days, or a smaller --window",
        )
    return FactorReport(
        window=window,
        first_day=closes.days[-window - 1],
        last_day=closes.days[-1],
        factors=tuple(_factor_of(asset, window) for asset in closes.assets),
    )


def median_up(changes: Sequence[Change]) -> int:
    """Return the median of at least one change, WAD, rounded up."""
    ordered = sorted(changes, key=cmp_to_key(_compare))
    lower = ordered[(len(ordered) - 1) // 2]
    upper = ordered[len(ordered) // 2]
    doubled = lower.move * upper.base + upper.move * lower.base
    return mul_div_up(doubled, WAD, 2 * lower.base * upper.base)


def _factor_of(asset: AssetCloses, window: int) -> AssetFactor:
    """Take the median of the changes that were observed."""
    changes = [
        Change(move=abs(after - before), base=before)
        for before, after in pairwise(asset.closes[-window - 1 :])
        if before is not None and after is not None
    ]
    if 2 * len(changes) < window:
        raise ClosesTooFew(
            f"column {asset.symbol}_usd",
            f"{len(changes)} of the last {window} changes were observed, fewer than half",
            "remove the column, or give a window in which it has prices",
        )
    return AssetFactor(asset.symbol, median_up(changes), len(changes), window - len(changes))


def _compare(one: Change, other: Change) -> int:
    """Order two fractions without dividing."""
    return one.move * other.base - other.move * one.base
