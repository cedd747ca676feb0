"""Write scaled integers as JSON numbers."""

from __future__ import annotations

from clearing.risk.decimal_text import scaled_text

__all__ = ["Json", "number"]

Json = dict[str, object]


def number(scaled: int, decimals: int) -> int | float:
    """Return scaled / 10^decimals as JSON has it: an integer where it is one."""
    text = scaled_text(scaled, decimals)
    return float(text) if "." in text else int(text)
