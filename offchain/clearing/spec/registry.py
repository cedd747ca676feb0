"""Model `contracts/adjudicator/BrokerRegistry.vy`, function for function.

Amounts are raw YELLOW units, times are Unix seconds, `sender` is the caller. Slots are never
stored: they are what the active stake grants, so the model cannot disagree with itself as packed
words could. A call that the contract refuses raises `SpecError` with the contract's text. YELLOW
keeps the ERC-20 standard: a `Pull` that its owner cannot pay reverts in the token, not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event, Pull, Push
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S, WAD, Address, mul_div_down

__all__ = [
    "LOT",
    "MAX_SLOTS",
    "NEW_BROKER",
    "SLOTS_PER_LOT",
    "UNSTAKE_DELAY_S",
    "Broker",
    "Registry",
    "SignerNamed",
    "Staked",
    "TakeResult",
    "UnstakeCancelled",
    "UnstakeRequested",
    "Unstaked",
    "broker_of",
    "cancel_unstake",
    "complete_unstake",
    "release_slots",
    "request_unstake",
    "set_signer",
    "signers_of",
    "slots_granted",
    "stake",
    "take_slots",
]

LOT: Final = 250_000 * WAD
SLOTS_PER_LOT: Final = 4
UNSTAKE_DELAY_S: Final = 30 * DAY_S
MAX_SLOTS: Final = 2**32 - 1


class TakeResult(IntEnum):
    """What `take_slots` answers. Anything but TAKEN has changed nothing."""

    TAKEN = 0
    OTHER_SIGNER_LOW = 1
    OTHER_SIGNER_HIGH = 2
    NO_SLOT_LOW = 3
    NO_SLOT_HIGH = 4


@dataclass(frozen=True, slots=True)
class Broker:
    """What the registry knows of one broker."""

    signer: Address = ZERO_ADDRESS
    stake: int = 0
    used: int = 0
    pending: int = 0
    available_at: int = 0

    @property
    def granted(self) -> int:
        """Slots that the active stake grants."""
        return slots_granted(self.stake)


NEW_BROKER = Broker()


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry's storage. An absent broker has nothing."""

    yellow: Address
    adjudicator: Address
    brokers: Mapping[Address, Broker] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Staked(Event):
    """More stake is active."""

    broker: Address
    amount: int
    stake: int
    slots: int


@dataclass(frozen=True, slots=True)
class UnstakeRequested(Event):
    """A part of the active stake has become pending."""

    broker: Address
    amount: int
    stake: int
    slots: int
    available_at: int


@dataclass(frozen=True, slots=True)
class UnstakeCancelled(Event):
    """The pending stake is active again."""

    broker: Address
    amount: int
    stake: int
    slots: int


@dataclass(frozen=True, slots=True)
class Unstaked(Event):
    """The pending stake has been paid out."""

    broker: Address
    amount: int


@dataclass(frozen=True, slots=True)
class SignerNamed(Event):
    """The broker has named the key that signs its channel states."""

    broker: Address
    old_signer: Address
    new_signer: Address


def slots_granted(active: int) -> int:
    """Return the slots that an active stake grants: 4 for each full lot, rounded down."""
    return mul_div_down(active, 1, LOT) * SLOTS_PER_LOT


def broker_of(registry: Registry, broker: Address) -> Broker:
    """Return what is known of a broker: nothing, if it never called."""
    return registry.brokers.get(broker, NEW_BROKER)


def signers_of(registry: Registry, low: Address, high: Address) -> tuple[Address, Address]:
    """Return the keys that two brokers have named; the zero address for none."""
    return broker_of(registry, low).signer, broker_of(registry, high).signer


def stake(registry: Registry, sender: Address, amount: int) -> tuple[Registry, Effects]:
    """Add to the sender's active stake, pulled from its allowance."""
    _require(amount > 0, "registry: zero amount")

    broker = broker_of(registry, sender)
    after = _with_stake(broker, broker.stake + amount)
    event = Staked(sender, amount, after.stake, after.granted)
    return _put(registry, sender, after), (event, Pull(registry.yellow, sender, amount))


