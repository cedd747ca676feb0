"""What can happen in a schedule, as data: it can be kept, sent again, shrunk and replayed.

An action holds concrete values only. What it must come to follows from the specification's world
at the moment it is performed, so a schedule from which actions were left out is still a schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clearing.channel.requests import Request
from clearing.spec import calls
from clearing.spec.units import Address

__all__ = [
    "Action",
    "CancelAuth",
    "Deposit",
    "LiftPause",
    "Manner",
    "PauseOpenings",
    "PushTransfer",
    "RaiseCap",
    "RegistryCall",
    "Send",
    "Warp",
    "Withdraw",
]


# WITHOUT SIGNATURES: the calls that `clearing.channel.requests` has no need of


@dataclass(frozen=True, slots=True)
class Deposit(Request):
    """`deposit`."""

    function = "deposit"
    token: Address
    amount: int

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.Deposit(self.token, self.amount)


@dataclass(frozen=True, slots=True)
class Withdraw(Request):
    """`withdraw`."""

    function = "withdraw"
    token: Address
    amount: int
    to: Address

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.Withdraw(self.token, self.amount, self.to)


@dataclass(frozen=True, slots=True)
class CancelAuth(Request):
    """`cancelAuth`."""

    function = "cancelAuth"
    nonce: int

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.CancelAuth(self.nonce)


@dataclass(frozen=True, slots=True)
class RaiseCap(Request):
    """`raiseCap`."""

    function = "raiseCap"
    token: Address
    cap: int

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call; whether the token has code is for the arena to say."""
        return calls.RaiseCap(self.token, self.cap)


@dataclass(frozen=True, slots=True)
class PushTransfer(Request):
    """`pushTransfer`, which is the contract's own."""

    function = "pushTransfer"
    token: Address
    to: Address
    amount: int

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.PushTransfer()


@dataclass(frozen=True, slots=True)
class PauseOpenings(Request):
    """`pauseOpenings`."""

    function = "pauseOpenings"
    until: int

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.PauseOpenings(self.until)


@dataclass(frozen=True, slots=True)
class LiftPause(Request):
    """`liftPause`."""

    function = "liftPause"

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.LiftPause()


# ACTIONS


@dataclass(frozen=True, slots=True)
class Send:
    """A call of the Adjudicator; `gas` None: as much as it may want."""

    sender: Address
    request: Request
    gas: int | None = None


@dataclass(frozen=True, slots=True)
class RegistryCall:
    """A call of the BrokerRegistry: the name of its function, and its arguments."""

    sender: Address
    function: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Manner:
    """A call of a token: approve, mint, give away, or change how it behaves."""

    sender: Address
    token: Address
    function: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Warp:
    """Time passes."""

    seconds: int


Action = Send | RegistryCall | Manner | Warp
