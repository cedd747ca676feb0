"""Put the numbers of bench/results/clearport.json beside their bars in docs/clearport."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.results import FOLDER

__all__ = ["main", "table_of"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "clearport" / "performance.md"
BEGIN, END = "<!-- numbers -->\n", "<!-- end of numbers -->\n"


def main() -> None:
    """Write the table anew; the rest of the page stays."""
    results = json.loads((FOLDER / "clearport.json").read_text(encoding="utf-8"))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + table_of(results) + END + after, encoding="utf-8")


def table_of(results: dict[str, Any]) -> str:
    """Return the table, in Markdown."""
    cpu, calls = results["cpu_ms_per_update"], results["operator_calls_per_s"]
    rows = (
        ("updates a second, 8 channels, one trade in each", results["updates_per_s"], "≥ 1,000"),
        ("trades a second, 8 channels, in batches", results["trades_per_s"], ""),
        ("CPU for an update of one trade, ms: low · high", f"{cpu['low']} · {cpu['high']}", "< 1"),
        ("a lone update, ms: median", results["lone_p50_ms"], "≤ 10"),
        ("a lone update, ms: 99 of 100", results["lone_p99_ms"], ""),
        ("the same from the operator's call, ms: median", results["lone_call_p50_ms"], ""),
        ("the same from the operator's call, ms: 99 of 100", results["lone_call_p99_ms"], ""),
        ("memory of a daemon with 1,000 channels, MB", results["rss_mb_1000_channels"], "< 500"),
        ("margins told a second", calls["get_margin"], ""),
        ("signed RecordTrade calls a second, durable", calls["record_trade"], ""),
        ("signatures a second, keystore", results["sign_per_s"]["keystore"], ""),
    )
    lines = ["| | measured | bar |", "|---|---:|---:|"]
    lines += [f"| {name} | {_text(value)} | {bar} |" for name, value, bar in rows]
    where = f"\n{results['machine']}; {results['date']}. `bench/results/clearport.json` has all.\n"
    return "\n".join(lines) + "\n" + where


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


if __name__ == "__main__":
    main()
