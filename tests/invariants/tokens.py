"""What tokens hold and how they behave now: foretells each payment, and is told what came of it.

Written from what each mock of `contracts/mocks` says of itself. A failure is foretold as a class,
`TOKEN_FAILED`: how a token words its refusal is its own affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from clearing.spec.calls import (
    Call,
    CloseCooperative,
    Deposit,
    Open,
    RaiseCap,
    Withdraw,
    WithdrawWithAuth,
)
from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Pull, Push
from clearing.spec.types import ChannelDef, ClearingState, Side
from clearing.spec.units import Address
from clearing.spec.vault import Receipt
from clearing.spec.world import Env, World, balance_of
from tests.invariants.actions import Manner

__all__ = ["KINDS", "SETTERS", "TOKEN_FAILED", "UNLIMITED", "Shelf", "Token"]

KINDS: Final = (
    "MockERC20",
    "BlocklistToken",
    "FalseReturningToken",
    "FeeOnTransferToken",
    "HungryToken",
    "LyingToken",
    "NoReturnToken",
    "ReentrantToken",
    "ReturnBombToken",
)
TOKEN_FAILED: Final = "TOKEN_FAILED"
UNLIMITED: Final = 2**256 - 1
BPS: Final = 10_000
TOO_HUNGRY: Final = 600_000
"""Gas that a push does not give."""
BOMBS: Final = (2, 3)
"""Modes of the ReturnBombToken in which a transfer fails."""
SETTERS: Final[Mapping[str, tuple[str, tuple[Any, ...]]]] = {
    "FalseReturningToken": ("setFailing", (False, True)),
    "FeeOnTransferToken": ("setFeeBps", (0, 1, 250)),
    "HungryToken": ("setAppetite", (0, 20_000, TOO_HUNGRY)),
    "ReturnBombToken": ("setMode", (0, 1, 2, 3)),
}
"""By kind the function that changes a token's manner, and what it may be given."""

Balances = Mapping[tuple[Address, Address], int]
"""(token, holder) -> raw units."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind, and its switch (failing, fee in bps, appetite in gas or bomb mode)."""

    address: Address
    kind: str
    switch: int = 0
    blocked: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True)
