"""Risk factors and margins by NumPy and by decimals of 100 digits.

The risk of a channel and the median are held against exact fractions in tests/property/test_risk.py
and test_risk_factors.py; here the bundled year, and what the root of time makes of it.
"""

import csv
from decimal import ROUND_CEILING, Context, Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import clearing.risk
from clearing.risk.daily_closes import bundled_closes
from clearing.risk.factors import factors_of
from clearing.spec.risk import FactorTable, initial_margin_factors
from tests.second.effort import SOME

WAD = 10**18
DAY_S = 86_400
PRECISE = Context(prec=100)
CLOSES = Path(clearing.risk.__file__).parent / "data/daily_closes.csv"
ASSET = b"\1" * 32
SECONDS = st.sampled_from((0, 1, DAY_S - 1, DAY_S, DAY_S + 1, 7 * DAY_S)) | st.integers(0, 10**8)


def closes():
    """Return the bundled closes by symbol, as NumPy reads them; nothing known is not a number."""
    rows = list(csv.reader(CLOSES.read_text("utf-8").splitlines()))
    numbers = np.array([[float(cell or 0) for cell in row[1:]] for row in rows[1:]])
    numbers[numbers <= 0] = np.nan
    return dict(zip((name.removesuffix("_usd") for name in rows[0][1:]), numbers.T, strict=True))


@pytest.mark.parametrize("window", [365, 200, 90, 30])
def test_factors_of__the_bundled_year__is_numpys_median_of_changes(window):
    columns = closes()
    report = factors_of(bundled_closes(), window)

    assert {row.symbol for row in report.factors} == columns.keys()
    for row in report.factors:
        prices = columns[row.symbol][-window - 1 :]
        moves = np.abs(np.diff(prices) / prices[:-1])
        assert row.observations == np.count_nonzero(~np.isnan(moves))
        expected = np.nanmedian(moves)
        assert expected > 0
        # a double has 53 bits; a difference of near prices loses up to 12 of them
        assert abs(row.factor_wad / WAD - expected) < 1e-11


@SOME
@given(factor=st.integers(0, 10 * WAD), call=SECONDS, window=SECONDS)
@example(factor=1, call=0, window=0)
@example(factor=10 * WAD, call=10**8, window=10**8)
def test_initial_margin_factors__any_horizon__is_the_decimal_root_rounded_up(factor, call, window):
    daily = FactorTable.of({ASSET: factor})

    ours = initial_margin_factors(daily, call, window).find(ASSET)

    days = PRECISE.divide(Decimal(max(DAY_S, call + window)), Decimal(DAY_S))
    exact = PRECISE.multiply(Decimal(factor), PRECISE.sqrt(days))
    # what is whole but for the last of 100 digits is whole
    whole = exact.quantize(Decimal(1).scaleb(-60), context=PRECISE)
    assert ours == int(whole.to_integral_value(ROUND_CEILING))
