"""BrokerRegistry's views: what nobody has done is zero, and pairs keep their order."""

from eth_utils import to_checksum_address

ZERO_ADDRESS = to_checksum_address(bytes(20))


def test_views__unknown_account__all_zero(registry, outsider):
    assert registry.stake_of(outsider) == 0
    assert registry.slots_of(outsider) == 0
    assert registry.slots_used(outsider) == 0
    assert tuple(registry.unstake_of(outsider)) == (0, 0)
    assert registry.signer_of(outsider) == ZERO_ADDRESS


def test_signers_of__two_brokers__in_the_order_asked(
    staked, broker_low, broker_high, signer_low, signer_high, outsider
):
    assert tuple(staked.signers_of(broker_low, broker_high)) == (signer_low, signer_high)
    assert tuple(staked.signers_of(broker_high, broker_low)) == (signer_high, signer_low)
    assert tuple(staked.signers_of(outsider, broker_low)) == (ZERO_ADDRESS, signer_low)


def test_slots_used__some_taken__counts_them(staked, take, broker_low, broker_high):
    take()
    take()

    assert staked.slots_used(broker_low) == 2
    assert staked.slots_used(broker_high) == 2
