"""Run Slither over the Solidity and fail on any high or medium finding that nobody has answered.

Answers live in tools/slither_triage.toml, one per detector and function, each with its reason; an
answer that no finding needs any more fails too. Slither succeeds silently when it finds nothing to
analyse, so what it analysed is counted.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tools.solidity import SOLC_VERSION, ask, our_files

__all__ = ["Finding", "main"]

ROOT = Path(__file__).resolve().parents[1]
OUT = ".forge/slither"
NOT_OURS = r"node_modules|\.cache|contracts/mocks"  # a mock's faults are its job
GATED = {"High", "Medium"}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A detector and where it spoke: `Contract.function`."""

    check: str
    where: str


def _fail(message: str) -> NoReturn:
    sys.exit(f"slither: {message}")


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _build() -> int:
    """Write what Slither reads, in the form of a Forge build; return how many files are ours.

    It has the syntax trees and no code: no detector looks at a byte of it, and making it takes as
    long as all the rest.
    """
    answer = ask({"*": {"": ["ast"], "*": ["abi", "userdoc", "devdoc"]}})
    nothing = {"object": "", "sourceMap": ""}
    for contracts in answer["contracts"].values():
        for contract in contracts.values():
            contract["evm"] = {"bytecode": nothing, "deployedBytecode": nothing}
    build = {
        "solcVersion": SOLC_VERSION,
        "input": {
            "language": "Solidity",
            "settings": {"optimizer": {"enabled": True}, "viaIR": True},
        },
        "output": answer,
    }
    # An earlier build would be read beside the new one.
    shutil.rmtree(ROOT / OUT, ignore_errors=True)
    (ROOT / OUT / "build-info").mkdir(parents=True)
    (ROOT / OUT / "build-info/trees.json").write_text(json.dumps(build), "utf-8")
    return len(our_files())


def _where(element: dict[str, Any]) -> str:
    parent = element.get("type_specific_fields", {}).get("parent", {})
    if element["type"] in {"contract", "pragma"} or "name" not in parent:
        return str(element["name"])
    if element["type"] == "node":
        grand = parent.get("type_specific_fields", {}).get("parent", {})
        return f"{grand.get('name', '')}.{parent['name']}"
    return f"{parent['name']}.{element['name']}"


def _analyse() -> tuple[int, dict[Finding, str]]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        text = _run(
            *("slither", ".", "--foundry-ignore-compile", "--foundry-out-directory", OUT),
            *("--filter-paths", NOT_OURS, "--json", str(report), "--fail-none"),
        )
        analysed = re.search(r"analyzed \((\d+) contracts", text)
        if analysed is None or not report.exists():
            _fail(f"did not finish\n{text}")
        result = json.loads(report.read_text())
    if not result["success"]:
        _fail(str(result["error"]))
    found = {
        Finding(
            item["check"], _where(item["elements"][0])
        ): f"{item['impact']}: {item['description']}"
        for item in result["results"].get("detectors", [])
        if item["impact"] in GATED
    }
    return int(analysed[1]), found


def _triage() -> tuple[set[Finding], set[Finding]]:
    """Return what is answered, and which of it may be missing."""
    table = tomllib.loads((ROOT / "tools/slither_triage.toml").read_text())
    for entry in table.get("accepted", []):
        if not entry["reason"].strip():
            _fail(f"{entry['check']} at {entry['where']} is accepted without a reason")
    answers = {
        Finding(entry["check"], entry["where"]): entry.get("wavers", False)
        for entry in table.get("accepted", [])
    }
    return set(answers), {finding for finding, wavers in answers.items() if wavers}


def main() -> None:
    """Build, analyse, compare with the answers; exit 1 and name each difference."""
    n_files = _build()
    analysed, found = _analyse()
    if not 0 < n_files <= analysed:
        _fail(f"analysed {analysed} contracts of {n_files} files")
    answered, wavering = _triage()
    open_ = [
        f"{finding.check} at {finding.where}\n  {found[finding]}"
        for finding in sorted(found.keys() - answered)
    ]
    unneeded = sorted(answered - wavering - found.keys())
    stale = [f"{finding.check} at {finding.where}" for finding in unneeded]
    if open_:
        _fail(
            f"{len(open_)} findings without an answer in tools/slither_triage.toml\n"
            + "\n".join(open_)
        )
    if stale:
        _fail("answers that no finding needs in tools/slither_triage.toml: " + ", ".join(stale))
    print(f"slither: {analysed} contracts analysed, {len(found)} findings, each answered")


if __name__ == "__main__":
    main()
