"""Remember the blocks that were read, and which channels each of them touched.

A trail reaches from the final block (or further down) to the tip, so that it can tell whether a
challenge stood in the final block or any later one, whatever the latest state says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from clearing.chain.cursor import Block, Cursor

__all__ = ["MEMORY", "Header", "Seen", "Trail", "decode_trail", "encode_trail"]

MEMORY = 256
"""How many blocks below the tip are kept at least: a deeper reorganisation starts afresh."""
MAX_MEMORY = 8_192
"""How many are kept at most, if nothing becomes final: see `Trail.may_be_challenged`."""


@dataclass(frozen=True, slots=True)
class Header:
    """A block and its time, Unix seconds."""

    block: Block
    time: int

    @property
    def number(self) -> int:
        """The block's height."""
        return self.block.number


@dataclass(frozen=True, slots=True)
class Seen:
    """A block that was read: the channels that its logs name, and those that it saw challenged."""

    header: Header
    touched: frozenset[bytes] = frozenset()
    challenged: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Trail:
    """What was read, oldest first, from block `first` on; `final` is the final block."""

    first: int
    final: Header
    seen: tuple[Seen, ...] = ()

    @property
    def cursor(self) -> Cursor:
        """The trail as `clearing.chain.cursor.follow` takes it."""
        blocks = tuple(seen.header.block for seen in self.seen)
        return Cursor(self.first, blocks, memory=MAX_MEMORY)

    @property
    def tip(self) -> Header | None:
        """The block that was read last."""
        return self.seen[-1].header if self.seen else None

    def at(self, number: int) -> Seen | None:
        """Return the block that was read at a height, if it is remembered."""
        if not self.seen:
            return None
        index = number - self.seen[0].header.number
        return self.seen[index] if 0 <= index < len(self.seen) else None

    def touched(self, above: int, up_to: int) -> frozenset[bytes]:
        """Return the channels touched in blocks above one height and up to another."""
        return self._union(lambda seen: seen.touched, above, up_to)

    def may_be_challenged(self, channel_id: bytes) -> bool:
        """Say whether a block above the final one has seen a challenge of the channel.

        If so much has happened since the final block that it is forgotten, the answer is yes.
        """
        above = self.final.number
        if self.seen and self.seen[0].header.number > above + 1:
            return True
        return any(
            channel_id in seen.challenged for seen in self.seen if seen.header.number > above
        )

    def pruned(self) -> Trail:
        """Return the trail without blocks that are final and far below the tip."""
        if self.tip is None:
            return self
        oldest = min(self.final.number, self.tip.number - MEMORY + 1)
        kept = tuple(seen for seen in self.seen if seen.header.number >= oldest)
        return replace(self, seen=kept[-MAX_MEMORY:])

    def _union(
        self, of: Callable[[Seen], Iterable[bytes]], above: int, up_to: int
    ) -> frozenset[bytes]:
        within = (seen for seen in self.seen if above < seen.header.number <= up_to)
        return frozenset(channel_id for seen in within for channel_id in of(seen))


def encode_trail(trail: Trail) -> bytes:
    """Return the trail as it is stored."""
    content = {
        "first": trail.first,
        "final": _header_row(trail.final),
        "seen": [
            [
                *_header_row(seen.header),
                sorted(each.hex() for each in seen.touched),
                sorted(each.hex() for each in seen.challenged),
            ]
            for seen in trail.seen
        ],
    }
    return json.dumps(content, separators=(",", ":")).encode()


def decode_trail(stored: bytes) -> Trail | None:
    """Return a stored trail, None if it cannot be read: the chain then is read afresh."""
    try:
        content = json.loads(stored)
        return Trail(
            int(content["first"]),
            _header(content["final"]),
            tuple(
                Seen(_header(row[:4]), _words(row[4]), _words(row[5])) for row in content["seen"]
            ),
        )
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def _header_row(header: Header) -> list[Any]:
    block = header.block
    return [block.number, block.hash.hex(), block.parent.hex(), header.time]


def _header(row: list[Any]) -> Header:
    number, hash_, parent, time = row
    return Header(Block(int(number), bytes.fromhex(hash_), bytes.fromhex(parent)), int(time))


def _words(row: list[str]) -> frozenset[bytes]:
    return frozenset(map(bytes.fromhex, row))
