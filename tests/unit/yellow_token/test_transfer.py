"""YellowToken: a transfer moves the amount and the votes that go with it."""

import ape


def test_transfer__enough__moves_exactly(token, broker_low, outsider, low_allocation):
    receipt = token.transfer(outsider, 5, sender=broker_low)

    assert token.balanceOf(broker_low) == low_allocation - 5
    assert token.balanceOf(outsider) == 5
    moved = [(log.event_name, log["from"], log.to, log.value) for log in receipt.events]
    assert moved == [("Transfer", broker_low, outsider, 5)]


def test_transfer__delegated_on_both_sides__votes_follow(
    token, delegate, broker_low, broker_high, low_allocation, high_allocation
):
    delegate(broker_low, broker_low)
    delegate(broker_high, broker_high)

    token.transfer(broker_high, 5, sender=broker_low)

    assert token.getVotes(broker_low) == low_allocation - 5
    assert token.getVotes(broker_high) == high_allocation + 5


def test_transfer__more_than_held__reverts(token, broker_low, outsider, low_allocation):
    with ape.reverts(token.ERC20InsufficientBalance):
        token.transfer(outsider, low_allocation + 1, sender=broker_low)

    assert token.balanceOf(broker_low) == low_allocation
    token.transfer(outsider, low_allocation, sender=broker_low)
    assert token.balanceOf(broker_low) == 0
