"""Mutation runs over the contracts: see docs/mutation.md.

`list` writes tests/mutants/<Group>.toml after plan.toml. `run` compiles each listed mutant and runs
its tests; it fails when one survives that nobody has explained, when an entry's line is gone, and
when nothing was run.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from tools.mutation.listing import Entry, Group, StaleError, choose, plan, read, write
from tools.mutation.trial import Bench, BrokenError, Result, digest, watched

__all__ = ["main"]

ROOT: Final = Path(__file__).resolve().parents[1]
SEED: Final = "clearing"
CACHE: Final = ROOT / ".reports" / "mutants" / "results.json"
REPORT: Final = ROOT / ".reports" / "audit" / "mutants.json"
COLUMNS: Final = ("contract", "operator", "killed", "survived", "explained", "not compiled")
WIDTHS: Final = (24, 12, 8, 10, 11, 12)
Results = dict[str, Result]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0 when the list holds."""
    told = _parsed(arguments)
    groups = [group for group in plan(ROOT) if told.contract in {None, group.name}]
    if told.command == "list":
        for group in groups:
            entries = choose(ROOT, group, SEED)
            write(ROOT, group.name, entries)
            print(f"{group.name}: {len(entries)} mutants")
        return 0
    listed = [(entry, group) for group in groups for entry in read(ROOT, group.name)]
    stale = _stale(entry for entry, _ in listed)
    for problem in stale:
        print(f"stale: {problem}")
    if stale:
        return 1
    if told.command == "check":
        return _checked([entry for entry, _ in listed])
    return _run(told, listed)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("command", choices=("list", "check", "run"))
    parser.add_argument("--contract", help="only this group of plan.toml")
    parser.add_argument("--only", help="only mutants whose id begins so")
    parser.add_argument("--sample", type=int, help="so many of the list, chosen by the seed")
    parser.add_argument("--seed", help="of the sample; without it a fresh one, which is printed")
    parser.add_argument("--known", action="store_true", help="run nothing: tell what is known")
    parser.add_argument("--control", action="store_true", help="try the unchanged contracts first")
    parser.add_argument("--workers", type=int, choices=(1, 2), default=1)
    parser.add_argument("--write", action="store_true", help="write who killed what into the list")
    return parser.parse_args(arguments)


def _stale(entries: Any) -> Sequence[str]:
    problems = []
    for entry in entries:
        try:
            entry.mutated((ROOT / entry.file).read_bytes())
        except (StaleError, FileNotFoundError) as problem:
            problems.append(str(problem))
    return problems


def _checked(entries: Sequence[Entry]) -> int:
    """Tell how the list stands; fail where an entry has no result, or its test is gone."""
    problems = [problem for entry in entries if (problem := _unanswered(entry))]
    for problem in problems:
        print(f"open: {problem}")
    explained = sum(bool(entry.explained) for entry in entries)
    killed = len(entries) - explained - len(problems)
    print(f"mutants: {len(entries)} listed, {killed} killed, {explained} explained")
    return 0 if entries and not problems else 1


def _unanswered(entry: Entry) -> str | None:
    if entry.explained:
        return None
    if not entry.killed_by:
        return f"{entry.id} is neither killed nor explained; `mutants.py run --write` tries it"
    file, _, rest = entry.killed_by.partition("::")
    name = rest.partition("[")[0].partition("::")[0]
    path = ROOT / file
    if path.exists() and re.search(rf"\b{re.escape(name)}\b", path.read_text()):
        return None
    return f"{entry.id} was killed by {entry.killed_by}, which is not there any more; run it again"


def _run(told: argparse.Namespace, listed: Sequence[tuple[Entry, Group]]) -> int:
    chosen = [(entry, group) for entry, group in listed if entry.id.startswith(told.only or "")]
    if told.sample is not None:
        seed = told.seed or secrets.token_hex(4)
        print(f"mutants: a sample of {told.sample}, seed {seed}")
        draw = random.Random(seed)  # noqa: S311 - a choice, no secret
        chosen = draw.sample(chosen, min(told.sample, len(chosen)))
    cache = _cached()
    keys = {entry.id: digest(ROOT, entry, group) for entry, group in chosen}
    results = {
        entry.id: known
        for entry, group in chosen
        if (known := cache.get(keys[entry.id])) and known.watched == watched(ROOT, group, known)
    }
    waiting = [pair for pair in chosen if pair[0].id not in results and not told.known]
    print(f"mutants: {len(chosen)} chosen, {len(results)} known, {len(waiting)} to run", flush=True)
    broken = _tried(told, waiting, keys, results)
    if told.write:
        _write_back(listed, results)
    entries = [entry for entry, _ in chosen]
    return _reported(entries, len(listed), results, broken)


