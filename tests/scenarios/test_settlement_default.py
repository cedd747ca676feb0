"""A settlement that one side does not fund: who delivered is whole, who did not pays the risk."""

import pytest

from clearing.chain.errors import CallRefusedError
from clearing.client import moves
from clearing.client.errors import MoveRefusedError, StateRefusedError
from clearing.client.session import CoSigned
from clearing.demo.market import COLLATERAL_RAW, market_at
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.spec.types import Outcome, Side
from tests.scenarios.conftest import agree_settlement, book, call_margin, owned

RISK_RAW = 2_487_050_000
LEGS = {"WETH": (10 * 10**18, 0), "USDC": (20_000 * 10**6, 0), "WBTC": (0, 10**8)}


@pytest.fixture
def settling(stage: Stage, pair: Pair) -> CoSigned:
    book(stage, pair)
    call_margin(stage, pair)
    return agree_settlement(stage, pair)


def _force_end(stage: Stage, pair: Pair, settling: CoSigned, side: Side) -> Outcome:
    """Wait for the grace, take the lock back, challenge with the settlement and end the channel."""
    hand = pair.high_hand if side else pair.low_hand
    order = settling.require_order()
    stage.anvil.travel_to(order.fund_by + stage.contracts.params.grace)
    hand.refund_order(order)
    hand.challenge(settling)
    stage.anvil.travel(pair.definition.challenge_duration)
    receipt = hand.finalize(settling)
    (event,) = stage.contracts.adjudicator.happened(receipt.logs)
    return Outcome(event.fields["outcome"])


@pytest.mark.parametrize(
    ("side", "outcome", "low_change"),
    [
        (Side.LOW, Outcome.HIGH_DEFAULTED, RISK_RAW),
        (Side.HIGH, Outcome.LOW_DEFAULTED, -RISK_RAW),
    ],
)
def test_settlement__one_side_funds_alone__the_other_pays_the_risk_and_legs_return(
    stage: Stage, pair: Pair, settling: CoSigned, side: Side, outcome: Outcome, low_change: int
) -> None:
    hand = pair.high_hand if side else pair.low_hand
    hand.fund_order(settling, side)

    assert _force_end(stage, pair, settling, side) is outcome

    start = 3 * COLLATERAL_RAW
    assert owned(stage, "USDT") == (start + low_change, start - low_change)
    for symbol, amounts in LEGS.items():
        assert owned(stage, symbol) == amounts


def test_settlement__nobody_funds__the_split_stands(
    stage: Stage, pair: Pair, settling: CoSigned
) -> None:
    stage.anvil.travel_to(settling.require_order().fund_by + stage.contracts.params.grace)
    pair.low_hand.challenge(settling)
    stage.anvil.travel(pair.definition.challenge_duration)
    pair.low_hand.finalize(settling)

    start, margin = 3 * COLLATERAL_RAW, 500 * 10**6
    assert owned(stage, "USDT") == (start - margin, start + margin)


def test_settlement__both_fund__executes_with_the_second(
    stage: Stage, pair: Pair, settling: CoSigned
) -> None:
    pair.low_hand.fund_order(settling, Side.LOW)
    receipt = pair.high_hand.fund_order(settling, Side.HIGH)

    names = [event.name for event in stage.contracts.adjudicator.happened(receipt.logs)]
    assert names[-1] == "OrderExecuted"
    assert owned(stage, "WBTC") == (10**8, 0)
    assert owned(stage, "WETH") == (0, 10 * 10**18)


def test_settlement__second_side_within_the_grace__is_no_defaulter(
    stage: Stage, pair: Pair, settling: CoSigned
) -> None:
    fund_by = settling.require_order().fund_by
    stage.anvil.travel_to(fund_by - 5)
    pair.low_hand.fund_order(settling, Side.LOW)
    stage.anvil.travel_to(fund_by + stage.contracts.params.grace - 5)

    pair.high_hand.fund_order(settling, Side.HIGH)

    assert owned(stage, "WBTC") == (10**8, 0)


def test_settlement__first_side_after_fund_by__is_refused(
    stage: Stage, pair: Pair, settling: CoSigned
) -> None:
    fund_by = settling.require_order().fund_by
    stage.anvil.travel_to(fund_by)

    with pytest.raises(CallRefusedError, match=f"FundingClosed\\({fund_by}\\)"):
        pair.low_hand.fund_order(settling, Side.LOW)


def test_settlement__a_side_defaulted__nothing_is_signed_on_top(
    stage: Stage, pair: Pair, settling: CoSigned
) -> None:
    pair.low_hand.fund_order(settling, Side.LOW)
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    go_on = moves.Conclude(is_delivered=False, market=market)
    with pytest.raises(StateRefusedError, match="a signed order can still move"):
        pair.low.propose(go_on)

    stage.anvil.travel_to(settling.require_order().fund_by + stage.contracts.params.grace)
    with pytest.raises(StateRefusedError, match="came out as HIGH_DEFAULTED"):
        pair.low.propose(go_on)


def test_settlement__nobody_funded_in_time__both_may_go_on(
    stage: Stage, pair: Pair, settling: CoSigned
) -> None:
    stage.anvil.travel_to(settling.require_order().fund_by + stage.contracts.params.grace)
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    with pytest.raises(StateRefusedError, match="came out as SPLIT"):
        pair.low.propose(moves.Conclude(is_delivered=True, market=market))

    agreed = pair.agree(moves.Conclude(is_delivered=False, market=market))

    assert agreed.state.splits[0].low == 9_500 * 10**6
    with pytest.raises(MoveRefusedError, match="something is still owed"):
        pair.agree(moves.Close(pair.soon()))
