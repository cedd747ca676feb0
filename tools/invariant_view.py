"""`clearing invariant`: what holds, the code that makes it so, the tests that would notice."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from clearing.risk.errors import quote
from clearing.risk.printing import print_json
from tools.invariant_map import Entry, InvariantMap, MapError, Place, by_family, read_map

__all__ = ["show"]

TITLES = {
    "ADJ": "channels: vault, versions, disputes, authority, collateral",
    "SET": "settlement",
    "REG": "registry",
    "ENC": "encoding",
    "HTL": "hash time lock",
    "RSK": "risk and liabilities",
    "ORA": "oracle",
    "PERP": "perpetual swaps",
    "CLP": "the broker's daemon",
    "GOV": "governance",
    "SYS": "the whole system",
}
LABEL = 12


def show(root: Path, asked: Sequence[str], *, as_json: bool) -> None:
    """Print the invariants asked for, or the list of all; raise MapError for what is not there."""
    there = read_map(root)
    if not asked:
        _show_list(there, as_json=as_json)
        return
    names = list(dict.fromkeys(name for word in asked for name in _found(there, word)))
    entries = [there.entry(name) for name in names]
    if as_json:
        print_json({"invariants": [_json(entry) for entry in entries]})
    else:
        typer.echo("\n\n".join("\n".join(_lines(entry)) for entry in entries))


def _found(there: InvariantMap, word: str) -> list[str]:
    """Return the IDs that a word means: one, a family, or those whose statement holds it."""
    upper = word.upper()
    if upper in there.statements:
        return [upper]
    if upper in there.families:
        return by_family(there)[upper]
    texts = {name: text for name, (text, _, _) in there.statements.items()}
    if there.pattern.fullmatch(upper) is None and word.strip():
        found = [name for name, text in texts.items() if word.lower() in text.lower()]
        if found:
            return found
    words = sorted({it for text in texts.values() for it in re.findall(r"[a-z]{4,}", text.lower())})
    near = difflib.get_close_matches(upper, texts) or difflib.get_close_matches(word.lower(), words)
    fix = f"nearest: {', '.join(near)}" if near else "without a word all are listed"
    raise MapError("invariant", f"none is called, or speaks of, {quote(word)}", fix)


def _show_list(there: InvariantMap, *, as_json: bool) -> None:
    families = by_family(there)
    if as_json:
        print_json(
            {
                family: {name: there.statements[name][0] for name in names}
                for family, names in families.items()
            }
        )
        return
    for family, names in families.items():
        typer.echo(f"{family} · {TITLES.get(family, 'others')}")
        for name in names:
            typer.echo(f"  {name}  {there.statements[name][0]}")


def _lines(entry: Entry) -> Iterable[str]:
    yield f"{entry.id}  {entry.text}"
    yield from _block("said", [entry.said])
    yield from _block("predicate", entry.predicates)
    yield from _block("enforced", entry.enforced)
    yield from _block("specified", entry.specified)
    yield from _block("held by", entry.tests, is_test=True)
    yield from _block("asked by", entry.machines, is_test=True)
    yield from _texts("played by", entry.played_by)
    yield from _texts(
        "risks", [f"{place.path}:{place.line}  {head}" for head, place, _ in entry.risks]
    )


def _block(label: str, places: Sequence[Place], *, is_test: bool = False) -> Iterable[str]:
    return _texts(label, [_test(it) if is_test else _code(it) for it in places])


def _texts(label: str, texts: Sequence[str]) -> Iterable[str]:
    for at, text in enumerate(texts):
        yield f"  {label if at == 0 else '':<{LABEL}}{text}"


def _code(place: Place) -> str:
    return f"{place.path}:{place.line}" + (f"  {place.name}" if place.name else "")


def _test(place: Place) -> str:
    return f"{place.path}::{place.name}:{place.line}" if place.name else _code(place)


def _json(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "text": entry.text,
        "said": _place(entry.said),
        "predicates": [_place(it) for it in entry.predicates],
        "enforced": [_place(it) for it in entry.enforced],
        "specified": [_place(it) for it in entry.specified],
        "tests": [_place(it) for it in entry.tests],
        "machines": [_place(it) for it in entry.machines],
        "played_by": list(entry.played_by),
        "risks": [{"name": name, **_place(at), "text": text} for name, at, text in entry.risks],
    }


def _place(place: Place) -> dict[str, object]:
    return {"path": place.path, "line": place.line, "name": place.name}
