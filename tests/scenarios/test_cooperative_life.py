"""A channel that nobody disputes: two transactions, and everybody is paid."""

from clearing.client import moves
from clearing.demo.market import COLLATERAL_RAW, market_at
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.spec.types import Status
from tests.scenarios.conftest import (
    agree_settlement,
    book,
    call_margin,
    fund_opening,
    open_pair,
    owned,
)

BEFORE = (3 * COLLATERAL_RAW, 3 * COLLATERAL_RAW)


def _status(stage: Stage, pair: Pair) -> Status:
    return stage.contracts.channel(pair.low.channel_id, 1).status


def test_life__opened_and_closed_without_trades__takes_two_transactions(
    stage: Stage, pair: Pair
) -> None:
    receipt = pair.high_hand.close_cooperative(pair.agree(moves.Close(pair.soon())))

    assert [event.name for event in stage.contracts.adjudicator.happened(receipt.logs)] == [
        "Closed"
    ]
    assert owned(stage, "USDT") == BEFORE
    assert _status(stage, pair) is Status.IDLE
    for broker in (stage.low, stage.high):
        assert stage.contracts.registry.call("slots_used", broker.address) == 0


def test_life__traded_called_and_settled__each_gets_what_it_bought(
    stage: Stage, pair: Pair
) -> None:
    book(stage, pair)
    call_margin(stage, pair)
    settling = agree_settlement(stage, pair)

    pair.high_hand.settle(settling)
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    pair.agree(moves.Conclude(is_delivered=True, market=market))
    pair.low_hand.close_cooperative(pair.agree(moves.Close(pair.soon())))

    assert owned(stage, "USDT") == BEFORE
    assert owned(stage, "WBTC") == (10**8, 0)
    assert owned(stage, "WETH") == (0, 10 * 10**18)
    assert owned(stage, "USDC") == (0, 20_000 * 10**6)


def test_life__closed_to_the_ledgers__can_be_withdrawn(stage: Stage, pair: Pair) -> None:
    usdt = stage.contracts.address_of("USDT")
    pair.low_hand.close_cooperative(pair.agree(moves.Close(pair.soon(), is_sent=False)))
    assert stage.contracts.ledger(stage.low.address, usdt) == COLLATERAL_RAW

    stage.treasury(stage.low).withdraw(usdt, COLLATERAL_RAW)

    assert stage.contracts.ledger(stage.low.address, usdt) == 0
    assert stage.contracts.wallet(stage.low.address, usdt) == BEFORE[0]


def test_life__opened_again__is_the_next_epoch_of_the_same_channel(
    stage: Stage, pair: Pair
) -> None:
    pair.low_hand.close_cooperative(pair.agree(moves.Close(pair.soon())))
    for session in (pair.low, pair.high):
        session.begin_epoch()
    fund_opening(stage)

    pair.high_hand.open(pair.agree_opening(COLLATERAL_RAW))

    channel = stage.contracts.channel(pair.low.channel_id, 1)
    assert (channel.status, channel.epoch) == (Status.OPEN, 1)


def test_life__four_channels_at_once__use_the_four_slots_of_a_lot(stage: Stage) -> None:
    stage.give("USDT", stage.low.address, 2 * COLLATERAL_RAW)
    stage.give("USDT", stage.high.address, 2 * COLLATERAL_RAW)

    pairs = [open_pair(stage, nonce) for nonce in range(4)]

    assert len({pair.low.channel_id for pair in pairs}) == 4
    assert stage.contracts.registry.call("slots_used", stage.low.address) == 4
