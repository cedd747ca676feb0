"""Taking collateral out and putting more in: run or skipped, nobody's wealth changes."""

import pytest

from clearing.chain.errors import CallRefusedError
from clearing.client import moves
from clearing.client.errors import StateRefusedError
from clearing.client.session import CoSigned
from clearing.demo.market import COLLATERAL_RAW, market_at
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from tests.scenarios.conftest import book, owned

OUT_LOW, OUT_HIGH = 2_000 * 10**6, 500 * 10**6
WEALTH = (3 * COLLATERAL_RAW, 3 * COLLATERAL_RAW)


@pytest.fixture
def resizing(stage: Stage, pair: Pair) -> CoSigned:
    market = pair.observe(market_at(50_000, 3_000, stage.contracts.now()))
    return pair.agree(moves.Resize(((OUT_LOW, OUT_HIGH),), pair.soon(), market))


def test_resize__run__pays_the_outs_once_to_their_owners(
    stage: Stage, pair: Pair, resizing: CoSigned
) -> None:
    usdt = stage.contracts.address_of("USDT")
    pair.low_hand.resize(resizing)

    assert stage.contracts.ledger(stage.low.address, usdt) == OUT_LOW
    assert stage.contracts.ledger(stage.high.address, usdt) == OUT_HIGH
    with pytest.raises(CallRefusedError, match="StaleVersion"):
        pair.low_hand.resize(resizing)


@pytest.mark.parametrize("is_run", [True, False])
def test_resize__then_closed__everybody_owns_the_same_whether_it_ran_or_not(
    stage: Stage,
    pair: Pair,
    resizing: CoSigned,
    is_run: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    if is_run:
        pair.high_hand.resize(resizing)

    closing = pair.agree(moves.Close(pair.soon()))
    pair.low_hand.close_cooperative(closing)

    assert owned(stage, "USDT") == WEALTH


@pytest.mark.parametrize("is_run", [True, False])
def test_resize__then_disputed__everybody_owns_the_same_whether_it_ran_or_not(
    stage: Stage,
    pair: Pair,
    resizing: CoSigned,
    is_run: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    latest = book(stage, pair)
    if is_run:
        pair.high_hand.resize(resizing)
    pair.low_hand.challenge(latest)
    stage.anvil.travel(pair.definition.challenge_duration)

    pair.low_hand.finalize(latest)

    assert owned(stage, "USDT") == WEALTH


def test_resize__after_it_ran_out__is_refused(stage: Stage, pair: Pair, resizing: CoSigned) -> None:
    stage.anvil.travel_to(resizing.state.valid_until)

    with pytest.raises(CallRefusedError, match="StateExpired"):
        pair.low_hand.resize(resizing)
    pair.low_hand.checkpoint(resizing)


def test_top_up__deposited_and_processed__counts_for_the_depositor(
    stage: Stage, pair: Pair
) -> None:
    usdt = stage.contracts.address_of("USDT")
    stage.treasury(stage.high).deposit(usdt, 3_000 * 10**6)
    pair.high_hand.deposit_collateral(usdt, 3_000 * 10**6)

    agreed = pair.agree(moves.TopUp(((COLLATERAL_RAW, COLLATERAL_RAW + 3_000 * 10**6),)))

    assert agreed.state.splits[0].high == COLLATERAL_RAW + 3_000 * 10**6
    pair.low_hand.close_cooperative(pair.agree(moves.Close(pair.soon())))
    assert owned(stage, "USDT") == WEALTH


def test_top_up__not_deposited__is_not_signed(stage: Stage, pair: Pair) -> None:
    with pytest.raises(StateRefusedError, match="Unenforceable"):
        pair.agree(moves.TopUp(((COLLATERAL_RAW, COLLATERAL_RAW + 1),)))


def test_top_up__of_what_a_resize_can_still_take_out__is_not_signed(
    stage: Stage, pair: Pair, resizing: CoSigned
) -> None:
    take_back = moves.TopUp(((COLLATERAL_RAW, COLLATERAL_RAW),))
    with pytest.raises(StateRefusedError, match="not there with finality"):
        pair.low.propose(take_back)

    stage.anvil.travel_to(resizing.state.valid_until)

    assert pair.agree(take_back).state.splits[0].low == COLLATERAL_RAW
