"""What is sent to the Adjudicator on account of signatures: one class for each call.

A request is both halves of the truth about a call: `function` and `arguments` are what the ABI
encodes, `judged` is the specification's call with every hash and signature verdict filled in. So
`validate` accepts exactly what the contract accepts, for it judges exactly what would be sent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from clearing.channel.codec import domain_separator
from clearing.channel.signatures import Signature
from clearing.channel.validate import (
    authenticate,
    hashed,
    hashed_order,
    identify,
    is_auth_signed,
    is_intent_signed,
)
from clearing.spec import calls
from clearing.spec.events import Effects
from clearing.spec.types import (
    ChannelDef,
    ClearingState,
    SettlementOrder,
    Side,
    SignedState,
    WithdrawAuth,
)
from clearing.spec.units import Address
from clearing.spec.world import Env, World

__all__ = [
    "Challenge",
    "ChallengeByIntent",
    "Checkpoint",
    "CloseCooperative",
    "DepositCollateral",
    "Finalize",
    "FundOrder",
    "Open",
    "RefundOrder",
    "Request",
    "Resize",
    "Reveal",
    "Settle",
    "WithdrawWithAuth",
    "validate",
]

Signatures = tuple[Signature, Signature]
"""Of the low and of the high signer."""


def validate(world: World, env: Env, request: Request) -> tuple[World, Effects]:
    """Return the next world and the effects if the contract would accept the request.

    `world` is what the chain stores, as far as the call reads it; tokens are taken to behave.
    Raises SpecError with the contract's error, or CodecError where no call can be encoded.
    """
    separator = domain_separator(world.params.chain_id, world.params.adjudicator)
    return request.judged(separator).apply(world, env)


class Request(ABC):
    """A call of the Adjudicator with the arguments of its ABI, in their order."""

    __slots__ = ()
    function: ClassVar[str]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Return what the ABI encodes."""
        return tuple(getattr(self, each.name) for each in fields(self))  # type: ignore[arg-type]

    @abstractmethod
    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call, for a contract with this domain separator."""


@dataclass(frozen=True, slots=True)
class _StateRequest(Request):
    definition: ChannelDef
    state: ClearingState
    signatures: Signatures

    def _signed(self, separator: bytes) -> SignedState:
        return authenticate(separator, self.definition, self.state, self.signatures)


@dataclass(frozen=True, slots=True)
class Open(_StateRequest):
    """`open`."""

    function = "open"

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.Open(identify(self.definition), self._signed(separator))


@dataclass(frozen=True, slots=True)
class Checkpoint(_StateRequest):
    """`checkpoint`."""

    function = "checkpoint"

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.Checkpoint(identify(self.definition), self._signed(separator))


@dataclass(frozen=True, slots=True)
class Challenge(_StateRequest):
    """`challenge` by a broker or signer of the channel."""

    function = "challenge"

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.Challenge(identify(self.definition), self._signed(separator))


@dataclass(frozen=True, slots=True)
class ChallengeByIntent(_StateRequest):
    """`challenge` by anybody, with a ChallengeIntent signed by either signer."""

    function = "challenge"
    intent: Signature

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        intended = is_intent_signed(separator, self.definition, self.state, self.intent)
        return calls.Challenge(identify(self.definition), self._signed(separator), intended)


@dataclass(frozen=True, slots=True)
class Resize(_StateRequest):
    """`resize`."""

    function = "resize"

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.Resize(identify(self.definition), self._signed(separator))


@dataclass(frozen=True, slots=True)
class Reveal(_StateRequest):
    """`reveal`."""

    function = "reveal"
    preimage: bytes

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.Reveal(identify(self.definition), self._signed(separator), self.preimage)


@dataclass(frozen=True, slots=True)
class CloseCooperative(_StateRequest):
    """`closeCooperative`."""

    function = "closeCooperative"

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        return calls.CloseCooperative(identify(self.definition), self._signed(separator))


@dataclass(frozen=True, slots=True)
class Settle(_StateRequest):
    """`settle`."""

    function = "settle"
    order: SettlementOrder

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        order = hashed_order(self.order)
        return calls.Settle(identify(self.definition), self._signed(separator), order)


@dataclass(frozen=True, slots=True)
class FundOrder(_StateRequest):
    """`fundOrder`."""

    function = "fundOrder"
    order: SettlementOrder
    side: Side

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        order, signed = hashed_order(self.order), self._signed(separator)
        return calls.FundOrder(identify(self.definition), signed, order, self.side)


@dataclass(frozen=True, slots=True)
class RefundOrder(Request):
    """`refundOrder`."""

    function = "refundOrder"
    definition: ChannelDef
    order: SettlementOrder

    def judged(self, separator: bytes) -> calls.Call:  # noqa: ARG002 - nothing is signed
        """Return the specification's call."""
        return calls.RefundOrder(identify(self.definition), hashed_order(self.order))


@dataclass(frozen=True, slots=True)
class Finalize(Request):
    """`finalize`."""

    function = "finalize"
    definition: ChannelDef
    state: ClearingState

    def judged(self, separator: bytes) -> calls.Call:  # noqa: ARG002 - nothing is signed
        """Return the specification's call."""
        return calls.Finalize(identify(self.definition), hashed(self.state))


@dataclass(frozen=True, slots=True)
class DepositCollateral(Request):
    """`depositCollateral`."""

    function = "depositCollateral"
    definition: ChannelDef
    token: Address
    amount: int

    def judged(self, separator: bytes) -> calls.Call:  # noqa: ARG002 - nothing is signed
        """Return the specification's call."""
        return calls.DepositCollateral(identify(self.definition), self.token, self.amount)


@dataclass(frozen=True, slots=True)
class WithdrawWithAuth(Request):
    """`withdrawWithAuth` of an account without code."""

    function = "withdrawWithAuth"
    auth: WithdrawAuth
    signature: bytes

    def judged(self, separator: bytes) -> calls.Call:
        """Return the specification's call."""
        signed = is_auth_signed(separator, self.auth, self.signature)
        return calls.WithdrawWithAuth(self.auth, signed=signed)
