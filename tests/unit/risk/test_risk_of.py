import pytest

from clearing.spec.assets import asset_id
from clearing.spec.errors import SpecError
from clearing.spec.liabilities import NO_LIABILITIES, Liabilities
from clearing.spec.risk import FactorTable, PriceSet, risk_of, value_of
from clearing.spec.types import Side
from clearing.spec.units import WAD

BTC, ETH, USDC = asset_id("BTC"), asset_id("ETH"), asset_id("USDC")
CENT = WAD // 100


def test_risk_of__seeds_example__is_2487_05(owed, prices, factors):
    report = risk_of(owed, prices, factors)

    assert report.low.value_wad == 53_000 * WAD
    assert report.high.value_wad == 52_500 * WAD
    assert report.low.up_wad == 53_889_80 * CENT
    assert report.high.down_wad == 51_402_75 * CENT
    assert report.risk_wad == report.low.required_wad == 2_487_05 * CENT
    assert report.high.required_wad == 0
    assert report.bearers == (Side.LOW,)


def test_risk_of__seeds_example__has_a_row_per_debt(owed, prices, factors):
    rows = {row.asset: row for row in risk_of(owed, prices, factors).assets}

    assert [row.debtor for row in (rows[ETH], rows[USDC], rows[BTC])] == [
        Side.LOW,
        Side.LOW,
        Side.HIGH,
    ]
    # 33,000 · 1.0268 · 20,000 · 1.00027 · 52,500 · 0.9791
    assert rows[ETH].up_wad == 33_884_40 * CENT
    assert rows[USDC].up_wad == 20_005_40 * CENT
    assert rows[BTC].down_wad == 51_402_75 * CENT
    assert rows[BTC].quantity_wad == WAD


def test_risk_of__opening_prices__is_a_tie_and_both_cover(owed, opening_prices, factors):
    report = risk_of(owed, opening_prices, factors)

    # 30,000 · 2.68 % + 20,000 · 0.027 % + 50,000 · 2.09 % = 804 + 5.40 + 1,045
    assert report.low.required_wad == report.high.required_wad == 1_854_40 * CENT
    assert report.bearers == (Side.LOW, Side.HIGH)


def test_risk_of__one_unit_beyond_a_tie__is_borne_by_one_side(owed, opening_prices, factors):
    heavier_high = PriceSet.of(dict(opening_prices.rows) | {BTC: 50_000 * WAD + 1})

    report = risk_of(owed, heavier_high, factors)

    assert report.bearers == (Side.HIGH,)


def test_risk_of__difference_already_moved__is_deducted_and_leaves_a_tie(owed, prices, factors):
    report = risk_of(owed, prices, factors, settled_variation_wad=500 * WAD)

    assert report.low.required_wad == 1_987_05 * CENT
    # 53,597.25 − 32,115.60 − 19,994.60 + the 500 received
    assert report.high.required_wad == 1_987_05 * CENT


def test_risk_of__more_moved_than_the_difference__is_borne_by_the_receiver(owed, prices, factors):
    report = risk_of(owed, prices, factors, settled_variation_wad=2_000 * WAD)

    assert report.bearers == (Side.HIGH,)
    # it would have to give back 1,500 too much, and the factors move 1,987.05
    assert report.high.required_wad == 3_487_05 * CENT


def test_risk_of__nothing_owed__nobody_covers(prices, factors):
    report = risk_of(NO_LIABILITIES, prices, factors)

    assert report.risk_wad == 0
    assert report.bearers == ()
    assert report.assets == ()


def test_risk_of__nothing_owed_but_margin_moved__receiver_covers_it(prices, factors):
    report = risk_of(NO_LIABILITIES, prices, factors, settled_variation_wad=-7 * WAD)

    assert report.bearers == (Side.LOW,)
    assert report.low.required_wad == 7 * WAD


def test_risk_of__dust__rounds_against_the_bearer():
    owed = Liabilities.of({ETH: 1, BTC: -1})
    prices = PriceSet.of({ETH: WAD + 1, BTC: WAD - 1})
    factors = FactorTable.of({ETH: 0, BTC: 0})

    report = risk_of(owed, prices, factors)

    # low owes a little over 1e-18 USD, up: 2; high a little under, down: 0
    assert report.low.up_wad == 2
    assert report.high.down_wad == 0
    assert report.low.required_wad == 2


def test_risk_of__factor_beyond_all__peers_debt_counts_nothing_not_less():
    owed = Liabilities.of({ETH: 2 * WAD, BTC: -WAD})
    prices = PriceSet.of({ETH: WAD, BTC: WAD})
    factors = FactorTable.of({ETH: 0, BTC: 3 * WAD})

    report = risk_of(owed, prices, factors)

    assert report.high.down_wad == 0
    assert report.low.required_wad == 2 * WAD


@pytest.mark.parametrize(
    ("error", "table"), [("PriceMissing", "prices"), ("FactorMissing", "factors")]
)
def test_risk_of__asset_without_a_number__is_refused_by_name(owed, prices, factors, error, table):
    tables = {"prices": prices, "factors": factors}
    assert risk_of(owed, **tables).risk_wad > 0
    rows = tuple(row for row in tables[table].rows if row[0] != ETH)
    tables[table] = type(tables[table])(rows)

    with pytest.raises(SpecError) as refused:
        risk_of(owed, **tables)

    assert refused.value.name == error
    assert refused.value.args_ == (ETH,)


def test_value_of__fraction_of_a_unit__rounds_up():
    assert value_of(10 * WAD, 3_300 * WAD) == 33_000 * WAD
    assert value_of(1, 1) == 1
    assert value_of(0, 3_300 * WAD) == 0
