"""Check single numbers, words and texts, in both directions, and name the field that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError, Message

from clearing.channel.signatures import Signature
from clearing.clearport.errors import WireError
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = [
    "INT128",
    "INT256",
    "MAX_EPOCH",
    "MAX_TIME",
    "MAX_UINT8",
    "MAX_UINT64",
    "UINT128",
    "address",
    "cleaned",
    "decimal",
    "each",
    "free_text",
    "integer",
    "name",
    "natural",
    "parse",
    "part",
    "raw_bytes",
    "signature",
    "within",
    "word",
    "wrong",
]

T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M", bound=Message)

MAX_UINT8: Final = 2**8 - 1
MAX_EPOCH: Final = 2**32 - 1
MAX_TIME: Final = 2**40 - 1
"""The last Unix second that a struct of the contracts can hold."""
MAX_UINT64: Final = 2**64 - 1
UINT128: Final = (0, 2**128 - 1)
INT128: Final = (-(2**127), 2**127 - 1)
INT256: Final = (-(2**255), 2**255 - 1)
WORD_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
LONGEST_DECIMAL: Final = len(str(INT256[0]))
LONGEST_NAME: Final = 64
LONGEST_TEXT: Final = 256


def wrong(field: str, want: str) -> WireError:
    """Return the refusal of a field; what was sent instead is not repeated."""
    return WireError(f"want {want}", field=field)


def within(parent: str, error: WireError) -> WireError:
    """Return the same refusal, seen from the message or list that holds the field."""
    joint = "." if error.field and not error.field.startswith("[") else ""
    return WireError(error.problem, error.fix, field=parent + joint + error.field)


# NESTING


def part(message: Message, field: str, read: Callable[[Any], R]) -> R:
    """Read a message inside a message. Raises WireError if it is missing."""
    if not message.HasField(field):
        raise wrong(field, "a value")
    try:
        return read(getattr(message, field))
    except WireError as error:
        raise within(field, error) from None


def each(field: str, read: Callable[[T], R], values: Sequence[T], most: int) -> tuple[R, ...]:
    """Read, or write, every item of a list of at most `most`."""
    if len(values) > most:
        raise wrong(field, f"at most {most} items")
    done: list[R] = []
    try:
        for value in values:
            done.append(read(value))  # noqa: PERF401  the length tells where it went wrong
    except WireError as error:
        raise within(f"{field}[{len(done)}]", error) from None
    return tuple(done)


def parse(kind: type[M], data: bytes) -> M:
    """Return the message of its bytes. Raises WireError."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise wrong(kind.DESCRIPTOR.name, "its protobuf encoding") from None


# NUMBERS


def natural(field: str, value: int, most: int = MAX_UINT64) -> int:
    """Return a number from 0 to `most`."""
    if not 0 <= value <= most:
        raise wrong(field, f"a number from 0 to {most}")
    return value


def decimal(field: str, value: int, bounds: tuple[int, int] = INT256) -> str:
    """Return a number within its bounds as decimal text."""
    if not bounds[0] <= value <= bounds[1]:
        raise wrong(field, _range(bounds))
    return str(int(value))


def integer(field: str, text: str, bounds: tuple[int, int] = INT256) -> int:
    """Read the one decimal spelling of a number within its bounds."""
    # int() also takes spaces, signs, underscores and other scripts' digits.
    digits = text.removeprefix("-")
    if len(text) <= LONGEST_DECIMAL and digits.isascii() and digits.isdigit():
        value = int(text)
        if bounds[0] <= value <= bounds[1] and str(value) == text:
            return value
    raise wrong(field, _range(bounds))


def _range(bounds: tuple[int, int]) -> str:
    return f"decimal text of {bounds[0]} to {bounds[1]}"


# BYTES


def raw_bytes(field: str, value: bytes, count: int) -> bytes:
    """Return exactly this many bytes."""
    if len(value) != count:
        raise wrong(field, f"{count} bytes")
    return value


def word(field: str, value: bytes) -> bytes:
    """Return 32 bytes."""
    return raw_bytes(field, value, WORD_BYTES)


def address(field: str, value: bytes) -> Address:
    """Return 20 bytes."""
    return Address(raw_bytes(field, value, ADDRESS_BYTES))


def signature(field: str, value: bytes) -> Signature:
    """Read the 64 bytes r, vs."""
    return Signature.from_bytes(raw_bytes(field, value, SIGNATURE_BYTES))


# TEXT


def name(field: str, text: str) -> str:
    """Return a name: 1 to 64 printable ASCII characters."""
    if not (0 < len(text) <= LONGEST_NAME and text.isascii() and text.isprintable()):
        raise wrong(field, f"1 to {LONGEST_NAME} printable ASCII characters")
    return text


def free_text(field: str, text: str) -> str:
    """Return a text for a person: up to 256 printable characters, so that no log is forged."""
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise wrong(field, f"up to {LONGEST_TEXT} printable characters")
    return text


def cleaned(text: str) -> str:
    """Return a text of our own cut down to what `free_text` takes."""
    return "".join(c if c.isprintable() else " " for c in text[:LONGEST_TEXT])
