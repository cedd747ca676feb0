"""Hold all that the Adjudicator and its registry store, as one immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from clearing.spec.registry import Registry
from clearing.spec.types import (
    MAX_ASSETS,
    ZERO_WORD,
    HashedOrder,
    IdentifiedDef,
    Net,
    Params,
    Status,
)
from clearing.spec.units import Address

__all__ = [
    "NEW_CHANNEL",
    "NO_NETS",
    "Channel",
    "Env",
    "Ledgers",
    "World",
    "balance_of",
    "channel_of",
    "with_channel",
    "with_registry",
]

Ledgers = Mapping[tuple[Address, Address], int]
"""(broker, token) -> raw units."""

NO_NETS: tuple[Net, ...] = ((0, 0),) * MAX_ASSETS


@dataclass(frozen=True, slots=True)
class Env:
    """Who calls, and when."""

    now: int
    sender: Address


@dataclass(frozen=True, slots=True)
class Channel:
    """The storage of a channel, as stored: what an end leaves behind stays until it is overwritten.

    `deadline` and `digest` mean something while CHALLENGED, `order` while a lock is held, `nets`
    while the channel is live. An end sets `enforced_version`, `deadline`, `order_version` and
    `order_flags` to 0.
    """

    status: Status = Status.NEW
    epoch: int = 0
    enforced_version: int = 0
    deadline: int = 0
    order_version: int = 0
    order_flags: int = 0
    digest: bytes = ZERO_WORD
    order: bytes = ZERO_WORD
    nets: tuple[Net, ...] = NO_NETS

    @property
    def is_live(self) -> bool:
        """OPEN or CHALLENGED."""
        return self.status is Status.OPEN or self.status is Status.CHALLENGED


NEW_CHANNEL = Channel()


@dataclass(frozen=True, slots=True)
class World:
    """Everything that decides what the next call does.

    An absent ledger or cap is zero, an absent channel is NEW. `locks` (the order whose legs are
    locked) and `definitions`, both by channel id, are ghosts: the chain keeps hashes only.
    """

    params: Params
    registry: Registry
    ledgers: Ledgers = field(default_factory=dict)
    caps: Mapping[Address, int] = field(default_factory=dict)
    spent: frozenset[tuple[Address, int]] = frozenset()
    channels: Mapping[bytes, Channel] = field(default_factory=dict)
    locks: Mapping[bytes, HashedOrder] = field(default_factory=dict)
    definitions: Mapping[bytes, IdentifiedDef] = field(default_factory=dict)
    paused_until: int = 0


def channel_of(world: World, channel_id: bytes) -> Channel:
    """Return what is stored under the id: a NEW channel if nothing ever was."""
    return world.channels.get(channel_id, NEW_CHANNEL)


def with_channel(world: World, channel_id: bytes, channel: Channel) -> World:
    """Store a channel."""
    return replace(world, channels={**world.channels, channel_id: channel})


def with_registry(world: World, registry: Registry) -> World:
    """Store a registry, as a call of the registry itself leaves it."""
    return replace(world, registry=registry)


def balance_of(ledgers: Ledgers, broker: Address, token: Address) -> int:
    """Return the raw units of `token` in the ledger of `broker`."""
    return ledgers.get((broker, token), 0)
