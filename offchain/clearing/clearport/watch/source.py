"""Ask a node for blocks and logs ahead of a cursor, in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clearing.chain.contract import Contract, as_text
from clearing.chain.cursor import Block, Log
from clearing.chain.errors import NodeRefusedError
from clearing.chain.log_source import log_of
from clearing.chain.node import BatchNode, as_bytes, as_int
from clearing.clearport.watch.trail import Header, Seen

__all__ = ["STRIDE", "BatchSource", "read_headers"]

STRIDE = 128
"""How many blocks are read in one request."""


def read_headers(node: BatchNode, which: Sequence[int | str]) -> list[Header | None]:
    """Return blocks by number or tag, None for those that the node does not have."""
    answers = node.batch(
        [
            ("eth_getBlockByNumber", [hex(each) if isinstance(each, int) else each, False])
            for each in which
        ]
    )
    return [None if each is None else _header_of(each) for each in map(_good, answers)]


def _good(answer: Any) -> Any:
    """Return an answer of a batch. Raises the NodeRefusedError that it is."""
    if isinstance(answer, NodeRefusedError):
        raise answer
    return answer


class BatchSource:
    """A `LogSource` for one look: it asks ahead in batches and keeps the answers."""

    def __init__(self, node: BatchNode, adjudicator: Contract, latest: Header) -> None:
        self.node = node
        self.adjudicator = adjudicator
        self.latest = latest
        self._at: dict[int, Header] = {}
        self._times: dict[bytes, int] = {}
        self._logs: dict[bytes, tuple[Log, ...]] = {}
        self._head = latest.number
        self.know(latest)

    def know(self, header: Header) -> None:
        """Keep a block that the node has just named."""
        self._at[header.number] = header
        self._times[header.block.hash] = header.time

    def prefetch(self, first: int) -> None:
        """Read the next blocks and their logs; the look ends with the last of them."""
        self._head = min(self.latest.number, first + STRIDE - 1)
        wanted = [n for n in range(first, self._head + 1) if n not in self._at]
        for header in read_headers(self.node, wanted) if wanted else []:
            if header is not None:
                self.know(header)
        blocks = [self._at[n].block for n in range(first, self._head + 1) if n in self._at]
        answers = self.node.batch([("eth_getLogs", [self._wanted(block)]) for block in blocks])
        for block, answer in zip(blocks, answers, strict=True):
            if not isinstance(answer, NodeRefusedError):  # else `logs_of` finds out
                self._logs[block.hash] = _in_order(answer)

    def head(self) -> int:
        """Return where this look ends."""
        return self._head

    def header(self, number: int) -> Header | None:
        """Return the block at a height."""
        if number not in self._at:
            [header] = read_headers(self.node, [number])
            if header is None:
                return None
            self.know(header)
        return self._at[number]

    def block_at(self, number: int) -> Block | None:
        """Return the block of the canonical chain at a height, None above the head."""
        header = self.header(number)
        return None if header is None else header.block

    def logs_of(self, block: Block) -> tuple[Log, ...] | None:
        """Return the Adjudicator's logs of exactly this block, None if the node knows it not."""
        if block.hash not in self._logs:
            try:
                answer = self.node.request("eth_getLogs", [self._wanted(block)])
            except NodeRefusedError:  # EIP-234: an unknown block hash is an error
                return None
            self._logs[block.hash] = _in_order(answer)
        return self._logs[block.hash]

    def seen(self, block: Block, logs: tuple[Log, ...]) -> Seen:
        """Return what a block did."""
        challenged = {
            event.fields["id"]
            for event in self.adjudicator.happened(logs)
            if event.name == "Challenged"
        }
        return Seen(Header(block, self._times[block.hash]), _ids(logs), frozenset(challenged))

    def touched_between(self, first: int, last: int) -> frozenset[bytes]:
        """Return the channels that the logs of some final blocks name."""
        ranges = [(n, min(n + STRIDE - 1, last)) for n in range(first, last + 1, STRIDE)]
        address = as_text(self.adjudicator.address)
        answers = self.node.batch(
            [
                ("eth_getLogs", [{"address": address, "fromBlock": hex(low), "toBlock": hex(high)}])
                for low, high in ranges
            ]
        )
        return frozenset().union(*(_ids(_in_order(_good(answer))) for answer in answers))

    def _wanted(self, block: Block) -> dict[str, str]:
        address = as_text(self.adjudicator.address)
        return {"blockHash": "0x" + block.hash.hex(), "address": address}


def _in_order(logs: Sequence[Mapping[str, Any]]) -> tuple[Log, ...]:
    return tuple(sorted(map(log_of, logs), key=lambda log: (log.block_number, log.index)))


def _ids(logs: Sequence[Log]) -> frozenset[bytes]:
    """Return the second topics: a channel's id, in each event that is about a channel."""
    return frozenset(log.topics[1] for log in logs if len(log.topics) > 1)


def _header_of(block: Mapping[str, Any]) -> Header:
    """Return a block's header as JSON-RPC gives it."""
    return Header(
        Block(as_int(block["number"]), as_bytes(block["hash"]), as_bytes(block["parentHash"])),
        as_int(block["timestamp"]),
    )
