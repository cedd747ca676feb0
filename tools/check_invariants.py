"""Fail when an invariant's ID is not in each of docs/invariants.md, specification and tests.

docs/invariants.md says what must hold, offchain/clearing/spec/invariants.py says it to a machine, a
test holds it. An ID that any other file mentions must be one of these.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
ID = re.compile(r"\b(?:ADJ|SET|REG|HTL|ENC|RSK|ORA|PERP|GOV|CLP|SYS)-\d{2}\b")
DOCS = ROOT / "docs/invariants.md"
SPEC = ROOT / "offchain/clearing/spec/invariants.py"
# An invariant is defined where its ID opens a heading, a list item or a table row.
DEFINITION = re.compile(rf"^(?:#+ |[-*] |\| ?)\W*({ID.pattern})", re.MULTILINE)


def _ids(paths: Iterable[Path]) -> set[str]:
    return {found for path in paths for found in ID.findall(path.read_text(encoding="utf-8"))}


def _sources(folder: str, *patterns: str) -> list[Path]:
    found = (path for pattern in patterns for path in (ROOT / folder).rglob(pattern))
    return sorted(path for path in found if ".cache" not in path.parts)


def main() -> None:
    """Compare the three places and everything that cites them; exit 1 and name each gap."""
    for path in (DOCS, SPEC):
        if not path.exists():
            sys.exit(f"invariants: {path.relative_to(ROOT)} is missing")

    defined = Counter(DEFINITION.findall(DOCS.read_text(encoding="utf-8")))
    places = {
        "docs/invariants.md": set(defined),
        "offchain/clearing/spec/invariants.py": _ids([SPEC]),
        "tests": _ids(_sources("tests", "*.py")),
    }
    everywhere = set().union(*places.values())
    cited = _ids(
        [
            *_sources("contracts", "*.sol", "*.vy", "*.vyi"),
            *_sources("offchain", "*.py"),
            *_sources("docs", "*.md"),
        ]
    )

    gaps = [
        f"{place} lacks {', '.join(sorted(everywhere - ids))}"
        for place, ids in places.items()
        if everywhere - ids
    ]
    gaps += [f"docs/invariants.md defines {name} {n} times" for name, n in defined.items() if n > 1]
    gaps += [f"{name} is cited but not defined" for name in sorted(cited - everywhere)]
    if not everywhere:
        gaps.append("no invariant found at all")
    if gaps:
        sys.exit("invariants: " + "\ninvariants: ".join(gaps))
    print(f"invariants: {len(everywhere)} IDs agree in docs, specification and tests")


if __name__ == "__main__":
    main()
