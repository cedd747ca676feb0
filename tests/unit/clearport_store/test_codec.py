"""The codec names the field of whatever is not a value of the protocol."""

import pytest

from clearing.channel.risk_hash import DatedPrices
from clearing.channel.signatures import Signature
from clearing.clearport import codec
from clearing.clearport.core import messages
from clearing.clearport.errors import WireError
from clearing.client import moves
from clearing.client.terms import Market
from clearing.peer.v1 import peer_pb2 as pb
from clearing.spec.assets import asset_id
from clearing.spec.liabilities import Trade
from clearing.spec.risk import FactorTable, PriceSet
from clearing.spec.types import Side
from clearing.spec.units import WAD

BTC, USDC = asset_id("BTC"), asset_id("USDC")
CHANNEL = b"\x07" * 32
MARKET = Market(
    DatedPrices(PriceSet.of({BTC: 50_000 * WAD, USDC: WAD}), 1, 2), FactorTable.of({BTC: WAD})
)
SIGNATURE = Signature(b"\x01" * 32, b"\x02" * 32)
TRADE = Trade(Side.HIGH, BTC, WAD, USDC, 50_000 * WAD)
PROPOSAL = messages.Proposal(
    3, 7, 1_000, moves.Book((TRADE,), MARKET), ("T-1",), b"\x09" * 32, SIGNATURE
)


def proposal() -> pb.Message:
    return codec.encode_message(CHANNEL, PROPOSAL)


def spoil(message: pb.Message, change) -> pb.Message:
    change(message)
    return message


PROPOSAL_FAULTS = {
    "channel_id": lambda m: setattr(m, "channel_id", bytes(31)),
    "body": lambda m: m.ClearField("proposal"),
    "proposal.move": lambda m: m.proposal.ClearField("move"),
    "proposal.move.body": lambda m: m.proposal.move.ClearField("book"),
    "proposal.move.book.market": lambda m: m.proposal.move.book.ClearField("market"),
    "proposal.move.book.market.prices[1].asset": lambda m: setattr(
        m.proposal.move.book.market.prices[1], "asset", bytes(33)
    ),
    "proposal.move.book.market.prices": lambda m: m.proposal.move.book.market.prices.reverse(),
    "proposal.move.book.market.factors[0].amount": lambda m: setattr(
        m.proposal.move.book.market.factors[0], "amount", str(2**255)
    ),
    "proposal.move.book.market.factors": lambda m: setattr(
        m.proposal.move.book.market.factors[0], "amount", "-1"
    ),
    "proposal.move.book.market.oldest_at": lambda m: setattr(
        m.proposal.move.book.market, "oldest_at", 2**40
    ),
    "proposal.move.book.trades[0].base_wad": lambda m: setattr(
        m.proposal.move.book.trades[0], "base_wad", "-1"
    ),
    "proposal.move.book.trades[0].quote": lambda m: setattr(
        m.proposal.move.book.trades[0], "quote", b""
    ),
    "proposal.trade_ids": lambda m: m.proposal.trade_ids.append("T-2"),
    "proposal.trade_ids[0]": lambda m: m.proposal.trade_ids.__setitem__(0, "T\n1"),
    "proposal.signed_at": lambda m: setattr(m.proposal, "signed_at", 2**40),
    "proposal.digest": lambda m: setattr(m.proposal, "digest", b""),
    "proposal.signature": lambda m: setattr(m.proposal, "signature", bytes(65)),
}


@pytest.mark.parametrize("field", PROPOSAL_FAULTS)
def test_decode_message__one_field_of_a_proposal_spoilt__names_it(field: str) -> None:
    assert codec.decode_message(proposal()) == (CHANNEL, PROPOSAL)

    with pytest.raises(WireError) as refused:
        codec.decode_message(spoil(proposal(), PROPOSAL_FAULTS[field]))

    assert refused.value.field == field


