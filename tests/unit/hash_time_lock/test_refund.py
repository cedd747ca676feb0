"""HashTimeLock.refund: from the timelock on the sender gets it back, whoever asks."""

import ape


def test_refund__token_by_an_outsider__pays_the_sender(
    htlc, token, locked, sender, outsider, timelock, chain
):
    """[HTL-03] A refund pays only the sender."""
    held = token.balanceOf(sender)
    chain.pending_timestamp = timelock

    receipt = htlc.refund(locked, sender=outsider)

    assert receipt.timestamp == timelock
    assert token.balanceOf(sender) == held + 1_000
    assert token.balanceOf(htlc) == 0
    assert not htlc.is_locked(htlc.lock_id(locked))


def test_refund__ether__pays_the_sender(htlc, locked_eth, sender, outsider, timelock, chain):
    held = sender.balance
    chain.pending_timestamp = timelock

    htlc.refund(locked_eth, sender=outsider)

    assert sender.balance == held + 1_000
    assert htlc.balance == 0


def test_refund__paid__emits_the_id(htlc, locked, outsider, timelock, chain, events_of):
    chain.pending_timestamp = timelock

    receipt = htlc.refund(locked, sender=outsider)

    assert events_of(receipt) == [("Refunded", {"id": htlc.lock_id(locked)})]


def test_refund__one_second_early__reverts(
    htlc, locked, preimage, outsider, timelock, chain, state_of
):
    """[HTL-02] Before the timelock only a claim."""
    before = state_of(locked)
    chain.pending_timestamp = timelock - 2

    with ape.reverts("htlc: too early"):
        htlc.refund(locked, sender=outsider)

    assert state_of(locked) == before
    chain.pending_timestamp = timelock
    htlc.refund(locked, sender=outsider)


def test_refund__twice__reverts(htlc, make, token, outsider, timelock, chain, state_of):
    """[HTL-02] A lock ends once, even if the contract holds enough to pay it again."""
    terms, _ = make(token), make(token)
    chain.pending_timestamp = timelock
    htlc.refund(terms, sender=outsider)
    before = state_of(terms)

    with ape.reverts("htlc: not locked"):
        htlc.refund(terms, sender=outsider)

    assert state_of(terms) == before


def test_refund__after_a_claim__reverts(
    htlc, make, token, preimage, outsider, timelock, chain, state_of
):
    """[HTL-02] Claimed or refunded, never both."""
    terms, other = make(token), make(token)
    htlc.claim(terms, preimage, sender=outsider)
    before = state_of(terms)
    chain.pending_timestamp = timelock

    with ape.reverts("htlc: not locked"):
        htlc.refund(terms, sender=outsider)

    assert state_of(terms) == before
    htlc.refund(other, sender=outsider)


def test_refund__token_that_blocks_the_sender__becomes_its_credit(
    project, deployer, fund, htlc, make, sender, outsider, timelock, chain, events_of
):
    """[HTL-04] A payment that fails never blocks the end of a lock."""
    token = fund(project.BlocklistToken.deploy("Block", "BLOCK", 6, sender=deployer))
    terms = make(token)
    token.setBlocked(sender, True, sender=deployer)
    chain.pending_timestamp = timelock

    receipt = htlc.refund(terms, sender=outsider)

    lock_id = htlc.lock_id(terms)
    assert htlc.credit_of(sender, token) == 1_000
    assert token.balanceOf(htlc) == 1_000
    assert events_of(receipt) == [
        ("Refunded", {"id": lock_id}),
        (
            "Credited",
            {"id": lock_id, "account": sender.address, "token": token.address, "amount": 1_000},
        ),
    ]
