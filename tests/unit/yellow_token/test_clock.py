"""YellowToken: votes are counted by time, not by block."""


def test_clock__any_block__is_its_timestamp(token, chain):
    mined_at = chain.pending_timestamp + 1_000

    chain.mine(timestamp=mined_at)

    assert token.clock() == mined_at


def test_clock_mode__any__says_timestamp(token):
    assert token.CLOCK_MODE() == "mode=timestamp"
