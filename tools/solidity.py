"""Ask the pinned Solidity compiler what it knows of our sources without making code."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["SOLC_VERSION", "CompileError", "answer", "ask", "our_files"]

ROOT = Path(__file__).resolve().parents[1]
SOLC_VERSION = "0.8.30"
LIBRARIES = ("@openzeppelin/", "@pythnetwork/")
IMPORT = re.compile(r'^import\b[^;"]*"([^"]+)"', re.MULTILINE)


class CompileError(ValueError):
    """What the compiler was given is no program; its own words."""


def answer(sources: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the compiler's answer about sources by name. Raises CompileError."""
    task = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": settings,
    }
    done = subprocess.run(
        [ROOT / f"tools/solc/solc-v{SOLC_VERSION}", "--standard-json"],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    faults = [fault for fault in told.get("errors", []) if fault["severity"] == "error"]
    if faults:
        raise CompileError(faults[0]["formattedMessage"])
    return told


def our_files() -> list[str]:
    """Return the paths of our Solidity files from the project's root on, sorted."""
    paths = (path.relative_to(ROOT) for path in (ROOT / "contracts").rglob("*.sol"))
    return sorted(str(path) for path in paths if ".cache" not in path.parts)


def _texts() -> dict[str, str]:
    """Return our files and all that they import, by path."""
    texts: dict[str, str] = {}
    waiting = our_files()
    while waiting:
        name = waiting.pop()
        if name in texts:
            continue
        texts[name] = (ROOT / name).read_text("utf-8")
        for path in IMPORT.findall(texts[name]):
            beside = os.path.normpath(Path(name).parent / path)
            waiting.append(beside if path.startswith(".") else f"node_modules/{path}")
    return texts


def ask(wanted: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    """Return the compiler's answer for an output selection: file -> contract -> what is wanted.

    A file's name is its path from the project's root on, a library's too. Raises SystemExit with
    the compiler's words when a source has a fault.
    """
    settings = {
        "evmVersion": "cancun",
        "outputSelection": wanted,
        "remappings": [f"{name}=node_modules/{name}" for name in LIBRARIES],
    }
    try:
        return answer(_texts(), settings)
    except CompileError as error:
        raise SystemExit(f"solidity: {error}") from error
