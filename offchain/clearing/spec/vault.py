"""Keep the brokers' ledgers: the only doors through which tokens come and go.

The specification calls no token; the caller says how the token behaved. `Receipt` is what a pull
brought in: the raw units by which the vault's balance grew, or the error of a token that failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from clearing.spec.errors import SpecError
from clearing.spec.events import (
    AuthSpent,
    CapRaised,
    Deposited,
    Effect,
    Effects,
    Pull,
    Push,
    PushFailed,
    Withdrawn,
)
from clearing.spec.types import ZERO_ADDRESS, WithdrawAuth
from clearing.spec.units import Address
from clearing.spec.world import Env, Ledgers, World

__all__ = [
    "MAX_CAP",
    "Amount",
    "Receipt",
    "arrived",
    "cancel_auth",
    "credited",
    "debited",
    "deposit",
    "push_all",
    "push_transfer",
    "raise_cap",
    "require_exact",
    "require_within_cap",
    "withdraw",
    "withdraw_with_auth",
]

Receipt = int | SpecError

MAX_CAP = 2**127 - 1
"""The largest net that an int128 holds."""

Amount = tuple[Address, Address, int]
"""(broker, token, raw units)."""


# CALLS


def deposit(
    world: World, env: Env, token: Address, amount: int, received: Receipt | None = None
) -> tuple[World, Effects]:
    """Pay `amount` raw units of a listed token into the caller's ledger; `received` None = exactly.

    Raises ZeroAmount, TokenNotListed, the token's own failure, InexactTransfer.
    """
    if amount == 0:
        raise SpecError("ZeroAmount")
    if not world.caps.get(token, 0):
        raise SpecError("TokenNotListed", token)
    require_exact(token, arrived(amount, received), amount)

    ledgers = credited(world.ledgers, [(env.sender, token, amount)])
    paid = (Pull(token, env.sender, amount), Deposited(env.sender, token, amount))
    return replace(world, ledgers=ledgers), paid


def withdraw(
    world: World,
    env: Env,
    token: Address,
    amount: int,
    to: Address,
    failure: SpecError | None = None,
) -> tuple[World, Effects]:
    """Pay `amount` raw units from the caller's ledger to `to`; `failure`: how the token refused.

    Raises ZeroAmount, BadRecipient, InsufficientBalance, the token's own failure.
    """
    return _pay_out(world, env.sender, token, amount, to, failure)


def withdraw_with_auth(
    world: World, env: Env, auth: WithdrawAuth, *, signed: bool, failure: SpecError | None = None
) -> tuple[World, Effects]:
    """As `withdraw`, for `auth.account`; `signed`: its key or its ERC-1271 code accepts.

    Raises AuthExpired, BadAuthSignature, AuthAlreadySpent, then as `withdraw`.
    """
    if env.now >= auth.valid_until:
        raise SpecError("AuthExpired", auth.valid_until)
    if not signed:
        raise SpecError("BadAuthSignature", auth.account)

    world, spent = _spend(world, auth.account, auth.nonce)
    world, paid = _pay_out(world, auth.account, auth.token, auth.amount, auth.to, failure)
    return world, spent + paid


def cancel_auth(world: World, env: Env, nonce: int) -> tuple[World, Effects]:
    """Spend one of the caller's own nonces. Raises AuthAlreadySpent."""
    return _spend(world, env.sender, nonce)


def raise_cap(
    world: World, env: Env, token: Address, cap: int, *, has_code: bool = True
) -> tuple[World, Effects]:
    """List a token or raise its cap, in raw units per side and channel.

    Raises NotTimelock, NoCode, CapNotRaised, CapTooHigh.
    """
    if env.sender != world.params.timelock:
        raise SpecError("NotTimelock", env.sender)
    if not has_code:
        raise SpecError("NoCode", token)
    old = world.caps.get(token, 0)
    if cap <= old:
        raise SpecError("CapNotRaised", token, old, cap)
    if cap > MAX_CAP:
        raise SpecError("CapTooHigh", token, cap)

    return replace(world, caps={**world.caps, token: cap}), (CapRaised(token, old, cap),)


def push_transfer(world: World, env: Env) -> tuple[World, Effects]:
    """Refuse everybody but the contract, which pushes in `closeCooperative`. Raises NotSelf."""
    if env.sender != world.params.adjudicator:
        raise SpecError("NotSelf", env.sender)
    return world, ()


# LEDGERS AND TOKENS


def credited(ledgers: Ledgers, amounts: Iterable[Amount]) -> Ledgers:
    """Add to ledgers. None of them is kept at zero, so that equal ledgers are equal values."""
    after = dict(ledgers)
    for broker, token, amount in amounts:
        if amount:
            after[broker, token] = after.get((broker, token), 0) + amount
    return after


def debited(ledgers: Ledgers, amounts: Iterable[Amount]) -> Ledgers:
    """Take from ledgers, in this order. Raises InsufficientBalance at the first that is short."""
    after = dict(ledgers)
    for broker, token, amount in amounts:
        have = after.get((broker, token), 0)
        if have < amount:
            raise SpecError("InsufficientBalance", broker, token, have, amount)
        if have == amount:
            after.pop((broker, token), None)
        else:
            after[broker, token] = have - amount
    return after


def arrived(amount: int, received: Receipt | None) -> int:
    """Return what a pull of `amount` brought: `received`, None = exactly that.

    Raises the token's own failure.
    """
    if isinstance(received, SpecError):
        raise received
    return amount if received is None else received


def require_exact(token: Address, got: int, want: int) -> None:
    """Refuse what is not what was asked (fee on transfer, rebase, lie): InexactTransfer."""
    if got != want:
        raise SpecError("InexactTransfer", token, got, want)


def push_all(
    ledgers: Ledgers, amounts: Iterable[Amount], refused: frozenset[tuple[Address, Address]]
) -> tuple[Ledgers, Effects]:
    """Send to brokers; what a token refuses, `refused` by (broker, token), becomes a credit."""
    effects: list[Effect] = []
    failed: list[Amount] = []
    for broker, token, amount in amounts:
        arrived = (broker, token) not in refused
        effects.append(Push(token, broker, amount, arrived))
        if not arrived:
            failed.append((broker, token, amount))
            effects.append(PushFailed(broker, token, amount))
    return credited(ledgers, failed), tuple(effects)


def require_within_cap(world: World, token: Address, net: int) -> None:
    """Refuse a side's net above the launch cap of a token: CapExceeded."""
    cap = world.caps.get(token, 0)
    if net > cap:
        raise SpecError("CapExceeded", token, net, cap)


def _pay_out(
    world: World,
    account: Address,
    token: Address,
    amount: int,
    to: Address,
    failure: SpecError | None,
) -> tuple[World, Effects]:
    if amount == 0:
        raise SpecError("ZeroAmount")
    if to in (ZERO_ADDRESS, world.params.adjudicator):
        raise SpecError("BadRecipient", to)
    ledgers = debited(world.ledgers, [(account, token, amount)])
    if failure is not None:
        raise failure

    paid = (Withdrawn(account, token, to, amount), Push(token, to, amount))
    return replace(world, ledgers=ledgers), paid


def _spend(world: World, account: Address, nonce: int) -> tuple[World, Effects]:
    if (account, nonce) in world.spent:
        raise SpecError("AuthAlreadySpent", account, nonce)
    return replace(world, spent=world.spent | {(account, nonce)}), (AuthSpent(account, nonce),)
