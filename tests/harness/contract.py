"""A deployed contract as Python sees it: read, send, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from clearing.channel.abi import Interface, Method
from clearing.spec.units import ADDRESS_BYTES, Address
from tests.harness.errors import failure_of

if TYPE_CHECKING:
    from tests.harness.revm import Revm

__all__ = ["Call", "Contract", "Log", "Receipt"]

GAS: Final = 20_000_000
NOBODY: Final = Address(bytes(ADDRESS_BYTES))
"""Who asks when it does not matter."""


@dataclass(frozen=True, slots=True)
class Log:
    """One event; `args` in the order of its declaration."""

    emitter: Address
    event: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a transaction returned and told; for gas see the warning in tests.harness.revm."""

    output: Any
    gas_used: int
    logs: tuple[Log, ...]

    def of(self, emitter: Contract) -> tuple[Log, ...]:
        """Return what one contract told."""
        return tuple(log for log in self.logs if log.emitter == emitter.address)


class Call:
    """One function of one contract, ready to run: its selector and coders are compiled."""

    __slots__ = (
        "_chain",
        "_contract",
        "_decode",
        "_encode",
        "_message_call",
        "_reset",
        "_to",
        "method",
    )

    def __init__(self, contract: Contract, method: Method) -> None:
        self._contract = contract
        self._chain = contract.chain
        self._to = "0x" + contract.address.hex()
        self._encode = method.encode
        self._decode = method.decode
        self._message_call = contract.chain.evm.message_call
        self._reset = contract.chain.evm.reset_transient_storage
        self.method = method

    def read(self, *args: Any, sender: Address = NOBODY) -> Any:
        """Return the result of a static call. Raises Refused, Halted."""
        return self._decode(self.raw(self._encode(*args), sender=sender, is_static=True))

    def send(self, *args: Any, sender: Address, value: int = 0, gas: int = GAS) -> Receipt:
        """Run a transaction and keep its effects. Raises Refused, Halted; then there are none."""
        return self.send_raw(self._encode(*args), sender=sender, value=value, gas=gas)

    def send_raw(
        self, calldata: bytes, *, sender: Address, value: int = 0, gas: int = GAS
    ) -> Receipt:
        """Run a transaction with calldata as it is. Raises Refused, Halted."""
        output = self.raw(calldata, sender=sender, value=value, gas=gas)
        result = self._chain.evm.result
        assert result is not None, "revm has a result after each call"
        logs = tuple(self._chain.log_of(log) for log in result.logs)
        # A token may return nothing where its ABI says bool.
        return Receipt(self._decode(output) if output else None, result.gas_used, logs)

    def raw(
        self,
        calldata: bytes,
        *,
        sender: Address,
        value: int = 0,
        gas: int = GAS,
        is_static: bool = False,
    ) -> bytes:
        """Run calldata as it is and return what it returns. Raises Refused, Halted."""
        try:
            return self._message_call(
                "0x" + sender.hex(), self._to, calldata, value, gas, 0, is_static
            )
        except RuntimeError as failure:
            known = (self._contract.interface, *self._chain.interfaces())
            raise failure_of(str(failure), known) from None
        finally:
            self._reset()


class Contract:
    """A contract at an address."""

    def __init__(self, chain: Revm, address: Address, interface: Interface) -> None:
        self.chain = chain
        self.address = address
        self.interface = interface
        self._calls: dict[tuple[str, int], Call] = {}

    def call(self, name: str, arguments: int) -> Call:
        """Return the function of this name with so many arguments. Raises KeyError."""
        found = self._calls.get((name, arguments))
        if found is None:
            found = Call(self, self.interface.method(name, arguments))
            self._calls[name, arguments] = found
        return found

    def read(self, name: str, *args: Any, sender: Address = NOBODY) -> Any:
        """Return the result of a static call. Raises Refused, Halted."""
        return self.call(name, len(args)).read(*args, sender=sender)

    def send(
        self, name: str, *args: Any, sender: Address, value: int = 0, gas: int = GAS
    ) -> Receipt:
        """Run a transaction and keep its effects. Raises Refused, Halted; then there are none."""
        return self.call(name, len(args)).send(*args, sender=sender, value=value, gas=gas)
