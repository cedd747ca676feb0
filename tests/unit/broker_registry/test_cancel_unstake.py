"""BrokerRegistry.cancel_unstake: pending stake is active again."""

import ape

from clearing.spec.registry import LOT, MAX_SLOTS, SLOTS_PER_LOT


def test_cancel_unstake__pending__is_active_again(registry, broker_low, state_of):
    registry.stake(2 * LOT, sender=broker_low)
    before = state_of(broker_low)
    registry.request_unstake(LOT, sender=broker_low)

    registry.cancel_unstake(sender=broker_low)

    assert state_of(broker_low) == before


def test_cancel_unstake__pending__emits_stake_and_slots(registry, broker_low, events_of):
    registry.stake(2 * LOT, sender=broker_low)
    registry.request_unstake(LOT + 7, sender=broker_low)

    receipt = registry.cancel_unstake(sender=broker_low)

    assert events_of(receipt) == [
        (
            "UnstakeCancelled",
            {"broker": broker_low.address, "amount": LOT + 7, "stake": 2 * LOT, "slots": 8},
        )
    ]


def test_cancel_unstake__nothing_pending__reverts(registry, broker_low, broker_high, state_of):
    registry.stake(2 * LOT, sender=broker_low)
    registry.request_unstake(LOT, sender=broker_low)
    registry.cancel_unstake(sender=broker_low)
    before = state_of(broker_low)

    with ape.reverts("registry: no unstake"):
        registry.cancel_unstake(sender=broker_low)

    assert state_of(broker_low) == before


def test_cancel_unstake__slots_beyond_32_bits__reverts_and_can_be_completed(
    project, deployer, adjudicator, broker_low, chain
):
    token = project.MockERC20.deploy("Endless", "END", 18, sender=deployer)
    registry = project.BrokerRegistry.deploy(token, adjudicator, sender=deployer)
    most = (MAX_SLOTS // SLOTS_PER_LOT + 1) * LOT - 1
    token.mint(broker_low, most + LOT, sender=deployer)
    token.approve(registry, most + LOT, sender=broker_low)
    registry.stake(most, sender=broker_low)
    registry.request_unstake(LOT, sender=broker_low)
    registry.stake(LOT, sender=broker_low)

    with ape.reverts("registry: too many slots"):
        registry.cancel_unstake(sender=broker_low)

    chain.mine(timestamp=registry.unstake_of(broker_low)[1])
    registry.complete_unstake(sender=broker_low)
    assert token.balanceOf(broker_low) == LOT
