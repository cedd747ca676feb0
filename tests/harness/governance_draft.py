"""A proposal as its author wrote it, and what the governor knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from clearing.channel.keccak import keccak256
from clearing.spec.governance import Action, Proposal
from clearing.spec.units import Address
from tests.harness.governance_stage import Stage

__all__ = ["Draft", "Entry"]


@dataclass(frozen=True)
class Draft:
    """A proposal as its author wrote it; the lists may differ in length."""

    stage: Stage
    targets: tuple[Address, ...]
    values: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    description: str

    @cached_property
    def hashed(self) -> tuple[Any, ...]:
        """What queue, execute and cancel take."""
        text_hash = keccak256(self.description.encode())
        return list(self.targets), list(self.values), list(self.calldatas), text_hash

    @cached_property
    def encoded(self) -> bytes:
        """What the governor hashes."""
        method = self.stage["governor"].interface.method("hashProposal", 4)
        return method.inputs.encode(self.hashed)

    @cached_property
    def id(self) -> int:
        """The proposal's id."""
        return int.from_bytes(keccak256(self.encoded), "big")

    @cached_property
    def salt(self) -> bytes:
        """What the governor salts its operation with."""
        own = self.stage["governor"].address.ljust(32, b"\0")
        return bytes(a ^ b for a, b in zip(own, self.hashed[3], strict=True))

    @cached_property
    def operation(self) -> bytes:
        """The id of its operation in the timelock."""
        method = self.stage["timelock"].interface.method("hashOperationBatch", 5)
        return keccak256(method.inputs.encode((*self.hashed[:3], bytes(32), self.salt)))

    @property
    def actions(self) -> tuple[Action, ...]:
        """Its calls."""
        rows = zip(self.targets, self.values, self.calldatas, strict=True)
        return tuple(Action(*row) for row in rows)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the governor knows of a proposal beside the specification's record."""

    draft: Draft
    proposal: Proposal
    pin: bytes
    is_closed: bool = False
    used: dict[Address, int] = field(default_factory=dict, hash=False)
