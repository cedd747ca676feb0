"""Rounding: each function of clearing.spec.units against exact fractions."""

from fractions import Fraction
from math import ceil, floor, trunc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.spec import units
from clearing.spec.units import WAD

naturals = st.integers(0, 2**256)
positives = st.integers(1, 2**256)


@given(naturals, naturals, positives)
def test_mul_div__naturals__round_as_named(a: int, b: int, divisor: int) -> None:
    exact = Fraction(a * b, divisor)

    assert units.mul_div_down(a, b, divisor) == floor(exact)
    assert units.mul_div_up(a, b, divisor) == ceil(exact)


@given(naturals, naturals)
def test_mul__wads__round_as_named(a: int, b: int) -> None:
    exact = Fraction(a * b, WAD)

    assert units.mul_down(a, b) == floor(exact)
    assert units.mul_up(a, b) == ceil(exact)


@given(naturals, positives)
def test_div__wads__round_as_named(a: int, b: int) -> None:
    exact = Fraction(a * WAD, b)

    assert units.div_down(a, b) == floor(exact)
    assert units.div_up(a, b) == ceil(exact)


@given(st.integers(-(2**256), 2**256), positives)
def test_div_trunc__signed__rounds_towards_zero(a: int, divisor: int) -> None:
    assert units.div_trunc(a, divisor) == trunc(Fraction(a, divisor))


@pytest.mark.parametrize(("a", "b", "divisor"), [(-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, -1)])
def test_mul_div__not_natural__is_refused(a: int, b: int, divisor: int) -> None:
    assert units.mul_div_down(1, 1, 1) == units.mul_div_up(1, 1, 1) == 1

    for function in (units.mul_div_down, units.mul_div_up):
        with pytest.raises(ValueError, match="natural"):
            function(a, b, divisor)
