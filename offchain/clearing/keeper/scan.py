"""Find every account that must be liquidated: arrays first, then the specification's integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clearing.keeper.book import Book
from clearing.keeper.columns import Columns
from clearing.keeper.exact import Terms, is_due, standing

__all__ = ["Found", "brute_force", "scan"]


@dataclass(frozen=True, slots=True)
class Found:
    """An account below maintenance margin: its equity and that margin, wad."""

    account: int
    equity: int
    mm: int


def scan(book: Book, columns: Columns, terms: Mapping[int, Terms]) -> tuple[Found, ...]:
    """Return everybody below maintenance margin, ascending; exact, as of the terms."""
    columns.follow(book)
    return _judged(book, columns.suspects(terms), terms)


def brute_force(book: Book, terms: Mapping[int, Terms]) -> tuple[Found, ...]:
    """Return the same by looking at every account: slow, for tests and audits."""
    return _judged(book, sorted(book.held), terms)


def _judged(book: Book, accounts: Iterable[int], terms: Mapping[int, Terms]) -> tuple[Found, ...]:
    found = []
    for account in accounts:
        equity, mm = standing(book.cash[account], book.positions(account), terms)
        if is_due(account, equity, mm):
            found.append(Found(account, equity, mm))
    return tuple(found)