def request_unstake(
    registry: Registry, sender: Address, now: int, amount: int
) -> tuple[Registry, Effects]:
    """Turn a part of the sender's active stake into pending stake."""
    broker = broker_of(registry, sender)
    _require(amount > 0, "registry: zero amount")
    _require(broker.pending == 0, "registry: unstake pending")
    _require(amount <= broker.stake, "registry: stake too small")
    after = _with_stake(broker, broker.stake - amount)
    _require(after.granted >= broker.used, "registry: slots in use")

    after = replace(after, pending=amount, available_at=now + UNSTAKE_DELAY_S)
    event = UnstakeRequested(sender, amount, after.stake, after.granted, after.available_at)
    return _put(registry, sender, after), (event,)


def cancel_unstake(registry: Registry, sender: Address) -> tuple[Registry, Effects]:
    """Make the sender's pending stake active again."""
    broker = broker_of(registry, sender)
    _require(broker.pending > 0, "registry: no unstake")

    after = _with_stake(broker, broker.stake + broker.pending)
    after = replace(after, pending=0, available_at=0)
    event = UnstakeCancelled(sender, broker.pending, after.stake, after.granted)
    return _put(registry, sender, after), (event,)


def complete_unstake(registry: Registry, sender: Address, now: int) -> tuple[Registry, Effects]:
    """Pay the sender's pending stake out, from its time on."""
    broker = broker_of(registry, sender)
    _require(broker.pending > 0, "registry: no unstake")
    _require(now >= broker.available_at, "registry: still locked")

    after = replace(broker, pending=0, available_at=0)
    effects = (
        Unstaked(sender, broker.pending),
        Push(registry.yellow, sender, broker.pending),
    )
    return _put(registry, sender, after), effects


def set_signer(registry: Registry, sender: Address, key: Address) -> tuple[Registry, Effects]:
    """Name the key that signs the sender's channel states from now on."""
    _require(key != ZERO_ADDRESS, "registry: zero signer")
    _require(key != sender, "registry: signer is the broker")

    broker = broker_of(registry, sender)
    event = SignerNamed(sender, broker.signer, key)
    return _put(registry, sender, replace(broker, signer=key)), (event,)


def take_slots(
    registry: Registry,
    sender: Address,
    low: Address,
    signer_low: Address,
    high: Address,
    signer_high: Address,
) -> tuple[Registry, TakeResult]:
    """Take one slot of each of two different brokers, or say why not and change nothing."""
    _require_adjudicator(registry, sender)

    seat_low, seat_high = broker_of(registry, low), broker_of(registry, high)
    if seat_low.signer != signer_low:
        return registry, TakeResult.OTHER_SIGNER_LOW
    if seat_high.signer != signer_high:
        return registry, TakeResult.OTHER_SIGNER_HIGH
    if seat_low.used >= seat_low.granted:
        return registry, TakeResult.NO_SLOT_LOW
    if seat_high.used >= seat_high.granted:
        return registry, TakeResult.NO_SLOT_HIGH
    taken = _put(registry, low, replace(seat_low, used=seat_low.used + 1))
    taken = _put(taken, high, replace(seat_high, used=seat_high.used + 1))
    return taken, TakeResult.TAKEN


def release_slots(registry: Registry, sender: Address, low: Address, high: Address) -> Registry:
    """Give back the slots of a channel that has ended.

    A release without its take is no call of the Adjudicator: ValueError, as the contract panics.
    """
    _require_adjudicator(registry, sender)

    for address in (low, high):
        broker = broker_of(registry, address)
        if broker.used == 0:
            message = f"no slot of 0x{address.hex()} is taken"
            raise ValueError(message)
        registry = _put(registry, address, replace(broker, used=broker.used - 1))
    return registry


def _with_stake(broker: Broker, active: int) -> Broker:
    """Change the active stake, if the slots that it grants fit 32 bits."""
    _require(slots_granted(active) <= MAX_SLOTS, "registry: too many slots")
    return replace(broker, stake=active)


def _put(registry: Registry, address: Address, broker: Broker) -> Registry:
    return replace(registry, brokers={**registry.brokers, address: broker})


def _require_adjudicator(registry: Registry, sender: Address) -> None:
    _require(sender == registry.adjudicator, "registry: only the adjudicator")


def _require(condition: bool, text: str) -> None:  # noqa: FBT001 - reads as the contract's assert
    if not condition:
        raise SpecError(text)
