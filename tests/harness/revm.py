"""One embedded EVM: accounts, time, snapshots, deployments.

Every call is a transaction of its own for transient storage, which revm would otherwise keep. For
gas it is not: revm keeps slots warm between calls, so gas is measured on anvil, never here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pyrevm

from clearing.chain.artifacts import load
from clearing.channel.abi import AbiEntry, Interface
from clearing.spec.units import Address
from tests.harness.contract import Contract, Log
from tests.harness.errors import failure_of

__all__ = ["BLOCK_GAS", "CHAIN_ID", "START", "Revm", "address_of", "text_of"]

CHAIN_ID: Final = 31_337
START: Final = 1_700_000_000
"""Time of the first block, Unix seconds."""
BLOCK_GAS: Final = 30_000_000
HARD_FORK: Final = "CANCUN"
EMPTY_CONTRACT: Final = b"\0"
"""Creation code that stops at once and leaves nothing."""


def text_of(address: Address) -> str:
    """Return an address as revm takes it."""
    return "0x" + address.hex()


def address_of(text: str) -> Address:
    """Return an address that revm gave."""
    return Address(bytes.fromhex(text.removeprefix("0x")))


class Revm:
    """A chain inside this process; `now` is the time that the next call sees."""

    def __init__(self, now: int = START, chain_id: int = CHAIN_ID) -> None:
        environment = pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=chain_id))
        self.evm = pyrevm.EVM(env=environment, spec_id=HARD_FORK, gas_limit=BLOCK_GAS)
        self.chain_id = chain_id
        self._interfaces: dict[Address, Interface] = {}
        self._number = 0
        self._now = now
        self.warp(now)

    # TIME

    @property
    def now(self) -> int:
        """Timestamp of the block that calls run in, Unix seconds."""
        return self._now

    @property
    def number(self) -> int:
        """Number of the block that calls run in."""
        return self._number

    def warp(self, now: int) -> None:
        """Start the next block at this time, which may also be earlier."""
        self._number += 1
        self._now = now
        block = pyrevm.BlockEnv(number=self._number, timestamp=now, gas_limit=BLOCK_GAS)
        self.evm.set_block_env(block)

    # STATE

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Undo on leaving whatever happens inside, time included. May be nested."""
        now = self._now
        checkpoint = self.evm.snapshot()
        try:
            yield
        finally:
            self.evm.revert(checkpoint)
            self.warp(now)

    def balance_of(self, account: Address) -> int:
        """Return an account's ether in wei."""
        return self.evm.get_balance(text_of(account))

    def set_balance(self, account: Address, wei: int) -> None:
        """Give an account exactly this much ether."""
        self.evm.set_balance(text_of(account), wei)

    def set_code(self, account: Address, code: bytes) -> None:
        """Make runtime code appear at an address; outside of what `isolated` undoes."""
        self.evm.insert_account_info(text_of(account), pyrevm.AccountInfo(code=code))

    def storage_of(self, account: Address, slot: int) -> int:
        """Return one word of an account's storage."""
        return self.evm.storage(text_of(account), slot)

    # CONTRACTS

    def deploy(self, name: str, *args: Any, sender: Address) -> Contract:
        """Deploy a compiled contract by its name. Raises Refused if it refuses its arguments."""
        artifact = load(name)
        interface = Interface(artifact.abi)
        code = artifact.bytecode + interface.constructor.encode(args)
        try:
            address = address_of(self.evm.deploy(text_of(sender), code))
        except RuntimeError as failure:
            raise failure_of(str(failure), [interface, *self._interfaces.values()]) from None
        finally:
            self.evm.reset_transient_storage()
        return self._meet(address, interface)

    def at(self, address: Address, abi: Sequence[AbiEntry]) -> Contract:
        """Return the contract that stands at an address."""
        return self._meet(address, Interface(abi))

    def next_address(self, sender: Address) -> Address:
        """Return the address that the account's next deployment gets."""
        with self.isolated():
            return address_of(self.evm.deploy(text_of(sender), EMPTY_CONTRACT))

    def log_of(self, log: pyrevm.Log) -> Log:
        """Return an event of a contract of this chain. Raises KeyError for one that no ABI has."""
        emitter = address_of(log.address.lower())
        topics, data = log.data
        event = self._interfaces[emitter].event(topics[0])
        return Log(emitter, event.name, event.decode(topics, data))

    def interfaces(self) -> Sequence[Interface]:
        """Return the interfaces of all contracts of this chain."""
        return tuple(self._interfaces.values())

    def _meet(self, address: Address, interface: Interface) -> Contract:
        self._interfaces[address] = interface
        return Contract(self, address, interface)
