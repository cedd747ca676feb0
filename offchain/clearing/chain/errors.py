"""Name everything that can go wrong on the way to a chain.

::

    ChainError                  one line: what is wrong, then the fix
     ├─ ProjectNotFoundError    no checkout of the project around here
     ├─ ArtifactMissingError    the contracts are not compiled
     ├─ ArtifactStaleError      a source changed after it was compiled
     ├─ ParameterInvalidError   a deployment parameter; names file, field and fix
     ├─ RegistryInvalidError    a recorded deployment does not fit the chain
     ├─ MockRefusedError        a mock off a test chain
     ├─ AnvilUnavailableError   the embedded chain does not start
     ├─ NodeUnreachableError    no answer, or not from a node
     ├─ NodeRefusedError        the node answered with an error of its own
     ├─ CallRefusedError        a contract refused: the error's name and arguments
     ├─ ReceiptTimeoutError     sent, not mined in time; carries the hashes that may still be mined
     ├─ NonceLostError          another sender used this account's nonce
     └─ ReorgTooDeepError       the chain left behind more blocks than the cursor remembers
"""

from __future__ import annotations

__all__ = [
    "AnvilUnavailableError",
    "ArtifactMissingError",
    "ArtifactStaleError",
    "CallRefusedError",
    "ChainError",
    "MockRefusedError",
    "NodeRefusedError",
    "NodeUnreachableError",
    "NonceLostError",
    "ParameterInvalidError",
    "ProjectNotFoundError",
    "ReceiptTimeoutError",
    "RegistryInvalidError",
    "ReorgTooDeepError",
]


class ChainError(Exception):
    """Say in one line what is wrong and what fixes it."""

    def __init__(self, problem: str, fix: str = "") -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(f"{problem}: {fix}" if fix else problem)


class ProjectNotFoundError(ChainError):
    """Say that no checkout of the project was found."""


class ArtifactMissingError(ChainError):
    """Say that a contract has no compiled artifact."""


class ArtifactStaleError(ChainError):
    """Name the source that is not the one which was compiled."""


class ParameterInvalidError(ChainError):
    """Name the file and field of a deployment parameter that cannot be used."""


class RegistryInvalidError(ChainError):
    """Say why a recorded deployment is not the one of this chain."""


class MockRefusedError(ChainError):
    """Refuse to put a mock on a chain that is not a test chain."""


class AnvilUnavailableError(ChainError):
    """Say why the embedded chain does not run."""


class NodeUnreachableError(ChainError):
    """Say that the node gave no usable answer."""


class NodeRefusedError(ChainError):
    """Carry the JSON-RPC error that a node answered with; `data` may hold revert data."""

    def __init__(self, method: str, code: int, message: str, data: bytes | None = None) -> None:
        self.method = method
        self.code = code
        self.message = message
        self.data = data
        super().__init__(f"{method} was refused by the node ({code}): {message}")


class CallRefusedError(ChainError):
    """Carry the contract's reason.

    `name` is the custom error's name, or the text of a string revert, or `Panic`; `args_` are the
    error's arguments in the order of its ABI, addresses as checksummed text, words as bytes.
    """

    def __init__(self, name: str, args: tuple[object, ...] = (), *, what: str = "call") -> None:
        self.name = name
        self.args_ = args
        self.what = what
        super().__init__(f"{what} refused: {self.reason}")

    @property
    def reason(self) -> str:
        """The error as a person would read it: `StaleVersion(3, 6)`."""
        if not self.args_:
            return self.name
        return f"{self.name}({', '.join(_readable(value) for value in self.args_)})"


class ReceiptTimeoutError(ChainError):
    """Say that a transaction is still out; each of `hashes` may yet be mined."""

    def __init__(self, what: str, hashes: tuple[bytes, ...], waited_s: float) -> None:
        self.hashes = hashes
        super().__init__(
            f"{what} was not mined within {waited_s:g} s (last hash 0x{hashes[-1].hex()})",
            "look at the node; it may still be mined, do not send it under a new nonce",
        )


class NonceLostError(ChainError):
    """Say that the account's nonce was used by somebody else's transaction."""


class ReorgTooDeepError(ChainError):
    """Say that no block that the cursor remembers is on the chain any more."""


def _readable(value: object) -> str:
    """Return an argument as text: bytes in hex, the rest as Python says."""
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
