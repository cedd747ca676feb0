"""Render docs/audit-report.md of what the parts of `make audit` wrote, and say what did not hold.

A part that wrote nothing, looked at nothing, failed, or ended badly makes the whole fail.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.audit_result import PartResult, ResultInvalid, Value, read

__all__ = ["PartRun", "Run", "complaints", "read_run", "render", "write_run"]

HOW = "How to run it, and what each part shows: [audit.md](audit.md)."


@dataclass(frozen=True, slots=True)
class PartRun:
    """That a part was run."""

    name: str
    command: str
    exit_code: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the audit, its parts in order."""

    date: str
    commit: str
    profile: str
    seed: int
    machine: str
    parts: Sequence[PartRun]


def write_run(folder: Path, run: Run) -> None:
    """Keep what was run beside what the parts wrote."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(asdict(run), indent=2) + "\n", encoding="utf-8")


def read_run(folder: Path) -> Run:
    """Read what `write_run` kept."""
    said: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    return Run(**{**said, "parts": [PartRun(**part) for part in said["parts"]]})


def complaints(run: Run, wanted: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """Return what is wrong with each part of those that are wanted; nothing of the good ones."""
    ran = {part.name: part for part in run.parts}
    found: dict[str, list[str]] = {}
    for name in wanted:
        wrong = list(_wrong_with(ran.get(name), folder / f"{name}.json"))
        if wrong:
            found[name] = wrong
    if not wanted:
        found["audit"] = ["has no parts"]
    return found


def _wrong_with(part: PartRun | None, path: Path) -> Iterator[str]:
    if part is None:
        yield "was not run"
        return
    if part.exit_code:
        yield f"ended with exit code {part.exit_code}"
    try:
        result = read(path)
    except ResultInvalid as error:
        yield str(error)
        return
    if result.looked_at <= 0:
        yield "looked at nothing"
    if not result.passed:
        yield "did not pass"


def render(run: Run, wanted: Sequence[str], folder: Path) -> str:
    """Return the report as Markdown."""
    wrong = complaints(run, wanted, folder)
    results = {name: _result(folder / f"{name}.json") for name in wanted}
    verdict = (
        f"**{len(wrong)} of {len(wanted)} parts did not pass.**" if wrong else "Every part passed."
    )
    lines = [
        "# Audit report",
        "",
        f"Written by `make audit PROFILE={run.profile}`. {HOW}",
        "",
        *_listed(
            {
                "date": run.date,
                "commit": run.commit,
                "profile": run.profile,
                "seed of `clearing fuzz`": str(run.seed),
                "machine": run.machine,
                "time": _time(sum(part.seconds for part in run.parts)),
            }
        ),
        "",
        verdict,
        "",
        *_summary(run, results, wrong),
    ]
    for name, result in results.items():
        lines += ["", *_section(name, result, wrong.get(name, []))]
    return "\n".join(lines) + "\n"


def _result(path: Path) -> PartResult | None:
    try:
        return read(path)
    except ResultInvalid:
        return None


def _summary(
    run: Run, results: Mapping[str, PartResult | None], wrong: Mapping[str, list[str]]
) -> Iterator[str]:
    seconds = {part.name: part.seconds for part in run.parts}
    rows = [
        (
            f"[{name}](#{name})",
            "–" if result is None else result.title,
            0 if result is None else result.looked_at,
            _time(seconds.get(name, 0)),
            "; ".join(wrong.get(name, ["passed"])),
        )
        for name, result in results.items()
    ]
    return _table(("part", "what it shows", "looked at", "time", "verdict"), rows)


def _section(name: str, result: PartResult | None, wrong: Sequence[str]) -> Iterator[str]:
    yield f"## {name}"
    yield ""
    if wrong:
        yield f"**{'; '.join(wrong)}**"
        yield ""
    if result is None:
        yield f"Nothing is known of it; its output is in `.reports/audit/{name}.out` and `.err`."
        return
    yield f"{result.title}."
    if result.facts:
        yield ""
        yield from _listed(result.facts)
    if result.table is not None:
        yield ""
        yield from _table(result.table.columns, result.table.rows)
    for note in result.notes:
        yield ""
        yield _safe(note)


def _listed(facts: Mapping[str, Value]) -> Iterator[str]:
    for name, value in facts.items():
        yield f"* {name}: {_shown(value)}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> Iterator[str]:
    """Lay out a table; a column of numbers alone stands to the right."""
    are_numbers = [
        bool(rows) and all(not isinstance(row[at], str) for row in rows)
        for at in range(len(columns))
    ]
    yield f"| {' | '.join(map(_cell, columns))} |"
    yield f"|{'|'.join('---:' if is_number else '---' for is_number in are_numbers)}|"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(value: Value) -> str:
    return _shown(value).replace("|", "\\|")


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _safe(value) if isinstance(value, str) else f"{value:,}"


def _safe(text: str) -> str:
    """Return the text in one line."""
    return " ".join(text.split())


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
