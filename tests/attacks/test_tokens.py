"""Tokens and receivers that fail, lie, burn, bomb, charge and call back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clearing.spec.types import Intent
from tests.attacks.duel import STAKE, Duel, duel_over, only_refused_for, refused
from tests.harness.contract import Receipt
from tests.harness.deployment import CAP, RICHES
from tests.harness.errors import Halted, Refused

ANSWERS_HUGE, REVERTS_HUGE, BURNS = 1, 2, 3
"""Modes of the ReturnBombToken."""


def close_and_send(duel: Duel, version: int = 2, gas: int = 20_000_000) -> Receipt:
    """Close; both payouts are to be sent to the wallets."""
    state = duel.state(Intent.CLOSE, version, out=(STAKE, STAKE))
    return duel.send("closeCooperative", state, gas=gas)


def failures(receipt: Receipt) -> list[tuple[object, ...]]:
    """Return the pushes that became credits."""
    return [log.args for log in receipt.logs if log.event == "PushFailed"]


# A PAYOUT THAT FAILS


def test_close__with_a_blocked_receiver__pays_the_other(duel: Duel) -> None:
    """One side's trouble with an issuer does not keep the other from closing."""
    duel = duel_over("BlocklistToken")
    duel.open()
    before = duel.wallets()
    duel.token.send("setBlocked", duel.low, True, sender=duel.outsider)

    receipt = close_and_send(duel)

    assert failures(receipt) == [(duel.low, duel.token.address, STAKE)]
    assert duel.ledgers() == (STAKE, 0)
    assert duel.wallets() == (before[0], before[1] + STAKE)
    to = duel.deployment.roles.low.signer.address
    duel.vault.send("withdraw", duel.token.address, STAKE, to, sender=duel.low)
    assert duel.token.read("balanceOf", to) == STAKE


@pytest.mark.parametrize("mode", [REVERTS_HUGE, BURNS], ids=["return bomb", "gas burner"])
def test_close__with_a_token_that_attacks_the_caller__is_bounded(mode: int) -> None:
    """A push costs at most its gas, its answer is not copied, and the payout is credited."""
    duel = duel_over("MockERC20", "ReturnBombToken")
    duel.open()
    bomb = duel.named("ReturnBombToken")
    bomb.send("setMode", mode, sender=duel.outsider)
    plain = next(i for i in range(2) if duel.token_at(i) is not bomb)
    before = duel.wallets(plain)

    receipt = close_and_send(duel, gas=1_500_000)

    assert failures(receipt) == [(who, bomb.address, STAKE) for who in (duel.low, duel.high)]
    assert duel.ledgers(1 - plain) == (STAKE, STAKE)
    assert duel.wallets(plain) == (before[0] + STAKE, before[1] + STAKE)


def test_close__with_a_token_that_answers_too_much__pays(duel: Duel) -> None:
    """100,000 bytes that begin with true are true; 32 of them are read."""
    duel = duel_over("ReturnBombToken")
    duel.open()
    duel.token.send("setMode", ANSWERS_HUGE, sender=duel.outsider)
    before = duel.wallets()

    assert failures(close_and_send(duel)) == []
    assert duel.wallets() == (before[0] + STAKE, before[1] + STAKE)


def test_close__with_a_token_that_moves_and_answers_false__pays_once(duel: Duel) -> None:
    """[ADJ-01] What it moved is undone before the credit is written."""
    duel = duel_over("LyingToken")
    duel.open()
    before = duel.wallets()

    receipt = close_and_send(duel)

    assert len(failures(receipt)) == 2
    assert duel.wallets() == before
    assert duel.ledgers() == (STAKE, STAKE)
    assert duel.held() == 2 * STAKE, "ADJ-01"


def test_close__with_a_token_that_answers_false__credits(duel: Duel) -> None:
    duel = duel_over("FalseReturningToken")
    duel.open()
    duel.token.send("setFailing", True, sender=duel.outsider)

    assert len(failures(close_and_send(duel))) == 2
    assert duel.ledgers() == (STAKE, STAKE)

    with refused("SafeERC20FailedOperation", duel.token.address):
        withdraw(duel)
    duel.token.send("setFailing", False, sender=duel.outsider)
    withdraw(duel)


def withdraw(duel: Duel, amount: int = STAKE) -> Receipt:
    """Low withdraws to itself."""
    return duel.vault.send("withdraw", duel.token.address, amount, duel.low, sender=duel.low)


def test_finalize__whatever_the_token_does__ends(duel: Duel) -> None:
    """[ADJ-03] A forced end calls no token at all."""
    duel = duel_over("ReturnBombToken")
    duel.open()
    state = duel.operate(2, low=1_500)
    deadline = duel.challenge(state)
    duel.chain.set_code(duel.token.address, b"\xfe")
    duel.chain.warp(deadline)

    duel.finalize(state)

    assert duel.ledgers() == (1_500, 500), "ADJ-03"


