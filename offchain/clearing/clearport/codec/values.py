"""Encode what a channel is about: tokens, trades, tables of amounts, the market."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeVar

from clearing.channel.risk_hash import DatedPrices
from clearing.clearport.codec.primitives import (
    MAX_TIME,
    address,
    decimal,
    each,
    integer,
    natural,
    parse,
    word,
    wrong,
)
from clearing.client.terms import Market, Terms, Token
from clearing.peer.v1 import peer_pb2 as pb
from clearing.spec.assets import AssetId, AssetTable
from clearing.spec.errors import SpecError
from clearing.spec.liabilities import Trade
from clearing.spec.risk import FactorTable, PriceSet
from clearing.spec.types import MAX_ASSETS, Net, Side
from clearing.spec.units import Timestamp

__all__ = [
    "MAX_ROWS",
    "decode_market",
    "decode_pair",
    "decode_table",
    "decode_terms",
    "decode_traded",
    "encode_market",
    "encode_pair",
    "encode_table",
    "encode_terms",
    "encode_traded",
]

MAX_ROWS: Final = 256
"""Assets that one table may have, tokens that one channel may deliver."""
MAX_DECIMALS: Final = 77
"""10**77 is the greatest power of ten in a word."""
AMOUNT: Final = (0, 2**255 - 1)
NET: Final = (-(2**127), 2**128 - 1)
"""A pair holds nets (int128) or amounts to take out (uint128)."""
MARKETS_KEPT: Final = 64
"""Views of the market come again in every proposal until the next prices."""

Table = TypeVar("Table", bound=AssetTable)


# TABLES


def encode_table(field: str, table: AssetTable) -> tuple[pb.AssetAmount, ...]:
    """Return the rows of a table. Raises WireError."""
    return each(field, _encode_row, table.rows, MAX_ROWS)


def decode_table(field: str, kind: type[Table], rows: Sequence[pb.AssetAmount]) -> Table:
    """Return a table of its rows. Raises WireError, also for rows that do not ascend."""
    pairs = each(field, _decode_row, rows, MAX_ROWS)
    try:
        return kind(pairs)
    except SpecError as error:
        raise wrong(field, f"a {kind.__name__} ({error.name})") from None


def _encode_row(row: tuple[AssetId, int]) -> pb.AssetAmount:
    return pb.AssetAmount(asset=row[0], amount=decimal("amount", row[1]))


def _decode_row(row: pb.AssetAmount) -> tuple[AssetId, int]:
    return AssetId(word("asset", row.asset)), integer("amount", row.amount)


def encode_pair(pair: Net) -> pb.Pair:
    """Return a pair of amounts of low and high. Raises WireError."""
    return pb.Pair(low=decimal("low", pair[0], NET), high=decimal("high", pair[1], NET))


def decode_pair(pair: pb.Pair) -> Net:
    """Return the amounts of low and high. Raises WireError."""
    return integer("low", pair.low, NET), integer("high", pair.high, NET)


# THE MARKET


@lru_cache(maxsize=MARKETS_KEPT)
def encode_market(market: Market) -> pb.Market:
    """Return a view of the market, which the caller must not change. Raises WireError."""
    return pb.Market(
        prices=encode_table("prices", market.prices),
        oldest_at=natural("oldest_at", market.dated.oldest_at, MAX_TIME),
        newest_at=natural("newest_at", market.dated.newest_at, MAX_TIME),
        factors=encode_table("factors", market.factors),
    )


def decode_market(market: pb.Market) -> Market:
    """Return a view of the market. Raises WireError."""
    return _market_of(market.SerializeToString())


@lru_cache(maxsize=MARKETS_KEPT)
def _market_of(data: bytes) -> Market:
    market = parse(pb.Market, data)
    dated = DatedPrices(
        decode_table("prices", PriceSet, market.prices),
        Timestamp(natural("oldest_at", market.oldest_at, MAX_TIME)),
        Timestamp(natural("newest_at", market.newest_at, MAX_TIME)),
    )
    return Market(dated, decode_table("factors", FactorTable, market.factors))


# TRADES


def encode_traded(trade: Trade) -> pb.Trade:
    """Return a trade without its id. Raises WireError."""
    return pb.Trade(
        is_seller_high=trade.seller is Side.HIGH,
        base=word("base", trade.base),
        base_wad=decimal("base_wad", trade.base_wad, AMOUNT),
        quote=word("quote", trade.quote),
        quote_wad=decimal("quote_wad", trade.quote_wad, AMOUNT),
    )


def decode_traded(trade: pb.Trade) -> Trade:
    """Return a trade without its id. Raises WireError."""
    return Trade(
        seller=Side.HIGH if trade.is_seller_high else Side.LOW,
        base=AssetId(word("base", trade.base)),
        base_wad=integer("base_wad", trade.base_wad, AMOUNT),
        quote=AssetId(word("quote", trade.quote)),
        quote_wad=integer("quote_wad", trade.quote_wad, AMOUNT),
    )


# TERMS


def encode_terms(terms: Terms) -> pb.Terms:
    """Return a channel's terms, deliverable tokens ascending by asset. Raises WireError."""
    deliverable = [token for _, token in sorted(terms.deliverable.items())]
    return pb.Terms(
        collateral=each("collateral", _encode_token, terms.collateral, MAX_ASSETS),
        deliverable=each("deliverable", _encode_token, deliverable, MAX_ROWS),
    )


def decode_terms(terms: pb.Terms) -> Terms:
    """Return a channel's terms. Raises WireError."""
    deliverable = each("deliverable", _decode_token, terms.deliverable, MAX_ROWS)
    assets = [token.asset for token in deliverable]
    if assets != sorted(set(assets)):
        raise wrong("deliverable", "each asset once, ascending")
    return Terms(
        each("collateral", _decode_token, terms.collateral, MAX_ASSETS),
        MappingProxyType({token.asset: token for token in deliverable}),
    )


def _encode_token(token: Token) -> pb.Token:
    return pb.Token(
        asset=word("asset", token.asset),
        address=address("address", token.address),
        decimals=natural("decimals", token.decimals, MAX_DECIMALS),
    )


def _decode_token(token: pb.Token) -> Token:
    return Token(
        AssetId(word("asset", token.asset)),
        address("address", token.address),
        natural("decimals", token.decimals, MAX_DECIMALS),
    )
