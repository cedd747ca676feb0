"""Make what an account offers to the chain: a transaction with gas, fees and nonce.

What is here asks the node or computes; it keeps nothing and sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import rlp

from clearing.chain.contract import Call, as_address, as_text, explain
from clearing.chain.errors import CallRefusedError, NodeRefusedError
from clearing.chain.node import Node, as_int
from clearing.spec.units import Address, mul_div_up

__all__ = [
    "REPLACEABLE",
    "Key",
    "SignedTransaction",
    "bumped",
    "estimate_gas",
    "fees_now",
    "nonce_at",
    "offered",
    "transaction_of",
    "unsigned_size",
    "why_failed",
]

BUMP: Final = (1_125, 1_000)
"""Nodes replace a pending transaction from 10 % more on; 12.5 % is what they all accept."""
REPLACEABLE: Final = ("nonce too low", "already known", "underpriced")
"""A node's words for a replacement that came too late or offered too little: go on waiting."""
FEES: Final = ("maxFeePerGas", "maxPriorityFeePerGas")
EIP1559: Final = 2


class SignedTransaction(Protocol):
    """What a key makes of a transaction: its bytes, and the hash it will be known by."""

    @property
    def raw_transaction(self) -> bytes:
        """The signed transaction as it is sent."""

    @property
    def hash(self) -> bytes:
        """keccak256 of these bytes."""


class Key(Protocol):
    """Whoever signs transactions for an account: eth_account's LocalAccount is one."""

    @property
    def address(self) -> str:
        """The account's address, checksummed."""

    def sign_transaction(self, transaction: dict[str, Any], /) -> SignedTransaction:
        """Sign a transaction given by its JSON-RPC fields."""


def estimate_gas(node: Node, sender: Address, call: Call, margin: int) -> int:
    """Return the gas to offer: the node's estimate times `margin` thousandths, rounded up.

    Raises CallRefusedError if a contract refuses, NodeRefusedError, NodeUnreachableError.
    """
    try:
        estimate = as_int(node.request("eth_estimateGas", [_request(sender, call)]))
    except NodeRefusedError as refusal:
        raise explain(refusal, call.what) from refusal
    return mul_div_up(estimate, margin, 1_000)


def fees_now(node: Node) -> dict[str, int]:
    """Return what to offer per gas, wei: twice the base fee and the tip that the node suggests."""
    latest = node.request("eth_getBlockByNumber", ["latest", False])
    tip = as_int(node.request("eth_maxPriorityFeePerGas", []))
    max_fee = 2 * as_int(latest["baseFeePerGas"]) + tip
    return {"maxFeePerGas": max_fee, "maxPriorityFeePerGas": tip}


def offered(
    call: Call, *, chain_id: int, nonce: int, gas: int, fees: Mapping[str, int]
) -> dict[str, Any]:
    """Return a transaction, as a key signs it."""
    return {
        "type": EIP1559,
        "chainId": chain_id,
        "nonce": nonce,
        "gas": gas,
        **fees,
        "to": as_text(call.to) if call.to is not None else b"",
        "value": call.value_wei,
        "data": call.data,
    }


def bumped(transaction: Mapping[str, Any]) -> dict[str, Any]:
    """Return the transaction with both fees raised by an eighth, rounded up."""
    return {**transaction, **{fee: mul_div_up(transaction[fee], *BUMP) for fee in FEES}}


def nonce_at(node: Node, sender: Address, block: str) -> int:
    """Return how many transactions an account has had in the chain up to a block."""
    return as_int(node.request("eth_getTransactionCount", [as_text(sender), block]))


def why_failed(node: Node, sender: Address, call: Call, mined_in: int) -> Exception:
    """Ask again, on the state that a mined transaction met, why it failed."""
    try:
        node.request("eth_call", [_request(sender, call), hex(mined_in - 1)])
    except NodeRefusedError as refusal:
        return explain(refusal, call.what)
    return CallRefusedError("failed when mined, succeeds when asked again", what=call.what)


def unsigned_size(transaction: Mapping[str, Any]) -> int:
    """Return the size of the transaction's EIP-1559 envelope before it is signed, bytes."""
    to = transaction["to"]
    fields = [
        transaction["chainId"],
        transaction["nonce"],
        transaction["maxPriorityFeePerGas"],
        transaction["maxFeePerGas"],
        transaction["gas"],
        as_address(to) if to else b"",
        transaction["value"],
        transaction["data"],
        [],
    ]
    return 1 + len(rlp.encode(fields))


def transaction_of(raw: bytes) -> dict[str, Any]:
    """Return a signed EIP-1559 transaction's fields, as a key would sign them again."""
    chain_id, nonce, tip, max_fee, gas, to, value, data, *_ = rlp.decode(raw[1:])
    numbers = {
        "chainId": chain_id,
        "nonce": nonce,
        "gas": gas,
        "maxFeePerGas": max_fee,
        "maxPriorityFeePerGas": tip,
        "value": value,
    }
    return {
        "type": EIP1559,
        **{name: int.from_bytes(number, "big") for name, number in numbers.items()},
        "to": as_text(Address(to)) if to else b"",
        "data": data,
    }


def _request(sender: Address, call: Call) -> dict[str, Any]:
    request = {
        "from": as_text(sender),
        "data": "0x" + call.data.hex(),
        "value": hex(call.value_wei),
    }
    return request if call.to is None else request | {"to": as_text(call.to)}
