"""Prove the properties of tests/symbolic with Halmos, and fail on any that does not hold.

Forge compiles (profile `prove`), Halmos runs each `check_` function on all inputs at once, and
tools/bv_as_int.py answers its queries. A counterexample fails; so does a property that nobody could
decide, unless tools/prove_unknown.toml says why, and an entry there that is not needed any more.
A property counts only if Halmos has run it to the end of every loop.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["Property", "main"]

ROOT = Path(__file__).resolve().parents[1]
PROOFS = ROOT / "tests/symbolic"
REPORT = ROOT / ".reports/audit/prove.json"
OUT = ".forge/prove"
ANSWERED = ROOT / ".forge/prove.json"
RESULTS = {
    0: "proven",
    1: "counterexample",
    2: "undecided",
    3: "stuck",
    4: "vacuous",  # every path reverts: nothing was looked at
    5: "error",
}
PROPERTY = re.compile(r"((?:^ *///.*\n)+) *function (check_\w+)\(", re.MULTILINE)
IDENTIFIER = re.compile(r"\b[A-Z]{3,4}-\d\d\b")
SECONDS = 60  # of one query
PATIENCE = 4
"""So many times as long has what was undecided beside others, and is asked again alone."""


@dataclass(frozen=True, slots=True, order=True)
class Property:
    """A proof's file, without its endings, its function and the invariants that it speaks of."""

    file: str
    name: str
    invariants: tuple[str, ...]


def _fail(message: str) -> NoReturn:
    sys.exit(f"prove: {message}")


def _halmos() -> Path:
    own = ROOT / ".venv-tools/bin/halmos"
    found = own if own.exists() else shutil.which("halmos")
    if found is None:
        _fail("Halmos is missing; run `make setup`")
    return Path(found)


def _asked() -> list[Property]:
    return [
        Property(
            path.name.removesuffix(".t.sol"), name, tuple(dict.fromkeys(IDENTIFIER.findall(words)))
        )
        for path in sorted(PROOFS.glob("*.t.sol"))
        for words, name in PROPERTY.findall(path.read_text())
    ]


def _build(environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["forge", "build", "--quiet"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    # Forge's launcher exits 0 even when the build failed, so what it built is counted.
    missing = [
        path.name for path in PROOFS.glob("*.t.sol") if not list((ROOT / OUT / path.name).glob("*"))
    ]
    if done.returncode or missing:
        _fail(f"forge built nothing for {missing or 'some file'}\n{done.stdout}{done.stderr}")


def _run(
    halmos: Path,
    environment: dict[str, str],
    only: str,
    function: str = "check_",
    seconds: int = SECONDS,
) -> dict[tuple[str, str], Any]:
    """What Halmos says of each property, by file and name."""
    python = halmos.with_name("python")
    ANSWERED.unlink(missing_ok=True)
    done = subprocess.run(
        [
            *(str(halmos), "--forge-build-out", OUT, "--match-contract", only or "Proof$"),
            *("--function", function),
            *("--loop", "32", "--no-status", "--solver-timeout-assertion", f"{seconds}s"),
            *("--solver-command", f"{python} {ROOT / 'tools/bv_as_int.py'}"),
            *("--json-output", str(ANSWERED)),
        ],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
        env=environment,
    )
    if not ANSWERED.exists():
        _fail(f"Halmos gave no answer\n{done.stdout}{done.stderr}")
    said = json.loads(ANSWERED.read_text())["test_results"]
    models = [line for line in done.stdout.splitlines() if line.startswith(("Counter", "    p_"))]
    print("\n".join(models), end="\n" if models else "")
    return {
        (
            Path(where.partition(":")[0]).name.removesuffix(".t.sol"),
            item["name"].partition("(")[0],
        ): item
        for where, items in said.items()
        for item in items
    }


def _result(item: Any) -> str:
    if item is None:
        return "not run"
    if item["num_bounded_loops"]:
        return "cut short"  # a loop went on beyond what was looked at
    return RESULTS.get(item["exitcode"], "error")


def _unknown() -> dict[str, str]:
    table = tomllib.loads((ROOT / "tools/prove_unknown.toml").read_text())
    entries = {entry["property"]: entry["reason"].strip() for entry in table.get("unknown", [])}
    for name, reason in entries.items():
        if not reason:
            _fail(f"{name} is undecided without a reason")
    return entries


def main() -> None:
    """Build, prove, compare with what is known to be undecided; write the report."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    started = time.monotonic()
    halmos = _halmos()
    environment = {**os.environ, "FOUNDRY_PROFILE": "prove"}
    subprocess.run(
        [halmos.with_name("python"), "tools/bv_as_int.py", "--check"], cwd=ROOT, check=True
    )
    asked = [p for p in _asked() if not only or re.search(only, f"{p.file}Proof")]
    if not asked:
        _fail("0 proofs")
    _build(environment)
    said = _run(halmos, environment, only)

    unknown = _unknown()
    for p in asked:
        if _result(said.get((p.file, p.name))) == "undecided" and p.name not in unknown:
            alone = (f"^{p.file}Proof$", p.name, PATIENCE * SECONDS)
            said |= _run(halmos, environment, *alone)
    rows: list[list[Any]] = []
    faults: list[str] = []
    for p in asked:
        item = said.get((p.file, p.name))
        result = _result(item)
        seconds = round(item["time"][0], 1) if item else 0.0
        rows.append(
            [p.name.removeprefix("check_"), p.file, ", ".join(p.invariants), result, seconds]
        )
        if result == "proven" and p.name in unknown:
            faults.append(f"{p.name} is proven: tools/prove_unknown.toml need not name it")
        elif result != "proven" and not (result == "undecided" and p.name in unknown):
            faults.append(f"{p.file}: {p.name} {result}")
    faults += [
        f"{name} in tools/prove_unknown.toml is no property"
        for name in sorted(unknown.keys() - {p.name for p in _asked()})
    ]
    for row in rows:
        print("{1:15} {0:68} {2:24} {3:10} {4:6}".format(*row))
    proven = sum(row[3] == "proven" for row in rows)
    whole = round(time.monotonic() - started)
    if not only:
        _write(rows, unknown, proven=proven, seconds=whole, passed=not faults)
    if faults:
        _fail("\n".join(faults))
    print(f"prove: {proven} of {len(rows)} properties proven in {whole} s")


def _write(
    rows: list[list[Any]], unknown: dict[str, str], *, proven: int, seconds: int, passed: bool
) -> None:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "title": "Proofs",
        "passed": passed,
        "looked_at": len(rows),
        "facts": {
            "properties": len(rows),
            "proven": proven,
            "undecided": len(rows) - proven,
            "files": len({row[1] for row in rows}),
            "seconds": seconds,
        },
        "table": {
            "columns": ["property", "library", "invariants", "result", "seconds"],
            "rows": rows,
        },
        "notes": [
            "Widths and bounds of each property: its NatSpec, and docs/proofs.md.",
            *(f"{name}: {reason}" for name, reason in sorted(unknown.items())),
        ],
    }
    REPORT.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
