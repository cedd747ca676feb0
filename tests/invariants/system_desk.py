"""Where every call of the whole-system machine is made: sent, counted, remembered for replays."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any, Final

from clearing.chain.artifacts import all_errors
from clearing.channel.abi import Event, Interface, Method
from clearing.spec.units import Address
from tests.harness.contract import GAS
from tests.harness.oracle import ACCEPTED
from tests.harness.revm import address_of, text_of
from tests.invariants.played import Seen
from tests.invariants.system_stage import Stage

__all__ = ["HALTED", "MUTE", "Desk", "Log", "Sent"]

HALTED: Final = "HALTED"
"""The EVM stopped: out of gas or an invalid opcode."""
MUTE: Final = "REVERT"
"""A revert without data, or with data that no ABI knows."""
OUTPUT: Final = "output: 0x"
REMEMBERED: Final = 600


@dataclass(frozen=True, slots=True)
class Sent:
    """A call that somebody made: what anybody can read off the chain and send again."""

    name: str
    method: Method
    args: tuple[Any, ...]
    calldata: bytes
    sender: Address
    value: int


@dataclass(frozen=True, slots=True)
class Log:
    """One event as the chain keeps it."""

    emitter: Address
    topics: tuple[bytes, ...]
    data: bytes


class Desk:
    """The stage's contracts, and what was sent to them."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.chain = stage, stage.chain
        self.seen: Seen = Counter()
        self.memory: deque[Sent] = deque(maxlen=REMEMBERED)
        self.logs: tuple[Log, ...] = ()
        self.told: list[Log] = []
        """Everything that was told since `begin`."""
        self.changed = False
        """Whether any call was accepted since `begin`."""
        self._texts = {name: text_of(each.address) for name, each in stage.contracts.items()}
        self._errors = Interface(all_errors())
        self._events = {
            event.topic: event
            for each in stage.contracts.values()
            for event in each.interface.events()
        }

    def begin(self) -> None:
        """Begin a step: nothing is told yet."""
        self.told, self.changed = [], False

    @property
    def now(self) -> int:
        """Time of the next call."""
        return self.chain.now

    def send(self, name: str, function: str, *args: Any, by: Address, value: int = 0) -> str:
        """Make a call of an honest player; return what became of it."""
        call = self.stage[name].call(function, len(args))
        calldata = call.method.encode(*args)
        self.memory.append(Sent(name, call.method, args, calldata, by, value))
        told = self.run(name, calldata, by=by, value=value)
        self.seen[f"{name}.{function}", told] += 1
        return told

    def run(
        self, name: str, calldata: bytes, *, by: Address, value: int = 0, gas: int = GAS
    ) -> str:
        """Run calldata as it is; return what became of it and keep what was told."""
        evm = self.chain.evm
        try:
            evm.message_call(text_of(by), self._texts[name], calldata, value, gas)
        except RuntimeError as failure:
            self.logs = ()
            return self._name_of(str(failure))
        finally:
            evm.reset_transient_storage()
        result = evm.result
        assert result is not None, "revm has a result after each call"
        self.logs = tuple(
            Log(address_of(log.address.lower()), tuple(log.data[0]), log.data[1])
            for log in result.logs
        )
        self.told += self.logs
        self.changed = True
        return ACCEPTED

    def count_inside(self, target: Address, calldata: bytes) -> None:
        """Count a call that the timelock made as accepted."""
        for name, each in self.stage.contracts.items():
            if each.address == target:
                for method in each.interface.methods():
                    if method.selector == calldata[:4]:
                        self.seen[f"{name}.{method.name}", ACCEPTED] += 1

    def fields_of(self, log: Log) -> tuple[str, tuple[Any, ...]]:
        """Return an event's name and fields. Raises KeyError for one that no ABI has."""
        event: Event = self._events[log.topics[0]]
        return event.name, event.decode(log.topics, log.data)

    def topic(self, name: str, event: str) -> bytes:
        """Return the first topic of a contract's event."""
        (found,) = (e.topic for e in self.stage[name].interface.events() if e.name == event)
        return found

    def _name_of(self, report: str) -> str:
        before, found, output = report.partition(OUTPUT)
        if not found or not before.startswith("Revert"):
            return HALTED
        data = bytes.fromhex(output.rstrip(" }"))
        return self._errors.decode_error(data)[0] if self._errors.knows_error(data) else MUTE
