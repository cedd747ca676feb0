"""Keep a schedule in a file, read it back, play it again, and cut it down to what matters."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from clearing.channel import requests, signatures
from clearing.spec import types
from tests.harness.results import Divergence
from tests.invariants import actions
from tests.invariants.actions import Action
from tests.invariants.arena import Arena
from tests.invariants.chain import Chain
from tests.invariants.lockstep import Lockstep

__all__ = ["dump", "fault_of", "load", "replay", "shrunk"]

TYPE: Final = "type"
HEX: Final = "0x"
_KNOWN: Final = {
    name: getattr(module, name)
    for module in (types, signatures, requests, actions)
    for name in module.__all__
    if isinstance(getattr(module, name), type)
}


def dump(path: Path, schedule: Sequence[Action], fault: str) -> None:
    """Write a schedule, and what it came to, as JSON: one action a line."""
    lines = ",\n".join(json.dumps(_packed(action)) for action in schedule)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"fault": {json.dumps(fault)},\n"actions": [\n{lines}\n]}}\n')


def load(path: Path) -> list[Action]:
    """Read a schedule that `dump` wrote."""
    return [_unpacked(action) for action in json.loads(path.read_text())["actions"]]


def replay(arena: Arena, schedule: Sequence[Action]) -> Lockstep:
    """Perform a schedule on the contracts and the specification. Raises Divergence."""
    with arena.deployment.chain.isolated():
        lock = Lockstep(arena, Chain(arena))
        for action in schedule:
            lock.perform(action)
        lock.check_everything()
        return lock


def fault_of(arena: Arena, schedule: Sequence[Action]) -> str | None:
    """Return how a schedule fails, None if it does not."""
    try:
        replay(arena, schedule)
    except Divergence as divergence:
        return str(divergence)
    return None


def shrunk(schedule: Sequence[Action], fails: Callable[[Sequence[Action]], bool]) -> list[Action]:
    """Leave out actions, in ever smaller pieces, as long as what is left still fails."""
    kept = list(schedule)
    size = len(kept)
    while size:
        at = 0
        while at < len(kept):
            shorter = kept[:at] + kept[at + size :]
            if fails(shorter):
                kept = shorter
            else:
                at += size
        size //= 2
    return kept


def _packed(value: Any) -> Any:
    if isinstance(value, Enum):
        return {TYPE: type(value).__name__, "value": value.value}
    if is_dataclass(value):
        members = {each.name: _packed(getattr(value, each.name)) for each in fields(value)}
        return {TYPE: type(value).__name__, **members}
    if isinstance(value, bytes):
        return HEX + value.hex()
    if isinstance(value, tuple):
        return [_packed(each) for each in value]
    return value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        members = {name: _unpacked(each) for name, each in value.items() if name != TYPE}
        return _KNOWN[value[TYPE]](**members)
    if isinstance(value, list):
        return tuple(_unpacked(each) for each in value)
    if isinstance(value, str) and value.startswith(HEX):
        return bytes.fromhex(value.removeprefix(HEX))
    return value
