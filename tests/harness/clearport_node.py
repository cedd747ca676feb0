"""Answer a daemon's outbox as a node does, over the specification's Adjudicator.

Transactions are signed bytes with nonces; each block takes those whose turn it is. A sending is a
boundary at which a process may be killed; what the node has taken in stays.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account

from clearing.chain.contract import as_address
from clearing.chain.errors import NodeRefusedError, NodeUnreachableError
from clearing.chain.node import as_bytes
from clearing.chain.offer import transaction_of
from clearing.channel import requests
from clearing.channel.keccak import keccak256
from clearing.spec.errors import SpecError
from clearing.spec.types import Side
from clearing.spec.units import Address
from clearing.spec.world import Env
from tests.unit.clearport_core.chain import BROKERS, SpecChain

__all__ = ["SpecNode", "View"]

ETHER_WEI = 10**18
GWEI = 10**9
REVERTED = 3
INVALID = -32_000


@dataclass(frozen=True)
class Mined:
    """A transaction in a block."""

    hash: bytes
    side: Side
    nonce: int
    data: bytes
    block: int
    refusal: str


@dataclass
class SpecNode:
    """The chain with its transactions. `requests` tells what calldata means.

    Accounts sign with keys of their own; the contract sees the broker of the account's side.
    """

    chain: SpecChain
    accounts: tuple[Address, Address]
    requests: dict[bytes, requests.Request] = field(default_factory=dict)
    waiting: dict[tuple[Side, int], bytes] = field(default_factory=dict)
    mined: list[Mined] = field(default_factory=list)
    is_down: bool = False
    lock: Any = field(default_factory=threading.RLock, repr=False)

    @property
    def head(self) -> int:
        """The newest block's number."""
        return len(self.chain.blocks) - 1

    def used(self, side: Side, block: int) -> int:
        """Return how many transactions an account has had up to a block."""
        return sum(each.side is side and each.block <= block for each in self.mined)

    def effects(self) -> Counter[tuple[Side, bytes]]:
        """Return how often each call of each side has succeeded."""
        return Counter((each.side, each.data) for each in self.mined if not each.refusal)

    def take(self, raw: bytes) -> str:
        """Take a transaction in."""
        offer = transaction_of(raw)
        side = self.side_of(str(Account.recover_transaction(raw)))
        nonce = offer["nonce"]
        with self.lock:
            if nonce < self.used(side, self.head):
                raise NodeRefusedError("eth_sendRawTransaction", INVALID, "nonce too low")
            if self.waiting.get((side, nonce)) == raw:
                raise NodeRefusedError("eth_sendRawTransaction", INVALID, "already known")
            self.waiting[side, nonce] = raw
        return "0x" + keccak256(raw).hex()

    def mine(self, seconds: int) -> None:
        """Make a block of what waits, each account's in the order of its nonces."""
        with self.lock:
            world, now = self.chain.world, self.chain.now + seconds
            block = self.head + 1
            for (side, nonce), raw in sorted(self.waiting.items()):
                if nonce != self.used(side, block):
                    continue
                del self.waiting[side, nonce]
                data = transaction_of(raw)["data"]
                refusal = ""
                try:
                    env = Env(now, BROKERS[side])
                    world, _ = requests.validate(world, env, self.requests[data])
                except SpecError as error:
                    refusal = str(error)
                name = keccak256(raw)
                self.mined.append(Mined(name, side, nonce, data, block, refusal))
            self.chain.blocks.append((world, now))

    def fork(self, depth: int) -> int:
        """Take the newest blocks back and forget them; return how many transactions are gone."""
        with self.lock:
            first = self.head - depth + 1
            taken = [each for each in self.mined if each.block >= first]
            self.mined = [each for each in self.mined if each.block < first]
            del self.chain.blocks[first:]
            return len(taken)

    def try_call(self, side: Side, data: bytes, block: int) -> str:
        """Say why the contract would refuse a call after a block, empty if it would not."""
        world, now = self.chain.blocks[block]
        try:
            requests.validate(world, Env(now + 1, BROKERS[side]), self.requests[data])
        except SpecError as error:
            return str(error)
        return ""

    def side_of(self, account: str) -> Side:
        """Return whose account this is."""
        return Side(self.accounts.index(as_address(account)))

    def copy(self) -> SpecNode:
        """Return the same chain with the same transactions, to go on from here another way."""
        chain = SpecChain.__new__(SpecChain)
        chain.__dict__ = {name: _copied(value) for name, value in self.chain.__dict__.items()}
        return SpecNode(chain, self.accounts, self.requests, dict(self.waiting), list(self.mined))


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, list) else deepcopy(value)


@dataclass(frozen=True)
class View:
    """One process's connection to the node; `boundary` is told before and after each sending."""

    node: SpecNode
    boundary: Callable[[str], None]

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Answer many requests at once."""
        return [self.request(method, params) for method, params in calls]

    def request(self, method: str, params: Sequence[Any]) -> Any:
        """Answer a request of JSON-RPC."""
        if self.node.is_down:
            raise NodeUnreachableError(f"no answer to {method}", "check that the node runs")
        with self.node.lock:
            return getattr(self, "_" + method)(*params)

    def _eth_chainId(self) -> str:  # noqa: N802 - the request's name
        return hex(31_337)

    def _eth_blockNumber(self) -> str:  # noqa: N802
        return hex(self.node.head)

    def _eth_getBalance(self, _who: str, _block: str) -> str:  # noqa: N802
        return hex(1_000 * ETHER_WEI)

    def _eth_maxPriorityFeePerGas(self) -> str:  # noqa: N802
        return hex(GWEI)

    def _eth_getBlockByNumber(self, _block: str, _full: object) -> dict[str, str]:  # noqa: N802
        return {"number": hex(self.node.head), "baseFeePerGas": hex(GWEI)}

    def _eth_getTransactionCount(self, who: str, block: str) -> str:  # noqa: N802
        number = self.node.head if block == "latest" else int(block, 16)
        return hex(self.node.used(self.node.side_of(who), number))

    def _eth_getTransactionReceipt(self, name: str) -> dict[str, str] | None:  # noqa: N802
        for each in self.node.mined:
            if each.hash == as_bytes(name):
                status = "0x0" if each.refusal else "0x1"
                where = hex(each.block)
                return {"transactionHash": name, "blockNumber": where, "status": status}
        return None

    def _eth_estimateGas(self, call: dict[str, str]) -> str:  # noqa: N802
        return self._eth_call(call, hex(self.node.head))

    def _eth_call(self, call: dict[str, str], block: str) -> str:
        side = self.node.side_of(call["from"])
        refusal = self.node.try_call(side, as_bytes(call["data"]), int(block, 16))
        if refusal:
            raise NodeRefusedError("eth_call", REVERTED, f"execution reverted: {refusal}")
        return hex(200_000)

    def _eth_sendRawTransaction(self, raw: str) -> str:  # noqa: N802
        self.boundary("before submit")
        answer = self.node.take(as_bytes(raw))
        self.boundary("after submit")
        return answer
