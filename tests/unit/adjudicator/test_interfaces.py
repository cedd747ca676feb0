"""The interfaces as a whole: no function, event or error is without a test that names it.

Tests name errors and events by `refusal("…")` and `event("…")`, whose arguments are compared with
what the contract answered; functions by the names of the tests.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from clearing.chain.artifacts import abi_of
from clearing.channel.words import snake_case

HERE = Path(__file__).parent
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in HERE.glob("test_*.py")}
INTERFACES = ("IAdjudicator", "IAssetVault", "IEscrowPayment")
BY_LIBRARIES = {"ReentrancyGuardReentrantCall", "SafeERC20FailedOperation"}
"""Errors of OpenZeppelin's that a caller can meet; the others guard what cannot happen here."""


def declared(kind: str) -> set[str]:
    """Return the names of all entries of a kind in the interfaces."""
    return {entry["name"] for name in INTERFACES for entry in abi_of(name) if entry["type"] == kind}


def first_arguments(function: str) -> set[str]:
    """Return the literal first arguments of all calls of a helper in the tests here."""
    return {
        call.args[0].value
        for tree in TREES.values()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and function in {getattr(call.func, "id", None), getattr(call.func, "attr", None)}
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def names_in(name: str) -> Iterator[str]:
    """Return the names of the tests in a file."""
    tree = TREES.get(HERE / name, ast.Module([], []))
    return (
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def functions(*, is_view: bool) -> list[str]:
    """Return the names of the functions that only look, or of those that act."""
    return sorted(
        {
            entry["name"]
            for entry in abi_of("IAdjudicator")
            if entry["type"] == "function"
            and (entry["stateMutability"] in {"view", "pure"}) == is_view
        }
    )


def test_errors__all_of_the_interfaces__are_met():
    missing = (declared("error") | BY_LIBRARIES) - first_arguments("refusal")

    assert missing == set()


def test_events__all_of_the_interfaces__are_compared():
    assert declared("event") - first_arguments("event") == set()


@pytest.mark.parametrize("function", functions(is_view=False))
def test_functions__each_that_acts__has_its_trio_in_its_file(function):
    """It changes what it says, emits what it says, and refuses."""
    name = snake_case(function)

    outcomes = [
        test.split("__")[-1]
        for test in names_in(f"test_{name}.py")
        if test.startswith(f"test_{name}__")
    ]

    assert any("emits" in outcome for outcome in outcomes)
    assert any("refused" in outcome for outcome in outcomes)
    assert any("emits" not in outcome and "refused" not in outcome for outcome in outcomes)


@pytest.mark.parametrize("function", functions(is_view=True))
def test_functions__each_view__is_tested(function):
    prefix = f"test_{snake_case(function)}__"

    assert any(test.startswith(prefix) for test in names_in("test_views.py"))


def test_functions__both_overloads__are_called():
    """Only `challenge` has two, and they are told apart by the number of their arguments."""
    sizes = [
        len(entry["inputs"])
        for entry in abi_of("IAdjudicator")
        if entry["type"] == "function" and entry["name"] == "challenge"
    ]

    assert sorted(sizes) == [3, 4]
    assert len(functions(is_view=False)) + 1 == sum(
        entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
        for entry in abi_of("IAdjudicator")
    )
