"""Mirror the book in arrays, and find in one sweep who may be under water.

An account's equity less its maintenance margin is linear in its sizes, but for the slope of margin
rates: what does not depend on prices is added up once, when an account changes, and a sweep is one
product of a matrix and a vector. Floating point finds, integers judge: what `suspects` leaves out
has more than 1 % of its maintenance margin to spare, far beyond what rounding can hide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clearing.keeper.book import Book
from clearing.keeper.exact import Terms
from clearing.spec.perp_types import FIRST_OWNED

__all__ = ["Columns"]

MARGIN: Final = 1.01
"""Suspects have less than this many times their maintenance margin."""
ROUNDING: Final = 1e-9
"""Of everything that was added up: an account with huge sums and a small rest is a suspect."""
LEAST_ROWS: Final = 1_024
WAD: Final = 1e18
PICO: Final = 1e12
LOTS: Final = 1e8
OWED: Final = 1e20
"""Lots · pico per unit, in one USD."""
PPM: Final = 1e6
BPS: Final = 1e4
SLOPE_BASE: Final = 1e12
"""USD of notional · ppm that a slope is given for."""

_Floats = NDArray[np.float64]


class Columns:
    """`_sizes` has two lines a market, lots of longs and lots of shorts, and a row an account."""

    def __init__(self) -> None:
        self._fixed: _Floats = np.zeros(LEAST_ROWS)
        """USD: cash, quotes and what the stored indices are worth, less what rounding may hide."""
        self._sizes: _Floats = np.zeros((0, LEAST_ROWS))
        self._lines: dict[int, int] = {}
        self._held: dict[int, frozenset[int]] = {}

    def follow(self, book: Book) -> None:
        """Take over whatever changed in a book since the last time."""
        if not book.dirty:
            return
        self._fit(max(book.dirty) + 1, book)
        for account in book.dirty:
            held = book.positions(account)
            for market in self._held.pop(account, frozenset()) - held.keys():
                line = self._lines[market]
                self._sizes[line : line + 2, account] = 0.0
            cash = book.cash.get(account, 0) / WAD
            fixed, sums = cash, abs(cash)
            for market, position in held.items():
                line, size = self._lines[market], float(position.size)
                self._sizes[line, account] = max(size, 0.0)
                self._sizes[line + 1, account] = max(-size, 0.0)
                quote, index = position.quote / PICO, size * position.index / OWED
                fixed += quote + index
                sums += abs(quote) + abs(index)
            if held:
                self._held[account] = frozenset(held)
            self._fixed[account] = fixed - ROUNDING * sums
        book.dirty.clear()

    def suspects(self, terms: Mapping[int, Terms]) -> list[int]:
        """Return the accounts that may be below maintenance margin, ascending."""
        weights = np.zeros(len(self._sizes))
        for market, line in self._lines.items():
            weights[line : line + 2] = _weights(terms[market])
        spare = self._fixed + weights @ self._sizes
        for market, line in self._lines.items():
            if terms[market].risk.slope:
                spare -= self._steeper(line, terms[market])
        return [int(row) for row in np.flatnonzero(spare < 0.0) if row >= FIRST_OWNED]

    def largest(self, market: int, count: int, *, is_long: bool) -> list[int]:
        """Return the accounts with the largest positions of a side, the largest first."""
        line = self._lines.get(market)
        if line is None:
            return []
        sizes = self._sizes[line if is_long else line + 1]
        rows = np.flatnonzero(sizes)
        return [int(row) for row in rows[np.argsort(-sizes[rows], kind="stable")][:count]]

    def _steeper(self, line: int, t: Terms) -> _Floats:
        """Return what the slope adds to the maintenance margin in a market, USD, by account."""
        prices = (t.long_price / WAD / LOTS, t.short_price / WAD / LOTS)
        worth = self._sizes[line] * prices[0] + self._sizes[line + 1] * prices[1]
        rate = np.minimum(t.risk.slope * worth / SLOPE_BASE, (t.risk.im_max - t.risk.im) / PPM)
        more: _Floats = worth * rate * (t.risk.kappa / BPS * MARGIN)
        return more

    def _fit(self, rows: int, book: Book) -> None:
        """Make room for accounts and markets."""
        have = len(self._fixed)
        if rows > have:
            more = max(rows, 2 * have) - have
            self._fixed = np.pad(self._fixed, (0, more))
            self._sizes = np.pad(self._sizes, ((0, 0), (0, more)))
        for market in book.markets.keys() - self._lines.keys():
            self._lines[market] = len(self._sizes)
            self._sizes = np.pad(self._sizes, ((0, 2), (0, 0)))


def _weights(t: Terms) -> tuple[float, float]:
    """Return what a lot of a long and of a short adds to equity less margin, USD."""
    share = t.risk.im / PPM * t.risk.kappa / BPS * MARGIN
    long, short = t.long_price / WAD / LOTS, t.short_price / WAD / LOTS
    due_long, due_short = t.funding.f_long / OWED, t.funding.f_short / OWED
    return (
        long - due_long - share * long - ROUNDING * (long + abs(due_long)),
        due_short - short - share * short - ROUNDING * (short + abs(due_short)),
    )
