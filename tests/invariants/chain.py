"""The contracts' half of the lock step: send, and read back, as bytes.

What is expected is encoded and compared with what the EVM gave, which is both stricter and several
times faster than decoding what the EVM gave.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from clearing.chain.artifacts import load
from clearing.channel import abi
from clearing.channel.requests import Request
from clearing.spec.events import Event
from clearing.spec.units import Address
from tests.harness.contract import GAS, NOBODY, Call, Contract
from tests.harness.errors import Halted, Refused
from tests.harness.revm import text_of
from tests.invariants.arena import Arena

__all__ = ["HALTED", "Answer", "Chain", "Told", "told"]

Told = tuple[tuple[bytes, ...], bytes]
"""An event as the chain keeps it: topics and data."""

HALTED: Final = "HALTED"
"""The EVM stopped: out of gas or an invalid opcode."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: the refusal's name and values, or None and what was told."""

    refusal: str | None
    values: tuple[object, ...] = ()
    told: tuple[Told, ...] = ()


class Chain:
    """The arena's contracts."""

    def __init__(self, arena: Arena) -> None:
        deployment = arena.deployment
        self.adjudicator, self.registry = deployment.adjudicator, deployment.registry
        self._chain = deployment.chain
        contracts = (self.adjudicator, self.registry, deployment.yellow, *arena.tokens)
        self.contracts: dict[Address, Contract] = {each.address: each for each in contracts}

    def warp(self, now: int) -> None:
        """Let the next call see this time."""
        self._chain.warp(now)

    def request(self, request: Request, sender: Address, gas: int | None = None) -> Answer:
        """Send a call of the Adjudicator; with gas None as much as it may want."""
        arguments = request.arguments
        call = self.adjudicator.call(request.function, len(arguments))
        return self._send(self.adjudicator, call, arguments, sender, gas or GAS)

    def send(self, to: Address, function: str, arguments: tuple[Any, ...], by: Address) -> Answer:
        """Send a call of any of the contracts."""
        contract = self.contracts[to]
        return self._send(contract, contract.call(function, len(arguments)), arguments, by, GAS)

    def read(self, of: Contract, view: str, *arguments: Any) -> bytes:
        """Return what a view returns, undecoded."""
        call = of.call(view, len(arguments))
        return call.raw(call.method.encode(*arguments), sender=NOBODY, is_static=True)

    def says(self, of: Contract, view: str, *arguments: Any, expected: Any) -> bool:
        """Say whether a view returns exactly the expected value, to the byte.

        A view with several results is expected to return a tuple of them.
        """
        outputs = of.call(view, len(arguments)).method.outputs
        values = (expected,) if len(outputs.names) == 1 else expected
        return self.read(of, view, *arguments) == outputs.encode(values)

    def _send(
        self, to: Contract, call: Call, arguments: tuple[Any, ...], sender: Address, gas: int
    ) -> Answer:
        try:
            call.raw(call.method.encode(*arguments), sender=sender, gas=gas)
        except Refused as refusal:
            return Answer(refusal.name, refusal.args_)
        except Halted:
            return Answer(HALTED)
        result = self._chain.evm.result
        assert result is not None, "revm has a result after each call"
        emitter = text_of(to.address)
        logs = (log.data for log in result.logs if log.address.lower() == emitter)
        return Answer(None, told=tuple((tuple(topics), data) for topics, data in logs))


def told(event: Event) -> Told:
    """Return what the contract must have told for an event of the specification."""
    known = _EVENTS[type(event).__name__]
    indexed: list[Any] = []
    plain: list[Any] = []
    for field, is_indexed in zip(fields(event), known.indexed, strict=True):
        (indexed if is_indexed else plain).append(getattr(event, field.name))
    words = known.topics.encode(indexed)
    topics = (known.topic, *(words[at : at + 32] for at in range(0, len(words), 32)))
    return topics, known.data.encode(plain)


_EVENTS: Final = {
    event.name: event
    for contract in ("Adjudicator", "BrokerRegistry")
    for event in (abi.Event.of(entry) for entry in load(contract).abi if entry["type"] == "event")
}
