"""FastLZ, level 1: how long a transaction is when OP Stack chains charge for its data (Fjord).

A greedy LZ77 with one candidate for each place: three bytes are looked up in a table of 8,192
places, and a match reaches back at most 8,191 bytes. A literal run costs a byte for each 32; a
match two bytes up to a length of 8, three up to 264, beyond which it is cut. The last bytes are
always literal.
"""

from __future__ import annotations

from typing import Final

__all__ = ["compress", "decompress", "fjord_bytes"]

TABLE: Final = 1 << 13
HASH: Final = 2_654_435_769
WINDOW: Final = 8_191
LITERALS_MAX: Final = 32
MATCH_MAX: Final = 262
"""Longest piece of a longer match."""
LONG: Final = 7
"""Length code that says: a byte with the rest follows."""
SEARCH_END: Final = 14
MATCH_END: Final = 4
"""Bytes at the end in which no match begins, and into which none reaches."""
FJORD: Final = (836_500, 42_585_600, 1_000_000, 100)
"""Slope, intercept, their unit, and the least size, as the fee formula has them."""


def compress(data: bytes) -> bytes:
    """Return the compressed bytes."""
    out, table = bytearray(), [0] * TABLE
    anchor, at = 0, 2
    while at < len(data) - SEARCH_END:
        found = table[_hash(data, at)]
        table[_hash(data, at)] = at
        distance = at - found
        if distance > WINDOW or data[found : found + 3] != data[at : at + 3]:
            at += 1
            continue
        _literals(out, data[anchor:at])
        length = _common(data, found, at, len(data) - MATCH_END)
        _match(out, length, distance)
        at += length
        for place in (at - 2, at - 1):
            table[_hash(data, place)] = place
        anchor = at
    _literals(out, data[anchor:])
    return bytes(out)


def _hash(data: bytes, at: int) -> int:
    word = int.from_bytes(data[at : at + 3], "little")
    return word * HASH % 2**32 >> 19


def _common(data: bytes, found: int, at: int, end: int) -> int:
    """Return the length of a match of three bytes or more; one that the end stops loses a byte."""
    length = 3
    while at + length < end:
        if data[found + length] != data[at + length]:
            return length
        length += 1
    return length - 1


def _literals(out: bytearray, run: bytes) -> None:
    for start in range(0, len(run), LITERALS_MAX):
        part = run[start : start + LITERALS_MAX]
        out.append(len(part) - 1)
        out += part


def _match(out: bytearray, length: int, distance: int) -> None:
    high, low = divmod(distance - 1, 256)
    while length - 2 > MATCH_MAX:
        out += bytes([LONG << 5 | high, MATCH_MAX - 2 - LONG, low])
        length -= MATCH_MAX
    code = length - 2
    if code < LONG:
        out += bytes([code << 5 | high, low])
    else:
        out += bytes([LONG << 5 | high, code - LONG, low])


def decompress(data: bytes) -> bytes:
    """Return what was compressed."""
    out, at = bytearray(), 0
    while at < len(data):
        code, rest = data[at] >> 5, data[at] & 31
        if code == 0:
            out += data[at + 1 : at + 2 + rest]
            at += 2 + rest
            continue
        at += 1
        if code == LONG:
            code += data[at]
            at += 1
        distance = rest * 256 + data[at] + 1
        at += 1
        for _ in range(code + 2):
            out.append(out[-distance])
    return bytes(out)


def fjord_bytes(compressed: int) -> int:
    """Return the size, rounded down, that a transaction pays for on an OP Stack chain."""
    slope, intercept, unit, least = FJORD
    return max(least * unit, slope * compressed - intercept) // unit
