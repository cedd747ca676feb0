"""Write every call of the Adjudicator down as data: schedules can be drawn, kept and replayed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from clearing.spec import channel, escrow, vault
from clearing.spec.errors import SpecError
from clearing.spec.events import Effects
from clearing.spec.types import (
    HashedOrder,
    HashedState,
    IdentifiedDef,
    Side,
    SignedState,
    WithdrawAuth,
)
from clearing.spec.units import Address
from clearing.spec.vault import Receipt
from clearing.spec.world import Env, World

__all__ = [
    "Call",
    "CancelAuth",
    "Challenge",
    "Checkpoint",
    "CloseCooperative",
    "Deposit",
    "DepositCollateral",
    "Finalize",
    "FundOrder",
    "LiftPause",
    "Open",
    "PauseOpenings",
    "PushTransfer",
    "RaiseCap",
    "RefundOrder",
    "Resize",
    "Reveal",
    "Settle",
    "Withdraw",
    "WithdrawWithAuth",
]


class Call(ABC):
    """A call with its arguments; each subclass is one external function."""

    __slots__ = ()

    @abstractmethod
    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""


@dataclass(frozen=True, slots=True)
class Deposit(Call):
    """`deposit`; `received`: what the pull brought, None = exactly `amount`."""

    token: Address
    amount: int
    received: Receipt | None = None

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return vault.deposit(world, env, self.token, self.amount, self.received)


@dataclass(frozen=True, slots=True)
class Withdraw(Call):
    """`withdraw`; `failure`: how the token refused."""

    token: Address
    amount: int
    to: Address
    failure: SpecError | None = None

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return vault.withdraw(world, env, self.token, self.amount, self.to, self.failure)


@dataclass(frozen=True, slots=True)
class WithdrawWithAuth(Call):
    """`withdrawWithAuth`; `signed`: by `auth.account`."""

    auth: WithdrawAuth
    signed: bool = True
    failure: SpecError | None = None

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return vault.withdraw_with_auth(
            world, env, self.auth, signed=self.signed, failure=self.failure
        )


@dataclass(frozen=True, slots=True)
class CancelAuth(Call):
    """`cancelAuth`."""

    nonce: int

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return vault.cancel_auth(world, env, self.nonce)


@dataclass(frozen=True, slots=True)
class RaiseCap(Call):
    """`raiseCap`; `has_code`: of the token's address."""

    token: Address
    cap: int
    has_code: bool = True

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return vault.raise_cap(world, env, self.token, self.cap, has_code=self.has_code)


@dataclass(frozen=True, slots=True)
class PushTransfer(Call):
    """`pushTransfer`, which nobody but the contract may call."""

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return vault.push_transfer(world, env)


@dataclass(frozen=True, slots=True)
class Open(Call):
    """`open`; `received` by (broker, token) where a pull did not bring what was asked."""

    identified: IdentifiedDef
    signed: SignedState
    received: Mapping[tuple[Address, Address], Receipt] = field(default_factory=dict)

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return channel.open_(world, env, self.identified, self.signed, self.received)


@dataclass(frozen=True, slots=True)
class DepositCollateral(Call):
    """`depositCollateral`."""

    identified: IdentifiedDef
    token: Address
    amount: int

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return channel.deposit_collateral(world, env, self.identified, self.token, self.amount)


@dataclass(frozen=True, slots=True)
class Checkpoint(Call):
    """`checkpoint`."""

    identified: IdentifiedDef
    signed: SignedState

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return channel.checkpoint(world, env, self.identified, self.signed)


@dataclass(frozen=True, slots=True)
class Challenge(Call):
    """`challenge`; `intent_signed`: None without a ChallengeIntent."""

    identified: IdentifiedDef
    signed: SignedState
    intent_signed: bool | None = None

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return channel.challenge(
            world, env, self.identified, self.signed, intent_signed=self.intent_signed
        )


@dataclass(frozen=True, slots=True)
class Resize(Call):
    """`resize`."""

    identified: IdentifiedDef
    signed: SignedState

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return channel.resize(world, env, self.identified, self.signed)


@dataclass(frozen=True, slots=True)
class Reveal(Call):
    """`reveal`."""

    identified: IdentifiedDef
    signed: SignedState
    preimage: bytes

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return channel.reveal(world, env, self.identified, self.signed, self.preimage)


@dataclass(frozen=True, slots=True)
class CloseCooperative(Call):
    """`closeCooperative`; `refused`: the (broker, token) whose transfer fails."""

    identified: IdentifiedDef
    signed: SignedState
    refused: frozenset[tuple[Address, Address]] = frozenset()

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return channel.close_cooperative(world, env, self.identified, self.signed, self.refused)


@dataclass(frozen=True, slots=True)
class Settle(Call):
    """`settle`."""

    identified: IdentifiedDef
    signed: SignedState
    order: HashedOrder

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return escrow.settle(world, env, self.identified, self.signed, self.order)


@dataclass(frozen=True, slots=True)
class FundOrder(Call):
    """`fundOrder`."""

    identified: IdentifiedDef
    signed: SignedState
    order: HashedOrder
    side: Side

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return escrow.fund_order(world, env, self.identified, self.signed, self.order, self.side)


@dataclass(frozen=True, slots=True)
class RefundOrder(Call):
    """`refundOrder`."""

    identified: IdentifiedDef
    order: HashedOrder

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return escrow.refund_order(world, env, self.identified, self.order)


@dataclass(frozen=True, slots=True)
class Finalize(Call):
    """`finalize`."""

    identified: IdentifiedDef
    hashed: HashedState

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return channel.finalize(world, env, self.identified, self.hashed)


@dataclass(frozen=True, slots=True)
class PauseOpenings(Call):
    """`pauseOpenings`."""

    until: int

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return channel.pause_openings(world, env, self.until)


@dataclass(frozen=True, slots=True)
class LiftPause(Call):
    """`liftPause`."""

    def apply(self, world: World, env: Env) -> tuple[World, Effects]:
        """Make the call; raises SpecError as its function does."""
        return channel.lift_pause(world, env)
