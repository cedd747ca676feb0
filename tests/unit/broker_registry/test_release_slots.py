"""BrokerRegistry.release_slots: the end of a channel gives both slots back."""

import ape

from clearing.spec.registry import LOT


def test_release_slots__taken__gives_both_back(
    staked, take, adjudicator, broker_low, broker_high, state_of
):
    before = state_of(broker_low, broker_high)
    take()

    receipt = staked.release_slots(broker_low, broker_high, sender=adjudicator)

    assert state_of(broker_low, broker_high) == before
    assert receipt.events == []


def test_release_slots__one_of_two__leaves_the_other(
    staked, take, adjudicator, broker_low, broker_high
):
    take()
    take()

    staked.release_slots(broker_low, broker_high, sender=adjudicator)

    assert staked.slots_used(broker_low) == staked.slots_used(broker_high) == 1


def test_release_slots__all_spare_stake_gone_and_key_changed__succeeds(
    staked, take, adjudicator, broker_low, broker_high, signer_high
):
    """A running channel can always end, whatever its broker has done since."""
    staked.stake(LOT, sender=broker_low)
    for _ in range(4):
        take()
    staked.request_unstake(LOT, sender=broker_low)
    staked.set_signer(signer_high, sender=broker_low)

    for _ in range(4):
        staked.release_slots(broker_low, broker_high, sender=adjudicator)

    assert staked.slots_used(broker_low) == staked.slots_used(broker_high) == 0


def test_release_slots__never_taken__reverts(
    staked, take, adjudicator, broker_low, broker_high, state_of
):
    """No borrow from the fields below: the count stays at zero."""
    before = state_of(broker_low, broker_high)

    with ape.reverts():
        staked.release_slots(broker_low, broker_high, sender=adjudicator)

    assert state_of(broker_low, broker_high) == before
    take()
    staked.release_slots(broker_low, broker_high, sender=adjudicator)


def test_release_slots__not_the_adjudicator__reverts(
    staked, take, adjudicator, broker_low, broker_high, outsider, state_of
):
    """[REG-03] Only the Adjudicator changes slots."""
    take()
    before = state_of(broker_low, broker_high)

    for caller in (outsider, broker_low):
        with ape.reverts("registry: only the adjudicator"):
            staked.release_slots(broker_low, broker_high, sender=caller)

    assert state_of(broker_low, broker_high) == before
    staked.release_slots(broker_low, broker_high, sender=adjudicator)
