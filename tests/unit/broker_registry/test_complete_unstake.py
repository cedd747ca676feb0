"""BrokerRegistry.complete_unstake: paid to its broker 30 days after the request."""

import ape
import pytest

from clearing.spec.registry import LOT


@pytest.fixture
def requested(registry, broker_low):
    """The registry; the low broker has two lots active and asks one back."""
    registry.stake(3 * LOT, sender=broker_low)
    registry.request_unstake(LOT, sender=broker_low)
    return registry


@pytest.fixture
def available_at(requested, broker_low):
    """The first second at which the pending lot can be taken."""
    return requested.unstake_of(broker_low)[1]


def test_complete_unstake__first_second__pays_the_broker(
    requested, yellow, broker_low, available_at, chain
):
    held = yellow.balanceOf(broker_low)
    chain.pending_timestamp = available_at

    receipt = requested.complete_unstake(sender=broker_low)

    assert receipt.timestamp == available_at
    assert yellow.balanceOf(broker_low) == held + LOT
    assert yellow.balanceOf(requested) == 2 * LOT
    assert tuple(requested.unstake_of(broker_low)) == (0, 0)
    assert requested.stake_of(broker_low) == 2 * LOT
    assert requested.slots_of(broker_low) == 8


def test_complete_unstake__any__emits_the_amount(
    requested, broker_low, available_at, chain, events_of
):
    chain.pending_timestamp = available_at

    receipt = requested.complete_unstake(sender=broker_low)

    assert events_of(receipt) == [("Unstaked", {"broker": broker_low.address, "amount": LOT})]


def test_complete_unstake__one_second_early__reverts(
    requested, broker_low, available_at, chain, state_of
):
    """[REG-02] Stake leaves only 30 days after its request."""
    before = state_of(broker_low)
    chain.pending_timestamp = available_at - 1

    with ape.reverts("registry: still locked"):
        requested.complete_unstake(sender=broker_low)

    assert state_of(broker_low) == before
    chain.pending_timestamp = available_at
    requested.complete_unstake(sender=broker_low)


def test_complete_unstake__second_time__reverts(
    requested, broker_low, available_at, chain, state_of
):
    chain.pending_timestamp = available_at
    requested.complete_unstake(sender=broker_low)
    before = state_of(broker_low)

    with ape.reverts("registry: no unstake"):
        requested.complete_unstake(sender=broker_low)

    assert state_of(broker_low) == before


def test_complete_unstake__another_broker__takes_nothing(
    requested, broker_low, broker_high, available_at, chain, state_of
):
    before = state_of(broker_low)
    chain.pending_timestamp = available_at

    with ape.reverts("registry: no unstake"):
        requested.complete_unstake(sender=broker_high)

    assert state_of(broker_low) == before
    requested.complete_unstake(sender=broker_low)


def test_complete_unstake__transfer_answers_false__keeps_it_pending(
    project, deployer, adjudicator, broker_low, chain
):
    token = project.FalseReturningToken.deploy("False", "FALSE", 18, sender=deployer)
    registry = project.BrokerRegistry.deploy(token, adjudicator, sender=deployer)
    token.mint(broker_low, LOT, sender=deployer)
    token.approve(registry, LOT, sender=broker_low)
    registry.stake(LOT, sender=broker_low)
    registry.request_unstake(LOT, sender=broker_low)
    pending = tuple(registry.unstake_of(broker_low))
    token.setFailing(True, sender=deployer)
    chain.mine(timestamp=pending[1])

    with ape.reverts("registry: transfer failed"):
        registry.complete_unstake(sender=broker_low)

    assert tuple(registry.unstake_of(broker_low)) == pending
    token.setFailing(False, sender=deployer)
    registry.complete_unstake(sender=broker_low)
    assert token.balanceOf(broker_low) == LOT
