"""Decode the engine's events fast: each of them is made of single words, so no ABI is walked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clearing.chain.artifacts import abi_of
from clearing.chain.contract import interface_of
from clearing.chain.cursor import Log

__all__ = ["Decoder", "Told"]

WORD: Final = 32
FOLLOWED: Final = (
    "AccountCreated",
    "Deposited",
    "Withdrawn",
    "CashMoved",
    "Booked",
    "FundingTicked",
    "FeesCollected",
    "TermsSet",
    "StatusChanged",
    "LossShared",
    "DebtMoved",
    "GuardianPaused",
)
"""What an account's worth follows from; sessions, samples and powers do not matter to it."""

_Field = Callable[[Sequence[bytes], bytes], int]


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the engine: its name and its fields in their order, as integers."""

    name: str
    values: tuple[int, ...]


class Decoder:
    """Knows the topics of the engine's events."""

    def __init__(self) -> None:
        interface = interface_of("DerivativesEngine")
        self._events: dict[bytes, tuple[str, tuple[_Field, ...]]] = {}
        for entry in abi_of("DerivativesEngine"):
            if entry["type"] == "event" and entry["name"] in FOLLOWED:
                topic = next(
                    event.topic for event in interface.events() if event.name == entry["name"]
                )
                self._events[topic] = (entry["name"], _fields(entry["inputs"]))

    @property
    def topics(self) -> tuple[bytes, ...]:
        """The first topics of all events that are followed."""
        return tuple(self._events)

    def name_of(self, topic: bytes) -> str:
        """Return the event that has this first topic. Raises KeyError."""
        return self._events[topic][0]

    def decode(self, logs: Iterable[Log]) -> list[Told]:
        """Return the events that are followed, in the order of the logs."""
        told = []
        for log in logs:
            known = self._events.get(log.topics[0]) if log.topics else None
            if known is not None:
                name, fields = known
                told.append(Told(name, tuple(field(log.topics, log.data) for field in fields)))
        return told


def _fields(inputs: Sequence[Any]) -> tuple[_Field, ...]:
    fields: list[_Field] = []
    in_topics, in_data = 1, 0
    for entry in inputs:
        signed = str(entry["type"]).startswith("int")
        if entry["indexed"]:
            fields.append(_topic(in_topics, signed=signed))
            in_topics += 1
        else:
            fields.append(_word(in_data, signed=signed))
            in_data += WORD
    return tuple(fields)


def _topic(index: int, *, signed: bool) -> _Field:
    return lambda topics, _: int.from_bytes(topics[index], "big", signed=signed)


def _word(at: int, *, signed: bool) -> _Field:
    return lambda _, data: int.from_bytes(data[at : at + WORD], "big", signed=signed)
