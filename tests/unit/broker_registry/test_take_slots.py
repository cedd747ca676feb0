"""BrokerRegistry.take_slots: both slots, or a code that says why none."""

import ape
import pytest
from eth_utils import to_checksum_address

from clearing.spec.registry import LOT, TakeResult

ZERO_ADDRESS = to_checksum_address(bytes(20))


@pytest.fixture
def ask(registry, adjudicator, broker_low, broker_high, signer_low, signer_high):
    """Return a function: the code that taking would give, and taking it."""

    def take(low_key=signer_low, high_key=signer_high):
        arguments = (broker_low, low_key, broker_high, high_key)
        code = registry.take_slots.call(*arguments, sender=adjudicator)
        registry.take_slots(*arguments, sender=adjudicator)
        return code

    return take


def test_take_slots__both_free__takes_one_of_each(staked, ask, broker_low, broker_high, state_of):
    before = state_of(broker_low, broker_high)

    code = ask()

    assert code == TakeResult.TAKEN
    used = [(stake, slots, 1, *rest) for stake, slots, _, *rest in before[:2]]
    assert [tuple(each) for each in state_of(broker_low, broker_high)[:2]] == used


def test_take_slots__any__emits_nothing(staked, take, events_of):
    assert events_of(take()) == []


@pytest.mark.parametrize(
    ("low_is_known", "high_is_known", "code"),
    [
        (False, True, TakeResult.OTHER_SIGNER_LOW),
        (True, False, TakeResult.OTHER_SIGNER_HIGH),
        (False, False, TakeResult.OTHER_SIGNER_LOW),
    ],
)
def test_take_slots__another_signer__says_whose_and_takes_nothing(
    staked, ask, broker_low, broker_high, outsider, state_of, low_is_known, high_is_known, code
):
    before = state_of(broker_low, broker_high)
    stranger = {} if low_is_known else {"low_key": outsider}
    stranger |= {} if high_is_known else {"high_key": outsider}

    assert ask(**stranger) == code
    assert state_of(broker_low, broker_high) == before
    assert ask() == TakeResult.TAKEN


def test_take_slots__low_has_no_free_slot__says_so_and_takes_nothing(
    staked, ask, broker_low, broker_high, state_of
):
    """[REG-01] The fifth channel of one lot is refused."""
    staked.stake(LOT, sender=broker_high)
    for _ in range(4):
        assert ask() == TakeResult.TAKEN
    before = state_of(broker_low, broker_high)

    assert ask() == TakeResult.NO_SLOT_LOW
    assert state_of(broker_low, broker_high) == before
    staked.stake(LOT, sender=broker_low)
    assert ask() == TakeResult.TAKEN


def test_take_slots__high_has_no_free_slot__says_so_and_takes_nothing(
    staked, ask, broker_low, broker_high, state_of
):
    staked.stake(LOT, sender=broker_low)
    for _ in range(4):
        assert ask() == TakeResult.TAKEN
    before = state_of(broker_low, broker_high)

    assert ask() == TakeResult.NO_SLOT_HIGH
    assert state_of(broker_low, broker_high) == before
    staked.stake(LOT, sender=broker_high)
    assert ask() == TakeResult.TAKEN


def test_take_slots__pending_stake__gives_no_slot(staked, ask, broker_low):
    staked.request_unstake(1, sender=broker_low)

    assert ask() == TakeResult.NO_SLOT_LOW
    staked.cancel_unstake(sender=broker_low)
    assert ask() == TakeResult.TAKEN


def test_take_slots__other_signer_and_no_slot__the_signer_comes_first(
    registry, ask, broker_low, broker_high, signer_low, signer_high
):
    registry.set_signer(signer_low, sender=broker_low)

    assert ask() == TakeResult.OTHER_SIGNER_HIGH
    registry.set_signer(signer_high, sender=broker_high)
    assert ask() == TakeResult.NO_SLOT_LOW


def test_take_slots__not_the_adjudicator__reverts(
    staked, take, broker_low, broker_high, signer_low, signer_high, outsider, state_of
):
    """[REG-03] An outsider cannot occupy a slot, nor can a broker."""
    before = state_of(broker_low, broker_high)

    for caller in (outsider, broker_low):
        with ape.reverts("registry: only the adjudicator"):
            staked.take_slots(broker_low, signer_low, broker_high, signer_high, sender=caller)

    assert state_of(broker_low, broker_high) == before
    take()
