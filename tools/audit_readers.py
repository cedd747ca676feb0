"""How the output of an audit's part becomes a result: what was looked at, and what came of it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tools.audit_result import PartResult, ResultTable, Value

__all__ = ["coverage_result", "fuzz_result", "junit_result", "slither_result", "snapshots_result"]

MANY: Final = 10
"""Failed tests that are named; the rest are in the part's output."""


def junit_result(title: str, path: Path) -> PartResult:
    """Return what a run of pytest came to, folder by folder; a skipped test looked at nothing."""
    if not path.exists():
        return PartResult(title, passed=False, looked_at=0, notes=[f"pytest wrote no {path.name}"])
    counts: Counter[tuple[str, str]] = Counter()
    seconds: dict[str, float] = {}
    failed: list[str] = []
    for case in ET.parse(path).iter("testcase"):  # noqa: S314 - written by our own pytest
        module = case.get("classname", "")
        folder = "/".join(module.split(".")[:2])
        verdict = _verdict(case)
        counts[folder, verdict] += 1
        seconds[folder] = seconds.get(folder, 0) + float(case.get("time", 0))
        if verdict == "failed":
            failed.append(f"failed: {module}.{case.get('name')}")
    ran = sum(count for (_, verdict), count in counts.items() if verdict != "skipped")
    verdicts = ("passed", "failed", "skipped")
    rows: list[list[Value]] = [
        [folder, *(counts[folder, verdict] for verdict in verdicts), round(seconds[folder])]
        for folder in sorted(seconds)
    ]
    table = ResultTable(("tests in", *verdicts, "seconds"), rows)
    return PartResult(title, not failed, ran, {"tests that ran": ran}, table, failed[:MANY])


def _verdict(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def fuzz_result(output: str) -> PartResult:
    """Return what the machines met: each move and what became of it."""
    title = "Machines played at random, contracts beside specification"
    told = _json(output)
    if told is None:
        return PartResult(title, passed=False, looked_at=0, notes=["clearing fuzz told nothing"])
    machines: Mapping[str, Any] = told["machines"]
    facts: dict[str, Value] = {"seed": str(told["seed"])}
    rows, notes = [], []
    for name, of in machines.items():
        speed = of["steps_per_s_per_core"]
        facts[name] = f"{of['steps']:,} steps, {speed:,} in a second of a core"
        for move, results in of["met"].items():
            others = {result: count for result, count in results.items() if result != "accepted"}
            how = ", ".join(f"{result} {count:,}" for result, count in others.items())
            rows.append((name, move, results.get("accepted", 0), sum(others.values()), how))
        if of["unseen"]:
            notes.append(f"{name}: never met: {', '.join(of['unseen'])}")
        if of["fault"] is not None:
            fault = of["fault"]
            notes.append(f"{name}, schedule {fault['seed']}: `{fault['script']}` plays it again")
    idle = [name for name, of in machines.items() if not of["steps"]]
    notes += [f"{name}: made no step" for name in idle]
    steps = 0 if idle else sum(of["steps"] for of in machines.values())
    table = ResultTable(("machine", "move", "accepted", "otherwise", "how"), rows)
    return PartResult(title, not notes, steps, facts, table, notes)


def _json(output: str) -> Any:
    try:
        return json.loads(output)
    except ValueError:
        return None


def slither_result(output: str) -> PartResult:
    """Return how many contracts Slither analysed, and how many findings are answered."""
    found = re.search(r"slither: (\d+) contracts analysed, (\d+) findings", output)
    title = "Slither: every finding of high or medium impact is mended or answered"
    if found is None:
        return PartResult(title, passed=False, looked_at=0)
    contracts, findings = int(found[1]), int(found[2])
    facts = {"contracts analysed": contracts, "findings, each answered": findings}
    return PartResult(
        title,
        passed=True,
        looked_at=contracts,
        facts=facts,
        notes=["Answers: `tools/slither_triage.toml`."],
    )


def snapshots_result(output: str, junit: Path) -> PartResult:
    """Return how many contracts' sizes and layouts, and how many gas figures' tests, were held."""
    title = "Gas, code size and storage layout are those of snapshots/"
    found = re.search(r"snapshot: size and storage layout of (\d+) contracts", output)
    contracts = 0 if found is None else int(found[1])
    gas = junit_result(title, junit)
    both = contracts and gas.looked_at
    facts = {"contracts": contracts, "tests of gas": gas.looked_at}
    return PartResult(
        title,
        bool(both) and gas.passed,
        contracts + gas.looked_at if both else 0,
        facts,
        notes=gas.notes,
    )


def coverage_result(output: str) -> PartResult:
    """Return the share of each Vyper contract's statements that ran."""
    title = "Vyper statements that the unit tests run"
    line = re.compile(
        r"^(contracts/\S+\.vy) ([\d.]+) % of (\d+)(?:, never ran: lines (.*))?$", re.MULTILINE
    )
    rows = [
        (name, float(share), int(of), missed) for name, share, of, missed in line.findall(output)
    ]
    bound = re.search(r"\(bound (\d+) %\)", output)
    least = int(bound[1]) if bound is not None else 100
    statements = sum(of for _, _, of, _ in rows)
    is_met = bool(rows) and all(share >= least for _, share, _, _ in rows)
    table = ResultTable(("contract", "per cent", "statements", "lines that never ran"), rows)
    return PartResult(title, is_met, statements, {"bound in per cent": least}, table)
