"""Two EVMs as one: each call runs on revm and on py-evm, and they have to say the same.

Compared are what a call returns or reverts with, its events, balances and slots that are read. Gas
is not: revm keeps slots warm between calls (tests/second/test_gas.py compares it on real blocks).
"""

from __future__ import annotations

from typing import Any, Final

from tests.harness.revm import BLOCK_GAS, CHAIN_ID, START, Revm
from tests.second.pyevm import Block, Outcome, PyEvm

__all__ = ["Disagreement", "PairedRevm"]

BASE_GAS: Final = 21_000
CREATE_GAS: Final = 32_000
WORD_GAS: Final = 2
BYTE_GAS: Final = 16
ZERO_GAS: Final = 4
DEPLOY_GAS: Final = BLOCK_GAS
OUTPUT: Final = "output: 0x"
SHOWN: Final = 600


class Disagreement(BaseException):
    """The EVMs differ. No Exception: nothing that expects a refusal may swallow it."""


def as_bytes(text: str) -> bytes:
    """Return an address or data that is written in hex."""
    return bytes.fromhex(text.removeprefix("0x"))


def gas_of(data: bytes) -> int:
    """Return what a transaction costs before its first step."""
    zeros = data.count(0)
    return BASE_GAS + ZERO_GAS * zeros + BYTE_GAS * (len(data) - zeros)


class PairedEvm:
    """Stands where the embedded chain keeps its pyrevm.EVM.

    py-evm is a thousand times slower, and machines read a lot: of what changes nothing it is asked
    one call in `every`. What is sent always runs on both.
    """

    def __init__(self, first: Any, block: Block, every: int) -> None:
        self.first = first
        self.second = PyEvm(block)
        self.calls = 0
        """How many ran on both."""
        self._every = every
        self._reads = 0
        self._roots: dict[Any, bytes] = {}

    def __getattr__(self, name: str) -> Any:
        """Whatever changes nothing is asked of revm alone."""
        return getattr(self.first, name)

    # CALLS

    def message_call(
        self,
        caller: str,
        to: str,
        calldata: bytes = b"",
        value: int = 0,
        gas: int = BLOCK_GAS,
        gas_price: int = 0,
        is_static: bool = False,  # noqa: FBT001, FBT002
    ) -> bytes:
        """Run a call on both. Raises Disagreement, and RuntimeError as revm does."""
        if is_static:
            self._reads += 1
            if self._reads % self._every:
                return bytes(
                    self.first.message_call(caller, to, calldata, value, gas, gas_price, is_static)
                )
        self.calls += 1
        there = self.second.call(
            as_bytes(caller),
            as_bytes(to),
            calldata,
            value=value,
            gas=gas - gas_of(calldata),
            is_kept=not is_static,
        )
        try:
            here = self.first.message_call(caller, to, calldata, value, gas, gas_price, is_static)
        except RuntimeError as failure:
            self._require_same_failure(str(failure), there, calldata)
            raise
        self._require(there.is_success, here, there, calldata)
        self._require(here == there.output, here, there, calldata)
        if not is_static:
            self._require_same_logs(there, calldata)
        return bytes(here)

    def deploy(self, deployer: str, code: bytes, *rest: Any) -> str:
        """Deploy on both at the address that revm gives."""
        self.calls += 1
        address = str(self.first.deploy(deployer, code, *rest))
        gas = DEPLOY_GAS - gas_of(code) - CREATE_GAS - WORD_GAS * ((len(code) + 31) // 32)
        there = self.second.create(as_bytes(deployer), as_bytes(address), code, gas=gas)
        self._require(there.is_success, address, there, b"")
        runtime = self.second.state.get_code(as_bytes(address))
        here = bytes(self.first.get_code(address) or b"")
        self._require(here.rstrip(b"\0") == runtime.rstrip(b"\0"), "another code", there, b"")
        self._require_same_logs(there, b"")
        return address

    # STATE

    def snapshot(self) -> Any:
        """Remember both states under revm's name."""
        name = self.first.snapshot()
        self._roots[str(name)] = self.second.remember()
        return name

    def revert(self, name: Any) -> None:
        """Go back on both."""
        self.first.revert(name)
        self.second.go_back(self._roots[str(name)])

    def get_balance(self, account: str) -> int:
        """Return a balance that both have."""
        here = int(self.first.get_balance(account))
        there = self.second.state.get_balance(as_bytes(account))
        if here != there:
            raise Disagreement(f"{account} has {here} on revm, {there} on py-evm")
        return here

    def storage(self, account: str, slot: int) -> int:
        """Return a slot that both have."""
        here = int(self.first.storage(account, slot))
        there = self.second.state.get_storage(as_bytes(account), slot)
        if here != there:
            raise Disagreement(f"{account}[{slot}] is {here} on revm, {there} on py-evm")
        return here

    def set_balance(self, account: str, wei: int) -> None:
        """Give ether on both."""
        self.first.set_balance(account, wei)
        self.second.state.set_balance(as_bytes(account), wei)
        self.second.state.lock_changes()

    def insert_account_info(self, account: str, info: Any) -> None:
        """Let code appear on both."""
        self.first.insert_account_info(account, info)
        self.second.state.set_code(as_bytes(account), bytes(info.code))
        self.second.state.lock_changes()

    # COMPARE

    def _require_same_logs(self, there: Outcome, calldata: bytes) -> None:
        logs = tuple(
            (
                as_bytes(log.address),
                tuple(int.from_bytes(topic, "big") for topic in map(_topic, log.data[0])),
                bytes(log.data[1]),
            )
            for log in self.first.result.logs
        )
        self._require(logs == there.logs, logs, there, calldata)

    def _require_same_failure(self, report: str, there: Outcome, calldata: bytes) -> None:
        before, found, output = report.partition(OUTPUT)
        is_revert = bool(found) and before.startswith("Revert")
        self._require(not there.is_success, report, there, calldata)
        self._require(is_revert == there.is_revert, report, there, calldata)
        if is_revert:
            said = as_bytes(output.rstrip(" }"))
            self._require(said == there.output, report, there, calldata)

    def _require(self, holds: object, here: object, there: Outcome, calldata: bytes) -> None:
        if not holds:
            said = f"{here!s:.{SHOWN}} on revm, {there!s:.{SHOWN}} on py-evm"
            raise Disagreement(f"call {self.calls}, {calldata[:SHOWN].hex()}: {said}")


def _topic(topic: Any) -> bytes:
    return as_bytes(topic) if isinstance(topic, str) else bytes(topic)


class PairedRevm(Revm):
    """The embedded chain of all tests, on two EVMs."""

    def __init__(self, now: int = START, chain_id: int = CHAIN_ID, *, every: int = 1) -> None:
        super().__init__(now, chain_id)
        self.pair = PairedEvm(self.evm, self._block(), every)
        self.evm = self.pair

    def warp(self, now: int) -> None:
        """Start the next block on both."""
        super().warp(now)
        if isinstance(self.evm, PairedEvm):
            self.pair.second.begin(self._block())

    def _block(self) -> Block:
        return Block(
            number=self.number, timestamp=self.now, gas_limit=BLOCK_GAS, chain_id=self.chain_id
        )
