"""Say why a broker's client will not do something.

::

    ClientError                a refusal of our own, before anything is signed or sent
     ├─ MoveRefusedError       the move does not follow from the position
     ├─ ProposalRefusedError   what the peer proposes or answers is not what was agreed
     ├─ StateRefusedError      the contract or our policy would not have the state
     └─ LogError               the signing log cannot be read or written
"""

from __future__ import annotations

__all__ = [
    "ClientError",
    "LogError",
    "MoveRefusedError",
    "ProposalRefusedError",
    "StateRefusedError",
]


class ClientError(Exception):
    """Say in one line what was refused and why."""


class MoveRefusedError(ClientError):
    """The move does not follow from the position."""


class ProposalRefusedError(ClientError):
    """The peer's proposal or answer is not what both agreed on."""


class StateRefusedError(ClientError):
    """The contract would not accept the state, or signing it would be unsafe."""


class LogError(ClientError):
    """The signing log is damaged or cannot be written; nothing was signed."""
