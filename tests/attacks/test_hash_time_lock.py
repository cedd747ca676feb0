"""The other chain's leg: early, late, twice, with the wrong secret, or to somebody who bites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

import pytest

from clearing.spec.htlc import Lock
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.attacks.duel import HOUR_S, PREIMAGE, refused
from tests.harness.actors import key_of
from tests.harness.contract import Contract, Receipt
from tests.harness.revm import Revm

AMOUNT = 1_000
SENDER, RECEIVER, OUTSIDER = (key_of(f"htlc {role}").address for role in ("from", "to", "else"))
REJECTS, REJECTS_HUGE, BURNS = 1, 2, 3
"""Modes of the HostileAccount."""


@dataclass
class Swap:
    """The contract, a token, and somebody who locks."""

    chain: Revm
    htlc: Contract
    token: Contract

    def lock(
        self, hashlock: bytes, *, to: Address = RECEIVER, ether: bool = False, for_s: int = HOUR_S
    ) -> Lock:
        """Lock AMOUNT; a block later it may end."""
        asset = ZERO_ADDRESS if ether else self.token.address
        terms = (to, asset, AMOUNT, hashlock, self.chain.now + for_s)
        block = self.chain.number
        self.htlc.send("lock", *terms, sender=SENDER, value=AMOUNT if ether else 0)
        self.chain.warp(self.chain.now)
        return Lock(SENDER, *terms, block)

    def claim(self, lock: Lock, preimage: bytes = PREIMAGE, gas: int = 20_000_000) -> Receipt:
        """Claim, by an outsider: whoever sends it, the receiver is paid."""
        return self.htlc.send("claim", lock, preimage, sender=OUTSIDER, gas=gas)

    def refund(self, lock: Lock) -> Receipt:
        """Refund, by an outsider."""
        return self.htlc.send("refund", lock, sender=OUTSIDER)

    def credit(self, account: Address, asset: Address) -> int:
        """Return what an account can collect."""
        amount: int = self.htlc.read("credit_of", account, asset)
        return amount


def swap_of(contract: str = "MockERC20") -> Swap:
    """Deploy on a chain of its own; the sender has everything and has approved it."""
    chain = Revm()
    htlc = chain.deploy("HashTimeLock", sender=OUTSIDER)
    token = chain.deploy(contract, "T", "T", 18, sender=OUTSIDER)
    token.send("mint", SENDER, 10 * AMOUNT, sender=OUTSIDER)
    token.send("approve", htlc.address, 10 * AMOUNT, sender=SENDER)
    chain.set_balance(SENDER, 10 * AMOUNT)
    return Swap(chain, htlc, token)


@pytest.fixture
def swap() -> Swap:
    return swap_of()


@pytest.fixture
def hashlock() -> bytes:
    return sha256(PREIMAGE).digest()


@pytest.mark.parametrize("late_s", [0, 1])
def test_claim__from_the_timelock_on__is_refused(swap: Swap, hashlock: bytes, late_s: int) -> None:
    """[HTL-02] Claim and refund are never possible in the same second."""
    lock = swap.lock(hashlock)
    swap.chain.warp(lock.timelock - 1)
    with swap.chain.isolated():
        swap.claim(lock)
    with refused("htlc: too early"):
        swap.refund(lock)

    swap.chain.warp(lock.timelock + late_s)
    with refused("htlc: too late"):
        swap.claim(lock)
    swap.refund(lock)
    assert swap.token.read("balanceOf", SENDER) == 10 * AMOUNT


def test_claim__with_another_secret__is_refused(swap: Swap, hashlock: bytes) -> None:
    """The hash, its preimage's hash, nothing, and the other end's bytes open nothing."""
    lock = swap.lock(hashlock)
    for wrong in (hashlock, bytes(32), PREIMAGE[::-1], sha256(hashlock).digest()):
        with refused("htlc: wrong preimage"):
            swap.claim(lock, wrong)

    swap.claim(lock)
    assert swap.token.read("balanceOf", RECEIVER) == AMOUNT


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_lock__on_a_secret_of_another_length__can_only_be_refunded(swap: Swap, length: int) -> None:
    """Bitcoin checks any length: a secret of 33 bytes would claim there and not here.

    Here the odd lock opens for no word, and goes back.
    """
    secret = (PREIMAGE * 2)[:length]
    lock = swap.lock(sha256(secret).digest())
    for word in (
        secret[:32].ljust(32, b"\0"),
        secret[:32].rjust(32, b"\0"),
        secret[-32:].ljust(32),
    ):
        with refused("htlc: wrong preimage"):
            swap.claim(lock, word)

    swap.chain.warp(lock.timelock)
    swap.refund(lock)


@pytest.mark.parametrize("length", [31, 33])
def test_claim__with_calldata_of_another_length__is_no_other_secret(
    swap: Swap, hashlock: bytes, length: int
) -> None:
    """A short word is refused; bytes behind a whole one are not read."""
    lock = swap.lock(hashlock)
    call = swap.htlc.call("claim", 2)
    whole = call.method.encode(lock, PREIMAGE)
    data = whole[:-1] if length == 31 else whole + b"\x99"
    if length == 31:
        with refused("0x"):
            call.send_raw(data, sender=OUTSIDER)
        assert swap.token.read("balanceOf", RECEIVER) == 0
    else:
        call.send_raw(data, sender=OUTSIDER)
        assert swap.token.read("balanceOf", RECEIVER) == AMOUNT


def test_end__twice__is_refused(swap: Swap, hashlock: bytes) -> None:
    """[HTL-02] A lock pays once; an ended id never lives again."""
    first, second = swap.lock(hashlock), swap.lock(hashlock, for_s=HOUR_S + 1)
    swap.claim(first)
    for again in (lambda: swap.claim(first), lambda: swap.refund(first)):
        with refused("htlc: not locked"):
            again()
    assert swap.token.read("balanceOf", swap.htlc.address) == AMOUNT, "HTL-02"

    swap.chain.warp(second.timelock)
    swap.refund(second)
    with refused("htlc: not locked"):
        swap.refund(second)


def test_lock__under_a_live_id__is_refused(swap: Swap, hashlock: bytes) -> None:
    """[HTL-06] Two equal locks of one block would share an id, and one's money be lost."""
    terms = (RECEIVER, swap.token.address, AMOUNT, hashlock, swap.chain.now + HOUR_S)
    swap.htlc.send("lock", *terms, sender=SENDER)

    with refused("htlc: already locked"):
        swap.htlc.send("lock", *terms, sender=SENDER)

    swap.chain.warp(swap.chain.now)
    swap.htlc.send("lock", *terms, sender=SENDER)


