"""Hold a move against what has become final on the chain.

A state that goes on after a condition must say how the condition came out, and one that takes up
deposits must not count on collateral that a RESIZE can still take out.
"""

from __future__ import annotations

from collections.abc import Sequence

from clearing.client import moves
from clearing.client.errors import StateRefusedError
from clearing.spec.guards import flags_of
from clearing.spec.rules import decided_from, outcome
from clearing.spec.types import ClearingState, Intent, Outcome
from clearing.spec.world import Channel

__all__ = ["require_resolved"]


def require_resolved(
    move: moves.Move,
    state: ClearingState | None,
    signed: Sequence[ClearingState],
    channel: Channel,
    now: int,
    grace_s: int,
) -> None:
    """Refuse a move that says other than the chain how a promise of the latest `state` came out.

    `signed` is every state of the epoch that we have signed, `channel` what the chain stores.
    Raises StateRefusedError.
    """
    if state is None:
        return
    if isinstance(move, moves.Conclude):
        _require_outcome(state, channel, now, grace_s, Outcome.DELIVERED, said=move.is_delivered)
    elif isinstance(move, moves.Unlock):
        _require_outcome(state, channel, now, grace_s, Outcome.REVEALED, said=move.is_revealed)
    elif isinstance(move, moves.TopUp):
        _require_final_nets(move, signed, channel, now)


def _require_outcome(
    state: ClearingState,
    channel: Channel,
    now: int,
    grace_s: int,
    fulfilled: Outcome,
    *,
    said: bool,
) -> None:
    """Refuse unless the condition is decided, and as the move says."""
    flags = flags_of(channel, state.version)
    not_before = decided_from(state.condition, flags, grace_s)
    if now < not_before:
        raise StateRefusedError(f"the condition of version {state.version} is open: {not_before}")
    result = outcome(state.condition, flags)
    if result not in {fulfilled, Outcome.SPLIT}:
        raise StateRefusedError(
            f"version {state.version} ended as {result.name}: end the channel with it"
        )
    if said is not (result is fulfilled):
        raise StateRefusedError(f"version {state.version} ended as {result.name}")


def _require_final_nets(
    move: moves.TopUp, signed: Sequence[ClearingState], channel: Channel, now: int
) -> None:
    """Refuse nets that are not the chain's, or that an unexecuted RESIZE may still lower."""
    if move.nets != channel.nets[: len(move.nets)]:
        raise StateRefusedError("the nets are not those on the chain")
    for state in signed:
        is_open_resize = state.intent == Intent.RESIZE and now < state.valid_until
        if is_open_resize and channel.enforced_version < state.version:
            raise StateRefusedError(
                f"RESIZE version {state.version} can run until {state.valid_until}"
            )
