"""One edit of a source, and what the two languages' operators share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["OPERATORS", "Edit", "other_direction", "other_operator", "other_side"]

OPERATORS: Final = ("rounding", "comparison", "guard", "side", "event")

_COMPARISONS: Final = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
_SIGNS: Final = {"+": "-", "-": "+", "+=": "-=", "-=": "+="}
_SIDES: Final = (
    *(("Low", "High"), ("low", "high"), ("LOW", "HIGH")),
    *(("Long", "Short"), ("long", "short"), ("LONG", "SHORT")),
    *(("Buyer", "Seller"), ("buyer", "seller"), ("Lo", "Hi"), ("lo", "hi"), ("Bid", "Ask")),
)
_DIRECTIONS: Final = (("floor", "ceil"), ("Floor", "Ceil"), ("Down", "Up"), ("down", "up"))


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the bytes from `start` to `end` of a source by `after`."""

    start: int
    end: int
    operator: str
    after: str
    function: str
    """The function (or contract) it stands in."""


def other_operator(symbol: str) -> Iterator[tuple[str, str]]:
    """Yield (operator, symbol instead) of a comparison or of a sum."""
    if symbol in _COMPARISONS:
        yield "comparison", _COMPARISONS[symbol]
    if symbol in _SIGNS:
        yield "side", _SIGNS[symbol]


def other_side(name: str) -> str | None:
    """Return the name of the other side (`netLow` for `netHigh`), or None if it names no side."""
    return _swapped(name, _SIDES)


def other_direction(name: str) -> str | None:
    """Return the name that rounds the other way, or None if it names no direction."""
    return _swapped(name, _DIRECTIONS)


def _swapped(name: str, pairs: tuple[tuple[str, str], ...]) -> str | None:
    """Swap the one word of a name that is in a pair; a word ends where another begins."""
    for pair in pairs:
        for one, other in (pair, pair[::-1]):
            before = r"(?<![A-Za-z])" if one[0].islower() or one.isupper() else r"(?<![A-Z])"
            found = re.search(f"{before}{one}(?![a-z])", name)
            if found is not None:
                return name[: found.start()] + other + name[found.end() :]
    return None
