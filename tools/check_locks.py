"""Fail when a lock file names a registry or holds a package without its hash."""

import json
import re
import sys
from pathlib import Path

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
PINNED = re.compile(r"^[A-Za-z0-9][^\s=]*==", re.MULTILINE)
HASHED = re.compile(r"^[A-Za-z0-9][^\s=]*==.*\\\n +--hash=sha256:", re.MULTILINE)
ADDRESS = re.compile(r"https?://|--(?:extra-)?index-url|--find-links")


def _python(path: Path) -> tuple[int, list[str]]:
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT)
    pinned, hashed = len(PINNED.findall(text)), len(HASHED.findall(text))
    faults = [f"{name}: {found}" for found in ADDRESS.findall(text)]
    if pinned != hashed or pinned == 0:
        faults.append(f"{name}: {hashed} of {pinned} packages have a hash")
    return pinned, faults


def _node(path: Path) -> tuple[int, list[str]]:
    packages = json.loads(path.read_text(encoding="utf-8"))["packages"]
    installed = {name: entry for name, entry in packages.items() if name}
    faults = [
        f"{path.name}: {name} has an address"
        for name, entry in installed.items()
        if "resolved" in entry
    ]
    faults += [
        f"{path.name}: {name} has no hash"
        for name, entry in installed.items()
        if "integrity" not in entry
    ]
    return len(installed), faults


def main() -> None:
    """Read the locks; exit 1 and name each fault."""
    read = [_python(path) for path in sorted((ROOT / "requirements").glob("*.txt"))]
    read.append(_node(ROOT / "package-lock.json"))
    faults = [fault for _, found in read for fault in found]
    if faults:
        sys.exit("locks: " + "\nlocks: ".join(faults))
    print(f"locks: {sum(count for count, _ in read)} packages, hashed, no registry named")


if __name__ == "__main__":
    main()
