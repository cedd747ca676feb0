"""Ask several nodes, and believe them only while they agree.

The first answers questions; every one hears what is sent. Before anything is decided the heads are
compared: chain id, distance, the hash of a block that all have, and age.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clearing.chain.cursor import Block, Log
from clearing.chain.errors import ChainError, NodeRefusedError, NodeUnreachableError
from clearing.chain.log_source import NodeLogs
from clearing.chain.node import BatchNode, as_bytes, as_int
from clearing.keeper.errors import StandStillError
from clearing.spec.units import Address

__all__ = ["AgreedLogs", "Agreement", "Endpoints", "Head"]

LATEST: Final = ("eth_getBlockByNumber", ("latest", False))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far apart endpoints may be, blocks, and how old their head, seconds."""

    max_lag_blocks: int = 3
    max_age_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Head:
    """The block that a decision rests on, and what a unit of gas costs at it, wei."""

    number: int
    hash: bytes
    time: int
    base_fee_wei: int


class Endpoints:
    """Some nodes of one chain; it is a `BatchNode` itself, the first one's."""

    def __init__(
        self,
        nodes: Sequence[BatchNode],
        chain_id: int,
        agreement: Agreement | None = None,
        *,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        if not nodes:
            raise StandStillError("no endpoint is given", "name one, better two")
        self.nodes = tuple(nodes)
        self.chain_id = chain_id
        self._agreement = agreement or Agreement()
        self._clock_s = clock_s
        self._is_checked = False

    def request(self, method: str, params: Sequence[Any]) -> Any:
        """Ask the first node. Raises NodeRefusedError, NodeUnreachableError."""
        return self.nodes[0].request(method, params)

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Ask the first node many things. Raises NodeRefusedError, NodeUnreachableError."""
        return self.nodes[0].batch(calls)

    def head(self) -> Head:
        """Return the head of the node that answers, once all agree.

        Raises StandStillError, and what asking raises: a node that does not answer agrees to
        nothing.
        """
        if not self._is_checked:
            self._require_chain()
        heads = [_head(node.request(*LATEST)) for node in self.nodes]
        lowest, highest = (pick(heads, key=lambda head: head.number) for pick in (min, max))
        lag = highest.number - lowest.number
        if lag > self._agreement.max_lag_blocks:
            raise StandStillError(f"the endpoints are {lag} blocks apart", "look at the lower one")
        for head in heads:
            age_s = self._clock_s() - head.time
            if age_s > self._agreement.max_age_s:
                problem = f"an endpoint's head is {age_s:.0f} s old"
                raise StandStillError(problem, "look at its node, or at this machine's clock")
        self._require_same(lowest, heads)
        return heads[0]

    def _require_same(self, lowest: Head, heads: Sequence[Head]) -> None:
        for node, head in zip(self.nodes, heads, strict=True):
            mine = head.hash
            if head.number != lowest.number:
                block = node.request("eth_getBlockByNumber", [hex(lowest.number), False])
                mine = b"" if block is None else as_bytes(block["hash"])
            if mine != lowest.hash:
                problem = f"the endpoints differ about block {lowest.number}"
                raise StandStillError(problem, "wait; if it lasts, look which one is right")

    def _require_chain(self) -> None:
        for index, node in enumerate(self.nodes):
            chain_id = as_int(node.request("eth_chainId", []))
            if chain_id != self.chain_id:
                problem = f"endpoint {index} serves chain {chain_id}, not {self.chain_id}"
                raise StandStillError(problem, "name a node of the right chain")
        self._is_checked = True

    def broadcast(self, raws: Sequence[bytes]) -> tuple[str, ...]:
        """Send to every node, in this order; return the words of all that was declined.

        A node that does not answer may have heard all the same.
        """
        calls = [("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in raws]
        words: list[str] = []
        for node in self.nodes:
            try:
                answers = node.batch(calls)
            except ChainError as error:
                words.append(str(error))
                continue
            words += [each.message for each in answers if isinstance(each, NodeRefusedError)]
        return tuple(words)


class AgreedLogs:
    """A `LogSource` of logs that every endpoint gives alike."""

    def __init__(self, endpoints: Endpoints, addresses: Sequence[Address]) -> None:
        self._sources = [NodeLogs(node, addresses) for node in endpoints.nodes]

    def head(self) -> int:
        """Return the lowest head: what all have."""
        return min(source.head() for source in self._sources)

    def block_at(self, number: int) -> Block | None:
        """Return the first node's block at a height."""
        return self._sources[0].block_at(number)

    def logs_of(self, block: Block) -> tuple[Log, ...] | None:
        """Return the logs of a block, None if some node knows it no more.

        Raises NodeUnreachableError if the nodes differ: one of them leaves logs out.
        """
        first, *others = (source.logs_of(block) for source in self._sources)
        if first is None or None in others:
            return None
        for other in others:
            if other is not None and _essence(other) != _essence(first):
                raise NodeUnreachableError(
                    f"the endpoints give different logs of block {block.number}", "ask another"
                )
        return first


def _essence(logs: Sequence[Log]) -> list[tuple[Address, tuple[bytes, ...], bytes]]:
    return [(log.address, log.topics, log.data) for log in logs]


def _head(block: Any) -> Head:
    return Head(
        as_int(block["number"]),
        as_bytes(block["hash"]),
        as_int(block["timestamp"]),
        as_int(block.get("baseFeePerGas") or "0x0"),
    )
