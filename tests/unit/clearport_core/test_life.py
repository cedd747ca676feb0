"""A channel's whole life between two cores, each step on the specification's chain."""

from dataclasses import replace

from clearing.clearport.core.events import Consented, Recorded
from clearing.clearport.core.messages import SettleWish
from clearing.client import moves
from clearing.spec.types import ConditionKind, Intent, Side, Status
from clearing.spec.units import WAD
from tests.unit.clearport_core.chain import HOUR
from tests.unit.clearport_core.pair import ETH, POLICY, Pair, trade


def test_step__trades_recorded_in_another_order__are_booked_all_the_same() -> None:
    pair = Pair(replace(POLICY, batch=2)).open()
    trades = [trade(number, Side(number % 2)) for number in range(5)]

    pair.happen(pair.high, Recorded(tuple(reversed(trades))))
    pair.talk()
    pair.happen(pair.low, Recorded(tuple(trades)))
    pair.talk()

    pair.require_agreed()
    assert set(pair.low.disk.booked) == {each.trade_id for each in trades}
    assert pair.low.disk.booked == pair.high.disk.booked
    for node in pair.nodes:
        assert not node.line.trades
        assert not node.line.reported


def _settled(pair: Pair) -> Pair:
    wanted = pair.want(pair.high, SettleWish(pair.chain.now + HOUR))
    pair.talk()
    pair.happen(pair.low, Consented(wanted))
    pair.talk()
    return pair


def test_step__opening_asked_for_and_agreed_to__opens_the_channel() -> None:
    pair = Pair().open()

    pair.require_agreed()
    assert pair.chain.channel(pair.low.line.channel_id).status is Status.OPEN
    assert pair.low.line.position.live.intent == Intent.OPEN
    assert pair.chain.done[0] == (Side.LOW, "open")


def test_step__opening_asked_for_by_high__opens_the_channel() -> None:
    pair = Pair().open(Side.HIGH)

    pair.require_agreed()
    assert pair.chain.channel(pair.low.line.channel_id).status is Status.OPEN


def test_step__trades_of_both__are_booked_at_one_version() -> None:
    pair = Pair().open()

    pair.record_both([trade(1), trade(2, Side.LOW, ETH, WAD)])

    pair.require_agreed()
    assert pair.low.disk.booked == pair.high.disk.booked
    assert set(pair.low.disk.booked) == {"T1", "T2"}
    assert not pair.low.line.trades
    assert not pair.high.line.reported


def test_step__whole_life__ends_by_a_cooperative_close() -> None:
    pair = Pair().open()
    pair.record_both([trade(1), trade(2, Side.LOW, ETH, WAD)])

    pair = _settled(pair)
    assert pair.low.line.position.live.condition.kind == ConditionKind.ORDER
    pair.mine(blocks=2 + pair.chain.depth)
    pair.price()
    pair.require_agreed()
    assert not pair.low.line.position.liabilities.rows
    pair.want(pair.low, moves.Close(pair.chain.now + HOUR))
    pair.talk()
    pair.require_agreed()
    assert pair.low.line.position.live.intent == Intent.CLOSE
    pair.mine(blocks=2 + pair.chain.depth)

    assert pair.chain.channel(pair.low.line.channel_id).status is Status.IDLE
    assert [name for _, name in pair.chain.done] == ["open", "settle", "closeCooperative"]
    assert not pair.chain.refused
    for node in pair.nodes:
        assert node.line.position.epoch == 1
        assert node.line.position.state is None
        assert node.notices("closed") == [{"epoch": "0"}]


def test_step__close_while_something_is_owed__settles_first() -> None:
    pair = Pair().open()
    pair.record_both([trade(1)])

    pair.want(pair.high, moves.Close(pair.chain.now + HOUR))
    pair.talk()
    asked = next(each for each in pair.low.line.waits if isinstance(each.request.wish, SettleWish))
    pair.happen(pair.low, Consented(asked.request.request_id))
    pair.talk()
    pair.mine(blocks=1 + pair.chain.depth)
    pair.price()
    pair.mine(blocks=1)
    pair.mine(seconds=61, blocks=1 + pair.chain.depth)

    assert [name for _, name in pair.chain.done] == ["open", "settle", "closeCooperative"]
    assert pair.low.line.position.epoch == pair.high.line.position.epoch == 1


def test_step__prices_move__margin_is_called_and_agreed() -> None:
    pair = Pair().open()
    pair.record_both([trade(1, base_wad=30 * WAD)])  # high owes 30 BTC, low 1,500,000 USDC

    pair.price(btc_usd=51_500)

    pair.require_agreed()
    split = pair.low.line.position.live.splits[0]
    assert (split.low, split.high) == (145_000 * 10**6, 55_000 * 10**6)
    assert pair.low.notices("agreed")[-1]["move"] == "CallMargin"


def test_step__second_life__begins_like_the_first() -> None:
    pair = Pair().open()
    pair.want(pair.low, moves.Close(pair.chain.now + HOUR))
    pair.talk()
    pair.mine(blocks=2 + pair.chain.depth)

    pair.open()
    pair.record_both([trade(1)])

    pair.require_agreed()
    assert pair.low.line.position.epoch == 1
    assert pair.low.disk.booked == {"T1": (1, pair.low.version)}
