"""HashTimeLock.push_token: a frame for the contract's own use."""

import ape


def test_push_token__anybody_else__reverts(
    htlc, token, locked, preimage, sender, receiver, outsider
):
    """[HTL-01] Nobody but the contract itself sends what it holds."""
    for caller in (outsider, sender, receiver):
        with ape.reverts("htlc: only itself"):
            htlc.push_token(token, caller, 1_000, sender=caller)

    assert token.balanceOf(htlc) == 1_000
    htlc.claim(locked, preimage, sender=outsider)
