"""Read decimal text into scaled integers exactly, and write scaled integers back."""

from __future__ import annotations

import re

from clearing.risk.errors import NumberError, quote

__all__ = ["WAD_DECIMALS", "parse_scaled", "rounded_text", "scaled_text"]

WAD_DECIMALS = 18
LONGEST_NUMBER = 100

_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?(?:[eE](?P<exponent>[+-]?[0-9]{1,2}))?"
)


def parse_scaled(text: str, decimals: int, place: str) -> int:
    """Return text · 10^decimals, exactly; `1.5`, `-2`, `.5`, `3e-05` are numbers, `1,000` is not.

    Raises NumberError, naming `place`, if the text is not a number or has more decimals than asked.
    """
    match = _NUMBER.fullmatch(text) if len(text) <= LONGEST_NUMBER else None
    digits = match["whole"] + (match["part"] or "") if match else ""
    if match is None or not digits:
        problem = f"{quote(text)} is not a number" if text else "is empty"
        raise NumberError(place, problem, "write it in digits such as 1234.56")
    shift = decimals - len(match["part"] or "") + int(match["exponent"] or 0)
    multiplier: int = 10 ** max(shift, 0)
    divisor: int = 10 ** max(-shift, 0)
    magnitude, lost = divmod(int(digits) * multiplier, divisor)
    if lost:
        problem = f"{quote(text)} has more than {decimals} decimals"
        raise NumberError(place, problem, f"round it to {decimals} decimals")
    return -magnitude if match["sign"] == "-" else magnitude


def scaled_text(scaled: int, decimals: int) -> str:
    """Return the shortest exact decimal text of scaled / 10^decimals."""
    whole, part = divmod(abs(scaled), 10**decimals)
    fraction = f"{part:0{decimals}d}".rstrip("0") if part else ""
    sign = "-" if scaled < 0 else ""
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def rounded_text(scaled: int, decimals: int, places: int) -> str:
    """Return scaled / 10^decimals for people, thousands marked, to the nearest of its `places`.

    A half rounds away from zero. `places` is at most `decimals`.
    """
    unit = 10 ** (decimals - places)
    whole, part = divmod((abs(scaled) + unit // 2) // unit, 10**places)
    sign = "-" if scaled < 0 else ""
    return f"{sign}{whole:,}.{part:0{places}d}" if places else f"{sign}{whole:,}"
