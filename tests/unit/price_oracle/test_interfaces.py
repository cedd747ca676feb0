"""IPriceOracle as a whole: no function, event or error is without a test that names it."""

from pathlib import Path

import pytest

from tests.harness.surface import Surface, declared, functions

INTERFACE = "IPriceOracle"
TESTS = Surface(Path(__file__).parent)


def test_errors__all_of_the_interface__are_met():
    assert declared("error", INTERFACE) - TESTS.first_arguments("refusal") == set()


def test_events__all_of_the_interface__are_compared():
    assert declared("event", INTERFACE) - TESTS.first_arguments("event") == set()


@pytest.mark.parametrize("function", functions(INTERFACE, is_view=False))
def test_functions__each_that_acts__has_its_trio_in_its_file(function):
    assert TESTS.has_trio(function)


@pytest.mark.parametrize("function", functions(INTERFACE, is_view=True))
def test_functions__each_view__is_tested(function):
    assert TESTS.has_view(function)
