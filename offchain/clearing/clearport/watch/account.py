"""Ask the node about one account's transactions, make them and send them. Everything blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clearing.chain.contract import Call, as_address, as_text
from clearing.chain.errors import CallRefusedError, NodeRefusedError
from clearing.chain.node import BatchNode, as_bytes, as_int
from clearing.chain.offer import (
    Key,
    bumped,
    estimate_gas,
    fees_now,
    nonce_at,
    offered,
    transaction_of,
    why_failed,
)
from clearing.channel.keccak import keccak256
from clearing.clearport.watch.finality import Finality

__all__ = ["Account", "Consumer", "Mined", "OfferPolicy", "Sight", "hash_of"]


@dataclass(frozen=True, slots=True)
class OfferPolicy:
    """What to offer: gas in thousandths of the estimate, never more than `max_fee_wei` per gas.

    `fallback_gas`: what a transaction gets that must be made again and cannot be estimated.
    """

    gas_margin: int = 1_200
    max_fee_wei: int = 500 * 10**9
    fallback_gas: int = 1_500_000


@dataclass(frozen=True, slots=True)
class Mined:
    """Where a transaction was mined, and whether it succeeded."""

    hash: bytes
    block_number: int
    is_good: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """The account as the node sees it at one moment: nonces used up to the head and finally."""

    head: int
    final: int
    used: int
    used_finally: int
    mined: Mapping[bytes, Mined]


@dataclass(frozen=True, slots=True)
class Consumer:
    """The transaction that has used a nonce, and what it said."""

    mined: Mined
    to: bytes
    data: bytes

    def says(self, call: Call) -> bool:
        """Tell whether its words are those of a call, so that its effect is the call's."""
        return self.mined.is_good and (self.to, self.data) == (call.to, call.data)


