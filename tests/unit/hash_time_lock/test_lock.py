"""HashTimeLock.lock: exactly the amount comes in, and its id is live."""

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak, to_checksum_address

ETH = to_checksum_address(bytes(20))
LOCK = "(address,address,address,uint256,bytes32,uint256,uint256)"


def test_lock__token__moves_the_amount_and_is_live(
    htlc, token, sender, receiver, hashlock, timelock, terms_of
):
    held = token.balanceOf(sender)

    receipt = htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender)

    terms = terms_of(receipt)
    assert terms == (
        sender.address,
        receiver.address,
        token.address,
        1_000,
        hashlock,
        timelock,
        receipt.block_number,
    )
    assert htlc.is_locked(htlc.lock_id(terms))
    assert token.balanceOf(sender) == held - 1_000
    assert token.balanceOf(htlc) == 1_000


def test_lock__ether__takes_the_value_and_is_live(
    htlc, sender, receiver, hashlock, timelock, terms_of
):
    receipt = htlc.lock(receiver, ETH, 1_000, hashlock, timelock, sender=sender, value=1_000)

    assert htlc.is_locked(htlc.lock_id(terms_of(receipt)))
    assert htlc.balance == 1_000


def test_lock__any__emits_all_terms_under_the_id_of_their_encoding(
    htlc, token, sender, receiver, hashlock, timelock, events_of
):
    receipt = htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender)

    terms = {
        "sender": sender.address,
        "receiver": receiver.address,
        "token": token.address,
        "amount": 1_000,
        "hashlock": hashlock,
        "timelock": timelock,
        "locked_in": receipt.block_number,
    }
    lock_id = keccak(encode(["address", LOCK], [htlc.address, tuple(terms.values())]))
    assert events_of(receipt) == [("Locked", {"id": lock_id, **terms})]
    assert receipt.return_value == lock_id
    assert htlc.lock_id(tuple(terms.values())) == lock_id


def test_lock__same_terms_in_two_blocks__are_two_locks(htlc, make, token):
    first, second = make(token), make(token)

    assert htlc.lock_id(first) != htlc.lock_id(second)
    assert htlc.is_locked(htlc.lock_id(first))
    assert htlc.is_locked(htlc.lock_id(second))
    assert token.balanceOf(htlc) == 2_000


def test_lock__twin_in_the_same_block__reverts(
    htlc, account, deployer, receiver, hashlock, timelock
):
    """[HTL-06] One account, one block, the same terms twice would be one id."""

    def lock(amount):
        data = htlc.lock.encode_input(receiver, ETH, amount, hashlock, timelock)
        return (htlc, amount, data)

    with ape.reverts("htlc: already locked"):
        account.execute([lock(7), lock(7)], sender=deployer, value=14)

    assert htlc.balance == 0
    account.execute([lock(7), lock(8)], sender=deployer, value=15)
    assert htlc.balance == 15


def test_lock__receiver_zero_or_the_contract__reverts(
    htlc, token, sender, receiver, hashlock, timelock
):
    for bad in (ETH, htlc):
        with ape.reverts("htlc: bad receiver"):
            htlc.lock(bad, token, 1_000, hashlock, timelock, sender=sender)

    assert token.balanceOf(htlc) == 0
    htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender)


def test_lock__nothing__reverts(htlc, token, sender, receiver, hashlock, timelock):
    with ape.reverts("htlc: zero amount"):
        htlc.lock(receiver, token, 0, hashlock, timelock, sender=sender)

    htlc.lock(receiver, token, 1, hashlock, timelock, sender=sender)


def test_lock__zero_hashlock__reverts(htlc, token, sender, receiver, hashlock, timelock):
    with ape.reverts("htlc: zero hashlock"):
        htlc.lock(receiver, token, 1_000, bytes(32), timelock, sender=sender)

    htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender)


def test_lock__timelock_is_now__reverts(htlc, token, sender, receiver, hashlock, timelock, chain):
    chain.pending_timestamp = timelock

    with ape.reverts("htlc: timelock passed"):
        htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender)

    chain.pending_timestamp = timelock + 1
    receipt = htlc.lock(receiver, token, 1_000, hashlock, timelock + 2, sender=sender)
    assert receipt.timestamp == timelock + 1


@pytest.mark.parametrize("value", [0, 999, 1_001])
def test_lock__value_is_not_the_amount__reverts(htlc, sender, receiver, hashlock, timelock, value):
    with ape.reverts("htlc: wrong value"):
        htlc.lock(receiver, ETH, 1_000, hashlock, timelock, sender=sender, value=value)

    assert htlc.balance == 0
    htlc.lock(receiver, ETH, 1_000, hashlock, timelock, sender=sender, value=1_000)


def test_lock__value_with_a_token__reverts(htlc, token, sender, receiver, hashlock, timelock):
    with ape.reverts("htlc: wrong value"):
        htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender, value=1)

    htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender)


def test_lock__token_without_code__reverts(
    htlc, token, outsider, sender, receiver, hashlock, timelock
):
    with ape.reverts("htlc: token has no code"):
        htlc.lock(receiver, outsider, 1_000, hashlock, timelock, sender=sender)

    htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender)


def test_lock__more_than_the_allowance__reverts(htlc, token, sender, receiver, hashlock, timelock):
    token.approve(htlc, 1_000, sender=sender)

    with ape.reverts("htlc: transfer failed"):
        htlc.lock(receiver, token, 1_001, hashlock, timelock, sender=sender)

    assert token.balanceOf(htlc) == 0
    htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender)


def test_lock__fee_on_transfer__reverts(
    project, deployer, fund, htlc, sender, receiver, hashlock, timelock
):
    token = fund(project.FeeOnTransferToken.deploy("Fee", "FEE", 18, 1, sender=deployer))

    with ape.reverts("htlc: inexact transfer"):
        htlc.lock(receiver, token, 10_000, hashlock, timelock, sender=sender)

    assert token.balanceOf(htlc) == 0
    token.setFeeBps(0, sender=deployer)
    htlc.lock(receiver, token, 10_000, hashlock, timelock, sender=sender)


def test_lock__token_answers_false__reverts(
    project, deployer, fund, htlc, sender, receiver, hashlock, timelock
):
    token = fund(project.FalseReturningToken.deploy("False", "FALSE", 18, sender=deployer))
    token.setFailing(True, sender=deployer)

    with ape.reverts("htlc: transfer failed"):
        htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender)

    token.setFailing(False, sender=deployer)
    htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender)


def test_lock__token_without_answers__succeeds(
    project, deployer, fund, htlc, sender, receiver, hashlock, timelock
):
    token = fund(project.NoReturnToken.deploy("Tether USD", "USDT", 6, sender=deployer))

    htlc.lock(receiver, token, 1_000, hashlock, timelock, sender=sender)

    assert token.balanceOf(htlc) == 1_000
