"""Find the peer's signature of a state in the transaction that showed it to the chain.

A call carries both signatures side by side, low's first, whichever contract or wallet has passed it
on. So ours, which we know, is looked for in the bytes, and high's is what stands behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from clearing.chain.contract import as_text
from clearing.chain.node import Node, as_bytes, as_int
from clearing.channel.signatures import Signature, is_signed_by
from clearing.spec.units import Address

__all__ = ["Asked", "find_answer", "signature_behind"]

STRIDE: Final = 1_000
"""How many blocks' logs are asked for at once."""
STRIDES: Final = 60
"""How often, back from the head: more than a week of blocks."""
SIGNATURE: Final = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose signature of which digest is wanted, and low's own of it."""

    channel_id: bytes
    ours: Signature
    digest: bytes
    peer: Address


def find_answer(node: Node, adjudicator: Address, asked: Asked) -> Signature | None:
    """Return the peer's signature, None if no transaction shows it.

    Raises NodeUnreachableError, NodeRefusedError.
    """
    for data in _calls(node, adjudicator, asked.channel_id):
        found = signature_behind(data, asked)
        if found is not None:
            return found
    return None


def signature_behind(data: bytes, asked: Asked) -> Signature | None:
    """Return the peer's signature that stands behind ours in a transaction's data."""
    known = asked.ours.to_bytes()
    at = data.find(known)
    while at >= 0:
        behind = data[at + SIGNATURE : at + 2 * SIGNATURE]
        if len(behind) == SIGNATURE:
            theirs = Signature.from_bytes(behind)
            if is_signed_by(asked.digest, theirs, asked.peer):
                return theirs
        at = data.find(known, at + 1)
    return None


def _calls(node: Node, adjudicator: Address, channel_id: bytes) -> Iterator[bytes]:
    """Yield the data of the transactions that have touched a channel, the newest first."""
    high = as_int(node.request("eth_blockNumber", []))
    seen: set[str] = set()
    for _ in range(STRIDES):
        low = max(0, high - STRIDE + 1)
        wanted = {
            "address": as_text(adjudicator),
            "topics": [None, "0x" + channel_id.hex()],
            "fromBlock": hex(low),
            "toBlock": hex(high),
        }
        for log in reversed(node.request("eth_getLogs", [wanted])):
            name = str(log["transactionHash"])
            if name not in seen:
                seen.add(name)
                transaction = node.request("eth_getTransactionByHash", [name])
                if transaction is not None:
                    yield as_bytes(transaction["input"])
        if not low:
            return
        high = low - 1
