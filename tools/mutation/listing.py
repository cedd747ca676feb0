"""The committed list: which mutants there are, where they stand, and what became of them."""

from __future__ import annotations

import hashlib
import json
import random
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.mutation import solidity, vyper
from tools.mutation.edits import OPERATORS, Edit

__all__ = ["Entry", "Group", "StaleError", "Step", "choose", "plan", "read", "write"]

FOLDER: Final = Path("tests") / "mutants"
HEAD: Final = """\
# Mutants of {group}, written by `tools/mutants.py list` after plan.toml; see docs/mutation.md.
# By hand: `explained`, for a mutant that no test can tell from the contract.
"""


class StaleError(Exception):
    """An entry whose line is no longer in the source."""


@dataclass(frozen=True, slots=True)
class Step:
    """Tests that are run together, and the contracts that they deploy."""

    contracts: Sequence[str]
    """Files to compile anew, where they include the mutated one."""
    tests: Sequence[str]
    node: bool = False
    """Whether the tests need Ape and its anvil."""


@dataclass(frozen=True, slots=True)
class Group:
    """Sources that the same tests watch."""

    name: str
    files: Sequence[str]
    count: int
    """How many mutants are wanted besides the critical ones."""
    critical: Sequence[str]
    """Pieces of lines of which every mutant is listed."""
    steps: Sequence[Step]
    """Narrow tests first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One mutant. Its line's text tells the place, so that edits elsewhere do not matter."""

    id: str
    group: str
    file: str
    function: str
    operator: str
    line: str
    """The line where it begins, without indentation."""
    nth: int
    """Which of the lines with this text, from 1."""
    at: int
    """Where in that text the mutant begins, in bytes."""
    before: str
    after: str
    killed_by: str = ""
    explained: str = ""

    def mutated(self, source: bytes) -> bytes:
        """Return the source with this mutant in it. Raises StaleError if its place is gone."""
        start = 0
        seen = 0
        for line in source.splitlines(keepends=True):
            seen += line.strip() == self.line.encode()
            if line.strip() == self.line.encode() and seen == self.nth:
                begin = start + line.index(self.line.encode()) + self.at
                end = begin + len(self.before.encode())
                if source[begin:end] == self.before.encode():
                    return source[:begin] + self.after.encode() + source[end:]
            start += len(line)
        raise StaleError(f"{self.id}: {self.file} no longer has {self.before!r} in {self.line!r}")


def plan(root: Path) -> Sequence[Group]:
    """Return the groups of plan.toml."""
    document = tomllib.loads((root / FOLDER / "plan.toml").read_text())
    return [
        Group(
            name=name,
            files=told["files"],
            count=told["count"],
            critical=told.get("critical", ()),
            steps=[Step(**step) for step in told["step"]],
        )
        for name, told in document.items()
    ]


def read(root: Path, group: str) -> Sequence[Entry]:
    """Return the listed mutants of a group; none if it has no list yet."""
    path = root / FOLDER / f"{group}.toml"
    if not path.exists():
        return ()
    told: Mapping[str, Mapping[str, Any]] = tomllib.loads(path.read_text())
    return [Entry(id=name, group=group, **fields) for name, fields in told.items()]


def write(root: Path, group: str, entries: Sequence[Entry]) -> None:
    """Write the list of a group."""
    blocks = [HEAD.format(group=group)]
    for entry in entries:
        fields = ("file", "function", "operator", "line", "nth", "at", "before", "after")
        told = {name: getattr(entry, name) for name in fields}
        told |= {
            name: text for name in ("killed_by", "explained") if (text := getattr(entry, name))
        }
        lines = (
            f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in told.items()
        )
        blocks.append("\n".join((f"[{entry.id}]", *lines, "")))
    (root / FOLDER / f"{group}.toml").write_text("\n".join(blocks))


def choose(root: Path, group: Group, seed: str) -> Sequence[Entry]:
    """Return a group's mutants: of the critical lines all, of the others a seeded choice.

    What is listed already stays while its line is there, so that its result does; what is missing
    is drawn. The draw goes round the operators, and for each takes the file that has given least.
    """
    listed = {entry.id: entry for entry in read(root, group.name)}
    pools: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    chosen: dict[str, Entry] = {}
    critical = 0
    for file in group.files:
        for entry in _candidates(root, group.name, file):
            pools[entry.operator, file].append(entry)
            is_critical = any(piece in entry.line for piece in group.critical)
            critical += is_critical
            if is_critical or entry.id in listed:
                chosen[entry.id] = listed.get(entry.id, entry)
    draw = random.Random(f"{seed}/{group.name}")  # noqa: S311 - a choice, no secret
    for pool in pools.values():
        draw.shuffle(pool)
    wanted = critical + group.count
    while len(chosen) < wanted and any(pools.values()):
        for operator in OPERATORS:
            files = [file for file in group.files if pools[operator, file]]
            if files and len(chosen) < wanted:
                # the file that has given least so far, so that no file is left out
                given = [sum(e.file == file for e in chosen.values()) for file in files]
                file = files[given.index(min(given))]
                entry = pools[operator, file].pop()
                chosen.setdefault(entry.id, entry)
    order = {file: index for index, file in enumerate(group.files)}
    sources = {file: (root / file).read_bytes() for file in group.files}
    return sorted(
        chosen.values(),
        key=lambda e: (order[e.file], sources[e.file].find(e.line.encode()), e.nth, e.at, e.id),
    )


def _candidates(root: Path, group: str, file: str) -> Iterator[Entry]:
    source = (root / file).read_bytes()
    find = vyper.edits if file.endswith(".vy") else solidity.edits
    for edit in find(source):
        yield _entry(group, file, source, edit)


def _entry(group: str, file: str, source: bytes, edit: Edit) -> Entry:
    begin = source.rfind(b"\n", 0, edit.start) + 1
    whole = source[begin : (source + b"\n").index(b"\n", edit.start)]
    line = whole.strip()
    nth = 1 + sum(other.strip() == line for other in source[:begin].splitlines())
    at = edit.start - begin - whole.index(line)
    before = source[edit.start : edit.end].decode()
    content = (file, line.decode(), nth, at, before, edit.after)
    digest = hashlib.sha256(repr(content).encode()).hexdigest()[:6]
    name = f"{Path(file).stem}-{edit.operator}-{digest}"
    return Entry(
        name, group, file, edit.function, edit.operator, line.decode(), nth, at, before, edit.after
    )
