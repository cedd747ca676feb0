"""Name what two brokers can do next with a channel: each move leads to one state to co-sign."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.client.terms import Market
from clearing.spec.liabilities import Trade

__all__ = [
    "Book",
    "CallMargin",
    "Close",
    "Conclude",
    "Dealing",
    "Holding",
    "LockHash",
    "Move",
    "Open",
    "Resize",
    "Settle",
    "TopUp",
    "Unlock",
]


@dataclass(frozen=True, slots=True)
class Open:
    """Start an epoch: each side pays in its net of each asset, raw units."""

    nets: tuple[tuple[int, int], ...]
    valid_until: int


@dataclass(frozen=True, slots=True)
class Book:
    """Add trades, all or none, at one view of the market."""

    trades: tuple[Trade, ...]
    market: Market


@dataclass(frozen=True, slots=True)
class CallMargin:
    """Move mark-to-market in the split, so that it equals what the liabilities are worth now."""

    market: Market


@dataclass(frozen=True, slots=True)
class Settle:
    """Deliver all that is owed, until `fund_by`; a defaulter pays its peer the risk at `market`."""

    fund_by: int
    market: Market


@dataclass(frozen=True, slots=True)
class Conclude:
    """Go on after the order: delivered, or (not executed) as if it had not been named."""

    is_delivered: bool
    market: Market


@dataclass(frozen=True, slots=True)
class LockHash:
    """Tie the split to a secret: whoever shows it in time gives low these shares, raw units."""

    hashlock: bytes
    expiry: int
    alt_low: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unlock:
    """Go on after the hash lock: by its alternative if the secret is known, else by the split."""

    is_revealed: bool


@dataclass(frozen=True, slots=True)
class Resize:
    """Take collateral out, raw units of (low, high) per asset; it can run before `valid_until`."""

    outs: tuple[tuple[int, int], ...]
    valid_until: int
    market: Market


@dataclass(frozen=True, slots=True)
class TopUp:
    """Take up what the brokers have deposited: the nets as the chain has them, final."""

    nets: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Close:
    """End cooperatively; everything is sent to the brokers' addresses, or stays in the ledgers."""

    valid_until: int
    is_sent: bool = True


Dealing = Book | CallMargin | Settle | Conclude | Resize
Holding = LockHash | Unlock | TopUp | Close
Move = Open | Dealing | Holding
