"""What a part of `make audit` says of itself: one JSON file a part, under .reports/audit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["PartResult", "ResultInvalid", "ResultTable", "Value", "read", "write"]

Value = int | float | str


class ResultInvalid(Exception):
    """A part's file is not there, or does not say what it must; one line."""


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Rows under named columns; numbers are shown to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]


@dataclass(frozen=True, slots=True)
class PartResult:
    """What was looked at, and what came of it."""

    title: str
    passed: bool
    looked_at: int
    """How many things the part examined: tests, steps, proofs, mutants. With 0 it fails."""
    facts: Mapping[str, Value] = field(default_factory=dict)
    table: ResultTable | None = None
    notes: Sequence[str] = ()


def write(path: Path, result: PartResult) -> None:
    """Write a part's file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")


def read(path: Path) -> PartResult:
    """Read a part's file. Raises ResultInvalid."""
    try:
        said = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ResultInvalid(f"wrote no {path.name}") from error
    except ValueError as error:
        raise ResultInvalid(f"{path.name} is no JSON: {error}") from error
    _require(isinstance(said, dict), path, "is no object")
    for name, kind in (("title", str), ("passed", bool), ("looked_at", int)):
        _require(type(said.get(name)) is kind, path, f"has no {name} of type {kind.__name__}")
    facts, notes = said.get("facts") or {}, said.get("notes") or []
    _require(isinstance(facts, dict), path, "has facts that are no object")
    _require(_are_values(list(facts.values())), path, "has facts that are no number or text")
    _require(_are_texts(notes), path, "has notes that are no list of texts")
    return PartResult(
        said["title"],
        said["passed"],
        said["looked_at"],
        facts,
        _table(said.get("table"), path),
        notes,
    )


def _table(said: Any, path: Path) -> ResultTable | None:
    if said is None:
        return None
    _require(isinstance(said, dict), path, "has a table that is no object")
    columns, rows = said.get("columns"), said.get("rows")
    _require(_are_texts(columns) and bool(columns), path, "has a table without columns")
    _require(
        isinstance(rows, list)
        and all(_are_values(row) and len(row) == len(columns) for row in rows),
        path,
        "has a table whose rows do not fit its columns",
    )
    return ResultTable(columns, rows)


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _are_values(values: Any) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, int | float | str) for value in values
    )


def _require(holds: bool, path: Path, problem: str) -> None:  # noqa: FBT001 - a condition, read first
    if not holds:
        raise ResultInvalid(f"{path.name} {problem}")
