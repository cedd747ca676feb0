"""Say on one line what is wrong with an input, where, and what to do about it.

InputError
├── NumberError            a text is not an exact decimal number
├── ClosesError            a file of daily closes
│   ├── ClosesUnreadable   no such file, no permission, not text
│   ├── ClosesHeader       the first row does not name the columns
│   ├── ClosesRow          a row is cut short, too long, or holds a cell that is not a number
│   ├── ClosesDate         a date is malformed, repeated, out of order, or a day is missing
│   └── ClosesTooFew       not enough observations for the window
└── TermsError             an option or file of `clearing risk`
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "ClosesDate",
    "ClosesError",
    "ClosesHeader",
    "ClosesRow",
    "ClosesTooFew",
    "ClosesUnreadable",
    "InputError",
    "NumberError",
    "TermsError",
    "quote",
    "quote_path",
]

LONGEST_QUOTE = 60


def quote(value: str) -> str:
    """Return the value as one printable line, cut if long."""
    shown = value if len(value) <= LONGEST_QUOTE else value[:LONGEST_QUOTE] + "…"
    return ascii(shown) if not shown.isprintable() else f"'{shown}'"


def quote_path(path: Path) -> str:
    """Return the whole path as one printable line: its end tells the file."""
    return ascii(str(path)) if not str(path).isprintable() else f"'{path}'"


class InputError(Exception):
    """An input that cannot be used; `str()` is one line naming the place, the problem and the fix.

    `place` says where the value stands, `problem` what is wrong with it, `fix` what would be right.
    """

    def __init__(self, place: str, problem: str, fix: str) -> None:
        """Keep the three parts."""
        super().__init__(place, problem, fix)
        self.place = place
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        """Return the one line."""
        return f"{self.place}: {self.problem}; {self.fix}"


class NumberError(InputError):
    """A text is not an exact decimal number within the digits its field can hold."""


class ClosesError(InputError):
    """A file of daily closes cannot be used."""


class ClosesUnreadable(ClosesError):
    """The file cannot be opened, or is not UTF-8 text."""


class ClosesHeader(ClosesError):
    """The first row does not name a date column and at least one `<ASSET>_usd` column."""


class ClosesRow(ClosesError):
    """A row has the wrong number of cells, or a cell is not a number."""


class ClosesDate(ClosesError):
    """A date is malformed, repeated, earlier than the one before, or more than one day after it."""


class ClosesTooFew(ClosesError):
    """There are fewer observations than a median over the window can stand on."""


class TermsError(InputError):
    """An option or a file that gives liabilities, prices, factors or collateral cannot be used."""
