"""Send transactions of one account: one nonce sequence, one at a time, until mined or timed out."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from clearing.chain.contract import Call, as_address
from clearing.chain.cursor import Log
from clearing.chain.errors import NodeRefusedError, NonceLostError, ReceiptTimeoutError
from clearing.chain.log_source import log_of
from clearing.chain.node import Node, as_bytes, as_int
from clearing.chain.offer import (
    REPLACEABLE,
    Key,
    SignedTransaction,
    bumped,
    estimate_gas,
    fees_now,
    nonce_at,
    offered,
    unsigned_size,
    why_failed,
)
from clearing.spec.units import Address

__all__ = ["Clock", "Key", "Receipt", "SendPolicy", "Sender", "SignedTransaction", "SystemClock"]


class Clock(Protocol):
    """Time that passes while a sender waits."""

    def monotonic_s(self) -> float:
        """Return seconds that never run backwards."""
        ...

    def sleep(self, duration_s: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's time."""

    def monotonic_s(self) -> float:
        """Return seconds since some start."""
        return time.monotonic()

    def sleep(self, duration_s: float) -> None:
        """Wait."""
        time.sleep(duration_s)


@dataclass(frozen=True, slots=True)
class SendPolicy:
    """How long to wait and what to offer. Gas margin in thousandths of the estimate."""

    gas_margin: int = 1_200
    replace_after_s: float = 30
    timeout_s: float = 180
    receipt_lag_s: float = 10
    poll_s: float = 0.05


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction that was mined and succeeded.

    `unsigned_size` is the size in bytes of the transaction without its signature, which is what an
    OP Stack data fee is computed from.
    """

    what: str
    hash: bytes
    block_number: int
    gas_used: int
    unsigned_size: int
    created: Address | None
    logs: tuple[Log, ...]


class Sender:
    """One account's way to the chain.

    Transactions are sent one after the other: the next waits until this one is mined, so an
    account's actions happen in the order in which they were decided. No other process may send
    from the account.
    """

    def __init__(
        self,
        node: Node,
        key: Key,
        *,
        policy: SendPolicy | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.address = as_address(key.address)
        self._key = key
        self._node = node
        self._policy = policy or SendPolicy()
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._next_nonce = 0
        self._chain_id: int | None = None

    def next_nonce(self) -> int:
        """Return the nonce that the next transaction will have."""
        return max(self._next_nonce, nonce_at(self._node, self.address, "pending"))

    def send(self, call: Call) -> Receipt:
        """Send a call and return its receipt once it is mined.

        Raises CallRefusedError (a contract refuses; nothing was sent, or it was mined and failed),
        ReceiptTimeoutError, NonceLostError, NodeRefusedError, NodeUnreachableError (it may have
        been sent: the next transaction takes the nonce that the node then names).
        """
        with self._lock:
            transaction = self._prepare(call)
            hashes = [self._broadcast(transaction)]
            self._next_nonce = transaction["nonce"] + 1
            receipt = self._wait(call, transaction, hashes)
            if as_int(receipt["status"]) != 1:
                mined_in = as_int(receipt["blockNumber"])
                raise why_failed(self._node, self.address, call, mined_in)
            return _receipt(call, receipt, unsigned_size(transaction))

    def _prepare(self, call: Call) -> dict[str, Any]:
        """Return the transaction with gas, fees and nonce."""
        gas = estimate_gas(self._node, self.address, call, self._policy.gas_margin)
        fees = fees_now(self._node)
        if self._chain_id is None:
            self._chain_id = as_int(self._node.request("eth_chainId", []))
        return offered(call, chain_id=self._chain_id, nonce=self.next_nonce(), gas=gas, fees=fees)

    def _broadcast(self, transaction: Mapping[str, Any]) -> bytes:
        """Sign and send; return the hash, which is known before the node answers."""
        signed = self._key.sign_transaction(dict(transaction))
        try:
            self._node.request("eth_sendRawTransaction", ["0x" + signed.raw_transaction.hex()])
        except NodeRefusedError as refusal:
            if "nonce too low" in refusal.message.lower():
                raise NonceLostError(
                    f"nonce {transaction['nonce']} of {self._key.address} is used already",
                    "let nothing else send from this account",
                ) from refusal
            raise
        return bytes(signed.hash)

    def _wait(
        self, call: Call, transaction: dict[str, Any], hashes: list[bytes]
    ) -> Mapping[str, Any]:
        """Return the receipt of whichever offer is mined; raise the offer from time to time."""
        start_s = self._clock.monotonic_s()
        offered_s = start_s
        used_since_s: float | None = None
        while (receipt := self._find(hashes)) is None:
            now_s = self._clock.monotonic_s()
            is_used = nonce_at(self._node, self.address, "latest") > transaction["nonce"]
            first_s = now_s if used_since_s is None else used_since_s
            used_since_s = first_s if is_used else None
            self._require_ours(transaction["nonce"], used_since_s, now_s)
            if now_s - start_s >= self._policy.timeout_s:
                raise ReceiptTimeoutError(call.what, tuple(hashes), self._policy.timeout_s)
            if not is_used and now_s - offered_s >= self._policy.replace_after_s:
                transaction = bumped(transaction)
                self._replace(transaction, hashes)
                offered_s = now_s
            self._clock.sleep(self._policy.poll_s)
        return receipt

    def _replace(self, transaction: Mapping[str, Any], hashes: list[bytes]) -> None:
        """Offer the same transaction at a higher price; a node that declines changes nothing."""
        try:
            hashes.append(self._broadcast(transaction))
        except NonceLostError:
            return  # mined just now, by one of our offers or another's: the next look will tell
        except NodeRefusedError as refusal:
            if not any(word in refusal.message.lower() for word in REPLACEABLE):
                raise

    def _find(self, hashes: list[bytes]) -> Mapping[str, Any] | None:
        for hash_ in hashes:
            receipt: Mapping[str, Any] | None = self._node.request(
                "eth_getTransactionReceipt", ["0x" + hash_.hex()]
            )
            if receipt is not None:
                return receipt
        return None

    def _require_ours(self, nonce: int, used_since_s: float | None, now_s: float) -> None:
        """Refuse to wait for a transaction whose nonce another one has used.

        A node may count a transaction before it shows the receipt, so it gets some time.
        """
        if used_since_s is not None and now_s - used_since_s >= self._policy.receipt_lag_s:
            raise NonceLostError(
                f"nonce {nonce} of {self._key.address} was used by another transaction",
                "let nothing else send from this account",
            )


def _receipt(call: Call, receipt: Mapping[str, Any], unsigned_size: int) -> Receipt:
    created = receipt["contractAddress"]
    return Receipt(
        what=call.what,
        hash=as_bytes(receipt["transactionHash"]),
        block_number=as_int(receipt["blockNumber"]),
        gas_used=as_int(receipt["gasUsed"]),
        unsigned_size=unsigned_size,
        created=as_address(created) if created else None,
        logs=tuple(map(log_of, receipt["logs"])),
    )
