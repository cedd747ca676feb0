"""`python -m tests.invariants`: the channel machine for as many steps as there is patience.

Exit code 1 if a schedule failed, or if a long run never saw some function accepted or error raised.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import secrets
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from tests.invariants.arena import arena
from tests.invariants.coverage import by_function, unseen
from tests.invariants.jobs import run_all
from tests.invariants.runner import Failure, Report
from tests.invariants.trace import dump, fault_of, shrunk

__all__: list[str] = []

LONG = 50_000
"""Steps after which everything must have been seen."""
TRACES = Path(".build") / "traces"


def main() -> int:
    """Run, print, and return the exit code."""
    args = _arguments()
    console = Console(stderr=args.json)
    seeds = [args.seed + job for job in range(args.jobs)]
    console.print(f"seeds {', '.join(map(str, seeds))}; again: --seed {args.seed}")
    reports = _run(seeds, args.steps // args.jobs, console)

    seen: Counter[tuple[str, str]] = sum((report.seen for report in reports), Counter())
    steps = sum(report.steps for report in reports)
    missed = unseen(seen) if steps >= LONG else []
    failures = [report.failure for report in reports if report.failure is not None]
    traces = [_keep(failure, console) for failure in failures]
    facts = {
        "seeds": seeds,
        "steps": steps,
        "steps_per_s_per_core": [round(report.steps_per_s) for report in reports],
        "seen": by_function(seen),
        "unseen": missed,
        "failures": [
            {"seed": failure.seed, "message": failure.message, "trace": str(trace)}
            for failure, trace in zip(failures, traces, strict=True)
        ],
    }
    if args.json:
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
    else:
        _show(facts, console)
    return 1 if failures or missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.invariants", description=__doc__)
    parser.add_argument("--steps", type=_natural, default=100_000, help="of all jobs together")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    parser.add_argument("--jobs", type=_natural, default=multiprocessing.cpu_count())
    parser.add_argument("--json", action="store_true", help="the facts, for programs")
    return parser.parse_args()


def _natural(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a natural number above 0")
    return int(text)


# WHAT IS SHOWN AND KEPT


def _run(seeds: list[int], steps: int, console: Console) -> list[Report]:
    with _progress(console) as progress:
        tasks = [progress.add_task(f"seed {seed}", total=steps) for seed in seeds]
        return run_all(seeds, steps, lambda at, count: progress.advance(tasks[at], count))


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _keep(failure: Failure, console: Console) -> Path:
    """Cut a failing schedule down and write it where it can be replayed from."""
    here = arena()
    kind = failure.kind
    with console.status(f"{failure.seed} failed: leaving out what does not matter"):
        short = shrunk(failure.schedule, lambda schedule: kind in (fault_of(here, schedule) or ""))
    path = TRACES / f"{failure.seed.replace('/', '-')}.json"
    dump(path, short, fault_of(here, short) or failure.message)
    console.print(f"[red]{failure.message}[/red]")
    console.print(f"seed {failure.seed}: {len(short)} actions are enough, kept in {path}")
    return path


def _show(facts: dict[str, Any], console: Console) -> None:
    table = Table(title="What was seen", title_justify="left")
    for column in ("function", "accepted", "refused", "why"):
        table.add_column(column, justify="right" if column in {"accepted", "refused"} else "left")
    for function, results in facts["seen"].items():
        accepted = results.pop("accepted", 0)
        why = ", ".join(f"{name} {count:,}" for name, count in results.items())
        table.add_row(function, f"{accepted:,}", f"{sum(results.values()):,}", why)
    console.print(table)
    speeds = ", ".join(f"{speed:,}" for speed in facts["steps_per_s_per_core"])
    console.print(f"{facts['steps']:,} steps; a second and core: {speeds}")
    if facts["unseen"]:
        console.print(f"[red]never seen: {', '.join(facts['unseen'])}[/red]")
    elif not facts["failures"]:
        console.print("nothing found")


if __name__ == "__main__":
    sys.exit(main())
