"""Play the protocol's state machines at random, contracts beside specification, on all cores.

Exit code 1 if something did not hold, or if a long run never met an outcome that it must; 2 for a
bad argument; 130 if it was stopped, after telling what was seen. A fault is written down as a test
in .reports/traces that plays it again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final, NoReturn

from rich.console import Console

from clearing.chain.artifacts import require_current
from clearing.chain.errors import ChainError
from tests.invariants.campaign import Tally, run, share_out
from tests.invariants.fuzz_view import facts, show, watched
from tests.invariants.machines import MACHINES, Machine, MachineMissing
from tests.invariants.script import write

__all__ = ["main"]

ROOT: Final = Path(__file__).resolve().parents[2]
TRACES: Final = Path(".reports") / "traces"
BAD_INPUT: Final = 2
STOPPED: Final = 130
"""As a shell has it for a command that Ctrl-C ended."""
ALL: Final = "all"
STEPS: Final = 100_000
MOST_JOBS: Final = 1_024
PYTEST: Final = (
    *(sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "--rootdir", "."),
    *("-p", "no:cacheprovider"),
)
NO_TESTS: Final = 5
"""Pytest's exit code when a file held none."""


class _OneLine(argparse.ArgumentParser):
    """Tells a bad argument in one line, as all commands of `clearing` do."""

    def error(self, message: str) -> NoReturn:
        _refuse(f"{message}; see clearing fuzz --help")


def _refuse(problem: str) -> NoReturn:
    sys.stderr.write(f"clearing: fuzz: {' '.join(problem.split())}\n")
    sys.exit(BAD_INPUT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit code."""
    args = _parser().parse_args(arguments)
    replay = None if args.replay is None else args.replay.resolve()
    os.chdir(ROOT)
    machines = list(MACHINES.values()) if args.machine == ALL else [MACHINES[args.machine]]
    try:
        require_current()
        return _play(machines, args) if replay is None else _replay(replay)
    except (MachineMissing, ChainError) as error:
        _refuse(str(error))
    except BrokenProcessPool:
        _refuse("a process of the pool died, perhaps for want of memory; give fewer --jobs")


def _play(machines: Sequence[Machine], args: argparse.Namespace) -> int:
    """Play, print, and return the exit code."""
    playable = {machine: machine.load() for machine in machines}
    console = Console(stderr=args.json)
    console.print(f"again: --machine {args.machine} --steps {args.steps} --seed {args.seed}")
    schedules = share_out(machines, args.steps, args.seed)
    tallies = {machine.name: Tally() for machine in machines}
    is_stopped = False
    try:
        for result in watched(run(schedules, args.jobs), schedules, console):
            tallies[result.schedule.machine.name].add(result)
    except KeyboardInterrupt:
        is_stopped = True

    scripts = _write_down(tallies, console)
    missed = {
        machine.name: module.unseen(tallies[machine.name].seen)
        for machine, module in playable.items()
        if tallies[machine.name].steps >= machine.long
    }
    told = facts(tallies, missed, scripts)
    if args.json:
        whole = {"seed": args.seed, "steps": args.steps, "jobs": args.jobs, "machines": told}
        sys.stdout.write(json.dumps(whole, indent=2) + "\n")
    else:
        show(told, console)
    if is_stopped:
        return STOPPED
    is_idle = not all(tally.steps for tally in tallies.values())
    return 1 if scripts or any(missed.values()) or is_idle else 0


def _write_down(tallies: Mapping[str, Tally], console: Console) -> dict[str, Path]:
    """Write a script for each machine in which something did not hold."""
    scripts: dict[str, Path] = {}
    for name, tally in tallies.items():
        if tally.faulty is not None:
            with console.status(f"{name} {tally.faulty.schedule.seed}: writing it down"):
                scripts[name] = write(tally.faulty, TRACES)
    return scripts


def _replay(script: Path) -> int:
    """Run a script that an earlier run wrote; 0 when what it found is mended."""
    if script.suffix != ".py" or not script.is_file():
        _refuse(f"{script} is no script; name a test_….py that a run wrote to .reports/traces")
    code = subprocess.run(
        [*PYTEST, str(script)],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # Ape's would start a chain
        check=False,
    ).returncode
    if code == NO_TESTS:
        _refuse(f"{script} holds no test; name a test_….py that a run wrote to .reports/traces")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _OneLine(
        prog="clearing fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--machine", choices=(*MACHINES, ALL), default=ALL, help="what plays (default: all)"
    )
    parser.add_argument(
        "--steps", type=_natural, default=STEPS, help="of all machines together (%(default)s)"
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        default=secrets.randbelow(10**9),
        help="the same seed and steps play the same (default: a fresh one)",
    )
    parser.add_argument(
        "--jobs",
        type=_jobs,
        default=multiprocessing.cpu_count(),
        help="processes at once (default: one for each core)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="run a script that an earlier run wrote"
    )
    return parser


def _natural(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a natural number above 0")
    return int(text)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a natural number")
    return int(text)


def _jobs(text: str) -> int:
    if _natural(text) > MOST_JOBS:
        raise argparse.ArgumentTypeError(f"{text} is more than {MOST_JOBS}")
    return int(text)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    sys.exit(main())
