"""HTL-05: whatever gas limit a claimer picks, a payment that can succeed is never made a credit."""

from functools import cache
from hashlib import sha256
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clearing.spec.htlc import Lock
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness.contract import Contract, Receipt
from tests.harness.errors import Halted, Refused
from tests.harness.revm import Revm

SENDER = Address(b"\x11" * 20)
RECEIVER = Address(b"\x22" * 20)
PREIMAGE = sha256(b"gas").digest()
AMOUNT = 1_000
PLENTY = 5_000_000
DAY_S = 86_400
PUSH_GAS = 250_000
"""What the contract promises a token or receiver."""
MIN_GAS = PUSH_GAS + 60_000
ENOUGH = MIN_GAS + 30_000
"""A limit that no claim needs more than: 21,000, calldata and checks on top of MIN_GAS."""

BURN_GAS = 3
CALL_BACK_OR_REJECT = 5
"""Modes of HostileAccount."""
KINDS = ("token_lock", "ether_lock")

limits = st.one_of(st.integers(30_000, PLENTY), st.integers(MIN_GAS, ENOUGH))


class Setup(NamedTuple):
    """A token and an account that are as hungry as one wishes, each to be paid by a live lock."""

    chain: Revm
    htlc: Contract
    token: Contract
    account: Contract
    token_lock: Lock
    ether_lock: Lock


@cache
def deployed() -> Setup:
    chain = Revm()
    htlc = chain.deploy("HashTimeLock", sender=SENDER)
    token = chain.deploy("HungryToken", "Hungry", "HUNGRY", 18, sender=SENDER)
    account = chain.deploy("HostileAccount", sender=SENDER)
    token.send("mint", SENDER, AMOUNT, sender=SENDER)
    token.send("approve", htlc.address, AMOUNT, sender=SENDER)
    chain.set_balance(SENDER, AMOUNT)
    eat = token.call("eat", 0).method.encode()
    account.send("arm", token.address, eat, sender=SENDER)
    account.send("setMode", CALL_BACK_OR_REJECT, sender=SENDER)

    def lock(to: Address, what: Address, value: int) -> Lock:
        terms = (to, what, AMOUNT, sha256(PREIMAGE).digest(), chain.now + DAY_S)
        htlc.send("lock", *terms, sender=SENDER, value=value)
        return Lock(SENDER, *terms, chain.number)

    locks = lock(RECEIVER, token.address, 0), lock(account.address, ZERO_ADDRESS, AMOUNT)
    chain.warp(chain.now)
    return Setup(chain, htlc, token, account, *locks)


def claim(terms: Lock, gas: int) -> Receipt | None:
    """Claim with a gas limit; None if the transaction fails."""
    try:
        return deployed().htlc.send("claim", terms, PREIMAGE, sender=RECEIVER, gas=gas)
    except (Refused, Halted):
        return None


def is_paid(terms: Lock) -> bool:
    setup = deployed()
    if terms.token == ZERO_ADDRESS:
        return setup.chain.balance_of(terms.receiver) == AMOUNT
    return bool(setup.token.read("balanceOf", terms.receiver) == AMOUNT)


def credit(terms: Lock) -> int:
    return int(deployed().htlc.read("credit_of", terms.receiver, terms.token))


@cache
def most_appetite(kind: str) -> int:
    """Return the largest appetite that is paid when gas is plenty: it needs all of PUSH_GAS."""
    setup = deployed()
    fed, starved = 0, 2 * PUSH_GAS
    while starved - fed > 1:
        appetite = (fed + starved) // 2
        with setup.chain.isolated():
            setup.token.send("setAppetite", appetite, sender=SENDER)
            claim(getattr(setup, kind), PLENTY)
            fed, starved = (appetite, starved) if is_paid(getattr(setup, kind)) else (fed, appetite)
    return fed


@pytest.mark.parametrize("kind", KINDS)
def test_claim__what_is_promised__is_given(kind: str) -> None:
    """Nearly all of PUSH_GAS is left when a token starts to work, or a receiver's own call does."""
    assert PUSH_GAS - 20_000 <= most_appetite(kind) < PUSH_GAS + 2_300


@pytest.mark.parametrize("kind", KINDS)
@given(gas=limits, share=st.integers(0, 100))
@example(gas=MIN_GAS + 25_000, share=100)
def test_claim__payment_can_succeed__is_paid_or_reverts(kind: str, gas: int, share: int) -> None:
    setup = deployed()
    terms: Lock = getattr(setup, kind)
    with setup.chain.isolated():
        appetite = most_appetite(kind) * share // 100
        setup.token.send("setAppetite", appetite, sender=SENDER)

        receipt = claim(terms, gas)

        assert credit(terms) == 0, "HTL-05: nobody can force a credit"
        assert is_paid(terms) == (receipt is not None)
        assert receipt is not None or gas < ENOUGH


@pytest.mark.parametrize("kind", KINDS)
def test_claim__every_limit_around_the_threshold__never_credits(kind: str) -> None:
    """The limits at which a check that is a little too lax would show."""
    setup = deployed()
    terms: Lock = getattr(setup, kind)
    outcomes = set()
    for gas in range(MIN_GAS - 60_000, ENOUGH, 100):
        with setup.chain.isolated():
            setup.token.send("setAppetite", most_appetite(kind), sender=SENDER)
            receipt = claim(terms, gas)
            assert credit(terms) == 0, "HTL-05: nobody can force a credit"
            outcomes.add(receipt is not None)

    assert outcomes == {True, False}


@given(gas=limits)
@example(gas=ENOUGH)
@example(gas=MIN_GAS + 25_000)
def test_claim__receiver_burns_all_it_gets__is_credited_or_reverts(gas: int) -> None:
    """What is kept back suffices to write the credit."""
    setup = deployed()
    terms = setup.ether_lock
    with setup.chain.isolated():
        setup.account.send("setMode", BURN_GAS, sender=SENDER)

        receipt = claim(terms, gas)

        assert not is_paid(terms)
        assert credit(terms) == (0 if receipt is None else AMOUNT), "HTL-04: credited once"
        assert receipt is not None or gas < ENOUGH


@given(gas=limits, appetite=st.integers(PUSH_GAS, 2 * PUSH_GAS))
@example(gas=ENOUGH, appetite=PUSH_GAS)
def test_claim__token_needs_more_than_is_promised__is_credited_or_reverts(
    gas: int, appetite: int
) -> None:
    setup = deployed()
    terms = setup.token_lock
    with setup.chain.isolated():
        setup.token.send("setAppetite", appetite, sender=SENDER)

        receipt = claim(terms, gas)

        assert not is_paid(terms)
        assert credit(terms) == (0 if receipt is None else AMOUNT), "HTL-04: credited once"
        assert receipt is not None or gas < ENOUGH
