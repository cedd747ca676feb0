"""Where each invariant is said, enforced and held, read from a checkout.

`read_map(root)` reads docs/invariants.md (what is enforced where), offchain/clearing/spec (the
statement and its predicates) and every test. Nothing is imported: what is shown is what is there.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from clearing.risk.errors import InputError

__all__ = [
    "Entry",
    "InvariantMap",
    "MapError",
    "Place",
    "by_family",
    "line_of",
    "read_map",
]

PAGE = "docs/invariants.md"
STATEMENTS = "offchain/clearing/spec/invariants.py"
PREDICATES = "offchain/clearing/spec/predicates.py"
RISKS = ("docs/known-issues.md", "docs/threat-model.md")
SPEC = "offchain/clearing/spec"
# A contract's folder, and the modules of the specification that mirror it function for function.
MIRRORS = {
    "contracts/adjudicator/BrokerRegistry.vy": ("registry.py",),
    "contracts/adjudicator/HashTimeLock.vy": ("htlc.py",),
    "contracts/adjudicator/": ("channel.py", "escrow.py", "vault.py", "guards.py"),
    "contracts/governance/": ("governance.py",),
    "contracts/derivatives/PriceOracle.sol": ("oracle*.py",),
    "contracts/derivatives/oracle/": ("oracle*.py",),
    "contracts/derivatives/": ("perp*.py",),
}
MAIN = '__name__ == "__main__"'
JUDGES = ("violated_in(", "violated_over(")
ROW = re.compile(r"^\| ([A-Z]{3,4}-\d{2}) \|(.*)\|$", re.MULTILINE)
GROUP = re.compile(r"`([^`]+\.(?:sol|vy|py))`: ((?:`[^`]+`(?:, )?)+)")
CODE = re.compile(r"`([^`]+)`")
RANGE = re.compile(r"\b([A-Z]{3,4})-(\d{2}) to (?:[A-Z]{3,4}-)?(\d{2})\b")
WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
IMPORT = re.compile(r"^\s*from (tests[\w.]*) import ([^\n(]+|\([^)]*\))", re.MULTILINE)


class MapError(InputError):
    """The checkout lacks a page, or nothing in it is called as asked."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file of the checkout."""

    path: str
    line: int
    """From 1; 0 if the file has no such name."""
    name: str = ""
    """The function or class that stands there; empty when the file as a whole is meant."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One invariant and everything that speaks of it."""

    id: str
    text: str
    said: Place
    predicates: tuple[Place, ...]
    """What judges a world or an accepted call."""
    enforced: tuple[Place, ...]
    specified: tuple[Place, ...]
    """Functions of the specification with the names of those that enforce it."""
    tests: tuple[Place, ...]
    machines: tuple[Place, ...]
    """Where a machine, twin or schedule asks for it."""
    played_by: tuple[str, ...]
    """Tests and commands that run those machines."""
    risks: tuple[tuple[str, Place, str], ...]
    """Rows of known issues and the threat model: name, place, first cell of text."""


