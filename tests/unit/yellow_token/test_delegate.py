"""YellowToken: who delegates votes, and past votes can be asked by time."""


def test_delegate__nobody_has__nobody_votes(token, broker_low):
    assert token.getVotes(broker_low) == 0


def test_delegate__to_oneself__counts_the_balance(token, delegate, broker_low, low_allocation):
    receipt = delegate(broker_low, broker_low)

    assert token.getVotes(broker_low) == low_allocation
    assert [log.event_name for log in receipt.events] == ["DelegateChanged", "DelegateVotesChanged"]


def test_delegate__to_another__moves_all_votes_and_no_token(
    token, delegate, broker_low, outsider, low_allocation
):
    delegate(broker_low, outsider)

    assert token.getVotes(outsider) == low_allocation
    assert token.balanceOf(outsider) == 0


def test_get_past_votes__before_and_after_delegation__by_timestamp(
    token, delegate, chain, broker_low, low_allocation
):
    delegate(broker_low, broker_low)
    delegated_at = chain.blocks.head.timestamp
    chain.mine(timestamp=delegated_at + 10)

    assert token.getPastVotes(broker_low, delegated_at - 1) == 0
    assert token.getPastVotes(broker_low, delegated_at) == low_allocation