class Shelf:
    """All tokens of a schedule; an absent wallet or allowance is zero."""

    vault: Address
    tokens: Mapping[Address, Token]
    wallets: Balances = field(default_factory=dict)
    allowances: Balances = field(default_factory=dict)
    gifts: Mapping[Address, int] = field(default_factory=dict)
    """By token what the vault was given without a deposit."""

    # WHAT WILL COME OF IT

    def foretell(self, call: Call, world: World, env: Env) -> Call:
        """Return the specification's call with how the tokens will behave in it."""
        match call:
            case Deposit(token, amount):
                return replace(call, received=self._pulled(token, env.sender, amount))
            case Withdraw(token, _, to) if not self._sends(token, to):
                return replace(call, failure=SpecError(TOKEN_FAILED))
            case WithdrawWithAuth(auth) if not self._sends(auth.token, auth.to):
                return replace(call, failure=SpecError(TOKEN_FAILED))
            case RaiseCap(token):
                return replace(call, has_code=token in self.tokens)
            case Open(identified, signed):
                received = self._pulled_by_open(world, identified.definition, signed.state)
                return replace(call, received=received)
            case CloseCooperative(identified):
                return replace(call, refused=self._refused(identified.definition))
            case _:
                return call

    def accepts(self, manner: Manner) -> bool:
        """Say whether the token's own call succeeds."""
        token = self.tokens[manner.token]
        match manner.function, manner.arguments:
            case "approve", (_, amount):
                standing = self.allowances.get((token.address, manner.sender), 0)
                return token.kind != "NoReturnToken" or 0 in (amount, standing)
            case "transfer", _ if _answers_false(token):
                return True
            case "transfer", (to, amount):
                has = self.wallets.get((token.address, manner.sender), 0) >= amount
                return has and not self._fails(token, manner.sender, to)
            case "mint", (to, _):
                return not self._blocks(token, to)
            case _:
                return True

    def _pulled_by_open(
        self, world: World, definition: ChannelDef, state: ClearingState
    ) -> dict[tuple[Address, Address], Receipt]:
        received: dict[tuple[Address, Address], Receipt] = {}
        for token, split in zip(definition.assets, state.splits, strict=False):
            if token not in self.tokens:
                continue
            for side in Side:
                broker = definition.broker(side)
                net = split.net_high if side else split.net_low
                lacking = net - balance_of(world.ledgers, broker, token)
                if lacking > 0:
                    received[broker, token] = self._pulled(token, broker, lacking)
        return received

    def _refused(self, definition: ChannelDef) -> frozenset[tuple[Address, Address]]:
        return frozenset(
            (broker, token)
            for token in definition.assets
            if token in self.tokens
            for broker in (definition.broker_low, definition.broker_high)
            if not self._sends(token, broker, is_push=True)
        )

    def _pulled(self, token: Address, owner: Address, amount: int) -> Receipt:
        known = self.tokens.get(token)
        if known is None or self._fails(known, owner, self.vault):
            return SpecError(TOKEN_FAILED)
        if self.allowances.get((token, owner), 0) < amount:
            return SpecError(TOKEN_FAILED)
        if self.wallets.get((token, owner), 0) < amount:
            return SpecError(TOKEN_FAILED)
        return amount - _fee(known, amount)

    def _sends(self, token: Address, to: Address, *, is_push: bool = False) -> bool:
        known = self.tokens.get(token)
        if known is None or known.kind == "LyingToken" or self._fails(known, self.vault, to):
            return False
        is_starved = is_push and known.kind == "HungryToken" and known.switch >= TOO_HUNGRY
        return not is_starved

    def _fails(self, token: Token, owner: Address, to: Address) -> bool:
        match token.kind:
            case "FalseReturningToken":
                return _answers_false(token)
            case "ReturnBombToken":
                return token.switch in BOMBS
            case _:
                return self._blocks(token, owner) or self._blocks(token, to)

    def _blocks(self, token: Token, party: Address) -> bool:
        return party in token.blocked

    # WHAT CAME OF IT

    def after(self, effects: Effects) -> Shelf:
        """Return the shelf once the effects of an accepted call have happened."""
        wallets, allowances = dict(self.wallets), dict(self.allowances)
        for effect in effects:
            match effect:
                case Pull(token, owner, amount):
                    wallets[token, owner] = wallets.get((token, owner), 0) - amount
                    allowed = allowances.get((token, owner), 0)
                    if allowed != UNLIMITED:
                        allowances[token, owner] = allowed - amount
                case Push(token, to, amount, True):
                    arrived = amount - _fee(self.tokens[token], amount)
                    wallets[token, to] = wallets.get((token, to), 0) + arrived
                case _:
                    pass
        return replace(self, wallets=wallets, allowances=allowances)

    def mannered(self, manner: Manner) -> Shelf:
        """Return the shelf after an accepted call of a token."""
        token = self.tokens[manner.token]
        at, sender = token.address, manner.sender
        match manner.function, manner.arguments:
            case "approve", (_, amount):
                return replace(self, allowances={**self.allowances, (at, sender): amount})
            case "mint", (to, amount):
                return self._received(token, {}, to, amount)
            case "transfer", _ if _answers_false(token):
                return self
            case "transfer", (to, amount):
                left = {(at, sender): self.wallets.get((at, sender), 0) - amount}
                return self._received(token, left, to, amount - _fee(token, amount))
            case "setBlocked", (party, is_blocked):
                blocked = token.blocked | {party} if is_blocked else token.blocked - {party}
                return self._with(replace(token, blocked=blocked))
            case "arm", _:
                return self
            case _, (switch,):
                return self._with(replace(token, switch=int(switch)))
            case function, arguments:
                raise ValueError(function, arguments)

    def _received(self, token: Token, changed: Balances, to: Address, amount: int) -> Shelf:
        at = token.address
        wallets = {**self.wallets, **changed}
        if to == self.vault:
            return replace(
                self, wallets=wallets, gifts={**self.gifts, at: self.gifts.get(at, 0) + amount}
            )
        wallets[at, to] = wallets.get((at, to), 0) + amount
        return replace(self, wallets=wallets)

    def _with(self, token: Token) -> Shelf:
        return replace(self, tokens={**self.tokens, token.address: token})


def _answers_false(token: Token) -> bool:
    """Say whether transfers move nothing and do not revert either."""
    return token.kind == "FalseReturningToken" and bool(token.switch)


def _fee(token: Token, amount: int) -> int:
    """Return what the token keeps, rounded down."""
    is_charging = token.kind == "FeeOnTransferToken"
    return amount * token.switch // BPS if is_charging else 0
