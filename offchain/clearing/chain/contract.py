"""Speak to deployed contracts: calls, calldata, events and refusals by their ABIs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_utils.address import to_checksum_address

from clearing.chain.artifacts import abi_of, all_errors
from clearing.chain.cursor import Log
from clearing.chain.errors import CallRefusedError, NodeRefusedError
from clearing.chain.node import Node, as_bytes
from clearing.channel.abi import Interface
from clearing.spec.units import Address

__all__ = ["Call", "Contract", "Happened", "as_address", "as_text", "explain", "interface_of"]


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction says: `to` None creates a contract, `value_wei` goes with it."""

    to: Address | None
    data: bytes
    what: str
    value_wei: int = 0


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, decoded: its contract, name and fields, and the log that carried it."""

    contract: str
    name: str
    fields: Mapping[str, Any]
    log: Log


def as_text(address: Address) -> str:
    """Return an address as checksummed text."""
    return str(to_checksum_address(address))


def as_address(text: str) -> Address:
    """Return the address that a text names; checksums are not asked for."""
    return Address(as_bytes(text))


@cache
def interface_of(name: str) -> Interface:
    """Return the compiled ABI of a contract by its name. Raises ArtifactMissingError."""
    return Interface(abi_of(name))


@cache
def _every_error() -> Interface:
    return Interface(all_errors())


def explain(refusal: NodeRefusedError, what: str) -> CallRefusedError | NodeRefusedError:
    """Return the contract's refusal behind a node's, or the node's if no contract was asked.

    Errors of every contract of the project are known, since a call may fail deep inside another.
    """
    if refusal.data is not None:
        name, args = _every_error().decode_error(refusal.data)
        return CallRefusedError(name, args, what=what)
    if "revert" in refusal.message.lower():
        return CallRefusedError("reverted without a reason", what=what)
    return refusal


class Contract:
    """A deployed contract of the project."""

    def __init__(self, node: Node, name: str, address: Address) -> None:
        self.node = node
        self.name = name
        self.address = address
        self.interface = interface_of(name)

    def call(self, method: str, *args: Any, block: str = "latest") -> Any:
        """Return what a view answers at a block, given by its tag or number in hex.

        Raises CallRefusedError, and CodecError for arguments that do not fit.
        """
        entry = self.interface.method(method, len(args))
        request = {"to": as_text(self.address), "data": "0x" + entry.encode(*args).hex()}
        try:
            answer = self.node.request("eth_call", [request, block])
        except NodeRefusedError as refusal:
            raise explain(refusal, f"{self.name}.{method}") from refusal
        return entry.decode(as_bytes(answer))

    def transact(self, method: str, *args: Any, value_wei: int = 0) -> Call:
        """Return the call of a method, for a Sender. Raises CodecError."""
        entry = self.interface.method(method, len(args))
        return Call(self.address, entry.encode(*args), f"{self.name}.{method}", value_wei)

    def happened(self, logs: Iterable[Log]) -> tuple[Happened, ...]:
        """Return the events of this contract's ABI among some logs, in their order."""
        return tuple(
            decoded
            for log in logs
            if log.address == self.address and (decoded := self._decode(log)) is not None
        )

    def _decode(self, log: Log) -> Happened | None:
        try:
            event = self.interface.event(log.topics[0])
        except (IndexError, KeyError):
            return None
        values = event.decode(log.topics, log.data)
        return Happened(self.name, event.name, dict(zip(event.names, values, strict=True)), log)
