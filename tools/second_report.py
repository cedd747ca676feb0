"""Say in .reports/audit/second.json what the independent checks came to.

Reads the junit that `make second` wrote. Fails if a check failed, was skipped, or none ran.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

__all__ = ["main", "report_of"]

ROOT = Path(__file__).resolve().parents[1]
JUNIT = ROOT / ".reports/second.xml"
RESULT = ROOT / ".reports/audit/second.json"
AGAINST = {
    "test_commitments": ("trees and ids", "a tree from the top down; eth_abi"),
    "test_every_signed_type": ("signed types", "a scan of all sources"),
    "test_funding": ("funding, premium", "seconds in exact fractions"),
    "test_gas": ("gas, events, state", "py-evm, from anvil's transactions"),
    "test_keys": ("signatures, keccak", "pure Python, OpenSSL, pycryptodome"),
    "test_risk": ("factors, margins", "NumPy; decimals of 100 digits"),
    "test_twap": ("averages", "a sum over every second"),
    "test_two_evms": ("contracts' results", "py-evm below the machines"),
    "test_typed_data": ("EIP-712", "eth_account and a plain encoder"),
}
"""By file: what is computed a second time, and by what."""

COUNTED = ("receipts", "calls")
"""What tests count themselves; Hypothesis writes its statistics beside them."""


def report_of(junit: ET.Element) -> dict[str, object]:
    """Return the report of one run. Raises KeyError for a file that AGAINST does not name."""
    run, good, counted = Counter[str](), Counter[str](), Counter[str]()
    for case in junit.iter("testcase"):
        name = case.get("classname", "").rpartition(".")[2]
        run[name] += 1
        good[name] += not any(case.find(tag) is not None for tag in ("failure", "error", "skipped"))
    for found in junit.iter("property"):
        if found.get("name", "") in COUNTED:
            counted[found.get("name", "")] += int(found.get("value", "0"))
    missing = sorted(AGAINST.keys() - run.keys())
    return {
        "title": "Independent checks",
        "passed": bool(run) and good == run and not missing,
        "looked_at": run.total(),
        "facts": {
            "checks": run.total(),
            "receipts compared with py-evm": counted["receipts"],
            "calls compared on revm and py-evm": counted["calls"],
        },
        "table": {
            "columns": ["what", "against what", "checks", "passed"],
            "rows": [[*AGAINST[name], run[name], good[name]] for name in sorted(run)],
        },
        "notes": [f"tests/second/{name}.py did not run" for name in missing],
    }


def main() -> None:
    """Write the report; exit 1 if it is not a good one."""
    if not JUNIT.exists():
        sys.exit("second: .reports/second.xml is missing: run `make second`")
    report = report_of(ET.parse(JUNIT).getroot())  # noqa: S314 -- our own file
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    print(f"second: {report['looked_at']} checks, {'passed' if report['passed'] else 'FAILED'}")
    if not report["passed"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
