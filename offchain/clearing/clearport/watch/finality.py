"""Say which block counts as final: the node's word, or a depth below the head."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.chain.node import Node, as_int
from clearing.clearport.errors import ConfigError

__all__ = ["Finality", "finality_of"]

TAGS = ("finalized", "safe")


@dataclass(frozen=True, slots=True)
class Finality:
    """A block tag of the node, or how many blocks a final one lies below the head (no tag)."""

    tag: str = "finalized"
    confirmations: int = 0

    @property
    def is_depth(self) -> bool:
        """Say whether blocks are counted."""
        return not self.tag

    def number_below(self, head: int) -> int:
        """Return the final block's number by depth; block 0 is always final."""
        return max(0, head - self.confirmations)

    def number(self, node: Node, head: int) -> int:
        """Return the final block's number. Raises NodeUnreachableError, NodeRefusedError."""
        if self.is_depth:
            return self.number_below(head)
        return as_int(node.request("eth_getBlockByNumber", [self.tag, False])["number"])


def finality_of(text: str | int) -> Finality:
    """Return what a configuration names: "finalized", "safe", or a number of blocks.

    Raises ConfigError.
    """
    if isinstance(text, str) and text in TAGS:
        return Finality(text)
    try:
        depth = int(text)
    except ValueError:
        depth = -1
    if depth < 0:
        raise ConfigError(
            f"{text!r} says nothing about finality",
            f'write "{TAGS[0]}", "{TAGS[1]}" or a number of blocks',
            field="finality",
        )
    return Finality("", depth)
