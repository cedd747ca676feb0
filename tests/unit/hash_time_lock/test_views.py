"""HashTimeLock's views: what never was is not locked, and the contract takes no stray ether."""

import ape
from eth_abi import encode
from eth_utils import keccak

LOCK = "(address,address,address,uint256,bytes32,uint256,uint256)"


def test_is_locked__before_and_after__is_false(htlc, locked, preimage, outsider):
    never = (*locked[:6], locked[6] + 1)
    assert not htlc.is_locked(htlc.lock_id(never))
    assert htlc.is_locked(htlc.lock_id(locked))

    htlc.claim(locked, preimage, sender=outsider)

    assert not htlc.is_locked(htlc.lock_id(locked))


def test_lock_id__same_terms_in_another_contract__differs(project, deployer, htlc, locked):
    other = project.HashTimeLock.deploy(sender=deployer)

    assert htlc.lock_id(locked) == keccak(encode(["address", LOCK], [htlc.address, locked]))
    assert other.lock_id(locked) == keccak(encode(["address", LOCK], [other.address, locked]))


def test_receive__stray_ether__reverts(htlc, outsider):
    """It would belong to nobody."""
    with ape.reverts():
        outsider.transfer(htlc, 1)

    assert htlc.balance == 0
