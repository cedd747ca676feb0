"""Print what a command found: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping

import typer
from rich.console import Console, RenderableType

__all__ = ["print_json", "print_view"]

WIDEST = 1_000


def print_view(view: RenderableType) -> None:
    """Print for people, as wide as it takes: a narrow terminal may wrap a digit, never hide it."""
    needed = Console(width=WIDEST).measure(view).maximum
    Console(width=max(Console().width, needed)).print(view)


def print_json(document: Mapping[str, object]) -> None:
    """Print for programs."""
    typer.echo(json.dumps(document, indent=2))
