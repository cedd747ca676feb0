"""Count the margin calls that a peer refuses though it sees the same prices."""

from __future__ import annotations

from typing import Final

from clearing.clearport.core.refusals import UNBLAMED
from clearing.clearport.core.turn import Turn

__all__ = ["forget_refused_calls", "is_refusing_for_long", "note_refused_call"]

CALLS: Final = 3
LASTING_S: Final = 15 * 60


def note_refused_call(turn: Turn, reason: str) -> None:
    """Count a refusal, unless its reason, a refusal's code, is no fault of the peer's."""
    if reason in UNBLAMED:
        return
    link = turn.link
    first_at = link.call_refused_at if link.calls_refused else turn.now
    turn.learn(calls_refused=link.calls_refused + 1, call_refused_at=first_at)


def forget_refused_calls(turn: Turn) -> None:
    """Start over: a call was taken, or it is we who refuse them."""
    if turn.link.calls_refused:
        turn.learn(calls_refused=0, call_refused_at=0)


def is_refusing_for_long(turn: Turn) -> bool:
    """Say whether three calls or more were refused, the first of them 15 minutes ago or more."""
    link = turn.link
    return link.calls_refused >= CALLS and turn.now >= link.call_refused_at + LASTING_S