@dataclass(frozen=True, slots=True)
class InvariantMap:
    """All invariants of a checkout, in the order of the specification."""

    root: Path
    statements: dict[str, tuple[str, Place, tuple[str, ...]]]
    """By ID: text, place, names of predicates."""
    rows: dict[str, tuple[str, ...]]
    """By ID: the cells of its row of the page, after the ID."""
    texts: dict[str, str] = field(repr=False)
    """Every Python file under tests/, by path."""

    @property
    def families(self) -> tuple[str, ...]:
        """Return the prefixes that are in use, in order."""
        names = [name.partition("-")[0] for name in (*self.statements, *self.rows)]
        return tuple(dict.fromkeys(names))

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return what finds IDs in a text."""
        return re.compile(rf"\b(?:{'|'.join(self.families)})-\d{{2}}\b")

    def enforced(self, name: str) -> tuple[Place, ...]:
        """Return the places of the row's column "Enforced by"; a line of 0 where there is none."""
        named = _cells(self.rows[name])[2]
        return tuple(
            Place(path, line_of(self.root / path, function), function)
            for path, functions in GROUP.findall(named)
            for function in CODE.findall(functions)
        )

    def unread(self, name: str) -> str:
        """Return what the column "Enforced by" says that is no place: nothing."""
        return GROUP.sub("", _cells(self.rows[name])[2]).replace("<br>", "").strip()

    def held_by(self, name: str) -> tuple[str, ...]:
        """Return the files of the row's last column."""
        return tuple(CODE.findall(_cells(self.rows[name])[3]))

    def entry(self, name: str) -> Entry:
        """Gather everything about one ID."""
        text, said, predicates = self.statements[name]
        enforced = self.enforced(name) if name in self.rows else ()
        cited = [place for path in self.texts for place in self._citations(path, name)]
        machines = [it for it in cited if not _is_test(it.path)]
        if predicates:
            machines += self._judges
        return Entry(
            id=name,
            text=text,
            said=said,
            predicates=tuple(
                Place(PREDICATES, line_of(self.root / PREDICATES, it), it) for it in predicates
            ),
            enforced=enforced,
            specified=tuple(self._mirrors(enforced)),
            tests=tuple(it for it in cited if _is_test(it.path)),
            machines=tuple(dict.fromkeys(machines)),
            played_by=self._players({it.path for it in machines}),
            risks=tuple(self._risks(name)),
        )

    def _citations(self, path: str, text: str) -> Iterator[Place]:
        """Yield each function of a file that holds a text, once; the line if it is outside them."""
        source = self.texts[path]
        if not _cites(source, text):
            return
        spans = _functions(source)
        seen: set[str] = set()
        for number, line in enumerate(source.splitlines(), 1):
            if not _cites(line, text):
                continue
            inside = [it for it in spans if it[0] <= number <= it[1]]
            first, _, function = inside[-1] if inside else (number, number, "")
            if function not in seen:
                seen.add(function)
                yield Place(path, first if function else number, function)

    @property
    def _judges(self) -> list[Place]:
        """Return where all predicates are asked at once."""
        return [
            place
            for path in self.texts
            if not path.startswith("tests/unit/")
            for judge in JUDGES
            for place in self._citations(path, judge)
        ]

    def _players(self, files: set[str]) -> tuple[str, ...]:
        """Return the test files outside tests/unit that import one of these, directly or not."""
        reached, frontier = set(files), set(files)
        while frontier:
            frontier = {
                path
                for path, imported in self._imports.items()
                if path not in reached and imported & frontier
            }
            reached |= frontier
        played = (path for path in reached if _is_test(path) or MAIN in self.texts[path])
        return tuple(sorted(it for it in played if not it.startswith("tests/unit/")))

    @property
    def _imports(self) -> dict[str, set[str]]:
        return {path: set(_imported(source)) for path, source in self.texts.items()}

    def _mirrors(self, enforced: Iterable[Place]) -> Iterator[Place]:
        for place in enforced:
            patterns = next((it for at, it in MIRRORS.items() if place.path.startswith(at)), ())
            wanted = WORD.sub("_", place.name.lstrip("_")).lower()
            files = (file for it in patterns for file in sorted((self.root / SPEC).glob(it)))
            for file in files:
                for name in (wanted, f"_{wanted}"):
                    if line := line_of(file, name):
                        yield Place(str(file.relative_to(self.root)), line, name)

    def _risks(self, name: str) -> Iterator[tuple[str, Place, str]]:
        for page in RISKS:
            lines = (self.root / page).read_text("utf-8").splitlines()
            for number, line in enumerate(lines, 1):
                if line.startswith("|") and re.search(rf"\b{name}\b", line):
                    head, *rest = [cell.strip() for cell in line.strip("|").split("|")]
                    yield head, Place(page, number), rest[0]


