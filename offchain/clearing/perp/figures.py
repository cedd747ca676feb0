"""Write sizes, prices, USD and shares as text: rounded for people, exact for programs."""

from __future__ import annotations

from typing import Final

from clearing.risk.decimal_text import WAD_DECIMALS, rounded_text, scaled_text

__all__ = [
    "LOT_DECIMALS",
    "PERCENT_DECIMALS_OF_PICO",
    "PERCENT_DECIMALS_OF_PPM",
    "PICO_DECIMALS",
    "exact",
    "exact_pico",
    "exact_size",
    "money",
    "percent_of_pico",
    "percent_of_ppm",
    "percent_of_wad",
    "signed_pico",
    "size_text",
]

LOT_DECIMALS: Final = 8
PICO_DECIMALS: Final = 12
PERCENT_DECIMALS_OF_PICO: Final = PICO_DECIMALS - 2
PERCENT_DECIMALS_OF_PPM: Final = 4
PERCENT_DECIMALS_OF_WAD: Final = WAD_DECIMALS - 2
CENT_PLACES: Final = 2
RATE_PLACES: Final = 6


def money(wad: int) -> str:
    """Return USD to the nearest cent."""
    return rounded_text(wad, WAD_DECIMALS, CENT_PLACES)


def size_text(lots: int, *, signed: bool = False) -> str:
    """Return a size in units, exactly."""
    return ("+" if signed and lots > 0 else "") + scaled_text(lots, LOT_DECIMALS)


def percent_of_ppm(ppm: int) -> str:
    """Return a share exactly."""
    return scaled_text(ppm, PERCENT_DECIMALS_OF_PPM) + " %"


def percent_of_pico(pico: int) -> str:
    """Return a rate or a premium to the nearest millionth of a percent."""
    return rounded_text(pico, PERCENT_DECIMALS_OF_PICO, RATE_PLACES) + " %"


def percent_of_wad(wad: int) -> str:
    """Return a ratio to the nearest hundredth of a percent."""
    return rounded_text(wad, PERCENT_DECIMALS_OF_WAD, CENT_PLACES) + " %"


def exact(wad: int) -> str:
    """Return wad as exact decimal text."""
    return scaled_text(wad, WAD_DECIMALS)


def exact_pico(pico: int) -> str:
    """Return pico as exact decimal text."""
    return scaled_text(pico, PICO_DECIMALS)


def exact_size(lots: int) -> str:
    """Return lots as exact decimal text, units."""
    return scaled_text(lots, LOT_DECIMALS)


def signed_pico(pico: int) -> str:
    """Return pico as exact decimal text, a plus before what is above zero."""
    return ("+" if pico > 0 else "") + exact_pico(pico)