def test_close__with_a_token_whose_code_is_gone__credits(duel: Duel) -> None:
    """Calling an empty account succeeds: it must not count as paid."""
    duel.open()
    duel.chain.set_code(duel.token.address, b"")

    assert len(failures(close_and_send(duel))) == 2
    assert duel.ledgers() == (STAKE, STAKE)


# STARVATION


@pytest.mark.parametrize("appetite", [0, 50_000])
def test_close__starved_by_the_sender__reverts_or_pays(appetite: int) -> None:
    """[ADJ-15] No gas limit turns a payout that can succeed into a credit."""
    duel = duel_over("HungryToken")
    duel.open()
    duel.token.send("setAppetite", appetite, sender=duel.outsider)
    outcomes = set()
    for gas in range(60_000, 520_000, 1_000):
        with duel.chain.isolated():
            try:
                receipt = close_and_send(duel, gas=gas)
            except (Refused, Halted) as failure:
                outcomes.add(getattr(failure, "name", "Halted"))
                continue
            assert failures(receipt) == [], f"ADJ-15: {gas}"
            outcomes.add("paid")

    assert outcomes - {"Halted"} == {"InsufficientGas", "paid"}


# TOKENS THAT DO NOT BRING WHAT THEY SAY


def test_deposit__of_a_token_with_a_fee__is_refused(duel: Duel) -> None:
    """[ADJ-01] A ledger grows by what came, to the unit, or not at all."""
    duel = duel_over("FeeOnTransferToken")
    with duel.chain.isolated():
        duel.deposit(STAKE)
        duel.open()
    duel.token.send("setFeeBps", 100, sender=duel.outsider)

    with refused("InexactTransfer", duel.token.address, STAKE - 10, STAKE):
        duel.deposit(STAKE, duel.low)
    with refused("InexactTransfer", duel.token.address, 2 * (STAKE - 10), 2 * STAKE):
        duel.open()
    assert duel.ledgers() == (0, 0)


def test_deposit__of_a_token_that_fails__is_refused(duel: Duel) -> None:
    duel = duel_over("FalseReturningToken")
    with duel.chain.isolated():
        duel.deposit(STAKE)
    duel.token.send("setFailing", True, sender=duel.outsider)

    for attack in (lambda: duel.deposit(STAKE), duel.open):
        with refused("SafeERC20FailedOperation", duel.token.address):
            attack()


def test_deposit__of_an_unlisted_token__is_refused(duel: Duel) -> None:
    """An attacker's own token never enters, so its calls never run under our lock."""
    own = duel.chain.deploy("ReentrantToken", "Own", "OWN", 18, sender=duel.outsider)
    own.send("mint", duel.outsider, STAKE, sender=duel.outsider)
    own.send("approve", duel.vault.address, STAKE, sender=duel.outsider)
    hostile = duel.again(assets=(own.address,))

    with refused("TokenNotListed", own.address):
        duel.vault.send("deposit", own.address, STAKE, sender=duel.outsider)
    with refused("TokenNotListed", own.address):
        hostile.open()

    duel.vault.send("raiseCap", own.address, CAP, sender=duel.deployment.roles.timelock)
    duel.vault.send("deposit", own.address, STAKE, sender=duel.outsider)


def test_rebase__down__is_borne_by_that_tokens_holders_alone(duel: Duel) -> None:
    """Documented: listing such a token is a mistake; it costs nobody in other tokens."""
    duel = duel_over("MockERC20", "RebasingToken")
    duel.deposit(STAKE)
    rebasing, plain = duel.named("RebasingToken"), duel.named("MockERC20")
    rebasing.send("rebaseTo", duel.vault.address, STAKE, sender=duel.outsider)

    def take(token: object, broker: object) -> None:
        duel.vault.send("withdraw", token, STAKE, broker, sender=broker)

    take(rebasing.address, duel.low)
    with refused("ERC20InsufficientBalance"):
        take(rebasing.address, duel.high)
    for broker in (duel.low, duel.high):
        take(plain.address, broker)


def test_token_without_answer__works_as_any_other(duel: Duel) -> None:
    """USDT answers nothing; that is a yes if there is code."""
    duel = duel_over("NoReturnToken")
    duel.open()
    before = duel.wallets()
    assert failures(close_and_send(duel)) == []
    assert duel.wallets() == (before[0] + STAKE, before[1] + STAKE)
    assert sum(duel.wallets()) == 2 * RICHES


def test_push_transfer__called_by_anybody__is_refused(duel: Duel) -> None:
    duel.deposit(STAKE)
    with refused("NotSelf", duel.low):
        duel.vault.send("pushTransfer", duel.token.address, duel.low, STAKE, sender=duel.low)


def test_collusion__to_be_paid_as_sent_and_as_credited__is_refused(opened: Duel) -> None:
    """A CLOSE sends at most the split, so nothing is paid by both ways."""
    honest = opened.state(Intent.CLOSE, 2, out=(STAKE, STAKE))
    greedy = replace(honest, splits=(replace(honest.splits[0], out_low=STAKE + 1),))

    only_refused_for(
        opened,
        ("BadOut", 0),
        honest=lambda: opened.send("closeCooperative", honest),
        attack=lambda: opened.send("closeCooperative", greedy),
    )
