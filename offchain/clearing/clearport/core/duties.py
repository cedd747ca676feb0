"""Do on the chain what the latest agreed state calls for, as the chain stands now.

Whether something is still in time is judged by the chain's time, whether a wait is over by the
later of its and ours, for blocks may be far apart. The side that opened the channel sends what
either could send; the other steps in a minute later. The outbox sends a key once; what is still
needed ten minutes later is wanted again under another.
"""

from __future__ import annotations

from typing import Final

from clearing.channel import requests
from clearing.channel.codec import hash_state
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.orders import do_order, fund_to_respond
from clearing.clearport.core.turn import Turn
from clearing.client.session import CoSigned
from clearing.spec.guards import flags_of
from clearing.spec.rules import decided_from, is_lock_outstanding
from clearing.spec.types import ClearingState, Intent, Side, Status
from clearing.spec.world import Channel

__all__ = ["do_duties"]

STEP_IN_S: Final = 60


def do_duties(turn: Turn) -> None:
    """Submit what is due."""
    full, latest = turn.line.full, turn.link.latest
    if latest is None or latest.epoch != turn.line.position.epoch:
        return
    if latest.is_live:
        _dispute(turn, latest)
        if full is not None:
            _carry_out(turn, full, latest)
    elif full is not None:
        _open(turn, full)


def _carry_out(turn: Turn, full: CoSigned, latest: Channel) -> None:
    """Do what the latest state is for."""
    match full.state.intent:
        case Intent.CLOSE:
            _close(turn, full, latest)
        case Intent.RESIZE:
            _resize(turn, full, latest)
        case Intent.SETTLE:
            do_order(turn, full, latest)
        case _:
            pass


def _dispute(turn: Turn, latest: Channel) -> None:
    """Answer a challenge, end by one whose time is over, or begin one that the operator wants."""
    if latest.status is not Status.CHALLENGED:
        if turn.line.is_forced:
            _challenge(turn, latest)
    elif turn.link.chain_now < latest.deadline:
        _respond(turn, latest)
    if latest.status is Status.CHALLENGED and turn.passed >= latest.deadline:
        _finalize(turn, latest)


def _open(turn: Turn, full: CoSigned) -> None:
    state = full.state
    is_in_time = state.intent == Intent.OPEN and turn.link.chain_now < state.valid_until
    if is_in_time and _is_ours_to_send(turn, state):
        request = requests.Open(turn.line.definition, state, full.signatures)
        turn.want("open", state.version, request)


def _respond(turn: Turn, latest: Channel) -> None:
    """Answer a challenge if we have something newer, by the call that also gets on with it.

    A SETTLE is funded, a RESIZE or CLOSE is run. What can still run cannot be checkpointed, so a
    RESIZE that a lock keeps from running raises the challenge instead.
    """
    best = _best(turn)
    if best is None or best.state.version <= latest.enforced_version:
        return
    state, definition = best.state, turn.line.definition
    if state.intent == Intent.CLOSE:
        return  # `_close` sends it
    if state.intent == Intent.SETTLE and fund_to_respond(turn, best, latest):
        return
    signed = (definition, state, best.signatures)
    can_run = state.intent == Intent.RESIZE and turn.link.chain_now < state.valid_until
    if not can_run:
        turn.want("respond", state.version, requests.Checkpoint(*signed))
    elif is_lock_outstanding(latest.order_flags):
        turn.want("respond", state.version, requests.Challenge(*signed))
    else:
        turn.want("resize", state.version, requests.Resize(*signed))


def _challenge(turn: Turn, latest: Channel) -> None:
    """Begin a forced end with the best state that can be challenged with."""
    best = _best(turn)
    if best is None or best.state.intent == Intent.CLOSE:
        return
    state = best.state
    enforced = latest.enforced_version
    is_too_old = state.version < enforced
    if is_too_old or (state.intent == Intent.OPEN and state.version != enforced):
        turn.notify_once(
            Kind.REQUEST_FAILED, "force", why=f"the chain enforces version {enforced} already"
        )
        return
    request = requests.Challenge(turn.line.definition, state, best.signatures)
    turn.want("challenge", state.version, request)


def _best(turn: Turn) -> CoSigned | None:
    """Return the latest co-signed state that is good on the chain: not a CLOSE that has expired."""
    full = turn.line.full
    is_close = full is not None and full.state.intent == Intent.CLOSE
    if full is None or not is_close or turn.link.chain_now < full.state.valid_until:
        return full
    return turn.line.backing


def _finalize(turn: Turn, latest: Channel) -> None:
    """End by the challenged state, if we know it and its condition is decided."""
    state = _challenged_state(turn, latest)
    if state is None or is_lock_outstanding(latest.order_flags):
        return
    flags = flags_of(latest, state.version)
    if turn.passed < decided_from(state.condition, flags, turn.policy.grace_s):
        return
    if turn.line.is_forced or turn.passed >= latest.deadline + STEP_IN_S:
        turn.want("finalize", state.version, requests.Finalize(turn.line.definition, state))


def _challenged_state(turn: Turn, latest: Channel) -> ClearingState | None:
    """Return the state whose hash the chain stores: it may be one that only the peer completed."""
    line = turn.line
    states = [each.state for each in (line.full, line.backing) if each is not None]
    if line.half is not None:
        states.append(line.half.after.live)
    states += line.signed
    for state in states:
        if state.version == latest.enforced_version and hash_state(state) == latest.digest:
            return state
    return None


def _close(turn: Turn, full: CoSigned, latest: Channel) -> None:
    state = full.state
    if turn.link.chain_now >= state.valid_until or is_lock_outstanding(latest.order_flags):
        return
    if state.version <= latest.enforced_version:
        return
    if latest.status is Status.CHALLENGED or _is_ours_to_send(turn, state):
        request = requests.CloseCooperative(turn.line.definition, state, full.signatures)
        turn.want("close", state.version, request)


def _resize(turn: Turn, full: CoSigned, latest: Channel) -> None:
    """Take out what is ours to take out, while no challenge stands."""
    state, side = full.state, turn.line.side
    outs = (split.out_low if side is Side.LOW else split.out_high for split in state.splits)
    if latest.status is not Status.OPEN or is_lock_outstanding(latest.order_flags):
        return
    if state.version <= latest.enforced_version or turn.link.chain_now >= state.valid_until:
        return
    if any(outs):
        request = requests.Resize(turn.line.definition, state, full.signatures)
        turn.want("resize", state.version, request)


def _is_ours_to_send(turn: Turn, state: ClearingState) -> bool:
    return turn.line.is_initiator or turn.passed >= state.signed_at + STEP_IN_S
