"""Say between which prices the true one lies: the band, and its strict and favourable versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from clearing.spec.oracle_math import Band, around, hull, part
from clearing.spec.oracle_state import Look, agree
from clearing.spec.oracle_types import Grade, PriceState

__all__ = ["FALLBACK_BPS", "TWAP_BAND_BPS", "Bands", "bands_of", "fallback"]

FALLBACK_BPS: Final = 1_000
"""Half-width of the band around the last good price."""
TWAP_BAND_BPS: Final = 200
"""Half-width of the band around the TWAP when it stands alone."""


@dataclass(frozen=True, slots=True)
class Bands:
    """`plain` for closing, `strict` for opening and withdrawing, `favourable` for liquidating.

    `mid_at` is the time of the data behind `mid`, never in the future.
    """

    mid: int
    mid_at: int
    plain: Band
    strict: Band
    favourable: Band


def bands_of(look: Look, state: PriceState) -> Bands:
    """Return the bands of a look in its state."""
    match state:
        case PriceState.NORMAL:
            return _normal(look)
        case PriceState.PRIMARY_ONLY:
            return _primary_only(look)
        case PriceState.SECONDARY_ONLY:
            return _secondary_only(look)
        case PriceState.TWAP_ONLY:
            return _twap_only(look)
        case PriceState.DIVERGED:
            return _diverged(look)
        case PriceState.TRIPPED:
            return _tripped(look)
        case PriceState.FROZEN:
            return _same(look.last_good, look.last_good_at, fallback(look.last_good))


def fallback(last_good: int) -> Band:
    """Return the band around the last good price."""
    return around(last_good, part(last_good, FALLBACK_BPS))


def _normal(look: Look) -> Bands:
    pyth = look.sources.pyth
    mid, mid_at = _newer_of_both(look)
    plain = hull(_point(look.sources.chainlink.price), _pyth_band(look))
    strict = plain if pyth.opens else hull(_chainlink_band(look), _pyth_band(look))
    return Bands(mid, mid_at, plain, strict, plain)


def _primary_only(look: Look) -> Bands:
    chainlink = look.sources.chainlink
    plain = strict = _chainlink_band(look)
    if look.sources.pyth.grade is Grade.UNCERTAIN:
        strict = hull(plain, _pyth_band(look))
    return Bands(chainlink.price, chainlink.at, plain, strict, plain)


def _secondary_only(look: Look) -> Bands:
    pyth = look.sources.pyth
    plain = around(pyth.price, max(pyth.conf, part(pyth.price, look.params.soft_dev)))
    with_twap = hull(plain, *_twap_point(look))
    return Bands(pyth.price, look.sources.pyth_time(look.now), plain, with_twap, with_twap)


def _twap_only(look: Look) -> Bands:
    mid = look.twap or 0
    return _same(mid, look.twap_at, around(mid, part(mid, TWAP_BAND_BPS)))


def _diverged(look: Look) -> Bands:
    chainlink = look.sources.chainlink
    band = hull(
        _chainlink_band(look), _pyth_band(look), *_last_good_point(look), *_twap_point(look)
    )
    return _same(chainlink.price, chainlink.at, band)


def _tripped(look: Look) -> Bands:
    mid, mid_at = _newer_of_both(look) if agree(look) else (look.last_good, look.last_good_at)
    band = hull(_point(mid), *_last_good_point(look), *_live_bands(look), *_twap_point(look))
    return _same(mid, mid_at, band)


def _same(mid: int, mid_at: int, band: Band) -> Bands:
    return Bands(mid, mid_at, band, band, band)


def _newer_of_both(look: Look) -> tuple[int, int]:
    """Return Pyth's price if it is OK and newer, else Chainlink's, with its time."""
    chainlink, pyth = look.sources.chainlink, look.sources.pyth
    if pyth.grade is Grade.OK and pyth.at > chainlink.at:
        return pyth.price, look.sources.pyth_time(look.now)
    return chainlink.price, chainlink.at


def _chainlink_band(look: Look) -> Band:
    price = look.sources.chainlink.price
    return around(price, part(price, look.params.cl_deviation))


def _pyth_band(look: Look) -> Band:
    return around(look.sources.pyth.price, look.sources.pyth.conf)


def _live_bands(look: Look) -> Iterator[Band]:
    if look.sources.chainlink.grade is Grade.OK:
        yield _chainlink_band(look)
    if look.sources.pyth.grade is Grade.OK:
        yield _pyth_band(look)


def _last_good_point(look: Look) -> Iterator[Band]:
    if look.last_good:
        yield _point(look.last_good)


def _twap_point(look: Look) -> Iterator[Band]:
    if look.twap is not None:
        yield _point(look.twap)


def _point(price: int) -> Band:
    return Band(price, price)
