import pytest

from clearing.spec.assets import asset_id
from clearing.spec.errors import SpecError
from clearing.spec.risk import (
    Collateral,
    FactorTable,
    initial_margin_factors,
    is_settlement_due,
    is_trade_admissible,
    risk_of,
    utilisation_of,
)
from clearing.spec.units import DAY_S, WAD

BTC, ETH = asset_id("BTC"), asset_id("ETH")
RISK_WAD = 248_705 * WAD // 100


def test_is_trade_admissible__risk_equals_collateral__is_the_last_that_passes(
    owed, prices, factors
):
    report = risk_of(owed, prices, factors)

    assert is_trade_admissible(report, Collateral(low_wad=RISK_WAD, high_wad=0))
    assert not is_trade_admissible(report, Collateral(low_wad=RISK_WAD - 1, high_wad=10 * RISK_WAD))


def test_is_trade_admissible__tie__needs_both(owed, opening_prices, factors):
    report = risk_of(owed, opening_prices, factors)
    enough = report.risk_wad

    assert is_trade_admissible(report, Collateral(enough, enough))
    assert not is_trade_admissible(report, Collateral(enough, enough - 1))
    assert not is_trade_admissible(report, Collateral(enough - 1, enough))


def test_is_settlement_due__at_eighty_percent__from_that_unit_on(owed, prices, factors):
    report = risk_of(owed, prices, factors)
    five_quarters = RISK_WAD * 5 // 4

    assert is_settlement_due(report, Collateral(five_quarters, 0))
    assert not is_settlement_due(report, Collateral(five_quarters + 2, 0))


def test_is_settlement_due__share_of_the_policy__decides(owed, prices, factors):
    report = risk_of(owed, prices, factors)
    half_used = Collateral(2 * RISK_WAD, 0)

    assert not is_settlement_due(report, half_used)
    assert is_settlement_due(report, half_used, trigger_share_wad=WAD // 2)


def test_utilisation_of__thirds__rounds_up():
    assert utilisation_of(WAD, 3 * WAD) == WAD // 3 + 1
    assert utilisation_of(0, 0) == 0
    assert utilisation_of(1, 0) is None


@pytest.mark.parametrize(
    ("interval_s", "window_s", "factor_wad"),
    [
        (0, 0, 2 * 10**16),  # never less than a day's move
        (DAY_S, 3 * DAY_S, 4 * 10**16),  # 2 % · √4
        (DAY_S, 8 * DAY_S, 6 * 10**16),  # 2 % · √9
        (DAY_S, DAY_S, 28_284_271_247_461_901),  # 2 % · √2 = 2.82842712474619009…, up
    ],
)
def test_initial_margin_factors__longer_exposure__grows_with_its_root(
    interval_s, window_s, factor_wad
):
    daily = FactorTable.of({BTC: 2 * 10**16, ETH: 0})

    stretched = initial_margin_factors(daily, interval_s, window_s)

    assert stretched == FactorTable.of({BTC: factor_wad, ETH: 0})


@pytest.mark.parametrize("times", [(-1, DAY_S), (DAY_S, -1)])
def test_initial_margin_factors__negative_time__is_refused(factors, times):
    assert initial_margin_factors(factors, DAY_S, 0) == factors

    with pytest.raises(SpecError) as refused:
        initial_margin_factors(factors, *times)

    assert refused.value.name == "Horizon"
    assert refused.value.args_ == times
