import pytest

from clearing.spec.assets import INT256_MAX, INT256_MIN, AssetTable, asset_id, symbol_of
from clearing.spec.errors import SpecError
from clearing.spec.liabilities import Liabilities
from clearing.spec.risk import FactorTable, PriceSet

BTC, ETH = asset_id("BTC"), asset_id("ETH")


def test_asset_id__symbol__reads_as_its_ascii():
    assert asset_id("BTC") == b"BTC" + bytes(29)
    assert asset_id("X" * 32) == b"X" * 32


@pytest.mark.parametrize("text", ["", "X" * 33, "B C", "ΒTC", "B\nC", "B\0"])
def test_asset_id__no_symbol__is_refused(text):
    with pytest.raises(SpecError) as refused:
        asset_id(text)

    assert refused.value.name == "AssetSymbol"
    assert refused.value.args_ == (text,)


@pytest.mark.parametrize("word", [bytes(32), b"\xff" * 32, b"B\0C" + bytes(29), b" B" + bytes(30)])
def test_symbol_of__id_of_no_symbol__is_its_hex(word):
    assert symbol_of(BTC) == "BTC"

    assert symbol_of(word) == "0x" + word.hex()


def test_asset_table__rows_in_two_orders__of_sorts_them():
    assert AssetTable.of({ETH: 2, BTC: 1}).rows == ((BTC, 1), (ETH, 2))
    assert AssetTable.of({ETH: INT256_MIN, BTC: INT256_MAX}).find(ETH) == INT256_MIN


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (((ETH, 1), (BTC, 1)), "AssetOrder"),
        (((BTC, 1), (BTC, 1)), "AssetOrder"),
        (((b"BTC", 1),), "AssetLength"),
        (((BTC, INT256_MAX + 1),), "AssetAmount"),
        (((BTC, INT256_MIN - 1),), "AssetAmount"),
    ],
)
def test_asset_table__second_spelling__is_refused(rows, error):
    assert AssetTable(((BTC, 1), (ETH, 1))).find(BTC) == 1

    with pytest.raises(SpecError) as refused:
        AssetTable(rows)

    assert refused.value.name == error


@pytest.mark.parametrize(
    ("table", "good", "bad"), [(Liabilities, -1, 0), (PriceSet, 1, 0), (FactorTable, 0, -1)]
)
def test_asset_table__number_a_subclass_cannot_hold__is_refused(table, good, bad):
    assert table.of({BTC: good}).find(BTC) == good

    with pytest.raises(SpecError) as refused:
        table.of({BTC: bad})

    assert refused.value.name == "AssetAmount"
    assert refused.value.args_ == (BTC, bad)
