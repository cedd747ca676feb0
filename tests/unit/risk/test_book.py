import pytest

from clearing.spec.assets import INT256_MAX, asset_id
from clearing.spec.errors import SpecError
from clearing.spec.liabilities import NO_LIABILITIES, Liabilities, Trade, book
from clearing.spec.types import Side
from clearing.spec.units import WAD

BTC, ETH, USDC = asset_id("BTC"), asset_id("ETH"), asset_id("USDC")

HIGH_SELLS_BTC = Trade(Side.HIGH, BTC, WAD, USDC, 50_000 * WAD)
LOW_SELLS_ETH = Trade(Side.LOW, ETH, 10 * WAD, USDC, 30_000 * WAD)


def test_book__seller_owes_base_and_buyer_owes_quote():
    after = book(NO_LIABILITIES, HIGH_SELLS_BTC)

    assert after == Liabilities.of({BTC: -WAD, USDC: 50_000 * WAD})


def test_book__seeds_two_trades__net_in_usdc(owed):
    after = book(book(NO_LIABILITIES, HIGH_SELLS_BTC), LOW_SELLS_ETH)

    assert after == owed


def test_book__trade_taken_back__leaves_no_row():
    back = Trade(Side.LOW, BTC, WAD, USDC, 50_000 * WAD)

    after = book(book(NO_LIABILITIES, HIGH_SELLS_BTC), back)

    assert after == NO_LIABILITIES


@pytest.mark.parametrize(("base_wad", "quote_wad"), [(0, 1), (1, 0), (-1, 1), (1, -1)])
def test_book__amount_not_positive__is_refused(base_wad, quote_wad):
    assert book(NO_LIABILITIES, Trade(Side.LOW, BTC, 1, USDC, 1)) != NO_LIABILITIES

    with pytest.raises(SpecError) as refused:
        book(NO_LIABILITIES, Trade(Side.LOW, BTC, base_wad, USDC, quote_wad))

    assert refused.value.name == "TradeAmount"
    assert refused.value.args_ == (base_wad, quote_wad)


def test_book__base_is_quote__is_refused():
    with pytest.raises(SpecError) as refused:
        book(NO_LIABILITIES, Trade(Side.LOW, BTC, 1, BTC, 1))

    assert refused.value.name == "TradeAssets"


def test_book__sum_beyond_int256__is_refused():
    most = Trade(Side.LOW, BTC, INT256_MAX, USDC, 1)
    full = book(NO_LIABILITIES, most)

    with pytest.raises(SpecError) as refused:
        book(full, Trade(Side.LOW, BTC, 1, USDC, 1))

    assert refused.value.name == "AssetAmount"
    assert refused.value.args_ == (BTC, INT256_MAX + 1)
