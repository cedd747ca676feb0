"""Read a CSV file into numbered rows; what to do about a bad one is told in the caller's error."""

from __future__ import annotations

import csv
from pathlib import Path

from clearing.risk.errors import InputError, quote_path

__all__ = ["NumberedRow", "parse_rows", "read_text"]

NumberedRow = tuple[int, list[str]]
"""The row's number, counted from 1, the header's; and its cells."""


def read_text(path: Path, error_type: type[InputError]) -> str:
    """Return the text of a CSV file. Raises `error_type` if it is no readable UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise error_type(quote_path(path), problem, "give the path of a CSV file") from error
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not UTF-8 text"
        raise error_type(quote_path(path), problem, "save it as CSV in UTF-8") from error


def parse_rows(text: str, error_type: type[InputError]) -> list[NumberedRow]:
    """Return all rows up to the last that is not blank. Raises `error_type` if it is no CSV."""
    try:
        rows = list(enumerate(csv.reader(text.splitlines()), start=1))
    except csv.Error as error:
        raise error_type("the file", f"is not CSV ({error})", "save it as CSV") from error
    while rows and not any(rows[-1][1]):
        rows.pop()
    return rows
