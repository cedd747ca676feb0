"""docs/invariants.md says what the specification says, and names tests that hold it."""

from __future__ import annotations

import re
from pathlib import Path

from clearing.spec.invariants import INVARIANTS

ROOT = Path(__file__).parents[3]
ROW = re.compile(r"^\| ([A-Z]{3,4}-\d\d) \| (.*?) \| (.*?) \| .*? \| (.*?) \|$", re.MULTILINE)
ROWS = {
    found[0]: found[1:] for found in ROW.findall((ROOT / "docs/invariants.md").read_text("utf-8"))
}


def _predicates(invariant) -> str:
    judges = (("in", invariant.holds_in), ("over", invariant.holds_over))
    named = [f"{when}: `{judge.__name__}`" for when, judge in judges if judge is not None]
    return "<br>".join(named) or "–"


def test_page__rows__are_the_invariants_of_the_specification():
    assert {name: (text, predicates) for name, (text, predicates, _) in ROWS.items()} == {
        invariant.id: (invariant.text, _predicates(invariant)) for invariant in INVARIANTS
    }


def test_page__tests__exist_and_name_their_invariant():
    for name, (_, _, held_by) in ROWS.items():
        paths = re.findall(r"`(.+?)`", held_by)
        assert paths, name
        for path in paths:
            assert name in (ROOT / path).read_text("utf-8"), f"{path} does not name {name}"
