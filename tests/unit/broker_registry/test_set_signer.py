"""BrokerRegistry.set_signer: each broker names its own key."""

import ape
from eth_utils import to_checksum_address

from clearing.spec.registry import LOT

ZERO_ADDRESS = to_checksum_address(bytes(20))
LAST_ADDRESS = to_checksum_address(b"\xff" * 20)


def test_set_signer__without_stake__is_named(registry, broker_low, broker_high, signer_low):
    registry.set_signer(signer_low, sender=broker_low)

    assert registry.signer_of(broker_low) == signer_low
    assert registry.signer_of(broker_high) == ZERO_ADDRESS


def test_set_signer__stake_and_slots__keeps_them(staked, take, broker_low):
    staked.stake(LOT, sender=broker_low)
    take()

    staked.set_signer(LAST_ADDRESS, sender=broker_low)

    assert staked.signer_of(broker_low) == LAST_ADDRESS
    assert staked.stake_of(broker_low) == 2 * LOT
    assert staked.slots_of(broker_low) == 8
    assert staked.slots_used(broker_low) == 1


def test_set_signer__second_key__replaces_the_first(registry, broker_low, signer_low, signer_high):
    registry.set_signer(signer_high, sender=broker_low)

    registry.set_signer(signer_low, sender=broker_low)

    assert registry.signer_of(broker_low) == signer_low


def test_set_signer__any__emits_old_and_new(staked, broker_low, signer_low, signer_high, events_of):
    receipt = staked.set_signer(signer_high, sender=broker_low)

    assert events_of(receipt) == [
        (
            "SignerNamed",
            {"broker": broker_low.address, "old_signer": signer_low, "new_signer": signer_high},
        )
    ]


def test_set_signer__zero__reverts(staked, broker_low, signer_high, state_of):
    before = state_of(broker_low)

    with ape.reverts("registry: zero signer"):
        staked.set_signer(ZERO_ADDRESS, sender=broker_low)

    assert state_of(broker_low) == before
    staked.set_signer(signer_high, sender=broker_low)


def test_set_signer__broker_itself__reverts(staked, broker_low, broker_high, state_of):
    before = state_of(broker_low)

    with ape.reverts("registry: signer is the broker"):
        staked.set_signer(broker_low, sender=broker_low)

    assert state_of(broker_low) == before
    staked.set_signer(broker_low, sender=broker_high)
