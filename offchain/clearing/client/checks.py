"""Hold a move against what has become final on the chain.

A state that goes on after a condition must say how the condition came out.
"""

from __future__ import annotations

from clearing.client import moves
from clearing.client.errors import StateRefusedError
from clearing.spec.guards import flags_of
from clearing.spec.rules import decided_from, outcome
from clearing.spec.types import ClearingState, Outcome
from clearing.spec.world import Channel

__all__ = ["require_resolved"]


def require_resolved(
    move: moves.Move, state: ClearingState, channel: Channel, now: int, grace_s: int
) -> None:
    """Refuse a move that says other than the chain how the condition of `state` came out.

    `channel` is what the chain stores with finality, `now` that block's time. Where one side has
    defaulted there is nothing to go on with: the state itself ends the channel, and pays for it.
    Raises StateRefusedError.
    """
    match move:
        case moves.Conclude(is_delivered=is_fulfilled):
            fulfilled = Outcome.DELIVERED
        case moves.Unlock(is_revealed=is_fulfilled):
            fulfilled = Outcome.REVEALED
        case _:
            return
    flags = flags_of(channel, state.version)
    not_before = decided_from(state.condition, flags, grace_s)
    if now < not_before:
        raise StateRefusedError(
            f"the condition of version {state.version} is open until {not_before}"
        )
    result = outcome(state.condition, flags)
    if result is not (fulfilled if is_fulfilled else Outcome.SPLIT):
        raise StateRefusedError(f"version {state.version} came out as {result.name}")
