from datetime import date

import pytest

from clearing.risk.daily_closes import bundled_closes, parse_closes
from clearing.risk.decimal_text import rounded_text
from clearing.risk.errors import ClosesTooFew
from clearing.risk.factors import Change, factors_of, median_up
from clearing.spec.assets import asset_id
from clearing.spec.units import WAD


def closes_of(*prices):
    rows = "".join(f"2022-01-{day:02d},{price}\n" for day, price in enumerate(prices, start=1))
    return parse_closes("date,BTC_usd\n" + rows)


def test_factors_of__real_year__gives_the_published_medians():
    report = factors_of(bundled_closes())

    assert {row.symbol: rounded_text(row.factor_wad, 16, 3) for row in report.factors} == {
        "BTC": "2.139",
        "ETH": "3.059",
        "USDC": "0.027",
        "SHIB": "3.448",
        "DOGE": "3.201",
    }
    assert (report.first_day, report.last_day) == (date(2021, 2, 14), date(2022, 2, 14))


def test_factors_of__real_year__counts_what_it_skipped():
    """SHIB has no price until 2021-04-15: 61 of the 365 changes touch such a day."""
    report = factors_of(bundled_closes())

    assert {row.symbol: (row.observations, row.skipped) for row in report.factors} == {
        "BTC": (365, 0),
        "ETH": (365, 0),
        "USDC": (365, 0),
        "SHIB": (304, 61),
        "DOGE": (365, 0),
    }


def test_factors_of__hole_in_the_prices__skips_both_changes_that_touch_it():
    report = factors_of(closes_of(100, 110, "", 100, 101, 102.01), window=5)

    # +10 % and twice +1 % are left
    assert report.factors[0].observations == 3
    assert report.factors[0].skipped == 2
    assert report.factors[0].factor_wad == WAD // 100


def test_factors_of__longer_file__uses_the_last_changes_only():
    report = factors_of(closes_of(100, 300, 303, 306.03), window=2)

    assert report.factors[0].factor_wad == WAD // 100
    assert report.first_day == date(2022, 1, 2)


def test_factors_of__fall_and_rise__count_alike():
    report = factors_of(closes_of(100, 90, 99), window=2)

    # |−10 %| and |+10 %|
    assert report.factors[0].factor_wad == WAD // 10


def test_factors_of__table__is_what_risk_of_takes():
    table = factors_of(closes_of(100, 101), window=1).table()

    assert table.rows == ((asset_id("BTC"), WAD // 100),)


def test_factors_of__one_day_short_of_the_window__is_refused():
    closes = closes_of(100, 101, 102)
    assert factors_of(closes, window=2).window == 2

    with pytest.raises(ClosesTooFew) as refused:
        factors_of(closes, window=3)

    assert str(refused.value) == (
        "rows: 3 days give 2 changes, the window is 3; give at least 4 days, or a smaller --window"
    )


def test_factors_of__no_rows__is_refused():
    with pytest.raises(ClosesTooFew, match=r"^rows: 0 days give 0 changes, the window is 1; "):
        factors_of(closes_of(), window=1)


def test_factors_of__fewer_than_half_observed__is_refused_by_column():
    assert factors_of(closes_of(100, 101, 102, 0, 100), window=4).factors[0].observations == 2

    with pytest.raises(ClosesTooFew) as refused:
        factors_of(closes_of(100, 101, 0, 0, 100), window=4)

    assert str(refused.value) == (
        "column BTC_usd: 1 of the last 4 changes were observed, fewer than half; "
        "remove the column, or give a window in which it has prices"
    )


def test_median_up__even_count__is_the_exact_middle_rounded_up():
    # (1/3 + 1/7) / 2 = 5/21
    assert median_up([Change(1, 3), Change(1, 7)]) == 5 * WAD // 21 + 1
    assert median_up([Change(1, 2), Change(1, 4)]) == 375 * WAD // 1000
