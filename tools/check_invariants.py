"""Fail when an invariant's ID is not in each of docs/invariants.md, specification and tests.

docs/invariants.md says what must hold and which functions make it so,
offchain/clearing/spec/invariants.py says it to a machine, a test holds it. Every function and test
that the page names exists; an ID that any other file mentions must be one of these.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.invariant_map import InvariantMap, MapError, read_map

__all__ = ["gaps_of", "main"]

ROOT = Path(__file__).resolve().parents[1]


def _ids(pattern: re.Pattern[str], texts: Iterable[str]) -> set[str]:
    return {found for text in texts for found in pattern.findall(text)}


def _sources(root: Path, folder: str, *patterns: str) -> Iterator[str]:
    for pattern in patterns:
        for path in (root / folder).rglob(pattern):
            if ".cache" not in path.parts:
                yield path.read_text(encoding="utf-8")


def gaps_of(there: InvariantMap) -> list[str]:
    """Return what is missing, one line each."""
    if not there.statements and not there.rows:
        return ["no invariant found at all"]
    pattern = there.pattern
    places = {
        "docs/invariants.md": set(there.rows),
        "offchain/clearing/spec/invariants.py": set(there.statements),
        "tests": _ids(pattern, there.texts.values()),
    }
    everywhere = set().union(*places.values())
    page = (there.root / "docs/invariants.md").read_text(encoding="utf-8")
    defined = Counter(re.findall(rf"^\| ({pattern.pattern}) \|", page, re.MULTILINE))
    cited = _ids(
        pattern,
        [
            *_sources(there.root, "contracts", "*.sol", "*.vy", "*.vyi"),
            *_sources(there.root, "offchain", "*.py"),
            *_sources(there.root, "docs", "*.md"),
        ],
    )
    return [
        *(
            f"{place} lacks {', '.join(sorted(everywhere - ids))}"
            for place, ids in places.items()
            if everywhere - ids
        ),
        *(f"docs/invariants.md defines {name} {n} times" for name, n in defined.items() if n > 1),
        *(f"{name} is cited but not defined" for name in sorted(cited - everywhere)),
        *(gap for name in there.rows for gap in _gaps_of_row(there, name)),
    ]


def _gaps_of_row(there: InvariantMap, name: str) -> Iterator[str]:
    """Yield what a row's two last columns name that is not there."""
    enforced = there.enforced(name)
    if not enforced:
        yield f"{name} is enforced nowhere: name a file and its functions, `file`: `f`, `g`"
    if unread := there.unread(name):
        yield f"{name}: not a list of `file`: `function`, `function`: {unread}"
    for place in enforced:
        if place.line == 0:
            yield f"{name} is enforced by {place.path}: {place.name}, which does not exist"
    tests = there.held_by(name)
    if not tests:
        yield f"{name} is held by no test"
    for path in tests:
        if path not in there.texts:
            yield f"{name} is held by {path}, which does not exist"
        elif name not in there.texts[path]:
            yield f"{name} is held by {path}, which does not name it"


def main() -> None:
    """Compare page, specification, code and tests; exit 1 and name each gap."""
    try:
        there = read_map(ROOT)
        gaps = gaps_of(there)
    except MapError as error:
        sys.exit(f"invariants: {error}")
    if gaps:
        sys.exit("invariants: " + "\ninvariants: ".join(gaps))
    places = {place for name in there.rows for place in there.enforced(name)}
    print(
        f"invariants: {len(there.rows)} IDs agree in docs, specification and tests; "
        f"{len(places)} functions enforce them"
    )


if __name__ == "__main__":
    main()