def _tried(
    told: argparse.Namespace,
    waiting: Sequence[tuple[Entry, Group]],
    keys: Mapping[str, str],
    results: Results,
) -> Sequence[str]:
    """Try what waits, and keep each result at once. Returns what could not be tried."""
    lock = threading.Lock()
    problems: list[str] = []
    queue = list(waiting)
    random.Random(0).shuffle(queue)  # noqa: S311 - so that a run cut short has seen every contract
    controls = {group.name: group for _, group in waiting} if told.control else {}

    def control(bench: Bench) -> None:
        while controls:
            name, group = controls.popitem()
            result = bench.control(group)
            print(
                f"control {name}: {result.outcome} {result.by} ({result.seconds:.0f} s)", flush=True
            )
            if result.outcome not in {"survived", "same code"}:
                problems.append(f"{name}: the unchanged contract fails {result.by}")

    def work(_: int) -> None:
        with Bench(ROOT) as bench:
            control(bench)
            while queue:
                with lock:
                    if not queue:
                        return
                    entry, group = queue.pop()
                    left = len(queue)
                try:
                    result = bench.judged(entry, group)
                    result = replace(result, watched=watched(ROOT, group, result))
                except BrokenError as error:
                    problems.append(f"{entry.id}: {error}")
                    continue
                with lock:
                    results[entry.id] = result
                    _keep(keys[entry.id], result)
                text = f"{entry.id}: {result.outcome} {result.by.splitlines()[:1]}"
                print(f"{text} ({result.seconds:.0f} s, {left} left)", flush=True)

    if waiting:
        with ThreadPoolExecutor(told.workers) as pool:
            list(pool.map(work, range(told.workers)))
    return problems


def _cached() -> Results:
    if not CACHE.exists():
        return {}
    return {key: Result(**told) for key, told in json.loads(CACHE.read_text()).items()}


def _keep(key: str, result: Result) -> None:
    """Add a result to those on disk; another run may have added its own meanwhile."""
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    told = {name: asdict(known) for name, known in (_cached() | {key: result}).items()}
    CACHE.write_text(json.dumps(told, indent=1))


def _write_back(listed: Sequence[tuple[Entry, Group]], results: Results) -> None:
    for group in {group.name for _, group in listed}:
        entries = [
            replace(entry, killed_by=results[entry.id].by)
            if entry.id in results and results[entry.id].outcome == "killed"
            else entry
            for entry in read(ROOT, group)
            # What is no program is no mutant.
            if entry.id not in results or results[entry.id].outcome != "not compiled"
        ]
        write(ROOT, group, entries)


def _kind(entry: Entry, results: Results) -> str:
    outcome = results[entry.id].outcome
    return (
        "explained"
        if outcome == "same code" or (outcome == "survived" and entry.explained)
        else outcome
    )


def _reported(
    entries: Sequence[Entry],
    listed: int,
    results: Results,
    broken: Sequence[str],
) -> int:
    """Print and write the table. Returns 1 unless all that was run is killed or explained."""
    ran = [entry for entry in entries if entry.id in results]
    counts = Counter((Path(e.file).stem, e.operator, _kind(e, results)) for e in ran)
    rows = [
        [*place, *(counts[*place, kind] for kind in COLUMNS[2:])]
        for place in sorted({(contract, operator) for contract, operator, _ in counts})
    ]
    survivors = [e.id for e in ran if _kind(e, results) == "survived"]
    wrong = [e.id for e in ran if e.explained and results[e.id].outcome == "killed"]
    waiting = len(entries) - len(ran)
    passed = bool(ran) and not (waiting or survivors or wrong or broken)
    kinds = Counter(_kind(entry, results) for entry in ran)
    facts = {"listed": listed, "run": len(ran), "not run": waiting} | {
        kind: kinds[kind] for kind in COLUMNS[2:]
    }
    facts["seconds a mutant"] = round(sum(results[e.id].seconds for e in ran) / max(len(ran), 1))
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    notes = [
        *(f"survived: {name}" for name in survivors),
        *(f"explained, yet killed: {name}" for name in wrong),
        *broken,
    ]
    report = {
        "title": "Mutants of the contracts",
        "passed": passed,
        "looked_at": len(ran),
        "facts": facts,
        "table": {"columns": list(COLUMNS), "rows": rows},
        "notes": notes,
    }
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
    for row in [COLUMNS, *rows]:
        print("".join(f"{cell!s:<{width}}" for cell, width in zip(row, WIDTHS, strict=True)))
    print("mutants: " + ", ".join(f"{count} {name}" for name, count in facts.items()))
    for note in notes:
        print(note)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
