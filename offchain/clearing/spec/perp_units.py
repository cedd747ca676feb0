"""Name the units of a perpetual swap and what one is worth in another.

lots: 1e-8 of a market's unit. pico: 1e-12 USD, or a share times 1e12. wad: 1e18. ppm: millionths.
Money owed to the protocol rounds up, money owed by it down.
"""

from __future__ import annotations

from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.units import div_ceil, div_floor

__all__ = [
    "LOTS",
    "PICO",
    "PICO_TO_WAD",
    "PPM_TO_PICO",
    "PPM_TO_WAD",
    "TICK",
    "fit_int",
    "fit_uint",
    "notional",
    "owed",
    "value",
]

LOTS: Final = 10**8
"""Lots in one unit."""
PICO: Final = 10**12
"""Pico in one USD, and in a share of 1."""
PICO_TO_WAD: Final = 10**6
PPM_TO_PICO: Final = 10**6
PPM_TO_WAD: Final = 10**12
TICK: Final = 10**14
"""1e-4 USD in wad: lots times a price that is a multiple of it is exact in pico."""
_OWED_PER_WAD: Final = 100
"""Lots times pico per unit, in one wad."""


def value(lots: int, price_wad: int) -> int:
    """Return what a size is worth, wad, down; negative for a short."""
    return div_floor(lots * price_wad, LOTS)


def notional(lots: int, price_wad: int) -> int:
    """Return what a size is worth without its sign, wad, up."""
    return div_ceil(abs(lots) * price_wad, LOTS)


def owed(lots: int, delta_pico: int) -> int:
    """Return what a size owes since its index rose by so much, wad, up; negative: it receives."""
    return div_ceil(lots * delta_pico, _OWED_PER_WAD)


def fit_int(value_: int, bits: int) -> int:
    """Return the value. Raises SpecError unless a signed integer of so many bits holds it."""
    if not -(1 << (bits - 1)) <= value_ < 1 << (bits - 1):
        raise SpecError("SafeCastOverflowedIntDowncast", bits, value_)
    return value_


def fit_uint(value_: int, bits: int) -> int:
    """Return the value. Raises SpecError unless an unsigned integer of so many bits holds it."""
    if not 0 <= value_ < 1 << bits:
        raise SpecError("SafeCastOverflowedUintDowncast", bits, value_)
    return value_
