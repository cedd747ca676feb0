"""Read a file of daily closing prices: `date,<ASSET>_usd,…`, one row per day, in order.

An empty cell, or a price that is not positive, is no observation. Everything else that is not a
price, and every gap or jump in the days, is an error: a change over two days is not a daily change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

from clearing.risk.csv_file import parse_rows, read_text
from clearing.risk.decimal_text import parse_scaled
from clearing.risk.errors import (
    ClosesDate,
    ClosesHeader,
    ClosesRow,
    ClosesUnreadable,
    NumberError,
    quote,
)
from clearing.spec.assets import is_symbol

__all__ = [
    "CLOSE_DECIMALS",
    "AssetCloses",
    "DailyCloses",
    "bundled_closes",
    "parse_closes",
    "read_closes",
]

CLOSE_DECIMALS = 36
"""Closes are integers of 1e-36 USD: published prices run to 21 decimals, and none may be lost."""

COLUMN_SUFFIX = "_usd"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
HEADER_FIX = "start the file with a row like date,BTC_usd,ETH_usd"


@dataclass(frozen=True, slots=True)
class AssetCloses:
    """One asset's closes by day, 1e-36 USD; None where nobody saw a price."""

    symbol: str
    closes: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class DailyCloses:
    """Consecutive days, and each asset's close on each of them."""

    days: tuple[date, ...]
    assets: tuple[AssetCloses, ...]


def bundled_closes() -> DailyCloses:
    """Return the closes that come with the package; their source stands beside them in data/."""
    return parse_closes((files("clearing.risk") / "data/daily_closes.csv").read_text("utf-8"))


def read_closes(path: Path) -> DailyCloses:
    """Read a file of daily closes.

    Raises ClosesUnreadable if it cannot be opened as UTF-8 text, or what `parse_closes` raises.
    """
    return parse_closes(read_text(path, ClosesUnreadable))


def parse_closes(text: str) -> DailyCloses:
    """Return the closes that the text of a file holds; rows are counted from 1, the header's.

    Raises ClosesHeader, ClosesRow or ClosesDate, naming the row, the column and the value, or
    ClosesUnreadable for a text that is no CSV at all.
    """
    rows = parse_rows(text, ClosesUnreadable)
    if not rows:
        raise ClosesHeader("row 1", "the file is empty", HEADER_FIX)
    header = rows[0][1]
    symbols = _parse_header(header)
    days: list[date] = []
    table: list[tuple[int | None, ...]] = []
    for number, cells in rows[1:]:
        if len(cells) != len(header):
            raise _wrong_length(number, cells, header)
        days.append(_parse_day(number, cells[0], days[-1] if days else None))
        table.append(
            tuple(
                _parse_close(number, column, cell)
                for column, cell in zip(header[1:], cells[1:], strict=True)
            )
        )
    columns = zip(*table, strict=True) if table else (() for _ in symbols)
    return DailyCloses(
        tuple(days),
        tuple(AssetCloses(symbol, closes) for symbol, closes in zip(symbols, columns, strict=True)),
    )


def _parse_header(header: list[str]) -> list[str]:
    """Return the symbols that the header names."""
    if header[:1] != ["date"]:
        first = header[0] if header else ""
        raise ClosesHeader("row 1", f"the first column is {quote(first)}, not 'date'", HEADER_FIX)
    if len(header) == 1:
        raise ClosesHeader("row 1", "there is no column with prices", HEADER_FIX)
    symbols: list[str] = []
    for column in header[1:]:
        symbol = column.removesuffix(COLUMN_SUFFIX)
        if symbol == column or not is_symbol(symbol):
            problem = f"column {quote(column)} is not named <ASSET>_usd"
            raise ClosesHeader("row 1", problem, "name it after its asset and unit, like BTC_usd")
        if symbol in symbols:
            raise ClosesHeader("row 1", f"column {quote(column)} stands twice", "keep one of them")
        symbols.append(symbol)
    return symbols


def _wrong_length(number: int, cells: list[str], header: list[str]) -> ClosesRow:
    """Name the first column that a row lacks, or the first cell that belongs to none."""
    if len(cells) < len(header):
        place = f"row {number}, column {header[len(cells)]}"
        return ClosesRow(place, "is missing", "give each column a cell, empty if it has no price")
    place = f"row {number}, cell {len(header) + 1}"
    problem = f"{quote(cells[len(header)])} belongs to no column"
    return ClosesRow(place, problem, "remove it, or name its column in row 1")


def _parse_day(number: int, text: str, before: date | None) -> date:
    """Return the row's day, which must be the one after the day before."""
    place = f"row {number}, column date"
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        problem = f"{quote(text)} is not a day of the calendar" if text else "is empty"
        raise ClosesDate(place, problem, "write it as 2022-02-14")
    if before is not None and day == before:
        raise ClosesDate(place, f"'{text}' stands twice", "keep one row per day")
    if before is not None and day < before:
        raise ClosesDate(place, f"'{text}' comes after '{before}'", "sort the rows by date")
    if before is not None and day != before + timedelta(days=1):
        raise ClosesDate(
            place,
            f"'{text}' follows '{before}', a day is missing",
            "add a row for each missing day, with empty cells where there is no price",
        )
    return day


def _parse_close(number: int, column: str, text: str) -> int | None:
    """Return the close in a cell, None for an empty cell or a price that is not positive."""
    if not text.strip():
        return None
    try:
        close = parse_scaled(text.strip(), CLOSE_DECIMALS, f"row {number}, column {column}")
    except NumberError as error:
        raise ClosesRow(error.place, error.problem, error.fix) from error
    return close if close > 0 else None
