"""Follow a chain's logs block by block, and take back what a reorganisation took back.

The core is pure: `Cursor` holds the block hashes it stands on, `forward` and `back` give the next
cursor. `follow` drives it over a `LogSource` and yields what an indexer must do, in order: undo
blocks from the tip down to the common ancestor, then apply the blocks of the other branch. What
has been yielded up to any point equals a fresh reading of the chain up to the cursor's tip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from clearing.chain.errors import NodeUnreachableError, ReorgTooDeepError
from clearing.spec.units import Address

__all__ = ["Apply", "Block", "Cursor", "Log", "LogSource", "Undo", "follow"]

DEFAULT_MEMORY = 256
MAX_SURPRISES = 100


@dataclass(frozen=True, slots=True)
class Block:
    """A block's place in the chain."""

    number: int
    hash: bytes
    parent: bytes


@dataclass(frozen=True, slots=True)
class Log:
    """One event as the chain gives it; `index` orders the logs of a block."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction: bytes
    index: int


@dataclass(frozen=True, slots=True)
class Apply:
    """The block joins the chain with these logs, in the order of their index."""

    block: Block
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class Undo:
    """The block has left the chain: take back what its logs did."""

    block: Block


class LogSource(Protocol):
    """What a cursor needs of a node. The chain may change between any two calls."""

    def head(self) -> int:
        """Return the number of the latest block."""
        ...

    def block_at(self, number: int) -> Block | None:
        """Return the block of the canonical chain at a height, None above the head."""
        ...

    def logs_of(self, block: Block) -> tuple[Log, ...] | None:
        """Return the wanted logs of exactly this block, None if the node knows it no more."""
        ...


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where reading stands: it began at height `first`, and `blocks` are the last ones read.

    `memory` bounds how many blocks are remembered, so how deep a reorganisation may be.
    """

    first: int = 0
    blocks: tuple[Block, ...] = ()
    memory: int = field(default=DEFAULT_MEMORY, kw_only=True)

    @property
    def tip(self) -> Block | None:
        """The block read last, None before the first."""
        return self.blocks[-1] if self.blocks else None

    @property
    def next_number(self) -> int:
        """The height to read next."""
        return self.first if self.tip is None else self.tip.number + 1

    def is_next(self, block: Block) -> bool:
        """Say whether `block` stands on the tip, or is the first to be read."""
        is_child = self.tip is None or block.parent == self.tip.hash
        return block.number == self.next_number and is_child

    def forward(self, block: Block) -> Cursor:
        """Return the cursor after reading `block`. Raises ValueError unless `is_next(block)`."""
        if not self.is_next(block):
            raise ValueError(f"block {block.number} does not follow the cursor's tip")
        return replace(self, blocks=(*self.blocks, block)[-self.memory :])

    def back(self) -> Cursor:
        """Return the cursor before its tip was read.

        Raises ReorgTooDeepError if what was read before the tip is forgotten.
        """
        oldest = self.blocks[0] if self.blocks else None
        if oldest is None or (oldest == self.tip and oldest.number != self.first):
            raise ReorgTooDeepError(
                f"block {self.next_number - 1} left the chain, and nothing older is remembered",
                "read the chain again from the start",
            )
        return replace(self, blocks=self.blocks[:-1])


def follow(
    cursor: Cursor, source: LogSource, *, confirmations: int = 0
) -> Iterator[tuple[Cursor, Apply | Undo]]:
    """Yield each step up to `confirmations` blocks below the head, with the cursor after it.

    Stop when there is nothing more to read now; call again later with the last cursor. A step
    that has been yielded must be performed before the next is asked for.
    Raises ReorgTooDeepError, and NodeUnreachableError if the node keeps contradicting itself.
    """
    surprises = 0
    while surprises < MAX_SURPRISES:
        tip = cursor.tip
        if tip is not None and source.block_at(tip.number) != tip:
            cursor = cursor.back()
            yield cursor, Undo(tip)
            continue
        if cursor.next_number > source.head() - confirmations:
            return
        block = source.block_at(cursor.next_number)
        logs = source.logs_of(block) if block is not None and cursor.is_next(block) else None
        if block is None or logs is None:
            surprises += 1  # the chain changed between two calls: look at the tip again
            continue
        surprises = 0
        cursor = cursor.forward(block)
        yield cursor, Apply(block, logs)
    raise NodeUnreachableError(
        f"the node contradicts itself about block {cursor.next_number}", "ask another node"
    )
