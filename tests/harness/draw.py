"""Hypothesis strategies for the structs of a channel: any value of each type, extremes often."""

from __future__ import annotations

from hypothesis import strategies as st

from clearing.spec.types import (
    AssetSplit,
    ChallengeIntent,
    ChannelDef,
    ClearingState,
    Condition,
    Leg,
    SettlementOrder,
    WithdrawAuth,
)
from clearing.spec.units import Address

__all__ = [
    "addresses",
    "auths",
    "definitions",
    "intents",
    "orders",
    "signed_integers",
    "states",
    "structs",
    "unsigned_integers",
    "words",
]


def unsigned_integers(bits: int) -> st.SearchStrategy[int]:
    """Return uints of this width; 0, 1 and the greatest far more often than chance has them."""
    greatest = 2**bits - 1
    return st.sampled_from((0, 1, greatest)) | st.integers(0, greatest)


def signed_integers(bits: int) -> st.SearchStrategy[int]:
    """Return ints of this width; the least, -1, 0 and the greatest often."""
    least = -(2 ** (bits - 1))
    return st.sampled_from((least, -1, 0, -least - 1)) | st.integers(least, -least - 1)


def _of_length(count: int) -> st.SearchStrategy[bytes]:
    whole = (bytes(count), b"\xff" * count)
    return st.sampled_from(whole) | st.binary(min_size=count, max_size=count)


addresses: st.SearchStrategy[Address] = _of_length(20).map(Address)
words = _of_length(32)
amounts = unsigned_integers(128)
times = unsigned_integers(40)

definitions = st.builds(
    ChannelDef,
    chain_id=unsigned_integers(256),
    adjudicator=addresses,
    broker_low=addresses,
    broker_high=addresses,
    signer_low=addresses,
    signer_high=addresses,
    assets=st.lists(addresses, max_size=9).map(tuple),
    challenge_duration=unsigned_integers(32),
    nonce=unsigned_integers(64),
)

splits = st.builds(
    AssetSplit,
    net_low=signed_integers(128),
    net_high=signed_integers(128),
    low=amounts,
    high=amounts,
    out_low=amounts,
    out_high=amounts,
)

conditions = st.builds(
    Condition,
    kind=unsigned_integers(8),
    ref=words,
    expiry=times,
    alt_low=st.lists(amounts, max_size=9).map(tuple),
)

states = st.builds(
    ClearingState,
    channel_id=words,
    epoch=unsigned_integers(32),
    version=unsigned_integers(64),
    intent=unsigned_integers(8),
    splits=st.lists(splits, max_size=9).map(tuple),
    condition=conditions,
    liabilities_root=words,
    risk_hash=words,
    signed_at=times,
    valid_until=times,
)

legs = st.builds(Leg, token=addresses, from_low=st.booleans(), amount=amounts)

orders = st.builds(
    SettlementOrder,
    channel_id=words,
    epoch=unsigned_integers(32),
    version=unsigned_integers(64),
    fund_by=times,
    legs=st.lists(legs, max_size=33).map(tuple),
)

intents = st.builds(
    ChallengeIntent,
    channel_id=words,
    epoch=unsigned_integers(32),
    version=unsigned_integers(64),
    state_digest=words,
)

auths = st.builds(
    WithdrawAuth,
    account=addresses,
    token=addresses,
    to=addresses,
    amount=amounts,
    nonce=unsigned_integers(256),
    valid_until=times,
)

structs = st.one_of(definitions, states, orders, intents, auths)
"""Every struct that is hashed by itself."""