def read_map(root: Path) -> InvariantMap:
    """Read a checkout; raise MapError if it lacks a page."""
    for page in (PAGE, STATEMENTS, PREDICATES, *RISKS):
        if not (root / page).is_file():
            raise MapError(str(root), f"no {page}", "run inside a whole checkout of the project")
    return InvariantMap(
        root=root,
        statements=_statements((root / STATEMENTS).read_text("utf-8")),
        rows={
            name: tuple(cell.strip() for cell in rest.split(" | "))
            for name, rest in ROW.findall((root / PAGE).read_text("utf-8"))
        },
        texts={
            str(path.relative_to(root)): path.read_text("utf-8")
            for path in sorted((root / "tests").rglob("*.py"))
        },
    )


def _cells(row: tuple[str, ...]) -> tuple[str, str, str, str]:
    """Return what holds, predicate, enforced by, held by; raise MapError for another number."""
    match row:
        case (text, predicates, enforced, held):
            return text, predicates, enforced, held
        case _:
            raise MapError(PAGE, f"{len(row) + 1} columns in '{row[0][:40]}'", "it has 5")


@cache
def line_of(path: Path, function: str) -> int:
    """Return the line where a function, method, modifier or class is declared, 0 if nowhere."""
    if not path.is_file():
        return 0
    word = re.escape(function)
    kinds = {
        ".sol": rf"^\s*(?:function|modifier) {word}\b",
        ".vy": rf"^def {word}\(",
        ".py": rf"^\s*(?:(?:async )?def {word}[(\[]|class {word}\b)",
    }
    if (kind := kinds.get(path.suffix)) is None:
        return 0
    if function == "constructor":
        kind = r"^\s*constructor\("
    source = path.read_text("utf-8")
    found = re.search(kind, source, re.MULTILINE)
    return source[: found.end()].count("\n") + 1 if found else 0


def _cites(source: str, text: str) -> bool:
    """Say whether a source holds a text, or a range like PERP-01 to PERP-04 that means it."""
    family, _, number = text.partition("-")
    return text in source or any(
        within == family and first <= number <= last for within, first, last in _ranges(source)
    )


@cache
def _ranges(source: str) -> list[tuple[str, str, str]]:
    return RANGE.findall(source) if " to " in source else []


def _is_test(path: str) -> bool:
    return path.rpartition("/")[2].startswith("test_")


def _statements(source: str) -> dict[str, tuple[str, Place, tuple[str, ...]]]:
    """Return the invariants that a module declares, without running it."""
    found: dict[str, tuple[str, Place, tuple[str, ...]]] = {}
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Name(id="Invariant"),
                args=[ast.Constant(value=str(name)), ast.Constant(value=str(text)), *judges],
            ):
                predicates = tuple(it.attr for it in judges if isinstance(it, ast.Attribute))
                found[name] = text, Place(STATEMENTS, node.lineno), predicates
    return found


@cache
def _functions(source: str) -> tuple[tuple[int, int, str], ...]:
    """Return first line, last line and name of each outermost function and method, in order."""

    def walk(nodes: Iterable[ast.stmt], before: str) -> Iterator[tuple[int, int, str]]:
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.lineno, node.end_lineno or node.lineno, before + node.name
            elif isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{before}{node.name}.")

    return tuple(walk(ast.parse(source).body, ""))


def _imported(source: str) -> Iterator[str]:
    """Yield the files of tests/ that a module imports from."""
    for module, names in IMPORT.findall(source):
        base = module.replace(".", "/")
        yield f"{base}.py"
        for name in re.findall(r"\w+", names):
            yield f"{base}/{name}.py"


def by_family(there: InvariantMap) -> dict[str, list[str]]:
    """Return the IDs of each family, in the specification's order."""
    families: dict[str, list[str]] = defaultdict(list)
    for name in there.statements:
        families[name.partition("-")[0]].append(name)
    return dict(families)
