"""Read a feed's limits from `NAME=VALUE` options, in the words of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from clearing.oracle.errors import LimitError
from clearing.risk.decimal_text import parse_scaled
from clearing.risk.errors import NumberError, quote
from clearing.spec.oracle_params import bounds_of
from clearing.spec.oracle_types import FeedParams

__all__ = ["NAMES", "parse_limits"]

NAMES: Mapping[str, str] = {
    bound[0]: field.name
    for bound, field in zip(bounds_of(FeedParams()), fields(FeedParams), strict=True)
}
"""The contract's name of each limit, and the specification's."""


def parse_limits(options: Sequence[str]) -> FeedParams:
    """Return the starting points with some limits replaced, such as `softDev=40`.

    Raises LimitError for an unknown name, a value that is no integer, or one out of its bounds.
    """
    given: dict[str, int] = {}
    for option in options:
        place = f"--limit {quote(option)}"
        name, equals, text = option.partition("=")
        if not equals:
            raise LimitError(place, "is not NAME=VALUE", "write it like softDev=40")
        if name not in NAMES:
            known = ", ".join(NAMES)
            raise LimitError(place, f"{quote(name)} is no limit", f"write one of {known}")
        if NAMES[name] in given:
            raise LimitError(place, f"{quote(name)} is given twice", "give it once")
        try:
            given[NAMES[name]] = parse_scaled(text, 0, place)
        except NumberError as error:
            raise LimitError(error.place, error.problem, "write a whole number") from error
    params = replace(FeedParams(), **given)
    for name, value, least, greatest in bounds_of(params):
        if not least <= value <= greatest:
            problem = f"{name} {value} is not within {least} and {greatest}"
            raise LimitError("--limit", problem, f"add --limit {name}=VALUE within them")
    return params
