"""List who is closed against a bankrupt account: gains on the greatest leverage first.

The resolution module closes what insurance and backstop cannot carry against these lists, in their
order, which must not rise in equity for each unit of notional, at mid. It takes the vault first by
itself, as far as that has won. Without a list the loss is shared by everybody in the market.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cmp_to_key
from typing import Final

from clearing.keeper.book import Book
from clearing.keeper.columns import Columns
from clearing.keeper.exact import Terms, health_at
from clearing.spec.perp_ledger import HealthView
from clearing.spec.perp_margin import owed_by
from clearing.spec.perp_types import FIRST_OWNED, Position, Purpose
from clearing.spec.perp_units import PICO_TO_WAD, value

__all__ = ["lists_for"]

LISTED: Final = 8
LOOKED_AT: Final = 64
"""Largest positions of the other side that are looked at exactly."""

_Row = tuple[int, HealthView]


def lists_for(
    account: int, book: Book, columns: Columns, terms: Mapping[int, Terms]
) -> list[tuple[int, list[int]]]:
    """Return for each market of an account who is to be deleveraged, as `absorb` takes it."""
    lists = []
    for market, position in book.positions(account).items():
        rows = [
            row
            for other in columns.largest(market, LOOKED_AT, is_long=position.size < 0)
            if (row := _payer(other, market, book, terms)) is not None
        ]
        rows.sort(key=cmp_to_key(_compare))
        if rows:
            lists.append((market, [other for other, _ in rows[:LISTED]]))
    return lists


def _payer(account: int, market: int, book: Book, terms: Mapping[int, Terms]) -> _Row | None:
    """Return an account and its worth at mid if it gained in the market and is solvent."""
    held = book.positions(account)
    if account < FIRST_OWNED or not _gained(held[market], terms[market]):
        return None
    view = health_at(book.cash[account], held, terms, Purpose.MID)
    return (account, view) if view.equity > 0 else None


def _gained(position: Position, terms: Terms) -> bool:
    paid = position.quote * PICO_TO_WAD - owed_by(position, terms.funding)
    return paid + value(position.size, terms.mid) > 0


def _compare(one: _Row, other: _Row) -> int:
    """Order by falling N / E, as the contract compares: by products, exactly."""
    mine = one[1].notional * other[1].equity
    theirs = other[1].notional * one[1].equity
    return (mine < theirs) - (mine > theirs)
