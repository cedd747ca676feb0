"""Each method says to the desk, and back, exactly what it is asked: whole units outside, raw in."""

import asyncio

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from clearing.clearport.core.messages import ReportedTrade
from clearing.clearport.desk import OpenOrder
from clearing.operator.v1 import operator_pb2 as pb
from clearing.spec.liabilities import Trade
from clearing.spec.types import Side
from clearing.spec.units import WAD
from tests.harness.fake_desk import (
    BTC,
    CHANNEL,
    ETH,
    NEXT_REQUEST,
    OPEN_REQUEST,
    OTHER_CHANNEL,
    PEER,
    SETTLE_REQUEST,
    USDT,
    WETH,
)
from tests.unit.clearport_api.scene import OPERATOR, REQUESTS, keys, running, until

ID = "0x" + CHANNEL.hex()
SALE = ReportedTrade("t-1", Trade(Side.HIGH, ETH.asset, 3 * WAD // 2, USDT.asset, 3_000 * WAD))
PURCHASE = ReportedTrade(
    "t-2", Trade(Side.LOW, BTC.asset, WAD // 4, USDT.asset, 7_500 * WAD + 10**12)
)


def reply_of(method, operators=None):
    """Return a method's reply to its good request, and what the desk was asked."""

    async def play():
        async with running(operators=operators) as scene:
            token = await scene.login()
            reply = await scene.call(method, token)
            return reply, scene.desk.calls

    return asyncio.run(play())


def refusal_of(method, request, operators=None):
    """Return code and text of a refused call. The desk was asked for no effect."""

    async def play():
        async with running(operators=operators) as scene:
            token = await scene.login()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await scene.act(method, request, token)
            assert [name for name, _ in scene.desk.calls if name != "channels"] == []
            await scene.call(method, token)
            return caught.value.code(), caught.value.details()

    return asyncio.run(play())


@pytest.mark.parametrize(
    ("method", "called", "args", "answered"),
    [
        (
            "OpenChannel",
            "open_channel",
            (
                OpenOrder(
                    PEER,
                    ((USDT.asset, 1_000_500_000), (WETH.asset, 2 * WAD)),
                    ((USDT.asset, 500_000_000),),
                    86_400,
                    3,
                ),
            ),
            {"channelId": "0x" + OTHER_CHANNEL.hex(), "requestId": "0x" + "01" * 32},
        ),
        ("RecordTrade", "record_trades", (CHANNEL, (SALE,)), {"recorded": 1}),
        ("RecordTrades", "record_trades", (CHANNEL, (SALE, PURCHASE)), {"recorded": 2}),
        (
            "RequestSettlement",
            "request_settlement",
            (CHANNEL, 3_600),
            {"requestId": "0x" + NEXT_REQUEST.hex()},
        ),
        (
            "CloseChannel",
            "close_channel",
            (CHANNEL, False),
            {"channelId": ID, "requestId": "0x" + NEXT_REQUEST.hex()},
        ),
        ("Disconnect", "disconnect", (PEER,), {}),
        (
            "DepositCollateral",
            "deposit",
            (CHANNEL, USDT.asset, 1_500_000),
            {"key": f"{CHANNEL.hex()}:1:deposit:0"},
        ),
        (
            "Withdraw",
            "withdraw",
            (b"", ETH.asset, WAD // 10, OPERATOR.address),
            {"key": ":1:withdraw:0"},
        ),
        ("Stake", "stake", (250_000 * WAD,), {"key": "stake:1"}),
    ],
)
def test_call__good_request__reaches_the_desk_and_is_answered(method, called, args, answered):
    reply, calls = reply_of(method)

    assert calls == [(called, args)]
    assert MessageToDict(reply) == answered


@pytest.mark.parametrize(
    ("method", "called", "request_id", "more"),
    [
        ("AcceptChannel", "accept", OPEN_REQUEST, ()),
        ("RejectChannel", "reject", OPEN_REQUEST, ("too small",)),
        ("AcceptSettlement", "accept", SETTLE_REQUEST, ()),
        ("RejectSettlement", "reject", SETTLE_REQUEST, ("not now",)),
    ],
)
def test_answer__request_of_the_peer__reaches_the_desk(method, called, request_id, more):
    reply, calls = reply_of(method)

    assert calls == [("channels", ()), (called, (CHANNEL, request_id, *more))]
    assert reply.request_id == "0x" + request_id.hex()


@pytest.mark.parametrize(
    ("method", "other"),
    [
        ("AcceptSettlement", "AcceptChannel"),
        ("AcceptChannel", "AcceptSettlement"),
        ("RejectSettlement", "RejectChannel"),
        ("RejectChannel", "RejectSettlement"),
    ],
)
def test_answer__request_of_another_scope__is_refused(method, other):
    """A key that may settle must not agree to an opening, which moves money."""
    code, text = refusal_of(method, REQUESTS[other])

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text.startswith("request_id: asks to ")


def test_answer__no_such_request__is_not_found():
    request = pb.RequestRef(channel_id=ID, request_id="0x" + "ee" * 16)

    assert refusal_of("AcceptSettlement", request)[0] is grpc.StatusCode.NOT_FOUND


def test_list_channels__shows_whole_units():
    reply, _ = reply_of("ListChannels")

    first = reply.channels[0]
    assert first.channel_id == ID
    assert first.side == "high"
    assert [(b.asset, b.own, b.theirs) for b in first.balances] == [
        ("USDT", "1.5", "2.000001"),
        ("WETH", "0.5", "0"),
    ]
    assert [(r.kind, r.is_ours) for r in first.requests] == [("settle", False), ("open", False)]


def test_get_margin_balance__is_exact():
    reply, calls = reply_of("GetMarginBalance")

    assert calls == [("margin", (CHANNEL,))]
    assert reply.available_usd == "749.999999999999999999"
    assert reply.used_usd == "250.000000000000000001"
    assert (reply.collateral_usd, reply.peer_collateral_usd) == ("1000", "2000")
    assert (reply.as_of, reply.version, reply.is_stale) == (1_700_000_000, 7, False)


def test_get_margin_balance__key_with_a_limit__is_told_no_more():
    reply, _ = reply_of("GetMarginBalance", keys(margin_limit_wad=100 * WAD))

    assert reply.available_usd == "100"
    assert reply.used_usd == "250.000000000000000001"


def test_get_positions__an_asset_without_price__has_no_value():
    reply, _ = reply_of("GetPositions")

    assert [(p.asset, p.owed, p.price_usd, p.value_usd) for p in reply.positions] == [
        ("ETH", "2", "2000", "4000"),
        ("BTC", "-0.1", "30000", "-3000"),
        ("USDT", "0.000000000000000001", "", ""),
    ]


def test_get_risk__is_as_our_side_sees_it():
    """We are high and owe 2 ETH: 4,000 USD, 4,400 moved up, against 0.1 BTC moved down: 2,850."""
    reply, _ = reply_of("GetRisk")

    assert [(r.asset, r.owed, r.factor, r.value_usd) for r in reply.rows] == [
        ("BTC", "-0.1", "0.05", "-3000"),
        ("ETH", "2", "0.1", "4000"),
    ]
    assert (reply.own_required_usd, reply.peer_required_usd) == ("1550", "0")
    assert reply.risk_usd == "1550"


def test_list_trades__is_as_our_side_sees_it():
    reply, _ = reply_of("ListTrades")

    assert [
        (row.trade.trade_id, row.trade.is_sale, row.trade.quantity, row.state, row.version)
        for row in reply.trades
    ] == [("t-1", True, "1.5", "booked", 7), ("t-2", False, "0.01", "reported", 0)]


def test_get_transaction__several_hashes__names_the_last():
    reply, _ = reply_of("GetTransaction")

    assert (reply.state, reply.block_number) == ("final", 12)
    assert reply.hash == "0x" + "dd" * 32


def test_export_states__of_one_channel__are_the_desks_bytes():
    reply, calls = reply_of("ExportStates")

    assert calls == [("export_states", (CHANNEL,))]
    assert reply.states == b"sealed" + CHANNEL


def test_get_status__names_the_program():
    reply, _ = reply_of("GetStatus")

    assert (reply.daemon_id, reply.chain_id, reply.version) == ("clearport-test", 31_337, "0.1.0")


def changed(method, **fields):
    """Return a method's good request with other fields."""
    request = type(REQUESTS[method])()
    request.CopyFrom(REQUESTS[method])
    for name, value in fields.items():
        setattr(request, name, value)
    return request


def with_trade(**fields):
    request = changed("RecordTrade")
    for name, value in fields.items():
        setattr(request.trades[0], name, value)
    return request


def opening(**fields):
    request = changed("OpenChannel")
    for name, value in fields.items():
        setattr(request.own[1], name, value)
    return request


REFUSALS = [
    ("DepositCollateral", changed("DepositCollateral", amount="1.0000001"), "amount"),
    ("DepositCollateral", changed("DepositCollateral", amount="0"), "amount"),
    ("DepositCollateral", changed("DepositCollateral", amount="-1"), "amount"),
    ("DepositCollateral", changed("DepositCollateral", amount="1e3"), "amount"),
    ("DepositCollateral", changed("DepositCollateral", amount="1,000"), "amount"),
    ("DepositCollateral", changed("DepositCollateral", amount=""), "amount"),
    ("DepositCollateral", changed("DepositCollateral", amount="9" * 40), "amount"),
    ("DepositCollateral", changed("DepositCollateral", asset="BTC"), "asset"),
    ("DepositCollateral", changed("DepositCollateral", channel_id="0x12"), "channel_id"),
    ("Withdraw", changed("Withdraw", to="0x1234"), "to"),
    ("Withdraw", changed("Withdraw", to="0x" + "aB" * 20), "to"),
    ("Stake", changed("Stake", amount="0.0000000000000000001"), "amount"),
    ("RequestSettlement", changed("RequestSettlement", seconds=0), "seconds"),
    ("RejectSettlement", changed("RejectSettlement", reason="two\nlines"), "reason"),
    ("RejectSettlement", changed("RejectSettlement", reason="x" * 201), "reason"),
    ("Disconnect", changed("Disconnect", broker="peer"), "broker"),
    ("RecordTrade", with_trade(quantity="0"), "trades[0].quantity"),
    ("RecordTrade", with_trade(quote_amount="1.0000001"), "trades[0].quote_amount"),
    ("RecordTrade", with_trade(base="DOGE"), "trades[0].base"),
    ("RecordTrade", with_trade(quote="ETH"), "trades[0].quote"),
    ("RecordTrade", with_trade(trade_id=""), "trades[0].trade_id"),
    ("RecordTrade", with_trade(trade_id="a b"), "trades[0].trade_id"),
    ("RecordTrade", with_trade(trade_id="x" * 65), "trades[0].trade_id"),
    ("RecordTrade", REQUESTS["RecordTrades"], "trades"),
    ("RecordTrades", pb.RecordTradesRequest(channel_id=ID), "trades"),
    (
        "RecordTrades",
        pb.RecordTradesRequest(channel_id=ID, trades=[REQUESTS["RecordTrade"].trades[0]] * 2),
        "trades[1].trade_id",
    ),
    ("OpenChannel", changed("OpenChannel", peer=""), "peer"),
    ("OpenChannel", opening(asset="USDT"), "own[1].asset"),
    ("OpenChannel", opening(amount="x"), "own[1].amount"),
]


@pytest.mark.parametrize(("method", "request_", "field"), REFUSALS)
def test_call__bad_field__is_refused_by_name(method, request_, field):
    code, text = refusal_of(method, request_)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text.startswith(f"{field}: ")


def test_call__unknown_channel__is_not_found():
    request = changed("RecordTrade", channel_id="0x" + "ab" * 32)

    assert refusal_of("RecordTrade", request)[0] is grpc.StatusCode.NOT_FOUND


def test_call__body_that_is_no_request__is_refused():
    async def play():
        async with running() as scene:
            token = await scene.login()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await scene.call("Stake", token, request=scene.seal("Stake", body=b"\xff\xff"))
            return caught.value.details(), scene.desk.calls

    text, calls = asyncio.run(play())
    assert text.startswith("body: is no StakeRequest")
    assert calls == []


def test_stop__a_call_that_has_begun__ends_and_is_not_cut():
    """Whoever hangs up does not cut an effect in half."""

    async def play():
        async with running() as scene:
            token = await scene.login()
            scene.desk.gate = asyncio.Event()
            call = scene.stub.Stake(scene.seal("Stake"), metadata=scene.bearer(token))
            await until(lambda: scene.server._acts._running)
            call.cancel()
            await until(call.done)
            before = list(scene.desk.calls)
            scene.desk.gate.set()
            await scene.server._acts.stop(5)
            return before, scene.desk.calls

    before, after = asyncio.run(play())
    assert before == []
    assert [name for name, _ in after] == ["stake"]
