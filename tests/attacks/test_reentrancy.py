"""A token that calls back: from each call to a token, into each function of the Adjudicator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from clearing.channel.codec import hash_auth, hash_intent, hash_state
from clearing.channel.keccak import keccak256
from clearing.spec.types import ChallengeIntent, ClearingState, Intent, Side, WithdrawAuth
from clearing.spec.units import DAY_S, Address
from tests.attacks.duel import HOUR_S, PREIMAGE, STAKE, Duel, duel_over
from tests.harness.deployment import Parameters

GUARD = keccak256(b"ReentrancyGuardReentrantCall()")[:4]


@dataclass(frozen=True)
class Call:
    """One call that would succeed from outside."""

    function: str
    arguments: tuple[Any, ...]
    sender: Address


@cache
def stage() -> tuple[Duel, dict[str, Call], dict[str, Call]]:
    """Return a chain with a call of every function that succeeds: all, and those to tokens.

    One channel is open, one past its deadline, one holds a lock past its grace.
    """
    live = duel_over("ReentrantToken", parameters=Parameters(push_gas=1_000_000))
    live.open()
    ended, locked, unborn = (live.again(nonce=nonce) for nonce in (1, 2, 3))
    ended.open()
    locked.open()
    live.deposit(STAKE)
    challenged = ended.operate(2)
    ended.challenge(challenged)
    state, order = locked.order(2)
    locked.fund(state, order, Side.LOW)
    live.chain.warp(live.now + 2 * DAY_S)
    calls = _calls(live, unborn)
    calls["finalize"] = Call("finalize", (ended.definition, challenged), live.outsider)
    calls["refundOrder"] = Call("refundOrder", (locked.definition, order), live.outsider)
    doors = {name: calls[name] for name in DOORS}
    return live, calls, doors


DOORS = ("deposit", "withdraw", "withdrawWithAuth", "open", "closeCooperative")
GUARDED = (
    *DOORS,
    "cancelAuth",
    "depositCollateral",
    "checkpoint",
    "challenge",
    "challengeByIntent",
    "resize",
    "reveal",
    "settle",
    "fundOrder",
    "refundOrder",
    "finalize",
)


def _calls(live: Duel, unborn: Duel) -> dict[str, Call]:
    token, outsider = live.token.address, live.outsider

    def stated(duel: Duel, function: str, state: ClearingState, *rest: Any) -> Call:
        arguments = (duel.definition, state, duel.signed(state), *rest)
        return Call(function, arguments, outsider)

    auth = WithdrawAuth(live.low, token, live.low, 10, 1, live.now + HOUR_S)
    word = live.deployment.roles.low.account.sign(live.digest(hash_auth(auth))).expanded()
    state, order = live.order(2)
    operate = live.operate(2)
    intent = ChallengeIntent(operate.channel_id, 0, 2, hash_state(operate))
    wish = live.keys[0].sign(live.digest(hash_intent(intent)))
    smaller = live.state(Intent.RESIZE, 2, nets=(STAKE - 1, STAKE), out=(1, 0))
    unlocked = live.hash_locked(2, live.now + HOUR_S, revealed=5)
    opening = unborn.state(Intent.OPEN, 1, nets=(10 * STAKE, 10 * STAKE))
    return {
        "deposit": Call("deposit", (token, 10), live.low),
        "withdraw": Call("withdraw", (token, 10, live.low), live.low),
        "withdrawWithAuth": Call("withdrawWithAuth", (auth, word), outsider),
        "cancelAuth": Call("cancelAuth", (1,), live.low),
        "open": stated(unborn, "open", opening),
        "depositCollateral": Call("depositCollateral", (live.definition, token, 10), live.low),
        "checkpoint": stated(live, "checkpoint", operate),
        "challenge": replace(stated(live, "challenge", operate), sender=live.low),
        "challengeByIntent": stated(live, "challenge", operate, wish),
        "resize": stated(live, "resize", smaller),
        "reveal": stated(live, "reveal", unlocked, PREIMAGE),
        "settle": stated(live, "settle", state, order),
        "fundOrder": replace(stated(live, "fundOrder", state, order, Side.LOW), sender=live.low),
        "closeCooperative": stated(
            live, "closeCooperative", live.state(Intent.CLOSE, 2, out=(STAKE, STAKE))
        ),
    }


def encoded(duel: Duel, call: Call) -> bytes:
    """Return the calldata of a call."""
    return duel.vault.call(call.function, len(call.arguments)).method.encode(*call.arguments)


def run(duel: Duel, call: Call) -> None:
    """Send a call."""
    duel.vault.send(call.function, *call.arguments, sender=call.sender)


@pytest.mark.parametrize("inner", GUARDED)
@pytest.mark.parametrize("outer", DOORS)
def test_token__calls_back__is_locked_out(outer: str, inner: str) -> None:
    """[ADJ-04] Both calls succeed by themselves; the second inside the first does nothing."""
    duel, calls, doors = stage()
    for alone in (calls[inner], doors[outer]):
        with duel.chain.isolated():
            run(duel, alone)

    with duel.chain.isolated():
        run(duel, doors[outer])
        expected = duel.ledgers(), duel.wallets(), duel.held()
    with duel.chain.isolated():
        payload = encoded(duel, calls[inner])
        duel.token.send("arm", duel.vault.address, payload, sender=duel.outsider)
        run(duel, doors[outer])

        assert duel.token.read("calls") >= 1, "the token did call back"
        assert duel.token.read("answer") == GUARD
        assert (duel.ledgers(), duel.wallets(), duel.held()) == expected


@pytest.mark.parametrize("outer", DOORS)
@pytest.mark.parametrize("function", ["raiseCap", "pauseOpenings", "liftPause", "pushTransfer"])
def test_token__calls_a_power__has_none(outer: str, function: str) -> None:
    """These take no lock because their one caller is fixed, and a token is not it."""
    duel, _, doors = stage()
    token = duel.token.address
    arguments = {
        "raiseCap": (token, 2**127 - 1),
        "pauseOpenings": (2**40 - 1,),
        "liftPause": (),
        "pushTransfer": (token, token, 1),
    }[function]
    with duel.chain.isolated():
        payload = duel.vault.call(function, len(arguments)).method.encode(*arguments)
        duel.token.send("arm", duel.vault.address, payload, sender=duel.outsider)
        run(duel, doors[outer])

        assert not duel.token.read("succeeded")
        name, _ = next(
            i for i in duel.chain.interfaces() if i.knows_error(duel.token.read("answer"))
        ).decode_error(duel.token.read("answer"))
        assert name in {"NotTimelock", "NotGuardian", "NotSelf"}


SEEN: dict[str, Callable[[int], int]] = {
    "deposit": lambda before: before + 10,
    "withdraw": lambda before: before - 10,
    "withdrawWithAuth": lambda before: before - 10,
    "open": lambda before: 0 * before,
    "closeCooperative": lambda before: before,
}


@pytest.mark.parametrize("outer", DOORS)
def test_token__reads_a_ledger_in_between__sees_it_after_the_call(outer: str) -> None:
    """Documented in docs/known-issues.md: views answer during a transfer, as if it were over.

    So a debit is seen before the tokens leave, and a deposit's credit before they arrive.
    """
    duel, _, doors = stage()
    before = duel.ledgers()[0]
    arguments = (duel.low, duel.token.address)
    with duel.chain.isolated():
        payload = duel.vault.call("balanceOf", 2).method.encode(*arguments)
        duel.token.send("arm", duel.vault.address, payload, sender=duel.outsider)
        run(duel, doors[outer])

        seen = int.from_bytes(duel.token.read("answer"), "big")
        assert seen == SEEN[outer](before) == duel.ledgers()[0]
