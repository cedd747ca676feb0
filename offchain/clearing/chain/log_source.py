"""Read blocks and logs from a node, for a cursor to follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clearing.chain.contract import as_address, as_text
from clearing.chain.cursor import Block, Log
from clearing.chain.errors import NodeRefusedError
from clearing.chain.node import Node, as_bytes, as_int
from clearing.spec.units import Address

__all__ = ["NodeLogs", "log_of"]


class NodeLogs:
    """A `LogSource`: the logs of some contracts, asked for by block hash."""

    def __init__(self, node: Node, addresses: Sequence[Address]) -> None:
        self._node = node
        self._addresses = [as_text(address) for address in addresses]

    def head(self) -> int:
        """Return the number of the latest block."""
        return as_int(self._node.request("eth_blockNumber", []))

    def block_at(self, number: int) -> Block | None:
        """Return the block of the canonical chain at a height, None above the head."""
        block = self._node.request("eth_getBlockByNumber", [hex(number), False])
        if block is None:
            return None
        return Block(
            as_int(block["number"]), as_bytes(block["hash"]), as_bytes(block["parentHash"])
        )

    def logs_of(self, block: Block) -> tuple[Log, ...] | None:
        """Return the contracts' logs of exactly this block, None if the node knows it no more."""
        wanted = {"blockHash": "0x" + block.hash.hex(), "address": self._addresses}
        try:
            logs = self._node.request("eth_getLogs", [wanted])
        except NodeRefusedError:  # EIP-234: an unknown block hash is an error
            return None
        return tuple(sorted(map(log_of, logs), key=lambda log: log.index))


def log_of(log: Mapping[str, Any]) -> Log:
    """Return a log as JSON-RPC gives it."""
    return Log(
        address=as_address(log["address"]),
        topics=tuple(map(as_bytes, log["topics"])),
        data=as_bytes(log["data"]),
        block_number=as_int(log["blockNumber"]),
        block_hash=as_bytes(log["blockHash"]),
        transaction=as_bytes(log["transactionHash"]),
        index=as_int(log["logIndex"]),
    )
