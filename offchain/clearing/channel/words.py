"""Encode single values as the 32-byte words that EIP-712 hashes and calldata share.

Rows and lists of them name the field that does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from clearing.channel.errors import CodecError

__all__ = [
    "MISFIT",
    "WORD",
    "Encoder",
    "index_names",
    "is_word",
    "list_encoder",
    "parts_encoder",
    "row_encoder",
    "snake_case",
    "word_encoder",
]

Encoder = Callable[[Any], bytes]

WORD = 32
ADDRESS_BYTES = 20
MISFIT = (OverflowError, AttributeError, TypeError)
"""What Python raises where a value is out of range or of another kind."""


def is_word(type_: str) -> bool:
    """Say whether a Solidity type is one word by itself: no array, struct, string or bytes."""
    return type_ in {"bool", "address"} or (
        not type_.endswith("]") and type_.startswith(("uint", "int", "bytes")) and type_ != "bytes"
    )


def word_encoder(type_: str) -> Encoder:
    """Return the encoder of a one-word type.

    The encoder raises one of MISFIT or CodecError for a value that does not fit; it never wraps,
    cuts or pads a value into range.
    """
    if type_ == "address":
        return _fixed_bytes(ADDRESS_BYTES, type_, left_zeros=WORD - ADDRESS_BYTES)
    if type_ == "bool":
        return _bool
    if type_.startswith("bytes"):
        return _fixed_bytes(int(type_.removeprefix("bytes")), type_, left_zeros=0)
    if type_.startswith("uint"):
        return _unsigned(int(type_.removeprefix("uint")) // 8)  # floor: bits in whole bytes
    return _signed(int(type_.removeprefix("int")) // 8)  # floor: bits in whole bytes


def parts_encoder(
    names: Sequence[str], types: Sequence[str], encoders: Sequence[Encoder]
) -> Callable[[Sequence[Any]], list[bytes]]:
    """Return what encodes a fixed number of values, each by its own encoder.

    It raises CodecError, which names the first that does not fit.
    """

    def encode(values: Sequence[Any]) -> list[bytes]:
        try:
            return [one(value) for one, value in zip(encoders, values, strict=True)]
        except (*MISFIT, ValueError) as misfit:
            raise _named(names, types, encoders, values) from misfit

    return encode


def row_encoder(names: Sequence[str], types: Sequence[str], encoders: Sequence[Encoder]) -> Encoder:
    """Return the encoder of a fixed number of values, one after the other. Raises CodecError."""
    parts_of = parts_encoder(names, types, encoders)
    return lambda values: b"".join(parts_of(values))


def list_encoder(type_: str, encode_item: Encoder) -> Encoder:
    """Return the encoder of any number of values of one type, one after the other.

    It raises CodecError, which names the index of the first item that does not fit.
    """

    def encode(values: Sequence[Any]) -> bytes:
        try:
            return b"".join([encode_item(value) for value in values])
        except (*MISFIT, ValueError) as misfit:
            n = len(values)
            names = index_names(n)
            raise _named(names, [type_] * n, [encode_item] * n, values) from misfit

    return encode


def index_names(count: int) -> list[str]:
    """Return the names of an array's items: `[0]`, `[1]`, ..."""
    return [f"[{index}]" for index in range(count)]


def snake_case(name: str) -> str:
    """Return the name under which a dataclass keeps a Solidity member: chainId is chain_id."""
    return "".join("_" + char.lower() if char.isupper() else char for char in name)


def _named(
    names: Sequence[str], types: Sequence[str], encoders: Sequence[Encoder], values: Sequence[Any]
) -> CodecError:
    """Find the first value that does not fit, by encoding them singly."""
    for name, type_, encode, value in zip(names, types, encoders, values, strict=False):
        try:
            encode(value)
        except CodecError as inner:
            return inner.within(name)
        except MISFIT:
            return CodecError(name, type_, value)
    return CodecError("", f"{len(names)} values", len(values))


def _unsigned(width: int) -> Encoder:
    zeros = bytes(WORD - width)

    def encode(value: int) -> bytes:
        return zeros + value.to_bytes(width, "big")

    return encode


def _signed(width: int) -> Encoder:
    zeros = bytes(WORD - width)
    ones = b"\xff" * (WORD - width)

    def encode(value: int) -> bytes:
        return (ones if value < 0 else zeros) + value.to_bytes(width, "big", signed=True)

    return encode


def _fixed_bytes(width: int, type_: str, left_zeros: int) -> Encoder:
    before = bytes(left_zeros)
    after = bytes(WORD - left_zeros - width)

    def encode(value: bytes) -> bytes:
        if len(value) != width:
            raise CodecError("", type_, value)
        return before + value + after

    return encode


def _bool(value: bool) -> bytes:  # noqa: FBT001 - the value itself, not an option
    if value is not True and value is not False:
        raise CodecError("", "bool", value)
    return int(value).to_bytes(WORD, "big")
