"""Disputes: an old state is answered, the latest one ends the channel, windows hold."""

import hashlib

import pytest

from clearing.chain.errors import CallRefusedError
from clearing.client import moves
from clearing.client.channel_client import ChannelClient
from clearing.client.errors import StateRefusedError
from clearing.demo.market import COLLATERAL_RAW, market_at
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.spec.types import HIGH_FUNDED, REVEALED, Status
from tests.scenarios.conftest import agree_settlement, book, call_margin, owned

MARGIN = 500 * 10**6
SECRET = bytes(range(32))


def test_dispute__old_state_answered_in_time__the_channel_goes_on(stage: Stage, pair: Pair) -> None:
    old = book(stage, pair)
    latest = call_margin(stage, pair)
    pair.low_hand.challenge(old)

    pair.high_hand.checkpoint(latest)

    channel = stage.contracts.channel(pair.low.channel_id, 1)
    assert (channel.status, channel.enforced_version) == (Status.OPEN, latest.state.version)
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    assert pair.agree(moves.CallMargin(market)).state.version == latest.state.version + 1


def test_dispute__old_state_unanswered__pays_the_old_split(stage: Stage, pair: Pair) -> None:
    """Why a broker must watch: the one who was owed the margin loses it."""
    old = book(stage, pair)
    call_margin(stage, pair)
    pair.low_hand.challenge(old)
    stage.anvil.travel(pair.definition.challenge_duration)

    pair.low_hand.finalize(old)

    assert owned(stage, "USDT") == (3 * COLLATERAL_RAW, 3 * COLLATERAL_RAW)


def test_dispute__answered_by_a_higher_challenge__ends_by_it_at_the_first_deadline(
    stage: Stage, pair: Pair
) -> None:
    old = book(stage, pair)
    latest = call_margin(stage, pair)
    pair.low_hand.challenge(old)
    deadline = stage.contracts.channel(pair.low.channel_id, 1).deadline
    stage.anvil.travel(3_600)

    pair.high_hand.challenge(latest)

    assert stage.contracts.channel(pair.low.channel_id, 1).deadline == deadline
    stage.anvil.travel_to(deadline)
    with pytest.raises(CallRefusedError, match="WrongDigest"):
        pair.low_hand.finalize(old)
    pair.high_hand.finalize(latest)
    assert owned(stage, "USDT") == (3 * COLLATERAL_RAW - MARGIN, 3 * COLLATERAL_RAW + MARGIN)


def test_respond__plain_state__checkpoints(stage: Stage, pair: Pair) -> None:
    old = book(stage, pair)
    latest = call_margin(stage, pair)
    pair.low_hand.challenge(old)

    pair.high_hand.respond(latest)

    channel = stage.contracts.channel(pair.low.channel_id, 1)
    assert (channel.status, channel.enforced_version) == (Status.OPEN, latest.state.version)


def test_respond__hash_lock_whose_secret_is_known__clears_and_reveals_at_once(
    stage: Stage, pair: Pair
) -> None:
    old = pair.low.latest
    ref = hashlib.sha256(SECRET).digest()
    locked = pair.agree(moves.LockHash(ref, stage.contracts.now() + 3_600, (1,)))
    pair.low_hand.challenge(old)

    pair.high_hand.respond(locked, SECRET)

    channel = stage.contracts.channel(pair.low.channel_id, 1)
    assert (channel.status, channel.order_flags) == (Status.OPEN, REVEALED)


def test_respond__settlement__clears_and_funds_at_once(stage: Stage, pair: Pair) -> None:
    old = book(stage, pair)
    settling = agree_settlement(stage, pair)
    pair.low_hand.challenge(old)

    pair.high_hand.respond(settling, is_funding=True)

    channel = stage.contracts.channel(pair.low.channel_id, 1)
    assert (channel.status, channel.order_flags) == (Status.OPEN, HIGH_FUNDED)


def test_respond__resize_that_can_still_run__raises_the_challenge(stage: Stage, pair: Pair) -> None:
    market = pair.observe(market_at(50_000, 3_000, stage.contracts.now()))
    old = pair.low.latest
    resizing = pair.agree(moves.Resize(((1, 1),), pair.soon(), market))
    pair.low_hand.challenge(old)

    pair.high_hand.respond(resizing)

    channel = stage.contracts.channel(pair.low.channel_id, 1)
    assert (channel.status, channel.enforced_version) == (
        Status.CHALLENGED,
        resizing.state.version,
    )
    stage.anvil.travel_to(resizing.state.valid_until)
    pair.low_hand.respond(pair.agree(moves.CallMargin(pair.observe(market))))


def test_dispute__response_at_the_deadline__is_too_late(stage: Stage, pair: Pair) -> None:
    old = book(stage, pair)
    latest = call_margin(stage, pair)
    pair.low_hand.challenge(old)
    deadline = stage.contracts.channel(pair.low.channel_id, 1).deadline
    with pytest.raises(CallRefusedError, match=f"DeadlineNotReached\\({deadline}\\)"):
        pair.low_hand.finalize(old)

    stage.anvil.travel_to(deadline)

    with pytest.raises(CallRefusedError, match=f"DeadlinePassed\\({deadline}\\)"):
        pair.high_hand.checkpoint(latest)
    pair.low_hand.finalize(old)


def test_dispute__while_a_challenge_stands__no_trade_is_signed_but_a_close_is(
    stage: Stage, pair: Pair
) -> None:
    market = pair.observe(market_at(50_000, 3_000, stage.contracts.now()))
    calm = pair.agree(moves.CallMargin(market))
    pair.low_hand.challenge(calm)

    with pytest.raises(StateRefusedError, match="a challenge stands"):
        pair.low.propose(moves.LockHash(b"\x01" * 32, stage.contracts.now() + 60, (0,)))
    closing = pair.agree(moves.Close(pair.soon()))

    pair.high_hand.close_cooperative(closing)
    assert owned(stage, "USDT") == (3 * COLLATERAL_RAW, 3 * COLLATERAL_RAW)


def test_dispute__deposit_during_a_challenge__returns_to_its_depositor(
    stage: Stage, pair: Pair
) -> None:
    latest = book(stage, pair)
    pair.high_hand.challenge(latest)
    usdt = stage.contracts.address_of("USDT")
    stage.treasury(stage.low).deposit(usdt, 7_000_000)
    pair.low_hand.deposit_collateral(usdt, 7_000_000)
    stage.anvil.travel(pair.definition.challenge_duration)

    pair.high_hand.finalize(latest)

    assert owned(stage, "USDT") == (3 * COLLATERAL_RAW, 3 * COLLATERAL_RAW)


def test_dispute__outsider__may_finalize_but_not_challenge(stage: Stage, pair: Pair) -> None:
    latest = book(stage, pair)
    outsider = ChannelClient(stage.outsider, stage.contracts, pair.definition)
    with pytest.raises(CallRefusedError, match="NotParty"):
        outsider.challenge(latest)
    pair.low_hand.challenge(latest)
    stage.anvil.travel(pair.definition.challenge_duration)

    outsider.finalize(latest)

    assert owned(stage, "USDT") == (3 * COLLATERAL_RAW, 3 * COLLATERAL_RAW)