def test_claim__in_the_locks_own_block__is_refused(swap: Swap, hashlock: bytes) -> None:
    """[HTL-06] A twin made later in the block would have its id, and be claimed with it."""
    terms = (RECEIVER, swap.token.address, AMOUNT, hashlock, swap.chain.now + HOUR_S)
    block = swap.chain.number
    swap.htlc.send("lock", *terms, sender=SENDER)
    lock = Lock(SENDER, *terms, block)

    with refused("htlc: same block"):
        swap.claim(lock)

    swap.chain.warp(swap.chain.now)
    swap.claim(lock)


def test_claim__of_terms_that_nobody_locked__is_refused(swap: Swap, hashlock: bytes) -> None:
    """[HTL-03] Every field is in the id: nobody claims more, or elsewhere, than was locked."""
    lock = swap.lock(hashlock)
    for changed in (
        {"sender": OUTSIDER},
        {"receiver": OUTSIDER},
        {"token": ZERO_ADDRESS},
        {"amount": AMOUNT + 1},
        {"hashlock": sha256(hashlock).digest()},
        {"timelock": lock.timelock + 1},
        {"locked_in": lock.locked_in + 1},
    ):
        with refused("htlc: not locked"):
            swap.claim(replace(lock, **changed))

    swap.claim(lock)


