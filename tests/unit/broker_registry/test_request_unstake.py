"""BrokerRegistry.request_unstake: only what the channels in use leave free."""

import ape
import pytest

from clearing.spec.registry import LOT, UNSTAKE_DELAY_S


def test_request_unstake__part_of_the_stake__becomes_pending(registry, yellow, broker_low, chain):
    registry.stake(3 * LOT, sender=broker_low)
    held = yellow.balanceOf(broker_low)

    receipt = registry.request_unstake(LOT + 1, sender=broker_low)

    assert registry.stake_of(broker_low) == 2 * LOT - 1
    assert registry.slots_of(broker_low) == 4
    assert tuple(registry.unstake_of(broker_low)) == (
        LOT + 1,
        receipt.timestamp + UNSTAKE_DELAY_S,
    )
    assert yellow.balanceOf(broker_low) == held


def test_request_unstake__any__emits_when_it_can_be_taken(registry, broker_low, events_of):
    registry.stake(3 * LOT, sender=broker_low)

    receipt = registry.request_unstake(LOT, sender=broker_low)

    assert events_of(receipt) == [
        (
            "UnstakeRequested",
            {
                "broker": broker_low.address,
                "amount": LOT,
                "stake": 2 * LOT,
                "slots": 8,
                "available_at": receipt.timestamp + UNSTAKE_DELAY_S,
            },
        )
    ]


def test_request_unstake__slots_in_use__reverts(staked, take, broker_low, state_of):
    """[REG-02] Stake never leaves below what is in use: one of two lots can go, not a unit more."""
    staked.stake(LOT, sender=broker_low)
    take()
    before = state_of(broker_low)

    with ape.reverts("registry: slots in use"):
        staked.request_unstake(LOT + 1, sender=broker_low)

    assert state_of(broker_low) == before
    staked.request_unstake(LOT, sender=broker_low)


def test_request_unstake__slots_exactly_covered__succeeds(staked, take, broker_low):
    staked.stake(LOT, sender=broker_low)
    for _ in range(4):
        take()

    staked.request_unstake(LOT, sender=broker_low)

    assert staked.slots_of(broker_low) == staked.slots_used(broker_low) == 4


def test_request_unstake__one_pending__reverts(registry, broker_low, state_of):
    registry.stake(3 * LOT, sender=broker_low)
    registry.request_unstake(LOT, sender=broker_low)
    before = state_of(broker_low)

    with ape.reverts("registry: unstake pending"):
        registry.request_unstake(LOT, sender=broker_low)

    assert state_of(broker_low) == before
    registry.cancel_unstake(sender=broker_low)
    registry.request_unstake(LOT, sender=broker_low)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "registry: zero amount"), (LOT + 1, "registry: stake too small")],
)
def test_request_unstake__bad_amount__reverts(registry, broker_low, state_of, amount, text):
    registry.stake(LOT, sender=broker_low)
    before = state_of(broker_low)

    with ape.reverts(text):
        registry.request_unstake(amount, sender=broker_low)

    assert state_of(broker_low) == before
    registry.request_unstake(LOT, sender=broker_low)
