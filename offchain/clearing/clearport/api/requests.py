"""Read the requests of the operator API into the desk's values. Each refusal names its field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message

from clearing.clearport.api.text import parse_address, parse_id, parse_raw, parse_token, parse_wad
from clearing.clearport.core.messages import ReportedTrade
from clearing.clearport.desk import OpenOrder
from clearing.clearport.errors import RefusedError
from clearing.client.terms import Token
from clearing.operator.v1 import operator_pb2 as pb
from clearing.risk.errors import quote
from clearing.spec.assets import AssetId
from clearing.spec.liabilities import Trade
from clearing.spec.types import Side

__all__ = [
    "MOST_TRADES",
    "body_of",
    "optional_id",
    "order_of",
    "parse_positive",
    "reason_of",
    "trades_of",
]

MOST_TRADES: Final = 4_096
LONGEST_TRADE_ID: Final = 64
LONGEST_REASON: Final = 200

M = TypeVar("M", bound=Message)


def body_of(kind: type[M], body: bytes) -> M:
    """Return the request in an envelope. Raises RefusedError."""
    try:
        return kind.FromString(body)
    except DecodeError:
        problem = f"is no {kind.DESCRIPTOR.name}"
        raise RefusedError(problem, "serialize the request of this call", field="body") from None


def optional_id(text: str, field: str) -> bytes:
    """Return the bytes of an id, none for an empty text. Raises RefusedError."""
    return parse_id(text, field) if text else b""


def order_of(request: pb.OpenChannelRequest, collateral: tuple[Token, ...]) -> OpenOrder:
    """Return what to open. Raises RefusedError."""
    return OpenOrder(
        peer=parse_address(request.peer, "peer"),
        own_raw=_amounts(request.own, collateral, "own"),
        theirs_raw=_amounts(request.theirs, collateral, "theirs"),
        challenge_duration=request.challenge_duration,
        nonce=request.nonce,
    )


def _amounts(
    amounts: Iterable[pb.Amount], collateral: tuple[Token, ...], field: str
) -> tuple[tuple[AssetId, int], ...]:
    found: dict[AssetId, int] = {}
    for place, amount in enumerate(amounts):
        where = f"{field}[{place}]"
        token = parse_token(amount.asset, collateral, f"{where}.asset")
        if token.asset in found:
            fix = "add the amounts up"
            raise RefusedError(f"{amount.asset} is given twice", fix, field=f"{where}.asset")
        found[token.asset] = parse_raw(amount.amount, token, f"{where}.amount")
    return tuple(found.items())


def parse_positive(text: str, token: Token, field: str) -> int:
    """Return an amount in raw units, more than none. Raises RefusedError."""
    raw = parse_raw(text, token, field)
    if not raw:
        raise RefusedError("is zero", "write how much", field=field)
    return raw


def reason_of(text: str) -> str:
    """Return why the operator says no, as the peer is told. Raises RefusedError."""
    if len(text) > LONGEST_REASON or not text.isprintable():
        fix = f"write one line of at most {LONGEST_REASON} characters"
        raise RefusedError("cannot be sent", fix, field="reason")
    return text


def trades_of(
    request: pb.RecordTradesRequest, side: Side, deliverable: tuple[Token, ...]
) -> tuple[ReportedTrade, ...]:
    """Return trades as they are recorded, seen from our side. Raises RefusedError."""
    if not 0 < len(request.trades) <= MOST_TRADES:
        fix = f"give 1 to {MOST_TRADES:,}"
        raise RefusedError(f"are {len(request.trades):,}", fix, field="trades")
    trades = tuple(
        _trade(trade, side, deliverable, f"trades[{place}]")
        for place, trade in enumerate(request.trades)
    )
    seen: set[str] = set()
    for place, known in enumerate(trades):
        if known.trade_id in seen:
            where = f"trades[{place}].trade_id"
            problem = f"{quote(known.trade_id)} is given twice"
            raise RefusedError(problem, "give each trade once", field=where)
        seen.add(known.trade_id)
    return trades


def _trade(
    trade: pb.Trade, side: Side, deliverable: tuple[Token, ...], where: str
) -> ReportedTrade:
    base = parse_token(trade.base, deliverable, f"{where}.base")
    quoted = parse_token(trade.quote, deliverable, f"{where}.quote")
    if base == quoted:
        raise RefusedError("is the base too", "name what it is paid in", field=f"{where}.quote")
    return ReportedTrade(
        trade_id=_trade_id(trade.trade_id, f"{where}.trade_id"),
        trade=Trade(
            seller=side if trade.is_sale else side.other,
            base=base.asset,
            base_wad=_positive_wad(trade.quantity, base, f"{where}.quantity"),
            quote=quoted.asset,
            quote_wad=_positive_wad(trade.quote_amount, quoted, f"{where}.quote_amount"),
        ),
    )


def _trade_id(text: str, field: str) -> str:
    is_plain = text.isascii() and text.isprintable() and " " not in text
    if not 0 < len(text) <= LONGEST_TRADE_ID or not is_plain:
        fix = f"give 1 to {LONGEST_TRADE_ID} printable ASCII characters, no blank"
        raise RefusedError(f"{quote(text)} is no trade id", fix, field=field)
    return text


def _positive_wad(text: str, token: Token, field: str) -> int:
    wad = parse_wad(text, token, field)
    if not wad:
        raise RefusedError("is zero", "write how much", field=field)
    return wad
