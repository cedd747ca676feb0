"""A settlement across two chains: both legs behind one hash, and the collateral tied to it.

Low delivers WETH on the home chain, high delivers WBTC on another. Low has the secret, so high's
leg, which low claims first, runs out first; the channel's condition outlasts both.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from clearing.chain.anvil import run_anvil
from clearing.chain.errors import CallRefusedError
from clearing.client import moves
from clearing.client.broker import Broker
from clearing.client.errors import StateRefusedError
from clearing.client.session import CoSigned
from clearing.demo.market import COLLATERAL_RAW
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage, set_up
from clearing.spec.units import Address
from tests.scenarios.conftest import owned

SECRET = hashlib.sha256(b"low's secret").digest()
HASHLOCK = hashlib.sha256(SECRET).digest()
HOUR_S = 3_600
MARGIN_S = 24 * HOUR_S
"""Time between the legs: a chain may be down for a while."""

WETH_RAW, WBTC_RAW = 10 * 10**18, 7 * 10**7
PREMIUM_RAW = 500 * 10**6
"""What low adds from its collateral if all goes well: its WETH are worth less than the WBTC."""


@pytest.fixture
def away() -> Iterator[Stage]:
    """The same brokers on another chain."""
    with run_anvil(chain_id=1_337) as anvil:
        yield set_up(anvil)


@dataclass(frozen=True)
class Legs:
    """When each part of the settlement runs out."""

    high_leg_until: int
    low_leg_until: int
    condition_until: int


@pytest.fixture
def legs(stage: Stage, away: Stage) -> Legs:
    now = max(stage.contracts.now(), away.contracts.now())
    low_leg = now + HOUR_S + MARGIN_S
    return Legs(now + HOUR_S, low_leg, low_leg + MARGIN_S)


def _lock(
    stage: Stage, owner: Broker, receiver: Address, symbol: str, amount_raw: int, until: int
) -> tuple[Any, ...]:
    """Lock tokens and return the terms, as the event publishes them."""
    token = stage.contracts.address_of(symbol)
    htlc = stage.contracts.htlc
    stage.give(symbol, owner.address, amount_raw)
    stage.treasury(owner).allow(token, htlc.address, amount_raw)
    call = htlc.transact("lock", receiver, token, amount_raw, HASHLOCK, until)
    (event,) = htlc.happened(owner.sender.send(call).logs)
    assert event.name == "Locked"
    return tuple(event.fields.values())[1:]


def _claim(stage: Stage, claimant: Broker, terms: tuple[Any, ...], secret: bytes) -> bytes:
    """Claim a leg and return the preimage that the whole chain now knows."""
    htlc = stage.contracts.htlc
    (event,) = htlc.happened(claimant.sender.send(htlc.transact("claim", terms, secret)).logs)
    return bytes(event.fields["preimage"])


def _agree(pair: Pair, legs: Legs) -> CoSigned:
    shares = (COLLATERAL_RAW - PREMIUM_RAW,)
    return pair.agree(moves.LockHash(HASHLOCK, legs.condition_until, shares))


def test_hash_lock__both_legs_claimed__the_collateral_follows_the_secret(
    stage: Stage, away: Stage, pair: Pair, legs: Legs
) -> None:
    agreed = _agree(pair, legs)
    home_leg = _lock(stage, stage.low, stage.high.address, "WETH", WETH_RAW, legs.low_leg_until)
    away_leg = _lock(away, away.high, away.low.address, "WBTC", WBTC_RAW, legs.high_leg_until)

    public = _claim(away, away.low, away_leg, SECRET)
    _claim(stage, stage.high, home_leg, public)
    pair.high_hand.reveal(agreed, public)
    pair.agree(moves.Unlock(is_revealed=True))
    pair.low_hand.close_cooperative(pair.agree(moves.Close(pair.soon())))

    assert owned(away, "WBTC") == (WBTC_RAW, 0)
    assert owned(stage, "WETH") == (0, WETH_RAW)
    start = 3 * COLLATERAL_RAW
    assert owned(stage, "USDT") == (start - PREMIUM_RAW, start + PREMIUM_RAW)


def test_hash_lock__peer_denies_the_secret__a_reveal_and_a_challenge_decide(
    stage: Stage, away: Stage, pair: Pair, legs: Legs
) -> None:
    agreed = _agree(pair, legs)
    away_leg = _lock(away, away.high, away.low.address, "WBTC", WBTC_RAW, legs.high_leg_until)
    public = _claim(away, away.low, away_leg, SECRET)
    pair.high_hand.challenge(agreed)
    pair.high_hand.reveal(agreed, public)
    stage.anvil.travel(pair.definition.challenge_duration)

    pair.high_hand.finalize(agreed)

    start = 3 * COLLATERAL_RAW
    assert owned(stage, "USDT") == (start - PREMIUM_RAW, start + PREMIUM_RAW)


def test_hash_lock__peer_never_locks__the_leg_and_the_split_return(
    stage: Stage, pair: Pair, legs: Legs
) -> None:
    _agree(pair, legs)
    home_leg = _lock(stage, stage.low, stage.high.address, "WETH", WETH_RAW, legs.low_leg_until)
    refund = stage.contracts.htlc.transact("refund", home_leg)
    with pytest.raises(CallRefusedError, match="htlc: too early"):
        stage.low.sender.send(refund)

    stage.anvil.travel_to(legs.low_leg_until)
    stage.low.sender.send(refund)

    assert owned(stage, "WETH") == (WETH_RAW, 0)
    with pytest.raises(StateRefusedError, match="is open until"):
        pair.low.propose(moves.Unlock(is_revealed=False))
    stage.anvil.travel_to(legs.condition_until)
    assert pair.agree(moves.Unlock(is_revealed=False)).state.splits[0].low == COLLATERAL_RAW


def test_hash_lock__secret_shown_on_one_chain_only__cannot_be_denied(
    stage: Stage, pair: Pair, legs: Legs
) -> None:
    agreed = _agree(pair, legs)
    with pytest.raises(CallRefusedError, match="WrongPreimage"):
        pair.high_hand.reveal(agreed, bytes(32))
    pair.high_hand.reveal(agreed, SECRET)

    with pytest.raises(StateRefusedError, match="came out as REVEALED"):
        pair.low.propose(moves.Unlock(is_revealed=False))


def test_hash_lock__claim_at_the_last_second__and_one_too_late(
    stage: Stage, away: Stage, legs: Legs
) -> None:
    leg = _lock(away, away.high, away.low.address, "WBTC", WBTC_RAW, legs.high_leg_until)
    away.anvil.travel_to(legs.high_leg_until)

    with pytest.raises(CallRefusedError, match="htlc: too late"):
        _claim(away, away.low, leg, SECRET)

    refund = away.contracts.htlc.transact("refund", leg)
    away.high.sender.send(refund)
    assert owned(away, "WBTC") == (0, WBTC_RAW)
    with pytest.raises(CallRefusedError, match="htlc: not locked"):
        away.high.sender.send(refund)


def test_hash_lock__signature_of_one_chain__is_worthless_on_the_other(
    stage: Stage, away: Stage, pair: Pair
) -> None:
    """The same brokers, keys and contract addresses: only the chain id differs."""
    assert away.contracts.adjudicator.address == stage.contracts.adjudicator.address
    for broker in (away.low, away.high):
        away.register(broker)

    with pytest.raises(CallRefusedError, match=r"WrongChain\(31337, 1337\)"):
        Pair.of(away, pair.definition).low_hand.open(pair.low.agreed[0])
