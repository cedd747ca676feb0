"""Model `contracts/adjudicator/HashTimeLock.vy`, function for function.

Amounts are raw token units or wei, times are Unix seconds, the token `ZERO_ADDRESS` is ETH. The
contract stores the hash of a lock, the model the lock itself: it is live while it is in `live`.
What a token or receiver does comes in as an input: what a pull brought, whether a push arrived.
A call that the contract refuses raises `SpecError` with the contract's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event, Pull, Push
from clearing.spec.types import ZERO_ADDRESS, ZERO_WORD
from clearing.spec.units import Address

__all__ = [
    "Call",
    "Claimed",
    "Collected",
    "Credited",
    "HashTimeLock",
    "Lock",
    "Locked",
    "Refunded",
    "claim",
    "collect",
    "credit_of",
    "held_for",
    "lock",
    "refund",
]


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, with how many wei, and when."""

    sender: Address
    now: int
    block: int
    value: int = 0


@dataclass(frozen=True, slots=True)
class Lock:
    """All there is to know of a lock, in the contract's order."""

    sender: Address
    receiver: Address
    token: Address
    amount: int
    hashlock: bytes
    timelock: int
    locked_in: int


@dataclass(frozen=True, slots=True)
class HashTimeLock:
    """The contract's storage, and its own address. An absent credit is zero."""

    address: Address
    live: frozenset[Lock] = frozenset()
    credits: Mapping[tuple[Address, Address], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Locked(Event):
    """The lock is live."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class Claimed(Event):
    """The lock has ended for its receiver, who is paid, or Credited follows."""

    lock: Lock
    preimage: bytes


@dataclass(frozen=True, slots=True)
class Refunded(Event):
    """The lock has ended for its sender, who is paid, or Credited follows."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class Credited(Event):
    """The payment of an ended lock failed: `account` can collect it."""

    lock: Lock
    account: Address
    token: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Collected(Event):
    """`account` has sent its whole credit in `token` to `to`."""

    account: Address
    token: Address
    to: Address
    amount: int


def credit_of(state: HashTimeLock, account: Address, token: Address) -> int:
    """Return what `account` can collect in `token`."""
    return state.credits.get((account, token), 0)


def held_for(state: HashTimeLock, token: Address) -> int:
    """Return what the contract must hold of `token`: all live locks and all credits."""
    locked = sum(each.amount for each in state.live if each.token == token)
    return locked + sum(owed for (_, which), owed in state.credits.items() if which == token)


def lock(
    state: HashTimeLock,
    call: Call,
    receiver: Address,
    token: Address,
    amount: int,
    hashlock: bytes,
    timelock: int,
    received: int | None = None,
) -> tuple[HashTimeLock, Effects]:
    """Lock the sender's ETH or tokens.

    `received`: by how much the pull raised the contract's balance; None if the transfer failed.
    ETH needs no pull and ignores it.
    """
    _require(receiver not in {ZERO_ADDRESS, state.address}, "htlc: bad receiver")
    _require(amount > 0, "htlc: zero amount")
    _require(hashlock != ZERO_WORD, "htlc: zero hashlock")
    _require(timelock > call.now, "htlc: timelock passed")
    _require(call.value == (amount if token == ZERO_ADDRESS else 0), "htlc: wrong value")
    made = Lock(call.sender, receiver, token, amount, hashlock, timelock, call.block)
    _require(made not in state.live, "htlc: already locked")
    after = replace(state, live=state.live | {made})
    if token == ZERO_ADDRESS:
        return after, (Locked(made),)

    _require(received is not None, "htlc: transfer failed")
    _require(received == amount, "htlc: inexact transfer")
    return after, (Locked(made), Pull(token, call.sender, amount))


def claim(
    state: HashTimeLock, call: Call, terms: Lock, preimage: bytes, *, arrived: bool = True
) -> tuple[HashTimeLock, Effects]:
    """Show the preimage in time and pay the receiver. `arrived`: whether the payment succeeds."""
    _require(terms in state.live, "htlc: not locked")
    _require(call.block > terms.locked_in, "htlc: same block")
    _require(call.now < terms.timelock, "htlc: too late")
    _require(sha256(preimage).digest() == terms.hashlock, "htlc: wrong preimage")

    return _end(state, terms, terms.receiver, Claimed(terms, preimage), arrived=arrived)


def refund(
    state: HashTimeLock, call: Call, terms: Lock, *, arrived: bool = True
) -> tuple[HashTimeLock, Effects]:
    """Pay the sender back once the time is over. `arrived`: whether the payment succeeds."""
    _require(terms in state.live, "htlc: not locked")
    _require(call.now >= terms.timelock, "htlc: too early")

    return _end(state, terms, terms.sender, Refunded(terms), arrived=arrived)


def collect(
    state: HashTimeLock, call: Call, token: Address, to: Address, *, arrived: bool = True
) -> tuple[HashTimeLock, Effects]:
    """Send the sender's whole credit in `token` to `to`. `arrived`: whether it succeeds."""
    _require(to not in {ZERO_ADDRESS, state.address}, "htlc: bad receiver")
    amount = credit_of(state, call.sender, token)
    _require(amount > 0, "htlc: no credit")
    _require(arrived, "htlc: transfer failed")

    after = _with_credit(state, call.sender, token, 0)
    return after, (Collected(call.sender, token, to, amount), Push(token, to, amount))


def _end(
    state: HashTimeLock, terms: Lock, to: Address, event: Event, *, arrived: bool
) -> tuple[HashTimeLock, Effects]:
    """Take a lock out and pay it, or owe it."""
    after = replace(state, live=state.live - {terms})
    effects: Effects = (event, Push(terms.token, to, terms.amount, arrived))
    if arrived:
        return after, effects

    owed = credit_of(state, to, terms.token) + terms.amount
    after = _with_credit(after, to, terms.token, owed)
    return after, (*effects, Credited(terms, to, terms.token, terms.amount))


def _with_credit(state: HashTimeLock, account: Address, token: Address, owed: int) -> HashTimeLock:
    return replace(state, credits={**state.credits, (account, token): owed})


def _require(condition: bool, text: str) -> None:  # noqa: FBT001 - reads as the contract's assert
    if not condition:
        raise SpecError(text)
