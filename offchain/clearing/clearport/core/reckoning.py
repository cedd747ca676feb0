"""Compute the state that a move leads to, and say whether a careful side signs it."""

from __future__ import annotations

from clearing.channel.codec import hash_state, signing_digest
from clearing.channel.errors import CodecError
from clearing.channel.policy import Limits, refusals
from clearing.channel.validate import require_successor
from clearing.clearport.core.channel import Half, Line
from clearing.clearport.core.memory import memory_of
from clearing.clearport.core.refusals import Code, Doubt
from clearing.clearport.core.turn import Turn
from clearing.client import moves
from clearing.client.checks import require_resolved
from clearing.client.errors import ClientError, StateRefusedError
from clearing.client.position import Position, advance
from clearing.spec.errors import SpecError
from clearing.spec.rules import require_valid_state
from clearing.spec.types import ClearingState, Status

__all__ = ["REFUSALS", "digest_of", "doubt_about", "doubt_of_half", "reckon"]

REFUSALS = (ClientError, SpecError, CodecError, ValueError, ArithmeticError, LookupError)
"""What computing with a stranger's numbers may raise; none of it is a fault of ours."""


def reckon(line: Line, move: moves.Move, version: int, signed_at: int) -> Position | str:
    """Return the position after the move, or why there is none."""
    try:
        return advance(line.position, move, line.terms, version, signed_at)
    except REFUSALS as error:
        return f"{type(move).__name__}: {error}"


def digest_of(line: Line, state: ClearingState) -> bytes:
    """Return what is signed for a state. Raises CodecError if it has no encoding."""
    return signing_digest(line.separator, hash_state(state))


def doubt_about(turn: Turn, move: moves.Move, state: ClearingState) -> Doubt | None:
    """Say why we do not sign a state now; None if we do."""
    line, link, policy = turn.line, turn.link, turn.policy
    latest, view = link.latest, link.view
    if latest is None or view is None:
        return Code.NOT_READY, "the chain is not observed yet"
    if line.alarm:
        return Code.ALARMED, line.alarm
    if line.is_recovering and state.version <= line.floor:
        return Code.BELOW_FLOOR, str(line.floor)
    if isinstance(move, moves.Book) and (view.is_challenged or latest.status is Status.CHALLENGED):
        return Code.POLICY, "a challenge stands: no trade is booked"
    n_assets = len(line.definition.assets)
    try:
        require_valid_state(state, line.channel_id, latest.epoch, n_assets, link.chain_now)
        require_successor(latest, state)
    except SpecError as error:
        return Code.CHAIN, str(error)
    limits = Limits(policy.condition_s, policy.grace_s)
    refused = refusals(state, memory_of(line), view, limits)
    if refused:
        return Code.POLICY, "; ".join(map(str, refused))
    before = line.position.state
    if before is not None:
        try:
            require_resolved(move, before, view.channel, view.now, policy.grace_s)
        except StateRefusedError as error:
            return Code.UNRESOLVED, str(error)
    return None


def doubt_of_half(turn: Turn, half: Half) -> Doubt | None:
    """Say why we do not sign a half any more that we were about to sign before a crash."""
    return doubt_about(turn, half.move, half.after.live)