@pytest.mark.parametrize(
    "text", ["", "-", "+1", "01", "-0", " 1", "1 ", "1_0", "0x1", "1.0", "1e3", "٣", "²", "9" * 79]
)
def test_decode_move__second_spelling_of_a_number__is_refused(text: str) -> None:
    good = pb.Move(top_up=pb.TopUp(nets=[pb.Pair(low="10", high="-3")]))
    assert codec.decode_move(good) == moves.TopUp(((10, -3),))

    good.top_up.nets[0].low = text
    with pytest.raises(WireError) as refused:
        codec.decode_move(good)

    assert refused.value.field == "top_up.nets[0].low"


def test_decode_message__more_trades_than_a_message_may_carry__is_refused() -> None:
    one = codec.encode_trade(messages.ReportedTrade("T", TRADE))
    fits = pb.Message(channel_id=CHANNEL, report=pb.TradeReport(trades=[one] * 4_096))
    assert len(codec.decode_message(fits)[1].trades) == 4_096

    fits.report.trades.append(one)
    with pytest.raises(WireError, match=r"report\.trades: want at most 4096 items"):
        codec.decode_message(fits)


def test_decode_message__more_assets_than_a_channel_has__is_refused() -> None:
    move = pb.Move(open=pb.Open(nets=[pb.Pair(low="1", high="1")] * 8))
    assert len(codec.decode_move(move).nets) == 8

    move.open.nets.add(low="1", high="1")
    with pytest.raises(WireError, match=r"open\.nets"):
        codec.decode_move(move)


def test_decode_wish__a_margin_call_that_is_false__is_refused() -> None:
    assert codec.decode_wish(pb.Wish(call_margin=True)) == messages.CallMarginWish()

    with pytest.raises(WireError, match="call_margin"):
        codec.decode_wish(pb.Wish(call_margin=False))


def test_decode_wish__a_resize_with_a_market__is_refused() -> None:
    resize = pb.Resize(outs=[pb.Pair(low="1", high="0")], valid_until=9)
    assert codec.decode_wish(pb.Wish(resize=resize)) == messages.ResizeWish(((1, 0),), 9)

    resize.market.CopyFrom(codec.encode_market(MARKET))
    with pytest.raises(WireError, match=r"resize\.market"):
        codec.decode_wish(pb.Wish(resize=resize))


@pytest.mark.parametrize(("version", "digest"), [(0, bytes(32)), (5, b""), (5, bytes(31))])
def test_decode_message__standing_without_its_digest__is_refused(version, digest) -> None:
    nothing = messages.Reestablish(1, 0, b"", 0, b"")
    message = codec.encode_message(CHANNEL, nothing)
    assert codec.decode_message(message) == (CHANNEL, nothing)

    message.reestablish.last_full = version
    message.reestablish.last_full_digest = digest
    with pytest.raises(WireError, match=r"reestablish\.last_full_digest"):
        codec.decode_message(message)


def test_decode_terms__tokens_that_do_not_ascend__is_refused() -> None:
    tokens = [pb.Token(asset=asset, address=bytes(20), decimals=6) for asset in (BTC, USDC)]
    assert set(codec.decode_terms(pb.Terms(deliverable=tokens)).deliverable) == {BTC, USDC}

    for wrong in (tokens[::-1], [tokens[0], tokens[0]]):
        with pytest.raises(WireError, match="deliverable"):
            codec.decode_terms(pb.Terms(deliverable=wrong))


def test_parse__bytes_that_are_no_protobuf__names_the_message() -> None:
    assert codec.parse(pb.Line, b"") == pb.Line()

    with pytest.raises(WireError, match="Line: want its protobuf encoding"):
        codec.parse(pb.Line, b"\x0a\xff")


def test_encode_message__number_beyond_its_type__names_it() -> None:
    late = messages.Proposal(
        3, 7, 2**40, PROPOSAL.move, PROPOSAL.trade_ids, PROPOSAL.digest, SIGNATURE
    )

    with pytest.raises(WireError, match="signed_at"):
        codec.encode_message(CHANNEL, late)


def test_encode_message__reason_of_our_own__is_cut_and_cleaned() -> None:
    rejection = messages.Rejection(bytes(16), "no\n" + "x" * 500)

    _, said = codec.decode_message(codec.encode_message(CHANNEL, rejection))

    assert said.reason == "no " + "x" * 253
