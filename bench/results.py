"""Keep what was measured in bench/results, one file for an area, one key for a measurement."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.rate import machine

__all__ = ["FOLDER", "put"]

FOLDER = Path(__file__).resolve().parent / "results"


def put(name: str, **keys: Any) -> None:
    """Put keys into bench/results/<name>.json beside those that others have put."""
    file = FOLDER / f"{name}.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    today = datetime.now(UTC).date().isoformat()
    results = kept | keys | {"machine": machine(), "date": today}
    FOLDER.mkdir(exist_ok=True)
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
