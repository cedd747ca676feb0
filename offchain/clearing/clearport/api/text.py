"""Read and write what operators see: decimal amounts, addresses, ids. Exact, one field at a time.

Amounts have one plain spelling here, such as 12 or 0.5: no sign, no exponent, no blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from eth_utils.address import is_checksum_address, to_checksum_address

from clearing.clearport.errors import RefusedError
from clearing.client.terms import Token
from clearing.risk.decimal_text import WAD_DECIMALS, parse_scaled, scaled_text
from clearing.risk.errors import quote
from clearing.spec.assets import symbol_of
from clearing.spec.units import Address

__all__ = [
    "address_text",
    "hex_text",
    "parse_address",
    "parse_id",
    "parse_raw",
    "parse_request_id",
    "parse_token",
    "parse_wad",
    "raw_text",
    "wad_text",
]

ID_BYTES: Final = 32
LONGEST_AMOUNT: Final = 80
MOST_BITS: Final = 128
"""Bits of the largest amount, raw or WAD: far beyond any supply, far within the chain's words."""

_AMOUNT = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_ID = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_REQUEST_ID = re.compile(r"(?:0x)?([0-9a-fA-F]{32})")


def parse_raw(text: str, token: Token, field: str) -> int:
    """Return an amount of whole units as raw units of a token. Raises RefusedError."""
    return _parsed(text, token.decimals, field)


def parse_wad(text: str, token: Token, field: str) -> int:
    """Return a quantity of whole units in WAD, which the token can deliver exactly.

    Raises RefusedError, also for more decimals than the token has.
    """
    decimals = min(token.decimals, WAD_DECIMALS)
    wad: int = _parsed(text, decimals, field) * 10 ** (WAD_DECIMALS - decimals)
    return _bounded(wad, field)


def raw_text(raw: int, token: Token) -> str:
    """Return raw units of a token as whole units, exactly."""
    return scaled_text(raw, token.decimals)


def wad_text(wad: int) -> str:
    """Return a WAD as whole units, exactly."""
    return scaled_text(wad, WAD_DECIMALS)


def parse_token(text: str, tokens: Iterable[Token], field: str) -> Token:
    """Return the token of an asset's symbol or id. Raises RefusedError naming what there is."""
    known = {symbol_of(token.asset): token for token in tokens}
    token = known.get(text)
    if token is None:
        fix = f"give one of {', '.join(sorted(known)) or 'none'}"
        raise RefusedError(f"{quote(text)} is not an asset here", fix, field=field)
    return token


def parse_address(text: str, field: str) -> Address:
    """Return an address, which mixed case must be the checksum of. Raises RefusedError."""
    fix = "write 0x and 40 hex digits"
    if _ADDRESS.fullmatch(text) is None:
        raise RefusedError(f"{quote(text)} is not an address", fix, field=field)
    digits = text[2:]
    is_mixed = digits not in (digits.lower(), digits.upper())
    if is_mixed and not is_checksum_address(text):
        raise RefusedError(f"{quote(text)} fails its checksum", "copy it again", field=field)
    return Address(bytes.fromhex(digits))


def address_text(address: Address) -> str:
    """Return an address with its checksum."""
    return str(to_checksum_address(address))


def parse_id(text: str, field: str) -> bytes:
    """Return the 32 bytes of an id. Raises RefusedError."""
    match = _ID.fullmatch(text)
    if match is None:
        fix = "write 0x and 64 hex digits"
        raise RefusedError(f"{quote(text)} is not an id", fix, field=field)
    return bytes.fromhex(match[1])


def parse_request_id(text: str, field: str) -> bytes:
    """Return the 16 bytes of a request's id. Raises RefusedError."""
    match = _REQUEST_ID.fullmatch(text)
    if match is None:
        fix = "write 0x and 32 hex digits"
        raise RefusedError(f"{quote(text)} is not a request's id", fix, field=field)
    return bytes.fromhex(match[1])


def hex_text(value: bytes) -> str:
    """Return bytes as 0x and hex, nothing for nothing."""
    return f"0x{value.hex()}" if value else ""


def _parsed(text: str, decimals: int, field: str) -> int:
    if len(text) > LONGEST_AMOUNT or _AMOUNT.fullmatch(text) is None:
        problem = f"{quote(text)} is not an amount" if text else "is empty"
        raise RefusedError(problem, "write it in digits such as 1234.56", field=field)
    part = text.partition(".")[2].rstrip("0")
    if len(part) > decimals:
        problem = f"{quote(text)} has more than {decimals} decimals"
        raise RefusedError(problem, f"round it to {decimals} decimals", field=field)
    whole = text.partition(".")[0]
    return _bounded(parse_scaled(f"{whole}.{part}", decimals, field), field)


def _bounded(amount: int, field: str) -> int:
    if amount >> MOST_BITS:
        raise RefusedError("is too large", "write less", field=field)
    return amount
