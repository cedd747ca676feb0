"""What `clearing fuzz` shows and tells programs: a bar a machine, and a table of what was met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from tests.harness.results import ACCEPTED
from tests.invariants.campaign import Result, Schedule, Tally
from tests.invariants.played import Seen

__all__ = ["by_move", "facts", "show", "watched"]


def watched(
    results: Iterable[Result], schedules: Iterable[Schedule], console: Console
) -> Iterator[Result]:
    """Pass the results on while a bar for each machine moves."""
    totals: dict[str, int] = {}
    for schedule in schedules:
        name = schedule.machine.name
        totals[name] = totals.get(name, 0) + schedule.steps
    with Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        tasks = {name: progress.add_task(name, total=total) for name, total in totals.items()}
        for result in results:
            task = tasks[result.schedule.machine.name]
            progress.advance(task, result.schedule.steps)
            if result.played.fault is not None:
                progress.stop_task(task)
            yield result


def by_move(seen: Seen) -> dict[str, dict[str, int]]:
    """Return the counts by move, the most frequent result first."""
    table: dict[str, dict[str, int]] = {}
    for (move, result), count in sorted(seen.items(), key=lambda item: (item[0][0], -item[1])):
        table.setdefault(move, {})[result] = count
    return table


def facts(
    tallies: Mapping[str, Tally], missed: Mapping[str, list[str]], scripts: Mapping[str, Path]
) -> dict[str, Any]:
    """Return what each machine came to, as JSON has it."""
    return {
        name: {
            "steps": tally.steps,
            "schedules": tally.schedules,
            "steps_per_s_per_core": tally.steps_per_s,
            "met": by_move(tally.seen),
            "unseen": missed.get(name, []),
            "fault": None if tally.faulty is None else _fault(tally.faulty, scripts[name]),
        }
        for name, tally in tallies.items()
    }


def _fault(found: Result, script: Path) -> dict[str, Any]:
    fault = found.played.fault
    assert fault is not None, "a tally's faulty result has a fault"
    return {
        "seed": found.schedule.seed,
        "steps": found.schedule.steps,
        "step": fault.step,
        "message": fault.message,
        "script": str(script),
    }


def show(machines: Mapping[str, Any], console: Console) -> None:
    """Print what `facts` gave: a table a machine, then its speed and its findings."""
    for name, of in machines.items():
        table = Table(title=f"{name}: what was met", title_justify="left")
        for column in ("move", "accepted", "otherwise", "how"):
            is_number = column in {"accepted", "otherwise"}
            table.add_column(column, justify="right" if is_number else "left")
        for move, results in of["met"].items():
            others = {result: count for result, count in results.items() if result != ACCEPTED}
            how = ", ".join(f"{result} {count:,}" for result, count in others.items())
            table.add_row(move, f"{results.get(ACCEPTED, 0):,}", f"{sum(others.values()):,}", how)
        console.print(table)
        speed = of["steps_per_s_per_core"]
        console.print(f"{name}: {of['steps']:,} steps, {speed:,} in a second of a core")
        if of["unseen"]:
            console.print(f"[red]never met: {', '.join(of['unseen'])}[/red]", soft_wrap=True)
        if of["fault"] is not None:
            fault = of["fault"]
            where = f"[red]schedule {fault['seed']}, step {fault['step']}:[/red]"
            console.print(f"{where} {escape(fault['message'])}", soft_wrap=True)
            console.print(f"again: clearing fuzz --replay {fault['script']}", soft_wrap=True)
        elif not of["steps"]:
            console.print(f"[red]{name}: made no step[/red]")
        elif not of["unseen"]:
            console.print(f"{name}: nothing found")
