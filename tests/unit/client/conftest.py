"""A channel in two tokens, terms to trade three assets, and the worked example's markets."""

from dataclasses import replace

import pytest

from clearing.channel.risk_hash import DatedPrices
from clearing.client import moves
from clearing.client.position import Position, advance
from clearing.client.terms import Market, Terms, Token
from clearing.spec.assets import AssetId, asset_id
from clearing.spec.liabilities import Trade
from clearing.spec.risk import FactorTable, PriceSet
from clearing.spec.types import Side
from clearing.spec.units import WAD, Address, Timestamp

BTC, ETH, USDC, USDT, DAI = map(asset_id, ("BTC", "ETH", "USDC", "USDT", "DAI"))
FACTORS = FactorTable.of({BTC: 209 * 10**14, ETH: 268 * 10**14, USDC: 27 * 10**13})
UNIT = 10**6
SIGNED_AT = 1_000

# B (high) sells A (low) 1 BTC for 50,000 USDC; A sells B 10 ETH for 30,000 USDC.
TRADES = (
    Trade(Side.HIGH, BTC, WAD, USDC, 50_000 * WAD),
    Trade(Side.LOW, ETH, 10 * WAD, USDC, 30_000 * WAD),
)


def token(asset: AssetId, byte: int, decimals: int) -> Token:
    return Token(asset, Address(bytes([byte]) * 20), decimals)


def market_at(btc_usd: int, eth_usd: int) -> Market:
    prices = {BTC: btc_usd, ETH: eth_usd, USDC: 1, USDT: 1, DAI: 1}
    price_set = PriceSet.of({asset: usd * WAD for asset, usd in prices.items()})
    return Market(DatedPrices(price_set, Timestamp(1), Timestamp(2)), FACTORS)


CALM = market_at(50_000, 3_000)
MOVED = market_at(52_500, 3_300)


@pytest.fixture
def terms() -> Terms:
    return Terms(
        collateral=(token(USDT, 1, 6), token(DAI, 2, 18)),
        deliverable={BTC: token(BTC, 3, 8), ETH: token(ETH, 4, 18), USDC: token(USDC, 5, 6)},
    )


@pytest.fixture
def opened(terms: Terms) -> Position:
    """10,000 USDT from each side, and 500 DAI from low."""
    nets = ((10_000 * UNIT, 10_000 * UNIT), (500 * WAD, 0))
    start = Position(b"\x07" * 32, epoch=3)
    return advance(start, moves.Open(nets, 9_000), terms, 5, SIGNED_AT)


@pytest.fixture
def owing(opened: Position, terms: Terms) -> Position:
    """After the two trades, at 50,000 and 3,000."""
    return advance(opened, moves.Book(TRADES, CALM), terms, 6, SIGNED_AT)


@pytest.fixture
def called(owing: Position, terms: Terms) -> Position:
    """After the margin call at 52,500 and 3,300."""
    return advance(owing, moves.CallMargin(MOVED), terms, 7, SIGNED_AT)


@pytest.fixture
def settling(called: Position, terms: Terms) -> Position:
    return advance(called, moves.Settle(8_000, MOVED), terms, 8, SIGNED_AT)


@pytest.fixture
def idle(opened: Position) -> Position:
    """An open channel in which nothing is owed, at an OPERATE state."""
    state = replace(opened.live, intent=2, version=6, valid_until=0)
    return replace(opened, state=state)
