"""Name the units and round in the open: every division of the specification is one of these.

`//` rounds towards minus infinity, the EVM's division towards zero. They differ for negative
numbers, so each function says which way it rounds and which numbers it takes.
"""

from __future__ import annotations

from typing import Final, NewType

__all__ = [
    "ADDRESS_BYTES",
    "DAY_S",
    "PPM",
    "WAD",
    "Address",
    "Bytes32",
    "Ppm",
    "Raw",
    "Seconds",
    "Timestamp",
    "Wad",
    "div_ceil",
    "div_down",
    "div_floor",
    "div_trunc",
    "div_up",
    "mul_div_down",
    "mul_div_up",
    "mul_down",
    "mul_up",
]

Address = NewType("Address", bytes)
"""20 bytes."""

Bytes32 = NewType("Bytes32", bytes)
"""32 bytes: a hash, an id, a preimage."""

Raw = NewType("Raw", int)
"""A token amount in the token's smallest unit, as the chain counts it; wei for ETH."""

Wad = NewType("Wad", int)
"""A number times 10**18."""

Ppm = NewType("Ppm", int)
"""A share in millionths."""

Seconds = NewType("Seconds", int)
"""A duration."""

Timestamp = NewType("Timestamp", int)
"""A Unix time in seconds, as the chain's blocks tell it."""

ADDRESS_BYTES: Final = 20
WAD: Final = 10**18
PPM: Final = 1_000_000
DAY_S: Final = 86_400


def mul_div_down(a: int, b: int, divisor: int) -> int:
    """Return a · b / divisor, rounded down (towards zero). Natural operands, positive divisor."""
    _require_natural(a, b, divisor)
    return a * b // divisor


def mul_div_up(a: int, b: int, divisor: int) -> int:
    """Return a · b / divisor, rounded up (away from zero). Natural operands, positive divisor."""
    _require_natural(a, b, divisor)
    return -(-a * b // divisor)


def mul_down(a_wad: int, b_wad: int) -> int:
    """Return a · b / WAD, rounded down. Operands not negative."""
    return mul_div_down(a_wad, b_wad, WAD)


def mul_up(a_wad: int, b_wad: int) -> int:
    """Return a · b / WAD, rounded up. Operands not negative."""
    return mul_div_up(a_wad, b_wad, WAD)


def div_down(a_wad: int, b_wad: int) -> int:
    """Return a · WAD / b, rounded down. a not negative, b positive."""
    return mul_div_down(a_wad, WAD, b_wad)


def div_up(a_wad: int, b_wad: int) -> int:
    """Return a · WAD / b, rounded up. a not negative, b positive."""
    return mul_div_up(a_wad, WAD, b_wad)


def div_trunc(a: int, divisor: int) -> int:
    """Return a / divisor, rounded towards zero as the EVM does. The divisor is positive."""
    return a // divisor if a >= 0 else -(-a // divisor)


def div_floor(a: int, divisor: int) -> int:
    """Return a / divisor, rounded towards minus infinity. The divisor is positive."""
    return a // divisor


def div_ceil(a: int, divisor: int) -> int:
    """Return a / divisor, rounded towards plus infinity. The divisor is positive."""
    return -(-a // divisor)


def _require_natural(a: int, b: int, divisor: int) -> None:
    if a < 0 or b < 0 or divisor <= 0:
        message = f"operands must be natural and the divisor positive: {a}, {b}, {divisor}"
        raise ValueError(message)
