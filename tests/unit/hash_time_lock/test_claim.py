"""HashTimeLock.claim: the preimage in time pays the receiver, whoever shows it."""

import ape
import pytest
from eth_utils import to_checksum_address

ETH = to_checksum_address(bytes(20))
FIELDS = ("sender", "receiver", "token", "amount", "hashlock", "timelock", "locked_in")


def test_claim__token_by_an_outsider__pays_the_receiver(
    htlc, token, locked, preimage, receiver, outsider
):
    """[HTL-03] A claim pays only the receiver."""
    htlc.claim(locked, preimage, sender=outsider)

    assert token.balanceOf(receiver) == 1_000
    assert token.balanceOf(outsider) == 0
    assert token.balanceOf(htlc) == 0
    assert not htlc.is_locked(htlc.lock_id(locked))
    assert htlc.credit_of(receiver, token) == 0


def test_claim__ether__pays_the_receiver(htlc, locked_eth, preimage, receiver, outsider):
    held = receiver.balance

    htlc.claim(locked_eth, preimage, sender=outsider)

    assert receiver.balance == held + 1_000
    assert htlc.balance == 0
    assert not htlc.is_locked(htlc.lock_id(locked_eth))


def test_claim__paid__emits_the_preimage(htlc, locked, preimage, outsider, events_of):
    receipt = htlc.claim(locked, preimage, sender=outsider)

    assert events_of(receipt) == [("Claimed", {"id": htlc.lock_id(locked), "preimage": preimage})]


def test_claim__one_of_two_locks__leaves_the_other(htlc, token, make, preimage, outsider):
    first, second = make(token), make(token)

    htlc.claim(first, preimage, sender=outsider)

    assert not htlc.is_locked(htlc.lock_id(first))
    assert htlc.is_locked(htlc.lock_id(second))
    assert token.balanceOf(htlc) == 1_000


def test_claim__last_second__pays(htlc, locked, preimage, timelock, outsider, chain):
    """[HTL-02] The windows of claim and refund are disjoint and cover all time."""
    chain.pending_timestamp = timelock - 1

    receipt = htlc.claim(locked, preimage, sender=outsider)

    assert receipt.timestamp == timelock - 1


def test_claim__at_the_timelock__reverts(
    htlc, locked, preimage, timelock, outsider, chain, state_of
):
    """[HTL-02] From the timelock on only a refund."""
    before = state_of(locked)
    chain.pending_timestamp = timelock

    with ape.reverts("htlc: too late"):
        htlc.claim(locked, preimage, sender=outsider)

    assert state_of(locked) == before
    htlc.refund(locked, sender=outsider)


def test_claim__twice__reverts(htlc, make, token, preimage, outsider, state_of):
    """[HTL-02] A lock ends once, even if the contract holds enough to pay it again."""
    terms, _ = make(token), make(token)
    htlc.claim(terms, preimage, sender=outsider)
    before = state_of(terms)

    with ape.reverts("htlc: not locked"):
        htlc.claim(terms, preimage, sender=outsider)

    assert state_of(terms) == before


def test_claim__wrong_preimage__reverts(htlc, locked, preimage, outsider, state_of):
    before = state_of(locked)
    wrong = bytes([preimage[0] ^ 1]) + preimage[1:]

    with ape.reverts("htlc: wrong preimage"):
        htlc.claim(locked, wrong, sender=outsider)

    assert state_of(locked) == before
    htlc.claim(locked, preimage, sender=outsider)


@pytest.mark.parametrize("field", FIELDS)
def test_claim__any_field_changed__reverts(
    htlc, locked, preimage, outsider, hashlock, state_of, field
):
    before = state_of(locked)
    index = FIELDS.index(field)
    old = locked[index]
    new = outsider.address if isinstance(old, str) else preimage if old == hashlock else old + 1
    changed = (*locked[:index], new, *locked[index + 1 :])

    with ape.reverts("htlc: not locked"):
        htlc.claim(changed, preimage, sender=outsider)

    assert state_of(locked) == before
    htlc.claim(locked, preimage, sender=outsider)


def test_claim__in_the_block_of_the_lock__reverts(
    htlc, account, deployer, receiver, preimage, hashlock, timelock, chain
):
    """[HTL-06] Otherwise the same account could lock the same id again in that block."""
    block = chain.blocks.height + 1
    terms = (account.address, receiver.address, ETH, 7, hashlock, timelock, block)
    lock = (htlc, 7, htlc.lock.encode_input(*terms[1:6]))
    claim = (htlc, 0, htlc.claim.encode_input(terms, preimage))

    with ape.reverts("htlc: same block"):
        account.execute([lock, claim], sender=deployer, value=7)

    assert htlc.balance == 0
    receipt = account.execute([lock], sender=deployer, value=7)
    now_locked = (*terms[:6], receipt.block_number)
    account.execute([(htlc, 0, htlc.claim.encode_input(now_locked, preimage))], sender=deployer)
    assert htlc.balance == 0
