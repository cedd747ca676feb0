"""The interfaces as a whole: no function, event or error is without a test that names it."""

from pathlib import Path

import pytest

from clearing.chain.artifacts import abi_of
from tests.harness.surface import Surface, declared, functions

INTERFACES = ("IAdjudicator", "IAssetVault", "IEscrowPayment")
BY_LIBRARIES = {"ReentrancyGuardReentrantCall", "SafeERC20FailedOperation"}
"""Errors of OpenZeppelin's that a caller can meet; the others guard what cannot happen here."""
TESTS = Surface(Path(__file__).parent)


def test_errors__all_of_the_interfaces__are_met():
    wanted = declared("error", *INTERFACES) | BY_LIBRARIES

    assert wanted - TESTS.first_arguments("refusal") == set()


def test_events__all_of_the_interfaces__are_compared():
    assert declared("event", *INTERFACES) - TESTS.first_arguments("event") == set()


@pytest.mark.parametrize("function", functions("IAdjudicator", is_view=False))
def test_functions__each_that_acts__has_its_trio_in_its_file(function):
    assert TESTS.has_trio(function)


@pytest.mark.parametrize("function", functions("IAdjudicator", is_view=True))
def test_functions__each_view__is_tested(function):
    assert TESTS.has_view(function)


def test_functions__both_overloads__are_called():
    """Only `challenge` has two, and they are told apart by the number of their arguments."""
    sizes = [
        len(entry["inputs"])
        for entry in abi_of("IAdjudicator")
        if entry["type"] == "function" and entry["name"] == "challenge"
    ]

    assert sorted(sizes) == [3, 4]
    assert len(functions("IAdjudicator", is_view=False)) + 1 == sum(
        entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
        for entry in abi_of("IAdjudicator")
    )
