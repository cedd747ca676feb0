"""Read from the chain what some accounts have sent, whoever sent it for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clearing.chain.contract import Contract, as_address
from clearing.chain.node import Node, as_bytes, as_int
from clearing.chain.offer import unsigned_size
from clearing.chain.sender import Receipt
from clearing.spec.units import Address

__all__ = ["Journal", "Mined"]


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction on the chain: who sent it, what it calls, and its receipt."""

    sender: Address
    to: Address
    data: bytes
    receipt: Receipt

    def is_call(self, contract: Contract, method: str) -> bool:
        """Say whether it calls this method of a contract."""
        selector = contract.interface.method(method).selector
        return self.to == contract.address and self.data.startswith(selector)


class Journal:
    """Each transaction of the accounts, once, from the block after this journal was begun."""

    def __init__(self, node: Node, accounts: Iterable[Address]) -> None:
        self._node = node
        self._accounts = frozenset(accounts)
        self._last = self._head()

    def take(self) -> list[Mined]:
        """Return what was mined since the last look, oldest first."""
        head = self._head()
        numbers = range(self._last + 1, head + 1)
        self._last = head
        return [mined for number in numbers for mined in self._block(number)]

    def _head(self) -> int:
        return as_int(self._node.request("eth_blockNumber", []))

    def _block(self, number: int) -> list[Mined]:
        block = self._node.request("eth_getBlockByNumber", [hex(number), True])
        return [
            self._mined(each)
            for each in block["transactions"]
            if as_address(each["from"]) in self._accounts
        ]

    def _mined(self, transaction: Mapping[str, Any]) -> Mined:
        receipt = self._node.request("eth_getTransactionReceipt", [transaction["hash"]])
        names = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "value")
        fields = {name: as_int(transaction[name]) for name in names}
        data = as_bytes(transaction["input"])
        return Mined(
            as_address(transaction["from"]),
            as_address(transaction["to"]),
            data,
            Receipt(
                what="sent by a daemon",
                hash=as_bytes(transaction["hash"]),
                block_number=as_int(receipt["blockNumber"]),
                gas_used=as_int(receipt["gasUsed"]),
                unsigned_size=unsigned_size({**fields, "to": transaction["to"], "data": data}),
                created=None,
                logs=(),
            ),
        )