def test_claim__front_run_with_the_published_secret__pays_the_same_receiver(
    swap: Swap, hashlock: bytes
) -> None:
    """Who copies a preimage from the mempool pays the gas for the receiver."""
    swap.claim(swap.lock(hashlock))
    assert swap.token.read("balanceOf", RECEIVER) == AMOUNT
    assert swap.token.read("balanceOf", OUTSIDER) == 0


def test_lying_token__is_not_paid_twice(hashlock: bytes) -> None:
    """[HTL-04] What it moved before it answered false is undone: credit or payment, never both."""
    swap = swap_of("LyingToken")
    first, second = swap.lock(hashlock), swap.lock(hashlock, for_s=HOUR_S + 1)
    swap.claim(first)

    assert swap.token.read("balanceOf", RECEIVER) == 0
    assert swap.credit(RECEIVER, swap.token.address) == AMOUNT
    with refused("htlc: transfer failed"):
        swap.htlc.send("collect", swap.token.address, RECEIVER, sender=RECEIVER)
    swap.chain.warp(second.timelock)
    swap.refund(second)
    assert swap.token.read("balanceOf", swap.htlc.address) == 2 * AMOUNT, "HTL-04"


@pytest.mark.parametrize("mode", [REJECTS, REJECTS_HUGE, BURNS])
def test_ether_receiver__that_bites__is_credited_within_bounded_gas(
    swap: Swap, hashlock: bytes, mode: int
) -> None:
    """[HTL-04] A receiver hurts only itself, and can collect to another address later."""
    account = swap.chain.deploy("HostileAccount", sender=OUTSIDER)
    lock = swap.lock(hashlock, to=account.address, ether=True)
    with swap.chain.isolated():
        swap.claim(lock)
        assert swap.chain.balance_of(account.address) == AMOUNT
    account.send("setMode", mode, sender=OUTSIDER)

    receipt = swap.claim(lock, gas=1_000_000)

    assert receipt.gas_used < 400_000
    assert swap.credit(account.address, ZERO_ADDRESS) == AMOUNT
    collect = swap.htlc.call("collect", 2).method.encode(ZERO_ADDRESS, RECEIVER)
    account.send("execute", [(swap.htlc.address, 0, collect)], sender=OUTSIDER)
    assert swap.chain.balance_of(RECEIVER) == AMOUNT


def test_lock__with_a_token_that_brings_less__is_refused(hashlock: bytes) -> None:
    """The other leg is locked against this amount, to the unit."""
    chain = Revm()
    htlc = chain.deploy("HashTimeLock", sender=OUTSIDER)
    token = chain.deploy("FeeOnTransferToken", "T", "T", 18, 0, sender=OUTSIDER)
    token.send("mint", SENDER, 10 * AMOUNT, sender=OUTSIDER)
    token.send("approve", htlc.address, 10 * AMOUNT, sender=SENDER)
    swap = Swap(chain, htlc, token)
    swap.lock(hashlock)
    token.send("setFeeBps", 10, sender=OUTSIDER)

    with refused("htlc: inexact transfer"):
        swap.lock(hashlock)


@pytest.mark.parametrize("value", [0, AMOUNT - 1, AMOUNT + 1])
def test_lock__with_the_wrong_ether__is_refused(swap: Swap, hashlock: bytes, value: int) -> None:
    terms = (RECEIVER, ZERO_ADDRESS, AMOUNT, hashlock, swap.chain.now + HOUR_S)
    with refused("htlc: wrong value"):
        swap.htlc.send("lock", *terms, sender=SENDER, value=value)

    swap.htlc.send("lock", *terms, sender=SENDER, value=AMOUNT)
