"""Find out that we or the peer have lost what was signed, and stop what would make it worse."""

from __future__ import annotations

from typing import Final

from clearing.clearport.core.channel import Line
from clearing.clearport.core.memory import known_version
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.turn import Turn
from clearing.spec.types import MAX_VERSION

__all__ = ["RECOVERY_GAP", "begin_recovery", "diverge", "floor_above", "raise_floor"]

RECOVERY_GAP: Final = 1 << 32
"""Versions left out after a loss: more than anybody signs in the time that a backup is old."""
CREDIBLE: Final = 1 << 48
"""A peer that claims a version further above ours than this has not signed its way there."""


def floor_above(line: Line, *versions: int) -> int:
    """Return the version at or below which nothing is signed, given what others know."""
    highest = max(known_version(line), line.burnt, *versions)
    return max(line.floor, min(highest + RECOVERY_GAP, MAX_VERSION - RECOVERY_GAP))


def begin_recovery(turn: Turn, version: int, source: str) -> None:
    """Take up that a version exists which we do not know: we sign a CLOSE above the floor only.

    `source` is the peer or the chain. Going on would need the states that were lost; a challenge
    by us waits for the operator, since it may be with a state that is long superseded.
    """
    line = turn.line
    if version > known_version(line) + CREDIBLE and source == "peer":
        turn.lied("reestablish.last_full")
        return
    floor = floor_above(line, version)
    if line.is_recovering and floor <= line.floor:
        return
    turn.change(is_recovering=True, floor=floor, is_forced=False)
    turn.notify_once(Kind.RECOVERING, source, source=source, version=version, floor=floor)


def raise_floor(turn: Turn, enforced_version: int) -> None:
    """Keep a restored channel's floor above what the chain enforces."""
    line = turn.line
    if line.is_recovering and enforced_version > known_version(line):
        floor = floor_above(line, enforced_version)
        if floor > line.floor:
            turn.change(floor=floor)


def diverge(turn: Turn, version: int) -> None:
    """Stop signing in this epoch: there are two digests for one version."""
    if turn.line.alarm != Kind.DIVERGED.name:
        turn.change(alarm=Kind.DIVERGED.name)
        turn.notify(Kind.DIVERGED, version=version)
