"""Read what the options say: sizes in units, USD, prices in USD, shares in percent. All exact."""

from __future__ import annotations

from typing import Final

from clearing.perp.errors import AmountError
from clearing.perp.figures import LOT_DECIMALS, PERCENT_DECIMALS_OF_PPM
from clearing.risk.decimal_text import WAD_DECIMALS, parse_scaled, scaled_text
from clearing.risk.errors import quote
from clearing.spec.units import PPM

__all__ = ["parse_percent", "parse_price", "parse_size", "parse_usd"]

SIZE_BITS: Final = 71
PRICE_BITS: Final = 96
RAW_BITS: Final = 96


def parse_size(text: str, place: str) -> int:
    """Return lots of a size in units, such as 1.5 or -0.25. Raises NumberError, AmountError."""
    lots = parse_scaled(text, LOT_DECIMALS, place)
    if not lots:
        raise AmountError(place, "is zero", "write how much, such as 1.5 to buy, -1.5 to sell")
    return _require_fits(lots, SIZE_BITS, LOT_DECIMALS, text, place)


def parse_usd(text: str, decimals: int, place: str) -> int:
    """Return raw token units of an amount of USD, above zero. Raises NumberError, AmountError."""
    raw = parse_scaled(text, decimals, place)
    if raw <= 0:
        raise AmountError(place, f"{quote(text)} is not above zero", "write it like 1000.50")
    return _require_fits(raw, RAW_BITS, decimals, text, place)


def parse_price(text: str, place: str) -> int:
    """Return wad of a price in USD, above zero. Raises NumberError, AmountError."""
    price = parse_scaled(text, WAD_DECIMALS, place)
    if price <= 0:
        raise AmountError(place, f"{quote(text)} is not above zero", "write it like 3000.25")
    return _require_fits(price, PRICE_BITS, WAD_DECIMALS, text, place)


def parse_percent(text: str, place: str) -> int:
    """Return ppm of a share such as 0.5%, below 100 %. Raises NumberError, AmountError."""
    if not text.endswith("%"):
        raise AmountError(place, f"{quote(text)} has no percent sign", "write it like 0.5%")
    ppm = parse_scaled(text.removesuffix("%"), PERCENT_DECIMALS_OF_PPM, place)
    if not 0 <= ppm < PPM:
        raise AmountError(place, f"{quote(text)} is not within 0 and 100 %", "write it like 0.5%")
    return ppm


def _require_fits(value: int, bits: int, decimals: int, text: str, place: str) -> int:
    if abs(value) >> bits:
        most = scaled_text((1 << bits) - 1, decimals)
        raise AmountError(place, f"{quote(text)} is too large", f"the greatest is {most}")
    return value
