"""A second EVM: py-evm, written in Python, which shares nothing with revm (and so with anvil).

Fork: Prague. anvil runs one of the later ones, whose changes (a price for modular powers, a limit
of gas for one transaction, a precompile of another curve, CLZ) nothing here meets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth.db.atomic import AtomicDB
from eth.exceptions import Revert
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.constants import HISTORY_SERVE_WINDOW, HISTORY_STORAGE_ADDRESS
from eth.vm.forks.prague.state import PragueState
from eth.vm.message import Message

__all__ = ["EMPTY_ROOT", "Block", "Inner", "Outcome", "PyEvm"]

EMPTY_ROOT: Final = bytes.fromhex(
    "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
)
"""The root of a trie without entries: keccak256(0x80)."""
NOWHERE: Final = b""

Told = tuple[bytes, tuple[int, ...], bytes]
"""A log: emitter, topics, data."""


@dataclass(frozen=True, slots=True)
class Block:
    """What a transaction can ask of its block."""

    number: int
    timestamp: int
    gas_limit: int
    chain_id: int
    base_fee: int = 0
    coinbase: bytes = bytes(20)
    randao: bytes = bytes(32)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a transaction."""

    is_success: bool
    gas_used: int
    output: bytes
    logs: tuple[Told, ...]
    calls: tuple[Inner, ...] = ()
    is_revert: bool = False
    """Whether the contract said no; another failure is the EVM's own."""


@dataclass(frozen=True, slots=True)
class Inner:
    """A call, or the creation of a contract, inside a transaction; `calls` in their order."""

    to: bytes
    gas_used: int
    is_success: bool
    calls: tuple[Inner, ...]


class PyEvm:
    """The state of one chain."""

    def __init__(self, block: Block) -> None:
        self._db = AtomicDB()
        self._context = _context_of(block)
        self._chain_id = block.chain_id
        self.state = PragueState(self._db, self._context, EMPTY_ROOT)

    def begin(self, block: Block) -> None:
        """Let a block begin; contracts see nothing of it but these fields."""
        self._context = _context_of(block)
        self.state.execution_context = self._context

    def remember(self) -> bytes:
        """Return a name of the present state."""
        self.state.persist()
        return bytes(self.state.state_root)

    def go_back(self, root: bytes) -> None:
        """Return to a state that was remembered; it may be returned to again."""
        self.state = PragueState(self._db, self._context, root)

    def note_parent(self, parent_hash: bytes) -> None:
        """Write the parent's hash where EIP-2935 keeps it, if the chain has that contract."""
        if self.state.get_code(HISTORY_STORAGE_ADDRESS):
            slot = (self._context.block_number - 1) % HISTORY_SERVE_WINDOW
            word = int.from_bytes(parent_hash, "big")
            self.state.set_storage(HISTORY_STORAGE_ADDRESS, slot, word)
            self.state.lock_changes()

    def transact(self, raw: bytes) -> Outcome:
        """Run a signed transaction. Raises eth_utils.ValidationError if it is none."""
        transaction = PragueVM.get_transaction_builder().decode(raw)
        transaction.validate()
        computation = self.state.apply_transaction(transaction)
        self.state.lock_changes()
        return Outcome(
            computation.is_success,
            PragueVM.finalize_gas_used(transaction, computation),
            bytes(computation.output),
            tuple(computation.get_log_entries()),
            _inner_of(computation),
        )

    def call(
        self, sender: bytes, to: bytes, data: bytes, *, value: int, gas: int, is_kept: bool
    ) -> Outcome:
        """Run a message that costs nothing, as a transaction of its own for transient storage.

        Unless it `is_kept` its effects are undone.
        """
        message = Message(
            gas=gas,
            to=to,
            sender=sender,
            value=value,
            data=data,
            code=self.state.get_code(to),
        )
        if is_kept:
            return self._run(message, sender, is_kept=True)
        before = self.state.snapshot()
        outcome = self._run(message, sender, is_kept=False)
        self.state.revert(before)
        self._end_transaction()
        return outcome

    def create(self, sender: bytes, at: bytes, code: bytes, *, gas: int) -> Outcome:
        """Create a contract at an address."""
        message = Message(
            gas=gas, to=NOWHERE, sender=sender, value=0, data=b"", code=code, create_address=at
        )
        return self._run(message, sender, is_kept=True)

    def _end_transaction(self) -> None:
        self.state.lock_changes()
        self.state.clear_transient_storage()

    def _run(self, message: Any, sender: bytes, *, is_kept: bool) -> Outcome:
        state = self.state
        context = state.get_transaction_context_class()(gas_price=0, origin=sender)
        apply = "apply_create_message" if message.is_create else "apply_message"
        for account in (sender, message.storage_address):
            state.mark_address_warm(account)
        done = getattr(state.computation_class, apply)(state, message, context)
        for account in done.get_accounts_for_deletion():
            state.delete_account(account)
        if is_kept:
            self._end_transaction()
        gas_used = message.gas - done.get_gas_remaining()
        return Outcome(
            done.is_success,
            gas_used,
            bytes(done.output),
            tuple(done.get_log_entries()),
            is_revert=done.is_error and isinstance(done.error, Revert),
        )


def _inner_of(computation: Any) -> tuple[Inner, ...]:
    return tuple(
        Inner(
            bytes(each.msg.storage_address if each.msg.is_create else each.msg.code_address),
            each.msg.gas - each.get_gas_remaining(),
            each.is_success,
            _inner_of(each),
        )
        for each in computation.children
    )


def _context_of(block: Block) -> ExecutionContext:
    return ExecutionContext(
        coinbase=block.coinbase,
        timestamp=block.timestamp,
        block_number=block.number,
        difficulty=0,
        mix_hash=block.randao,
        gas_limit=block.gas_limit,
        prev_hashes=(),
        chain_id=block.chain_id,
        base_fee_per_gas=block.base_fee,
        excess_blob_gas=0,
    )
