"""Say what a call does to the outside: tokens pulled, tokens sent, events, in the chain's order.

Each event mirrors its namesake in `IAssetVault`, `IEscrowPayment` or `IAdjudicator`.
"""

from __future__ import annotations

from dataclasses import dataclass

from clearing.spec.types import AssetAmounts, AssetFunding, AssetPayout, Leg, Outcome, Side
from clearing.spec.units import Address

__all__ = [
    "AuthSpent",
    "CapRaised",
    "Challenged",
    "Checkpointed",
    "Closed",
    "CollateralDeposited",
    "Deposited",
    "Effect",
    "Effects",
    "Event",
    "Finalized",
    "Opened",
    "OpeningsPaused",
    "OrderExecuted",
    "OrderFunded",
    "OrderRefunded",
    "Pull",
    "Push",
    "PushFailed",
    "Resized",
    "Revealed",
    "Withdrawn",
    "events_of",
]


@dataclass(frozen=True, slots=True)
class Pull:
    """`amount` raw units came from the allowance of `owner`."""

    token: Address
    owner: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Push:
    """`amount` raw units were sent to `to`; not `arrived`: the transfer failed and nothing left."""

    token: Address
    to: Address
    amount: int
    arrived: bool = True


@dataclass(frozen=True, slots=True)
class Event:
    """Base of everything that the contract logs."""


@dataclass(frozen=True, slots=True)
class Deposited(Event):
    """A broker's ledger grew by what it paid in."""

    broker: Address
    token: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Withdrawn(Event):
    """A broker's ledger shrank by what was paid to `to`."""

    broker: Address
    token: Address
    to: Address
    amount: int


@dataclass(frozen=True, slots=True)
class AuthSpent(Event):
    """The nonce of an authorisation is used or cancelled."""

    account: Address
    nonce: int


@dataclass(frozen=True, slots=True)
class PushFailed(Event):
    """A payout could not be sent and stands in the broker's ledger instead."""

    broker: Address
    token: Address
    amount: int


@dataclass(frozen=True, slots=True)
class CapRaised(Event):
    """The cap of a token rose; from 0: the token is now listed."""

    token: Address
    old_cap: int
    new_cap: int


@dataclass(frozen=True, slots=True)
class OrderFunded(Event):
    """The legs of the sides in `sides` left their ledgers; `legs` are all of the order's."""

    id: bytes
    epoch: int
    version: int
    order: bytes
    sides: int
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class OrderExecuted(Event):
    """All legs arrived; the sides in `sides` paid from their ledgers without funding first."""

    id: bytes
    epoch: int
    version: int
    order: bytes
    sides: int
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class OrderRefunded(Event):
    """The legs of the sides in `sides` went back to them; `legs` are all of the order's."""

    id: bytes
    epoch: int
    version: int
    order: bytes
    sides: int
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class Opened(Event):
    """A channel started an epoch."""

    id: bytes
    broker_low: Address
    broker_high: Address
    epoch: int
    version: int
    funding: tuple[AssetFunding, ...]


@dataclass(frozen=True, slots=True)
class CollateralDeposited(Event):
    """A broker moved from its ledger into the channel; `asset` is the asset's number."""

    id: bytes
    side: Side
    asset: int
    amount: int


@dataclass(frozen=True, slots=True)
class Checkpointed(Event):
    """`version` is now the least that counts; a challenge is cleared."""

    id: bytes
    epoch: int
    version: int


@dataclass(frozen=True, slots=True)
class Challenged(Event):
    """`version` is enforced; at `deadline` the state behind `digest` ends the channel."""

    id: bytes
    epoch: int
    version: int
    digest: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class Resized(Event):
    """`outs` went to the ledgers; a challenge is cleared."""

    id: bytes
    epoch: int
    version: int
    outs: tuple[AssetAmounts, ...]


@dataclass(frozen=True, slots=True)
class Revealed(Event):
    """The preimage of the version's hash lock is public."""

    id: bytes
    epoch: int
    version: int
    preimage: bytes


@dataclass(frozen=True, slots=True)
class Closed(Event):
    """Cooperative end: `credited` to the ledgers, `sent` to the brokers (but see PushFailed)."""

    id: bytes
    epoch: int
    version: int
    payouts: tuple[AssetPayout, ...]


@dataclass(frozen=True, slots=True)
class Finalized(Event):
    """Forced end: `credited` to the ledgers."""

    id: bytes
    epoch: int
    version: int
    outcome: Outcome
    credited: tuple[AssetAmounts, ...]


@dataclass(frozen=True, slots=True)
class OpeningsPaused(Event):
    """New openings are refused before `until`."""

    until: int


Effect = Pull | Push | Event
Effects = tuple[Effect, ...]


def events_of(effects: Effects) -> tuple[Event, ...]:
    """Keep what is logged."""
    return tuple(effect for effect in effects if isinstance(effect, Event))
