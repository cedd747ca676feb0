"""Find out, on each new stream, where the two sides stand, and repeat what one of them missed."""

from __future__ import annotations

from clearing.clearport.core.channel import Half, Line
from clearing.clearport.core.memory import known_version
from clearing.clearport.core.messages import Answer, Proposal, Reestablish
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.reckoning import digest_of, doubt_of_half
from clearing.clearport.core.refusals import Code, Doubt
from clearing.clearport.core.restore import begin_recovery, diverge
from clearing.clearport.core.turn import Turn
from clearing.clearport.core.wishes import repeat_requests
from clearing.spec.types import Side

__all__ = [
    "connect",
    "greet",
    "hear_reestablish",
    "lose",
    "proposal_of",
    "resume",
    "standing",
    "take_standing",
]


def connect(turn: Turn) -> None:
    """Say where we stand and what we ask for: a new stream remembers nothing."""
    turn.learn(is_connected=True, heard=None, is_reported=False, held=None, told=frozenset())
    greet(turn)
    repeat_requests(turn)


def lose(turn: Turn) -> None:
    """Take up that the stream is gone."""
    turn.learn(is_connected=False, heard=None, is_reported=False, held=None)


def greet(turn: Turn) -> None:
    """Say where we stand in our epoch."""
    turn.send(standing(turn.line))


def standing(line: Line) -> Reestablish:
    """Return where a line stands."""
    full, half = line.full, line.half
    states = [] if full is None else [full.state]
    states += line.signed
    version, digest = 0, b""
    if half is not None and half.ours is not None:
        version, digest = half.version, half.digest
    latest = max(states, key=lambda state: state.version, default=None)
    if latest is not None and latest.version > version:
        version, digest = latest.version, digest_of(line, latest)
    return Reestablish(
        epoch=line.position.epoch,
        last_signed=version,
        last_signed_digest=digest,
        last_full=0 if full is None else full.state.version,
        last_full_digest=b"" if full is None else digest_of(line, full.state),
    )


def hear_reestablish(turn: Turn, heard: Reestablish) -> None:
    """Compare with where we stand; repeat our proposal or answer; stop if the two differ."""
    is_first = turn.link.heard is None
    turn.learn(heard=heard)
    if is_first and not heard.last_signed and not heard.last_full:
        greet(turn)  # a peer that has just begun the channel has not heard us
    take_standing(turn)


def take_standing(turn: Turn) -> None:
    """Act on where the peer says that it stands, once it speaks of our epoch."""
    line, heard = turn.line, turn.link.heard
    if heard is None or heard.epoch != line.position.epoch:
        return
    version = _diverged(line, heard)
    if version:
        diverge(turn, version)
        return
    if heard.last_full > known_version(line):
        begin_recovery(turn, heard.last_full, "peer")
        return
    full_version = 0 if line.full is None else line.full.state.version
    if heard.last_signed < full_version:
        turn.notify_once(Kind.BEHIND, "", version=heard.last_signed, ours=full_version)
        return
    _repeat(turn, heard)


def proposal_of(line: Line, half: Half) -> Proposal:
    """Return what low says of a half that it has signed. Raises ValueError for one it has not."""
    if half.ours is None:
        raise ValueError("the half is not signed")
    return Proposal(
        epoch=line.position.epoch,
        version=half.version,
        signed_at=half.after.live.signed_at,
        move=half.move,
        trade_ids=half.trade_ids,
        digest=half.digest,
        signature=half.ours,
    )


def _repeat(turn: Turn, heard: Reestablish) -> None:
    line = turn.line
    full, half = line.full, line.half
    if line.side is Side.LOW:
        if half is not None and half.ours is not None:
            turn.send(proposal_of(line, half))
    elif full is not None and heard.last_full < full.state.version:
        signature = full.signatures[Side.HIGH]
        turn.send(Answer(line.position.epoch, full.state.version, signature))


def _diverged(line: Line, heard: Reestablish) -> int:
    """Return a version for which the peer names another digest than ours; 0 if none."""
    ours: dict[int, bytes] = {}
    theirs = (
        (heard.last_full, heard.last_full_digest),
        (heard.last_signed, heard.last_signed_digest),
    )
    versions = {version for version, _ in theirs if version}
    if line.half is not None:
        ours[line.half.version] = line.half.digest
    states = [*line.signed] if line.full is None else [*line.signed, line.full.state]
    for state in states:
        if state.version in versions and state.version not in ours:
            ours[state.version] = digest_of(line, state)
    return next(
        (version for version, digest in theirs if version in ours and ours[version] != digest), 0
    )


def resume(turn: Turn) -> Doubt | None:
    """Have a half signed that was durable before a crash and is not signed: the same digest.

    Return why it is not to be signed any more; the caller gives its version up then. None also
    while the chain is not observed yet.
    """
    half = turn.line.half
    if half is None or half.ours is not None:
        return None
    doubt = doubt_of_half(turn, half)
    if doubt is None:
        turn.sign(half.version, half.digest)
        return None
    return None if doubt[0] is Code.NOT_READY else doubt
