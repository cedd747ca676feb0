"""Name what stops a keeper.

::

    KeeperError              one line: what is wrong, then the fix
     ├─ StandStillError      the endpoints are not to be trusted now: nothing is sent
     ├─ EmptyWalletError     the signer cannot pay for what it would send
     ├─ DamagedError         the replica does not equal the chain: it is read again
     └─ StoreHeldError       another process works from the same folder
"""

from __future__ import annotations

__all__ = [
    "DamagedError",
    "EmptyWalletError",
    "KeeperError",
    "StandStillError",
    "StoreHeldError",
]


class KeeperError(Exception):
    """Say in one line what is wrong and what fixes it."""

    def __init__(self, problem: str, fix: str = "") -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(f"{problem}: {fix}" if fix else problem)


class StandStillError(KeeperError):
    """Say why the endpoints are not believed now."""


class EmptyWalletError(KeeperError):
    """Say how much ether a signer lacks."""


class DamagedError(KeeperError):
    """Say where the replica and the chain differ."""


class StoreHeldError(KeeperError):
    """Say that the folder is another process's."""
