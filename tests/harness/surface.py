"""Which names of an interface the tests of a folder meet: read from their source text.

Tests name errors and events by `refusal("…")` and `event("…")`, whose arguments are compared with
what the contract answered; functions by the names of the tests.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clearing.chain.artifacts import abi_of
from clearing.channel.words import snake_case

__all__ = ["Surface", "declared", "functions"]

VIEWS = frozenset({"view", "pure"})


def declared(kind: str, *interfaces: str) -> set[str]:
    """Return the names of all entries of a kind in the interfaces."""
    return {entry["name"] for name in interfaces for entry in abi_of(name) if entry["type"] == kind}


def functions(interface: str, *, is_view: bool) -> list[str]:
    """Return the names of the functions that only look, or of those that act."""
    return sorted(
        {
            entry["name"]
            for entry in abi_of(interface)
            if entry["type"] == "function" and (entry["stateMutability"] in VIEWS) == is_view
        }
    )


@dataclass(frozen=True)
class Surface:
    """The test files of one folder."""

    folder: Path

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """The syntax trees by file name."""
        return {
            path.name: ast.parse(path.read_text(encoding="utf-8"))
            for path in self.folder.glob("test_*.py")
        }

    def first_arguments(self, function: str) -> set[str]:
        """Return the literal first arguments of all calls of a helper."""
        return {
            call.args[0].value
            for tree in self.trees.values()
            for call in ast.walk(tree)
            if isinstance(call, ast.Call)
            and function in {getattr(call.func, "id", None), getattr(call.func, "attr", None)}
            and call.args
            and isinstance(call.args[0], ast.Constant)
            and isinstance(call.args[0].value, str)
        }

    def names_in(self, file: str) -> Iterator[str]:
        """Return the names of the tests in a file; none if there is no such file."""
        tree = self.trees.get(file, ast.Module([], []))
        return (
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        )

    def outcomes_of(self, function: str) -> list[str]:
        """Return how the tests of a function's own file say that it ends."""
        name = snake_case(function)
        return [
            test.split("__")[-1]
            for test in self.names_in(f"test_{name}.py")
            if test.startswith(f"test_{name}__")
        ]

    def has_trio(self, function: str) -> bool:
        """Return whether its file shows that it changes, that it emits, and that it refuses."""
        outcomes = self.outcomes_of(function)
        emits, refuses = (
            [word in outcome for outcome in outcomes] for word in ("emits", "refused")
        )
        changes = [not any(pair) for pair in zip(emits, refuses, strict=True)]
        return any(emits) and any(refuses) and any(changes)

    def has_view(self, function: str) -> bool:
        """Return whether test_views.py has a test of it."""
        prefix = f"test_{snake_case(function)}__"
        return any(test.startswith(prefix) for test in self.names_in("test_views.py"))
