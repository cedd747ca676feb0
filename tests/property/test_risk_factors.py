"""The integer median against the standard library's, over exact fractions."""

import itertools
import math
import statistics
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from clearing.risk.daily_closes import parse_closes
from clearing.risk.decimal_text import parse_scaled, scaled_text
from clearing.risk.factors import Change, factors_of, median_up
from clearing.spec.units import WAD

CHANGE = st.builds(Change, move=st.integers(0, 10**40), base=st.integers(1, 10**40))
CLOSE = st.none() | st.integers(-5, 0) | st.integers(1, 10**24)


@given(st.lists(CHANGE, min_size=1, max_size=40))
@example([Change(1, 3)])
@example([Change(1, 3), Change(2, 3)])
@example([Change(1, 10**40), Change(0, 1)])
def test_median_up__any_changes__is_the_exact_median_rounded_up(changes):
    exact = statistics.median([Fraction(change.move, change.base) for change in changes])

    assert median_up(changes) == math.ceil(exact * WAD), "RSK-07 exact median, rounded up once"


@given(st.lists(CLOSE, min_size=2, max_size=40))
def test_factors_of__any_closes__is_the_median_of_what_was_observed(closes):
    first = date(2022, 1, 1)
    cells = ["" if close is None else scaled_text(close, 18) for close in closes]
    rows = [f"{first + timedelta(days=n)},1,{cell}\n" for n, cell in enumerate(cells)]
    window = len(closes) - 1
    observed = [
        abs(Fraction(after - before, before))
        for before, after in itertools.pairwise(closes)
        if before is not None and after is not None and before > 0 and after > 0
    ]
    columns = "date,BTC_usd,ETH_usd\n" if 2 * len(observed) >= window else "date,BTC_usd\n"
    if columns.count(",") == 1:
        rows = [row.rpartition(",")[0] + "\n" for row in rows]

    report = factors_of(parse_closes(columns + "".join(rows)), window)

    assert report.factors[0].factor_wad == 0
    for row in report.factors[1:]:
        assert row.observations == len(observed)
        assert row.skipped == window - len(observed)
        assert row.factor_wad == math.ceil(statistics.median(observed) * WAD)


@given(st.integers(-(10**60), 10**60), st.integers(0, 36))
def test_parse_scaled__text_of_an_integer__reads_back(scaled, decimals):
    assert parse_scaled(scaled_text(scaled, decimals), decimals, "field") == scaled
