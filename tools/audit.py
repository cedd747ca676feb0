"""`make audit`: run every part, go on after one that fails, and write docs/audit-report.md.

Exit code 1 if a part failed, wrote nothing, or looked at nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tools.audit_parts import FOLDER, PARTS, PROFILES, ROOT, Part, Profile
from tools.audit_report import PartRun, Run, complaints, render, write_run
from tools.audit_result import write

__all__ = ["main", "run_part"]

REPORT: Final = Path("docs") / "audit-report.md"
BAD_INPUT: Final = 2
KILLED: Final = 128
"""What a shell adds to the number of the signal that ended a command."""
TIMED_OUT: Final = 124
"""As `timeout` has it."""
LOOK_EVERY_S: Final = 0.5
WIDEST: Final = 60


def main() -> int:
    """Run, print, and return the exit code."""
    args = _arguments()
    os.chdir(ROOT)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    profile = PROFILES[args.profile]
    parts = [PARTS[name] for name in args.only or PARTS]
    console = Console(soft_wrap=True)
    shutil.rmtree(FOLDER, ignore_errors=True)  # what an earlier run wrote says nothing of this one
    FOLDER.mkdir(parents=True)
    commit, date = _commit(), datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")

    runs: list[PartRun] = []
    with _progress(console) as progress:
        task = progress.add_task("audit", total=len(parts), said="")
        for part in parts:
            runs.append(_run_and_tell(part, profile, args.seed, progress))
            progress.advance(task)
        progress.update(task, description="audit", said="")

    run = Run(date, commit, profile.name, args.seed, _machine(), runs)
    write_run(FOLDER, run)
    names = [part.name for part in parts]
    wrong = complaints(run, names, FOLDER)
    report = FOLDER / "report.md" if args.only else REPORT
    report.write_text(render(run, names, FOLDER), encoding="utf-8")
    for name, problems in wrong.items():
        console.print(f"[red]{name}: {'; '.join(problems)}[/red] (output: {FOLDER}/{name}.*)")
    console.print(f"{len(names) - len(wrong)} of {len(names)} parts passed; written: {report}")
    return 1 if wrong else 0


def run_part(part: Part, profile: Profile, seed: int, progress: Progress | None = None) -> PartRun:
    """Run a part's command, keep what it prints, and write its result if it does not do so."""
    command = part.command(profile, seed)
    started = time.monotonic()
    out, err = FOLDER / f"{part.name}.out", FOLDER / f"{part.name}.err"
    with out.open("w", encoding="utf-8") as said, err.open("w", encoding="utf-8") as complained:
        code = _run(command, profile, (said, complained), progress)
    if part.result is not None:
        write(FOLDER / f"{part.name}.json", part.result(out.read_text("utf-8", errors="replace")))
    return PartRun(part.name, " ".join(command), code, round(time.monotonic() - started, 1))


def _run_and_tell(part: Part, profile: Profile, seed: int, progress: Progress) -> PartRun:
    for task in progress.task_ids:
        progress.update(task, description=part.name, said="")
    ran = run_part(part, profile, seed, progress)
    verdict = f"exit code {ran.exit_code}" if ran.exit_code else "done"
    progress.console.print(f"{part.name}: {verdict} in {ran.seconds:,.0f} s")
    return ran


def _run(
    command: Sequence[str],
    profile: Profile,
    outputs: tuple[TextIO, TextIO],
    progress: Progress | None,
) -> int:
    """Run a command in a group of its own, so that whatever it starts ends with it."""
    said, complained = outputs
    environment = {**os.environ, "HYPOTHESIS_PROFILE": profile.hypothesis, "PYTHONUNBUFFERED": "1"}
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        environment.pop(name, None)
    deadline = time.monotonic() + profile.limit_s
    process = subprocess.Popen(
        command, env=environment, stdout=said, stderr=complained, start_new_session=True
    )
    try:
        while process.poll() is None and time.monotonic() < deadline:
            _tell(Path(said.name), progress)
            time.sleep(LOOK_EVERY_S)
        if process.returncode is not None:
            return process.returncode
        complained.write(f"audit: stopped after {profile.limit_s} s\n")
        return TIMED_OUT
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _stop(number: int, _frame: FrameType | None) -> None:
    """Unwind the stack, so that what was started is ended."""
    sys.exit(KILLED + number)


def _tell(path: Path, progress: Progress | None) -> None:
    """Show the last line that a part printed."""
    if progress is None:
        return
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4 * WIDEST))
        lines = file.read().decode("utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    for task in progress.task_ids:
        progress.update(task, said=last[-WIDEST:])


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}", markup=False),
        console=console,
    )


def _commit() -> str:
    """Return the commit that is looked at, and whether files differ from it."""
    head = _git("rev-parse", "--short=12", "HEAD") or "unknown"
    changed = _git("status", "--porcelain", "--", ".", f":!{REPORT}")
    return f"{head}, with changes that are not committed" if changed else head


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _machine() -> str:
    system, python = platform.system(), platform.python_version()
    return f"{os.cpu_count()} cores, {system}, Python {python}"


class _OneLine(argparse.ArgumentParser):
    """Tells a bad argument in one line."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"audit: {message}; see docs/audit.md\n")
        sys.exit(BAD_INPUT)


def _arguments() -> argparse.Namespace:
    parser = _OneLine(prog="python -m tools.audit", description=__doc__)
    parser.add_argument("--profile", choices=PROFILES, default="ci", help="how much is done")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**9), help="of the machines"
    )
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="a part to run alone; leaves docs/ be"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
