"""HashTimeLock.collect: a credit goes, whole, where its owner says."""

import ape
import pytest
from eth_utils import to_checksum_address

ETH = to_checksum_address(bytes(20))


@pytest.fixture
def blocked_token(project, deployer, fund):
    """A token that can block accounts; the sender is funded."""
    return fund(project.BlocklistToken.deploy("Block", "BLOCK", 6, sender=deployer))


@pytest.fixture
def credited(htlc, blocked_token, deployer, make, preimage, receiver, outsider):
    """The receiver has a credit of 1,000 raw units: the token has blocked it."""
    terms = make(blocked_token)
    blocked_token.setBlocked(receiver, True, sender=deployer)
    htlc.claim(terms, preimage, sender=outsider)
    return blocked_token


@pytest.fixture
def credited_eth(htlc, account, deployer, make, preimage, outsider):
    """The account has a credit of 1,000 wei: it has refused ether."""
    terms = make(ETH, to=account)
    account.setMode(1, sender=deployer)
    htlc.claim(terms, preimage, sender=outsider)
    return account


def test_collect__token__sends_the_whole_credit(htlc, credited, receiver, recipient):
    amount = htlc.collect.call(credited, recipient, sender=receiver)

    htlc.collect(credited, recipient, sender=receiver)

    assert amount == 1_000
    assert credited.balanceOf(recipient) == 1_000
    assert credited.balanceOf(htlc) == 0
    assert htlc.credit_of(receiver, credited) == 0


def test_collect__two_claims__are_collected_together(
    htlc, credited, make, deployer, preimage, receiver, recipient, outsider
):
    credited.setBlocked(receiver, False, sender=deployer)
    terms = make(credited, 234)
    credited.setBlocked(receiver, True, sender=deployer)
    htlc.claim(terms, preimage, sender=outsider)
    assert htlc.credit_of(receiver, credited) == 1_234

    htlc.collect(credited, recipient, sender=receiver)

    assert credited.balanceOf(recipient) == 1_234


def test_collect__ether__sends_the_whole_credit(htlc, credited_eth, deployer, recipient):
    held = recipient.balance
    collect = htlc.collect.encode_input(ETH, recipient)

    credited_eth.execute([(htlc, 0, collect)], sender=deployer)

    assert recipient.balance == held + 1_000
    assert htlc.balance == 0
    assert htlc.credit_of(credited_eth, ETH) == 0


def test_collect__any__emits_where_it_went(htlc, credited, receiver, recipient, events_of):
    receipt = htlc.collect(credited, recipient, sender=receiver)

    assert events_of(receipt) == [
        (
            "Collected",
            {
                "account": receiver.address,
                "token": credited.address,
                "to": recipient.address,
                "amount": 1_000,
            },
        )
    ]


def test_collect__nothing_owed__reverts(htlc, credited, token, sender, receiver, recipient):
    for caller, what in ((receiver, token), (receiver, ETH), (sender, credited)):
        with ape.reverts("htlc: no credit"):
            htlc.collect(what, recipient, sender=caller)

    assert htlc.credit_of(receiver, credited) == 1_000
    htlc.collect(credited, recipient, sender=receiver)
    with ape.reverts("htlc: no credit"):
        htlc.collect(credited, recipient, sender=receiver)


def test_collect__to_zero_or_the_contract__reverts(htlc, credited, receiver, recipient):
    for bad in (ETH, htlc):
        with ape.reverts("htlc: bad receiver"):
            htlc.collect(credited, bad, sender=receiver)

    assert htlc.credit_of(receiver, credited) == 1_000
    htlc.collect(credited, recipient, sender=receiver)


def test_collect__token_transfer_fails__keeps_the_credit(htlc, credited, receiver, recipient):
    with ape.reverts("htlc: transfer failed"):
        htlc.collect(credited, receiver, sender=receiver)

    assert htlc.credit_of(receiver, credited) == 1_000
    assert credited.balanceOf(htlc) == 1_000
    htlc.collect(credited, recipient, sender=receiver)


def test_collect__token_moves_and_answers_false__keeps_the_credit(
    project, deployer, fund, htlc, make, preimage, receiver, recipient, outsider
):
    token = fund(project.LyingToken.deploy("Lying", "LIE", 18, sender=deployer))
    htlc.claim(make(token), preimage, sender=outsider)

    with ape.reverts("htlc: transfer failed"):
        htlc.collect(token, recipient, sender=receiver)

    assert htlc.credit_of(receiver, token) == 1_000
    assert token.balanceOf(htlc) == 1_000
    assert token.balanceOf(recipient) == 0


def test_collect__ether_refused__keeps_the_credit(htlc, credited_eth, deployer, recipient):
    to_itself = htlc.collect.encode_input(ETH, credited_eth)

    with ape.reverts("htlc: transfer failed"):
        credited_eth.execute([(htlc, 0, to_itself)], sender=deployer)

    assert htlc.credit_of(credited_eth, ETH) == 1_000
    credited_eth.setMode(0, sender=deployer)
    credited_eth.execute([(htlc, 0, to_itself)], sender=deployer)
    assert credited_eth.balance == 1_000


def test_collect__re_entered__pays_once(htlc, credited_eth, make, deployer, preimage, outsider):
    """[HTL-01] The credit is gone before the ether leaves, and the door is shut."""
    other = make(ETH, to=credited_eth)
    htlc.claim(other, preimage, sender=outsider)
    third = make(ETH)
    again = htlc.collect.encode_input(ETH, credited_eth)
    credited_eth.arm(htlc, again, sender=deployer)

    credited_eth.execute([(htlc, 0, again)], sender=deployer)

    assert credited_eth.calls() == 1
    assert not credited_eth.succeeded()
    assert credited_eth.balance == 2_000
    assert htlc.balance == third[3]
