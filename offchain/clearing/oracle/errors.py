"""Say on one line what is wrong with what `clearing oracle` is given.

InputError
├── ReadingsError            a file of source readings
│   ├── ReadingsUnreadable   no such file, no permission, not text, not CSV
│   ├── ReadingsHeader       the first row does not name the columns
│   ├── ReadingsRow          a row is cut short, too long, or holds a cell that cannot be used
│   └── ReadingsTime         a time is not after the one of the row before
├── LimitError               a limit is unknown, or out of its bounds
├── AddressError             a text is no address
└── PlotUnwritable           the picture cannot be written
"""

from __future__ import annotations

from clearing.risk.errors import InputError

__all__ = [
    "AddressError",
    "LimitError",
    "PlotUnwritable",
    "ReadingsError",
    "ReadingsHeader",
    "ReadingsRow",
    "ReadingsTime",
    "ReadingsUnreadable",
]


class ReadingsError(InputError):
    """A file of source readings cannot be replayed."""


class ReadingsUnreadable(ReadingsError):
    """The file cannot be opened, or is not UTF-8 text in CSV."""


class ReadingsHeader(ReadingsError):
    """The first row does not name the columns."""


class ReadingsRow(ReadingsError):
    """A row has the wrong number of cells, or a cell cannot be used."""


class ReadingsTime(ReadingsError):
    """A time does not come after the one of the row before."""


class LimitError(InputError):
    """A limit has no such name, no such value, or is out of its bounds."""


class AddressError(InputError):
    """A text is no address."""


class PlotUnwritable(InputError):
    """The picture cannot be written."""