class Account:
    """One account at one node."""

    def __init__(
        self,
        node: BatchNode,
        key: Key,
        final_at: Finality,
        policy: OfferPolicy,
    ) -> None:
        self.address = as_address(key.address)
        self._node = node
        self._key = key
        self._final_at = final_at
        self._policy = policy
        self._chain_id: int | None = None

    def sight(self, hashes: Sequence[bytes]) -> Sight:
        """Look: which nonces are used, which of the transactions are mined."""
        head = as_int(self._node.request("eth_blockNumber", []))
        final = min(self._final_at.number(self._node, head), head)
        who = as_text(self.address)
        answers = self._node.batch(
            [
                ("eth_getTransactionCount", [who, hex(final)]),
                ("eth_getTransactionCount", [who, "latest"]),
                *(("eth_getTransactionReceipt", ["0x" + each.hex()]) for each in hashes),
            ]
        )
        for answer in answers:
            if isinstance(answer, NodeRefusedError):
                raise answer
        mined = map(_mined, filter(None, answers[2:]))
        return Sight(
            head=head,
            final=final,
            used=as_int(answers[1]),
            used_finally=as_int(answers[0]),
            mined={each.hash: each for each in mined},
        )

    def make(self, call: Call, nonce: int) -> bytes:
        """Return the signed transaction of a call.

        Raises CallRefusedError if the contract refuses it now.
        """
        gas = estimate_gas(self._node, self.address, call, self._policy.gas_margin)
        return self._sign(self._offer(call, nonce, gas))

    def make_again(self, call: Call, nonce: int) -> bytes:
        """Return a transaction for a nonce that must be used, though the contract may refuse."""
        try:
            gas = estimate_gas(self._node, self.address, call, self._policy.gas_margin)
        except (CallRefusedError, NodeRefusedError):
            gas = self._policy.fallback_gas
        return self._sign(self._offer(call, nonce, gas))

    def lacks_wei(self, raw: bytes) -> int:
        """Return how much ether the account lacks to pay for a transaction at most."""
        offer = transaction_of(raw)
        have = as_int(self._node.request("eth_getBalance", [as_text(self.address), "latest"]))
        return max(0, int(offer["gas"] * offer["maxFeePerGas"]) - have)

    def replacement(self, raw: bytes, call: Call) -> bytes | None:
        """Return the same transaction at a price that nodes replace it for, None above the cap."""
        old = transaction_of(raw)
        new, now, cap = bumped(old), self._fees(), self._policy.max_fee_wei
        if new["maxFeePerGas"] > cap:
            return None
        for fee, wei in now.items():
            new[fee] = min(max(new[fee], wei), cap)
        try:
            gas = estimate_gas(self._node, self.address, call, self._policy.gas_margin)
        except (CallRefusedError, NodeRefusedError):
            gas = 0  # the nonce has to be used all the same
        new["gas"] = max(gas, old["gas"])
        return self._sign(new)

    def broadcast(self, raw: bytes) -> str:
        """Send; return the node's words if it declines, which changes nothing."""
        try:
            self._node.request("eth_sendRawTransaction", ["0x" + raw.hex()])
        except NodeRefusedError as refusal:
            return refusal.message
        return ""

    def why_failed(self, call: Call, mined: Mined) -> CallRefusedError | None:
        """Return a contract's refusal of a mined call, None if it would succeed when asked again.

        Raises NodeRefusedError if the node no longer has the state that it met.
        """
        error = why_failed(self._node, self.address, call, mined.block_number)
        if isinstance(error, NodeRefusedError):
            raise error
        is_known = isinstance(error, CallRefusedError) and not error.name.startswith("failed when")
        return error if is_known and isinstance(error, CallRefusedError) else None

    def consumer_of(self, nonce: int, final: int) -> Consumer | None:
        """Return the transaction that used a nonce up to the final block.

        None if the node cannot tell: its states do not reach back that far.
        """
        try:
            number = self._used_in(nonce, final)
            block = self._node.request("eth_getBlockByNumber", [hex(number), True])
            for each in block["transactions"]:
                is_ours = as_address(each["from"]) == self.address
                if is_ours and as_int(each["nonce"]) == nonce:
                    to = as_bytes(each["to"]) if each["to"] else b""
                    receipt = self._node.request("eth_getTransactionReceipt", [each["hash"]])
                    return Consumer(_mined(receipt), to, as_bytes(each["input"]))
        except NodeRefusedError:
            return None
        return None

    def _used_in(self, nonce: int, final: int) -> int:
        """Return the block that used a nonce: search back from the final block, then between."""
        used, step = final, 1
        while used > 0 and self._used_at(max(0, used - step)) > nonce:
            used, step = max(0, used - step), 2 * step
        unused = max(-1, used - step) if used > 0 else -1
        while used - unused > 1:
            middle = (used + unused) >> 1
            if self._used_at(middle) > nonce:
                used = middle
            else:
                unused = middle
        return used

    def _used_at(self, number: int) -> int:
        return nonce_at(self._node, self.address, hex(number))

    def _fees(self) -> dict[str, int]:
        return {
            fee: min(wei, self._policy.max_fee_wei) for fee, wei in fees_now(self._node).items()
        }

    def _offer(self, call: Call, nonce: int, gas: int) -> dict[str, Any]:
        if self._chain_id is None:
            self._chain_id = as_int(self._node.request("eth_chainId", []))
        return offered(call, chain_id=self._chain_id, nonce=nonce, gas=gas, fees=self._fees())

    def _sign(self, transaction: dict[str, Any]) -> bytes:
        return bytes(self._key.sign_transaction(transaction).raw_transaction)


def hash_of(raw: bytes) -> bytes:
    """Return the hash by which a signed transaction is known."""
    return bytes(keccak256(raw))


def _mined(receipt: Mapping[str, Any]) -> Mined:
    return Mined(
        as_bytes(receipt["transactionHash"]),
        as_int(receipt["blockNumber"]),
        as_int(receipt["status"]) == 1,
    )
