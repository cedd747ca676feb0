"""The numbers of the worked example: two trades, prices before and after, factors."""

from __future__ import annotations

from clearing.channel.risk_hash import DatedPrices
from clearing.client.terms import Market, Terms, Token
from clearing.demo.stage import Stage
from clearing.risk.daily_closes import bundled_closes
from clearing.risk.factors import factors_of
from clearing.spec.assets import AssetId, asset_id
from clearing.spec.liabilities import Trade
from clearing.spec.risk import FactorTable, PriceSet
from clearing.spec.types import Side
from clearing.spec.units import WAD, Timestamp

__all__ = [
    "BTC",
    "COLLATERAL_RAW",
    "DECIMALS",
    "ETH",
    "PRICES_AFTER",
    "PRICES_BEFORE",
    "SEED_FACTORS",
    "TOKEN_OF",
    "TRADES",
    "USDC",
    "USDT",
    "market_at",
    "real_factors",
    "terms_of",
]

BTC, ETH, USDC, USDT = (asset_id(symbol) for symbol in ("BTC", "ETH", "USDC", "USDT"))
TOKEN_OF: dict[AssetId, str] = {BTC: "WBTC", ETH: "WETH", USDC: "USDC"}
DECIMALS = {"USDT": 6, "USDC": 6, "WETH": 18, "WBTC": 8, "YELLOW": 18}

PRICES_BEFORE = {"BTC": 50_000, "ETH": 3_000, "USDC": 1, "USDT": 1}
PRICES_AFTER = PRICES_BEFORE | {"BTC": 52_500, "ETH": 3_300}

COLLATERAL_RAW = 10_000 * 10**6

# A is the low side, B the high side: B sells A 1 BTC for 50,000 USDC, A sells B 10 ETH for 30,000.
TRADES = (
    Trade(Side.HIGH, BTC, WAD, USDC, 50_000 * WAD),
    Trade(Side.LOW, ETH, 10 * WAD, USDC, 30_000 * WAD),
)

BASIS_POINT = WAD // 10_000
SEED_FACTORS = FactorTable.of(
    {BTC: 209 * BASIS_POINT, ETH: 268 * BASIS_POINT, USDC: 27 * BASIS_POINT // 10}
)


def real_factors() -> FactorTable:
    """Return the factors of a year of real daily closes, which come with the package."""
    return factors_of(bundled_closes()).table()


def market_at(btc_usd: int, eth_usd: int, at: int, factors: FactorTable = SEED_FACTORS) -> Market:
    """Return a view of the market at a time; a stable coin is a dollar."""
    prices = PriceSet.of({BTC: btc_usd * WAD, ETH: eth_usd * WAD, USDC: WAD, USDT: WAD})
    return Market(DatedPrices(prices, Timestamp(at), Timestamp(at)), factors)


def terms_of(stage: Stage) -> Terms:
    """Return what the brokers agreed on: collateral in USDT, three assets to trade."""
    contracts = stage.contracts
    return Terms(
        collateral=(Token(USDT, contracts.address_of("USDT"), DECIMALS["USDT"]),),
        deliverable={
            asset: Token(asset, contracts.address_of(symbol), DECIMALS[symbol])
            for asset, symbol in TOKEN_OF.items()
        },
    )
