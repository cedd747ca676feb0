"""BrokerRegistry.stake: YELLOW in, slots granted by full lots."""

import ape
import pytest

from clearing.spec.registry import LOT, MAX_SLOTS, SLOTS_PER_LOT


@pytest.mark.parametrize(
    ("amount", "slots"),
    [
        (1, 0),
        (LOT - 1, 0),
        (LOT, 4),
        (2 * LOT - 1, 4),
        (2 * LOT, 8),
        (4 * LOT, 16),
    ],
)
def test_stake__some_amount__grants_four_slots_per_full_lot(
    registry, yellow, broker_low, amount, slots
):
    held = yellow.balanceOf(broker_low)

    registry.stake(amount, sender=broker_low)

    assert registry.stake_of(broker_low) == amount
    assert registry.slots_of(broker_low) == slots
    assert yellow.balanceOf(broker_low) == held - amount
    assert yellow.balanceOf(registry) == amount


def test_stake__twice__parts_of_a_lot_add_up(registry, broker_low):
    registry.stake(LOT - 1, sender=broker_low)

    registry.stake(1, sender=broker_low)

    assert registry.stake_of(broker_low) == LOT
    assert registry.slots_of(broker_low) == 4


def test_stake__signer_named_and_slots_used__keeps_both(
    staked, take, broker_low, broker_high, signer_low, state_of
):
    take()
    other = state_of(broker_high)[0]

    staked.stake(LOT, sender=broker_low)

    assert staked.signer_of(broker_low) == signer_low
    assert staked.slots_used(broker_low) == 1
    assert staked.slots_of(broker_low) == 8
    assert state_of(broker_high)[0] == other


def test_stake__any__emits_amount_stake_and_slots(registry, broker_low, events_of):
    registry.stake(LOT, sender=broker_low)

    receipt = registry.stake(LOT + 5, sender=broker_low)

    assert events_of(receipt) == [
        (
            "Staked",
            {"broker": broker_low.address, "amount": LOT + 5, "stake": 2 * LOT + 5, "slots": 8},
        )
    ]


def test_stake__zero__reverts(registry, broker_low, state_of):
    registry.stake(1, sender=broker_low)
    before = state_of(broker_low)

    with ape.reverts("registry: zero amount"):
        registry.stake(0, sender=broker_low)

    assert state_of(broker_low) == before


def test_stake__more_than_the_allowance__reverts(registry, yellow, broker_low, state_of):
    yellow.approve(registry, LOT, sender=broker_low)
    before = state_of(broker_low)

    with ape.reverts(yellow.ERC20InsufficientAllowance):
        registry.stake(LOT + 1, sender=broker_low)

    assert state_of(broker_low) == before
    registry.stake(LOT, sender=broker_low)


def test_stake__transfer_answers_false__reverts(project, deployer, adjudicator, broker_low):
    token = project.FalseReturningToken.deploy("False", "FALSE", 18, sender=deployer)
    registry = project.BrokerRegistry.deploy(token, adjudicator, sender=deployer)
    token.mint(broker_low, 2 * LOT, sender=deployer)
    token.approve(registry, 2 * LOT, sender=broker_low)
    registry.stake(LOT, sender=broker_low)
    token.setFailing(True, sender=deployer)

    with ape.reverts("registry: transfer failed"):
        registry.stake(LOT, sender=broker_low)

    assert registry.stake_of(broker_low) == LOT


def test_stake__slots_beyond_32_bits__reverts(project, deployer, adjudicator, broker_low):
    token = project.MockERC20.deploy("Endless", "END", 18, sender=deployer)
    registry = project.BrokerRegistry.deploy(token, adjudicator, sender=deployer)
    most = (MAX_SLOTS // SLOTS_PER_LOT + 1) * LOT - 1
    token.mint(broker_low, most + 1, sender=deployer)
    token.approve(registry, most + 1, sender=broker_low)
    registry.stake(most, sender=broker_low)
    assert registry.slots_of(broker_low) == MAX_SLOTS // SLOTS_PER_LOT * SLOTS_PER_LOT

    with ape.reverts("registry: too many slots"):
        registry.stake(1, sender=broker_low)

    assert registry.stake_of(broker_low) == most
