"""Run on py-evm whatever anvil mined, and hold every receipt and the state against it.

Nothing of anvil's results goes in: py-evm gets the accounts of the first block, the signed
transactions, and of each block what contracts can ask (time, number, base fee, miner, randomness).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from clearing.chain.contract import Contract
from clearing.chain.node import HttpNode
from clearing.chain.sender import Receipt
from tests.gas.rig import ETHER_WEI, Rig, Scene
from tests.second.pyevm import Block, Inner, Outcome, PyEvm

__all__ = ["Disagreement", "DoubledScene", "Replay", "doubled_scene", "replay_of"]

CHAIN_ID: Final = 31_337
PREDEPLOYED: Final = (
    bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c"),  # makes contracts by CREATE2
    bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935"),  # EIP-2935, the blocks' hashes
)


class Disagreement(AssertionError):
    """The two EVMs differ."""


def as_bytes(text: str) -> bytes:
    """Return what a node writes in hex."""
    return bytes.fromhex(text[2:].zfill(len(text) - 2 + len(text) % 2))


class Replay:
    """A chain of anvil's, run again."""

    def __init__(self, node: HttpNode) -> None:
        self._node = node
        first = self._block(0)
        self.evm = PyEvm(_of(first))
        self.outcomes: dict[bytes, Outcome] = {}
        self.number = 0
        self.ran = 0
        """How many receipts were compared."""
        self.deployed = 0
        """How many of them before the named state."""
        for account in (*map(as_bytes, node.request("eth_accounts", [])), *PREDEPLOYED):
            self._copy(account)

    def gift(self, account: bytes, wei: int) -> None:
        """Set a balance, as the owner of the chain did."""
        self.evm.state.set_balance(account, wei)
        self.evm.state.lock_changes()

    def catch_up(self, last: int | None = None) -> None:
        """Run all blocks up to `last`, or that there are. Raises Disagreement."""
        latest = int(self._node.request("eth_blockNumber", []), 16) if last is None else last
        while self.number < latest:
            self.number += 1
            self._run(self._block(self.number))

    def require_same_state(self) -> None:
        """Require that all accounts and all storage are the same. Raises Disagreement.

        Compared are roots that py-evm makes of both. The stateRoot of anvil's blocks will not do:
        it counts accounts and slots that were looked at and are empty.
        """
        dump = as_bytes(self._node.request("anvil_dumpState", []))
        there = PyEvm(_of(self._block(self.number)))
        for text, account in json.loads(gzip.decompress(dump))["accounts"].items():
            _load(there, as_bytes(text), account)
        if self.evm.remember() != there.remember():
            raise Disagreement(f"the state after block {self.number} is another on anvil")

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Come back to the present state and block in the end."""
        root, number = self.evm.remember(), self.number
        try:
            yield
        finally:
            self.evm.go_back(root)
            self.number = number

    def _block(self, number: int) -> Any:
        return self._node.request("eth_getBlockByNumber", [hex(number), True])

    def _copy(self, account: bytes) -> None:
        """Take an account as the first block has it."""
        at = ["0x" + account.hex(), "0x0"]
        balance, code = (
            self._node.request(method, at) for method in ("eth_getBalance", "eth_getCode")
        )
        self.evm.state.set_balance(account, int(balance, 16))
        if code != "0x":
            self.evm.state.set_code(account, as_bytes(code))

    def _run(self, block: Any) -> None:
        self.evm.begin(_of(block))
        self.evm.note_parent(as_bytes(block["parentHash"]))
        if not block["transactions"]:
            return
        receipts = self._node.request("eth_getBlockReceipts", [block["number"]])
        for transaction, receipt in zip(block["transactions"], receipts, strict=True):
            name = transaction["hash"]
            raw = as_bytes(self._node.request("eth_getRawTransactionByHash", [name]))
            outcome = self.evm.transact(raw)
            self.outcomes[as_bytes(name)] = outcome
            self.ran += 1
            _require_same(name, outcome, receipt)


def _load(evm: PyEvm, address: bytes, account: Any) -> None:
    """Put an account of anvil's dump into a state, as any client would keep it."""
    balance, code = int(account["balance"], 16), as_bytes(account["code"])
    if not (balance or code or account["nonce"]):
        return
    evm.state.set_balance(address, balance)
    evm.state.set_nonce(address, account["nonce"])
    if code:
        evm.state.set_code(address, code)
    for slot, word in account["storage"].items():
        evm.state.set_storage(address, int(slot, 16), int(word, 16))


def _of(block: Any) -> Block:
    return Block(
        number=int(block["number"], 16),
        timestamp=int(block["timestamp"], 16),
        gas_limit=int(block["gasLimit"], 16),
        chain_id=CHAIN_ID,
        base_fee=int(block["baseFeePerGas"], 16),
        coinbase=as_bytes(block["miner"]),
        randao=as_bytes(block["mixHash"]),
    )


def _require_same(name: str, outcome: Outcome, receipt: Any) -> None:
    logs = tuple(
        (
            as_bytes(log["address"]),
            tuple(int(topic, 16) for topic in log["topics"]),
            as_bytes(log["data"]),
        )
        for log in receipt["logs"]
    )
    here = outcome.is_success, outcome.gas_used, outcome.logs
    there = receipt["status"] == "0x1", int(receipt["gasUsed"], 16), logs
    if here != there:
        raise Disagreement(f"{name} to {receipt['to']}: {here} here, {there} on anvil")


@dataclass
class DoubledScene(Scene):
    """A scene whose numbers are py-evm's: receipts, and the gas of calls within them."""

    replay: Replay | None = None

    def receipt(
        self, contract: Contract, method: str, *args: Any, sender: Any, value_wei: int = 0
    ) -> Receipt:
        """Send on anvil, run on py-evm, and say what that used."""
        sent = super().receipt(contract, method, *args, sender=sender, value_wei=value_wei)
        assert self.replay is not None
        self.replay.catch_up()
        return replace(sent, gas_used=self.replay.outcomes[sent.hash].gas_used)

    def _trace(self, transaction: bytes) -> Any:
        assert self.replay is not None
        outcome = self.replay.outcomes[transaction]
        return {
            "to": "",
            "gasUsed": hex(outcome.gas_used),
            "calls": _traced(outcome.calls),
        }


def _traced(calls: Sequence[Inner]) -> list[dict[str, Any]]:
    return [
        {
            "to": "0x" + call.to.hex(),
            "gasUsed": hex(call.gas_used),
            "calls": _traced(call.calls),
            **({} if call.is_success else {"error": "failed"}),
        }
        for call in calls
    ]


@contextmanager
def doubled_scene(rig: Rig, replay: Replay) -> Iterator[DoubledScene]:
    """Lend the named state of both chains to one measurement, and restore it."""
    snapshot = rig.anvil.snapshot()
    with replay.isolated():
        try:
            yield DoubledScene(rig, replay=replay)
            replay.catch_up()
            replay.require_same_state()
        finally:
            rig.anvil.revert(snapshot)


def replay_of(rig: Rig) -> Replay:
    """Return the rig's chain, run again up to its named state."""
    replay = Replay(rig.anvil.node)
    replay.catch_up(1)
    for account in rig.roles.values():
        replay.gift(account, ETHER_WEI)
    replay.catch_up()
    replay.require_same_state()
    replay.deployed = replay.ran
    return replay
