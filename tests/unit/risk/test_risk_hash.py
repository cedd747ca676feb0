import pytest
from eth_account.messages import encode_typed_data

from clearing.channel.errors import CodecError
from clearing.channel.risk_hash import DatedPrices, factor_table_id, price_set_id, risk_hash
from clearing.spec.risk import FactorTable, PriceSet, risk_of

WORDS = "bytes32[]", "uint256[]"
BASIS = {
    "priceSet": "bytes32",
    "oldestPriceAt": "uint40",
    "newestPriceAt": "uint40",
    "factorTable": "bytes32",
    "requiredLow": "uint256",
    "requiredHigh": "uint256",
}


def independent_hash(name, fields, message):
    """Return hashStruct as eth_account computes it."""
    members = [{"name": member, "type": type_} for member, type_ in fields.items()]
    return encode_typed_data({"name": "any"}, {name: members}, message).body


def independent_table(name, column, table):
    assets, numbers = zip(*table.rows, strict=True)
    fields = dict(zip(("assets", column), WORDS, strict=True))
    return independent_hash(name, fields, {"assets": list(assets), column: list(numbers)})


def test_risk_hash__seeds_example__equals_an_independent_library(owed, prices, factors):
    report = risk_of(owed, prices, factors)
    ours = risk_hash(DatedPrices(prices, 1_700_000_000, 1_700_000_060), factors, report)

    theirs = independent_hash(
        "RiskBasis",
        BASIS,
        {
            "priceSet": independent_table("PriceSet", "pricesWad", prices),
            "oldestPriceAt": 1_700_000_000,
            "newestPriceAt": 1_700_000_060,
            "factorTable": independent_table("FactorTable", "factorsWad", factors),
            "requiredLow": report.low.required_wad,
            "requiredHigh": report.high.required_wad,
        },
    )
    assert ours == theirs


def test_risk_hash__any_part_changed__changes_it(owed, prices, opening_prices, factors):
    report = risk_of(owed, prices, factors)
    other_report = risk_of(owed, opening_prices, factors)
    other_factors = FactorTable.of({asset: factor + 1 for asset, factor in factors.rows})

    hashes = {
        risk_hash(DatedPrices(prices, 1, 2), factors, report),
        risk_hash(DatedPrices(opening_prices, 1, 2), factors, report),
        risk_hash(DatedPrices(prices, 0, 2), factors, report),
        risk_hash(DatedPrices(prices, 1, 3), factors, report),
        risk_hash(DatedPrices(prices, 1, 2), other_factors, report),
        risk_hash(DatedPrices(prices, 1, 2), factors, other_report),
    }

    assert len(hashes) == 6


def test_price_set_id__same_rows_as_factors__is_another_type():
    rows = {b"\1" * 32: 5}

    assert price_set_id(PriceSet.of(rows)) != factor_table_id(FactorTable.of(rows))


def test_risk_hash__time_beyond_uint40__is_refused_by_name(owed, prices, factors):
    report = risk_of(owed, prices, factors)
    assert risk_hash(DatedPrices(prices, 0, 2**40 - 1), factors, report)

    with pytest.raises(CodecError) as refused:
        risk_hash(DatedPrices(prices, 0, 2**40), factors, report)

    assert refused.value.field == "newestPriceAt"
