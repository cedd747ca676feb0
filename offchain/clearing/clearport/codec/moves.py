"""Encode what two brokers can do next: moves with the market, wishes without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from clearing.clearport.codec.primitives import (
    MAX_TIME,
    each,
    natural,
    part,
    word,
    wrong,
)
from clearing.clearport.codec.states import decode_shares, encode_shares
from clearing.clearport.codec.values import (
    decode_market,
    decode_pair,
    decode_traded,
    encode_market,
    encode_pair,
    encode_traded,
)
from clearing.clearport.core.messages import CallMarginWish, ResizeWish, SettleWish, Wish
from clearing.client import moves
from clearing.peer.v1 import peer_pb2 as pb
from clearing.spec.types import MAX_ASSETS, Net

__all__ = ["MAX_TRADES", "decode_move", "decode_wish", "encode_move", "encode_wish"]

MAX_TRADES: Final = 4_096
"""Trades that one message may carry."""


# MOVES


def encode_move(move: moves.Move) -> pb.Move:  # noqa: C901  one case for each move
    """Return a move. Raises WireError."""
    match move:
        case moves.Book():
            return pb.Move(book=_encode_book(move))
        case moves.CallMargin():
            return pb.Move(call_margin=encode_market(move.market))
        case moves.Settle():
            fund_by = natural("settle.fund_by", move.fund_by, MAX_TIME)
            return pb.Move(settle=pb.Settle(fund_by=fund_by, market=encode_market(move.market)))
        case moves.Conclude():
            market = encode_market(move.market)
            return pb.Move(conclude=pb.Conclude(is_delivered=move.is_delivered, market=market))
        case moves.Resize():
            resize = _encode_resize(move.outs, move.valid_until)
            resize.market.CopyFrom(encode_market(move.market))
            return pb.Move(resize=resize)
        case moves.Open():
            return pb.Move(open=_encode_open(move))
        case moves.LockHash():
            return pb.Move(lock_hash=_encode_lock(move))
        case moves.Unlock():
            return pb.Move(unlock_is_revealed=move.is_revealed)
        case moves.TopUp():
            return pb.Move(top_up=_encode_top_up(move))
        case moves.Close():
            return pb.Move(close=_encode_close(move))


def decode_move(move: pb.Move) -> moves.Move:
    """Return a move. Raises WireError."""
    body = move.WhichOneof("body")
    if body is None:
        raise wrong("body", "a move")
    if body == "unlock_is_revealed":
        return moves.Unlock(move.unlock_is_revealed)
    return part(move, body, _MOVES[body])


# WISHES


def encode_wish(wish: Wish) -> pb.Wish:
    """Return a wish. Raises WireError."""
    match wish:
        case CallMarginWish():
            return pb.Wish(call_margin=True)
        case SettleWish():
            return pb.Wish(settle_fund_by=natural("settle_fund_by", wish.fund_by, MAX_TIME))
        case ResizeWish():
            return pb.Wish(resize=_encode_resize(wish.outs, wish.valid_until))
        case moves.Open():
            return pb.Wish(open=_encode_open(wish))
        case moves.LockHash():
            return pb.Wish(lock_hash=_encode_lock(wish))
        case moves.Unlock():
            return pb.Wish(unlock_is_revealed=wish.is_revealed)
        case moves.TopUp():
            return pb.Wish(top_up=_encode_top_up(wish))
        case moves.Close():
            return pb.Wish(close=_encode_close(wish))


def decode_wish(wish: pb.Wish) -> Wish:
    """Return a wish. Raises WireError."""
    match wish.WhichOneof("body"):
        case None:
            raise wrong("body", "a wish")
        case "call_margin":
            if not wish.call_margin:
                raise wrong("call_margin", "true")
            return CallMarginWish()
        case "settle_fund_by":
            return SettleWish(natural("settle_fund_by", wish.settle_fund_by, MAX_TIME))
        case "unlock_is_revealed":
            return moves.Unlock(wish.unlock_is_revealed)
        case body:
            return part(wish, body, _WISHES[body])


# WHAT THEY ARE MADE OF


def _encode_pairs(field: str, pairs: tuple[Net, ...]) -> tuple[pb.Pair, ...]:
    return each(field, encode_pair, pairs, MAX_ASSETS)


def _encode_open(move: moves.Open) -> pb.Open:
    valid_until = natural("valid_until", move.valid_until, MAX_TIME)
    return pb.Open(nets=_encode_pairs("nets", move.nets), valid_until=valid_until)


def _decode_open(move: pb.Open) -> moves.Open:
    nets = each("nets", decode_pair, move.nets, MAX_ASSETS)
    return moves.Open(nets, natural("valid_until", move.valid_until, MAX_TIME))


def _encode_book(move: moves.Book) -> pb.Book:
    trades = each("trades", encode_traded, move.trades, MAX_TRADES)
    return pb.Book(trades=trades, market=encode_market(move.market))


def _decode_book(move: pb.Book) -> moves.Book:
    trades = each("trades", decode_traded, move.trades, MAX_TRADES)
    return moves.Book(trades, part(move, "market", decode_market))


def _decode_settle(move: pb.Settle) -> moves.Settle:
    fund_by = natural("fund_by", move.fund_by, MAX_TIME)
    return moves.Settle(fund_by, part(move, "market", decode_market))


def _decode_conclude(move: pb.Conclude) -> moves.Conclude:
    return moves.Conclude(move.is_delivered, part(move, "market", decode_market))


def _encode_lock(move: moves.LockHash) -> pb.LockHash:
    return pb.LockHash(
        hashlock=word("hashlock", move.hashlock),
        expiry=natural("expiry", move.expiry, MAX_TIME),
        alt_low=encode_shares("alt_low", move.alt_low),
    )


def _decode_lock(move: pb.LockHash) -> moves.LockHash:
    return moves.LockHash(
        hashlock=word("hashlock", move.hashlock),
        expiry=natural("expiry", move.expiry, MAX_TIME),
        alt_low=decode_shares("alt_low", move.alt_low),
    )


def _encode_resize(outs: tuple[Net, ...], valid_until: int) -> pb.Resize:
    return pb.Resize(
        outs=_encode_pairs("outs", outs),
        valid_until=natural("valid_until", valid_until, MAX_TIME),
    )


def _decode_resize_wish(move: pb.Resize) -> ResizeWish:
    if move.HasField("market"):
        raise wrong("market", "nothing: only the proposer fills it in")
    outs = each("outs", decode_pair, move.outs, MAX_ASSETS)
    return ResizeWish(outs, natural("valid_until", move.valid_until, MAX_TIME))


def _decode_resize(move: pb.Resize) -> moves.Resize:
    outs = each("outs", decode_pair, move.outs, MAX_ASSETS)
    valid_until = natural("valid_until", move.valid_until, MAX_TIME)
    return moves.Resize(outs, valid_until, part(move, "market", decode_market))


def _encode_top_up(move: moves.TopUp) -> pb.TopUp:
    return pb.TopUp(nets=_encode_pairs("nets", move.nets))


def _decode_top_up(move: pb.TopUp) -> moves.TopUp:
    return moves.TopUp(each("nets", decode_pair, move.nets, MAX_ASSETS))


def _encode_close(move: moves.Close) -> pb.Close:
    valid_until = natural("valid_until", move.valid_until, MAX_TIME)
    return pb.Close(valid_until=valid_until, is_sent=move.is_sent)


def _decode_close(move: pb.Close) -> moves.Close:
    return moves.Close(natural("valid_until", move.valid_until, MAX_TIME), move.is_sent)


def _decode_call_margin(market: pb.Market) -> moves.CallMargin:
    return moves.CallMargin(decode_market(market))


_MOVES: Final[Mapping[str, Callable[[Any], moves.Move]]] = MappingProxyType(
    {
        "open": _decode_open,
        "book": _decode_book,
        "call_margin": _decode_call_margin,
        "settle": _decode_settle,
        "conclude": _decode_conclude,
        "lock_hash": _decode_lock,
        "resize": _decode_resize,
        "top_up": _decode_top_up,
        "close": _decode_close,
    }
)
_WISHES: Final[Mapping[str, Callable[[Any], Wish]]] = MappingProxyType(
    {
        "open": _decode_open,
        "resize": _decode_resize_wish,
        "top_up": _decode_top_up,
        "close": _decode_close,
        "lock_hash": _decode_lock,
    }
)
