"""`python -m tests.invariants.oracle`: the oracle and its specification, case by case.

A case is one look at drawn sources at a drawn time for a drawn action, or one call that changes the
feed. Exit code 1 if anything differed, or if a long run never met some state, gate or refusal.
"""

from __future__ import annotations

import argparse
import multiprocessing
import secrets
import sys
import time

from rich.console import Console
from rich.table import Table

from tests.invariants.oracle_runner import Report, run_all, unseen

__all__: list[str] = []

LONG = 200_000
"""Cases after which everything must have been seen."""


def main() -> int:
    """Run, print, and return the exit code."""
    args = _arguments()
    console = Console()
    console.print(f"again: --seed {args.seed} --cases {args.cases} --jobs {args.jobs}")
    total, started = Report(), time.perf_counter()
    with console.status("comparing") as status:
        for report in run_all(args.seed, args.cases, args.jobs):
            total.add(report)
            status.update(f"{total.cases:,} cases compared")
            if total.failure is not None:
                break
    speed = total.cases / (time.perf_counter() - started)

    table = Table(title="What was seen", title_justify="left")
    for column in ("what", "result", "times"):
        table.add_column(column, justify="right" if column == "times" else "left")
    for (what, result), times in sorted(total.seen.items()):
        table.add_row(what, result, f"{times:,}")
    console.print(table)
    console.print(f"{total.cases:,} cases, {speed:,.0f} a second")
    if total.failure is not None:
        seed, message = total.failure
        console.print(f"[red]schedule {seed} differs[/red]: {message}", soft_wrap=True)
        return 1
    missed = unseen(total.seen) if total.cases >= LONG else []
    if missed:
        console.print(f"[red]never seen: {', '.join(missed)}[/red]")
        return 1
    console.print("contract and specification agree")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.invariants.oracle", description=__doc__)
    parser.add_argument("--cases", type=_natural, default=1_000_000, help="of all jobs together")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    parser.add_argument("--jobs", type=_natural, default=multiprocessing.cpu_count())
    return parser.parse_args()


def _natural(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a natural number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
