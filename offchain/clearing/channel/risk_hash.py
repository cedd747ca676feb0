"""Commit to what a margin call was computed from: the prices, the factors and the outcome.

    RiskBasis(bytes32 priceSet,uint40 oldestPriceAt,uint40 newestPriceAt,bytes32 factorTable,
              uint256 requiredLow,uint256 requiredHigh)
    PriceSet(bytes32[] assets,uint256[] pricesWad)
    FactorTable(bytes32[] assets,uint256[] factorsWad)

`riskHash` is EIP-712's hashStruct of the first; `priceSet` and `factorTable` are the hashStructs of
the other two, so a set of prices or a version of the table is named by its content and nobody has
to keep a register of names. Assets ascend; required margins are WAD USD.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from clearing.channel.keccak import keccak256
from clearing.channel.words import list_encoder, row_encoder, word_encoder
from clearing.spec.assets import AssetTable
from clearing.spec.risk import FactorTable, PriceSet, RiskReport
from clearing.spec.units import Bytes32, Timestamp

__all__ = ["DatedPrices", "factor_table_id", "price_set_id", "risk_hash"]

RISK_BASIS_TYPE = (
    "RiskBasis(bytes32 priceSet,uint40 oldestPriceAt,uint40 newestPriceAt,bytes32 factorTable,"
    "uint256 requiredLow,uint256 requiredHigh)"
)
PRICE_SET_TYPE = "PriceSet(bytes32[] assets,uint256[] pricesWad)"
FACTOR_TABLE_TYPE = "FactorTable(bytes32[] assets,uint256[] factorsWad)"

_BASIS_TYPES = ("bytes32", "uint40", "uint40", "bytes32", "uint256", "uint256")
_encode_basis = row_encoder(
    ("priceSet", "oldestPriceAt", "newestPriceAt", "factorTable", "requiredLow", "requiredHigh"),
    _BASIS_TYPES,
    [word_encoder(type_) for type_ in _BASIS_TYPES],
)
_encode_assets = list_encoder("bytes32", word_encoder("bytes32"))
_encode_numbers = list_encoder("uint256", word_encoder("uint256"))


@dataclass(frozen=True, slots=True)
class DatedPrices:
    """Prices, and when the oldest and the newest of them were observed."""

    prices: PriceSet
    oldest_at: Timestamp
    newest_at: Timestamp


def risk_hash(dated: DatedPrices, factors: FactorTable, report: RiskReport) -> Bytes32:
    """Return the `riskHash` of a ClearingState whose risk `report` was computed from the rest.

    Raises CodecError, which names the field, for a time outside uint40 or a margin outside uint256.
    """
    encoded = _encode_basis(
        (
            price_set_id(dated.prices),
            dated.oldest_at,
            dated.newest_at,
            factor_table_id(factors),
            report.low.required_wad,
            report.high.required_wad,
        )
    )
    return Bytes32(keccak256(keccak256(RISK_BASIS_TYPE.encode()) + encoded))


@lru_cache(maxsize=64)
def price_set_id(prices: PriceSet) -> Bytes32:
    """Return hashStruct(PriceSet)."""
    return _hash_table(PRICE_SET_TYPE, prices)


@lru_cache(maxsize=64)
def factor_table_id(factors: FactorTable) -> Bytes32:
    """Return hashStruct(FactorTable): the version of the table."""
    return _hash_table(FACTOR_TABLE_TYPE, factors)


def _hash_table(type_: str, table: AssetTable) -> Bytes32:
    """Return hashStruct of a table's two columns."""
    assets = keccak256(_encode_assets([asset for asset, _ in table.rows]))
    numbers = keccak256(_encode_numbers([number for _, number in table.rows]))
    return Bytes32(keccak256(keccak256(type_.encode()) + assets + numbers))
