"""Read a CSV of what the sources said: one row per moment, in order of time.

Columns: `time,cl_round,cl_usd,cl_updated_at,pyth_usd,pyth_conf_usd,pyth_published_at`, and, where
the chain has a sequencer feed, `sequencer,sequencer_since`. Times are Unix seconds, prices USD with
up to eight decimals. All cells of a source empty: its call failed. `sequencer` is `up`, `down` or
`failed`; `sequencer_since` is when it last changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clearing.oracle.errors import (
    ReadingsHeader,
    ReadingsRow,
    ReadingsTime,
    ReadingsUnreadable,
)
from clearing.risk.csv_file import parse_rows, read_text
from clearing.risk.decimal_text import parse_scaled
from clearing.risk.errors import NumberError, quote
from clearing.spec.oracle_types import (
    ChainlinkAnswer,
    PythAnswer,
    SequencerAnswer,
    SourceAnswers,
)

__all__ = ["PRICE_DECIMALS", "TimedAnswers", "parse_readings", "read_readings"]

PRICE_DECIMALS: Final = 8
"""Of Chainlink's USD feeds, and, as exponent −8, of Pyth's."""

CHAINLINK = ("cl_round", "cl_usd", "cl_updated_at")
PYTH = ("pyth_usd", "pyth_conf_usd", "pyth_published_at")
SEQUENCER = ("sequencer", "sequencer_since")
REQUIRED = ("time", *CHAINLINK, *PYTH)
HEADER_FIX = f"start the file with the row {','.join(REQUIRED)}[,{','.join(SEQUENCER)}]"

LAST_TIME: Final = 2**40 - 1
LAST_ROUND: Final = 2**80 - 1
HIGHEST: Final = 2**63 - 1
"""What Pyth can say, in 1e-8 USD; about 92 billion USD."""
HIGHEST_CONF: Final = 2**64 - 1
FLIPS: Mapping[str, int] = {"up": 0, "down": 1}

_DIGITS = re.compile(r"[0-9]{1,30}")


@dataclass(frozen=True, slots=True)
class TimedAnswers:
    """What all sources said at one time, Unix seconds."""

    time: int
    answers: SourceAnswers
    has_sequencer: bool = False


def read_readings(path: Path) -> tuple[TimedAnswers, ...]:
    """Read a file of readings. Raises ReadingsUnreadable or what `parse_readings` raises."""
    return parse_readings(read_text(path, ReadingsUnreadable))


def parse_readings(text: str) -> tuple[TimedAnswers, ...]:
    """Return the readings that the text of a file holds.

    Raises ReadingsHeader, ReadingsRow or ReadingsTime, naming the row, the column and the value, or
    ReadingsUnreadable for a text that is no CSV at all.
    """
    rows = parse_rows(text, ReadingsUnreadable)
    if not rows:
        raise ReadingsHeader("row 1", "the file is empty", HEADER_FIX)
    header = tuple(rows[0][1])
    _require_header(header)
    if len(rows) == 1:
        raise ReadingsHeader("row 2", "there is no reading", "add a row for each moment")
    moments: list[TimedAnswers] = []
    for number, cells in rows[1:]:
        row = _Row(number, _by_column(number, header, cells))
        moments.append(_parse_row(row, moments[-1].time if moments else None))
    return tuple(moments)


@dataclass(frozen=True, slots=True)
class _Row:
    """The cells of one row by column."""

    number: int
    cells: Mapping[str, str]

    def place(self, column: str) -> str:
        return f"row {self.number}, column {column}"

    def is_silent(self, columns: tuple[str, ...]) -> bool:
        """Whether a source said nothing; a source that says a part is refused."""
        given = [column for column in columns if self.cells[column]]
        if not given:
            return True
        for column in columns:
            if not self.cells[column]:
                problem = f"is empty, but {given[0]} is {quote(self.cells[given[0]])}"
                fix = f"fill {', '.join(columns)}, or none of them if the call failed"
                raise ReadingsRow(self.place(column), problem, fix)
        return False

    def natural(self, column: str, last: int) -> int:
        """Return a count or a time. Raises ReadingsRow."""
        text = self.cells[column]
        number = int(text) if _DIGITS.fullmatch(text) else -1
        if not 0 <= number <= last:
            problem = f"{quote(text)} is no whole number from 0 to {last}" if text else "is empty"
            raise ReadingsRow(self.place(column), problem, f"write it like {_example(column)}")
        return number

    def price(self, column: str, lowest: int, highest: int) -> int:
        """Return a price in 1e-8 USD. Raises ReadingsRow."""
        text = self.cells[column]
        try:
            price = parse_scaled(text, PRICE_DECIMALS, self.place(column))
        except NumberError as error:
            raise ReadingsRow(error.place, error.problem, error.fix) from error
        if not lowest <= price <= highest:
            problem = f"{quote(text)} is not within what the source can say"
            raise ReadingsRow(self.place(column), problem, f"write it like {_example(column)}")
        return price


def _example(column: str) -> str:
    if column == "cl_round":
        return "18446744073709551617"
    return "1700000000" if column.endswith(("time", "_at", "_since")) else "3000.12345678"


def _require_header(header: tuple[str, ...]) -> None:
    for column in header:
        if column not in REQUIRED + SEQUENCER:
            raise ReadingsHeader("row 1", f"column {quote(column)} is not known", HEADER_FIX)
        if header.count(column) > 1:
            raise ReadingsHeader("row 1", f"column {quote(column)} stands twice", HEADER_FIX)
    for column in REQUIRED + (SEQUENCER if set(header) & set(SEQUENCER) else ()):
        if column not in header:
            raise ReadingsHeader("row 1", f"column {quote(column)} is missing", HEADER_FIX)


def _by_column(number: int, header: tuple[str, ...], cells: list[str]) -> Mapping[str, str]:
    if len(cells) < len(header):
        place = f"row {number}, column {header[len(cells)]}"
        raise ReadingsRow(place, "is missing", "give each column a cell, empty if its call failed")
    if len(cells) > len(header):
        problem = f"{quote(cells[len(header)])} belongs to no column"
        raise ReadingsRow(f"row {number}, cell {len(header) + 1}", problem, "remove it")
    return dict(zip(header, (cell.strip() for cell in cells), strict=True))


def _parse_row(row: _Row, before: int | None) -> TimedAnswers:
    time = row.natural("time", LAST_TIME)
    if before is not None and time <= before:
        problem = f"'{time}' does not come after '{before}'"
        raise ReadingsTime(row.place("time"), problem, "sort the rows by time, one per second")
    answers = SourceAnswers(_chainlink(row), _pyth(row), _sequencer(row))
    return TimedAnswers(time, answers, "sequencer" in row.cells)


def _chainlink(row: _Row) -> ChainlinkAnswer | None:
    if row.is_silent(CHAINLINK):
        return None
    return ChainlinkAnswer(
        round_id=row.natural("cl_round", LAST_ROUND),
        answer=row.price("cl_usd", -HIGHEST, HIGHEST),
        updated_at=row.natural("cl_updated_at", LAST_TIME),
        decimals=PRICE_DECIMALS,
    )


def _pyth(row: _Row) -> PythAnswer | None:
    if row.is_silent(PYTH):
        return None
    return PythAnswer(
        price=row.price("pyth_usd", -HIGHEST, HIGHEST),
        conf=row.price("pyth_conf_usd", 0, HIGHEST_CONF),
        expo=-PRICE_DECIMALS,
        publish_time=row.natural("pyth_published_at", LAST_TIME),
    )


def _sequencer(row: _Row) -> SequencerAnswer | None:
    """Return what the sequencer feed said, None if its call failed or there is none."""
    text = row.cells.get("sequencer", "failed")
    if text == "failed":
        return None
    if text not in FLIPS:
        problem = f"{quote(text)} is no state of the sequencer" if text else "is empty"
        raise ReadingsRow(row.place("sequencer"), problem, "write up, down or failed")
    return SequencerAnswer(FLIPS[text], row.natural("sequencer_since", LAST_TIME))
