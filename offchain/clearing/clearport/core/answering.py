"""Answer low's proposals: sign what we compute ourselves and nothing else, refuse or hold the rest.

High only. A refused version is durable as refused before the peer hears of it.
"""

from __future__ import annotations

from typing import Final

from clearing.channel.errors import CodecError
from clearing.channel.signatures import is_signed_by
from clearing.clearport.core.channel import Half, Line
from clearing.clearport.core.margin_calls import forget_refused_calls
from clearing.clearport.core.market import doubt_about_market
from clearing.clearport.core.memory import known_version
from clearing.clearport.core.messages import Answer, Proposal, Refusal
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.reckoning import digest_of, doubt_about, reckon
from clearing.clearport.core.refusals import LATER, Code, Doubt
from clearing.clearport.core.restore import diverge
from clearing.clearport.core.trades import Finder
from clearing.clearport.core.turn import Turn
from clearing.clearport.core.wishes import is_authorised
from clearing.client import moves
from clearing.client.position import Position
from clearing.spec.types import Side

__all__ = ["hear_proposal", "refuse", "try_held"]

JUMP: Final = 1 << 33
"""How many versions low may leave out: a restored store leaves 2**32 out."""
HOLD_S: Final = 60
"""How long a proposal is held that may become right by itself."""
MAX_TRADES: Final = 4_096
Held = moves.Settle | moves.Resize | moves.Close
"""Moves whose refusal costs low dearly: its signature can run by itself until it has expired."""


def hear_proposal(turn: Turn, proposal: Proposal) -> None:
    """Take a proposal up, or what was said to it before."""
    line = turn.line
    if line.side is Side.LOW:
        turn.lied("proposal")
        return
    if proposal.epoch != line.position.epoch:
        return  # of a life that is over, or of one that we do not see yet
    half, full = line.half, line.full
    if half is not None and half.version == proposal.version:
        if half.digest != proposal.digest:
            _equivocated(turn, proposal)
        return
    if full is not None and full.state.version == proposal.version:
        _repeat_answer(turn, proposal)
        return
    if proposal.version <= max(known_version(line), line.burnt):
        _repeat_refusal(turn, proposal)
        return
    if proposal.version > max(known_version(line), line.burnt, line.floor) + JUMP:
        turn.lied("proposal.version")
        return
    if half is not None:
        turn.lied("proposal: one is unanswered")
        return
    if not is_signed_by(proposal.digest, proposal.signature, line.definition.signer(Side.LOW)):
        turn.lied("proposal.signature")
        return
    _judge(turn, proposal)


def try_held(turn: Turn) -> None:
    """Look at a held proposal again, now that something is otherwise."""
    held = turn.link.held
    if held is None:
        return
    turn.learn(held=None)
    line = turn.line
    if held.epoch == line.position.epoch and held.version > max(known_version(line), line.burnt):
        _judge(turn, held)


def refuse(turn: Turn, version: int, doubt: Doubt, move: moves.Move) -> None:
    """Burn a version for good, then say so."""
    code, detail = doubt
    line = turn.line
    refusal = Refusal(line.position.epoch, version, code.value, detail)
    turn.change(burnt=max(line.burnt, version))
    turn.learn(last_refusal=refusal)
    if isinstance(move, moves.CallMargin):
        forget_refused_calls(turn)
    turn.send(refusal)
    turn.notify(
        Kind.REFUSED,
        by="us",
        version=version,
        move=type(move).__name__,
        code=code,
        detail=detail,
    )


def _judge(turn: Turn, proposal: Proposal) -> None:
    """Sign a new proposal with a good signature, hold or refuse it."""
    found = _accepted(turn, proposal)
    if isinstance(found, Position):
        half = Half(
            proposal.move,
            proposal.trade_ids,
            found,
            proposal.digest,
            theirs=proposal.signature,
        )
        turn.change(half=half)
        turn.sign(proposal.version, proposal.digest)
        return
    if _is_held(turn, proposal, found[0]):
        turn.learn(held=proposal)
    else:
        refuse(turn, proposal.version, found, proposal.move)


def _is_held(turn: Turn, proposal: Proposal, code: Code) -> bool:
    """Say whether to wait: a refusal would cost low dearly, or we have only just been started."""
    if code not in LATER or code is Code.BELOW_FLOOR or turn.now >= proposal.signed_at + HOLD_S:
        return False
    has_just_begun = turn.link.view is None or turn.link.last_market is None
    return has_just_begun or isinstance(proposal.move, Held)


def _accepted(turn: Turn, proposal: Proposal) -> Position | Doubt:
    """Return the position that a proposal leads to if we sign it, else why we do not."""
    line, link, policy = turn.line, turn.link, turn.policy
    move = proposal.move
    if abs(proposal.signed_at - turn.now) > policy.skew_s:
        return Code.CLOCK, f"{proposal.signed_at} is not about {turn.now}"
    doubt = _unauthorised(turn, proposal)
    if doubt is not None:
        return doubt
    after = reckon(line, move, proposal.version, proposal.signed_at)
    if isinstance(after, str):
        return Code.MOVE, after
    try:
        if digest_of(line, after.live) != proposal.digest:
            return Code.DIGEST, "we compute another state"
    except CodecError as error:
        return Code.MOVE, str(error)
    doubt = doubt_about_market(line, link, policy, move, after)
    return doubt or doubt_about(turn, move, after.live) or after


def _unauthorised(turn: Turn, proposal: Proposal) -> Doubt | None:
    """Say why our side has not agreed to a move."""
    move, line = proposal.move, turn.line
    if isinstance(move, moves.Book):
        return _unknown_trade(line, proposal, move)
    if proposal.trade_ids:
        return Code.MOVE, "trades are named in a move that books none"
    if is_authorised(turn, move):
        return None
    return Code.NOT_AGREED, f"nobody here has agreed to {type(move).__name__}"


def _unknown_trade(line: Line, proposal: Proposal, move: moves.Book) -> Doubt | None:
    ids = proposal.trade_ids
    if not 0 < len(ids) == len(move.trades) <= MAX_TRADES or len(set(ids)) != len(ids):
        return Code.MOVE, "a booking names each of its trades once"
    known = Finder(line.trades)
    for place, (trade_id, trade) in enumerate(zip(ids, move.trades, strict=True)):
        ours = known.find(trade_id, place)
        if ours is None:
            return Code.TRADE_UNKNOWN, trade_id
        if ours.trade != trade:
            return Code.TRADE_DIFFERS, trade_id
    return None


def _repeat_answer(turn: Turn, proposal: Proposal) -> None:
    """Say again what we have signed, if it is what is proposed."""
    full = turn.line.full
    if full is None:
        return
    if digest_of(turn.line, full.state) != proposal.digest:
        _equivocated(turn, proposal)
        return
    turn.send(Answer(proposal.epoch, proposal.version, full.signatures[Side.HIGH]))


def _repeat_refusal(turn: Turn, proposal: Proposal) -> None:
    """Say again that a version is burnt, as before if we remember how.

    Nothing above the latest signed version and up to `burnt` was ever signed.
    """
    line = turn.line
    if not known_version(line) < proposal.version <= line.burnt:
        return  # low has gone on since: this came late
    last = turn.link.last_refusal
    if last is None or (last.epoch, last.version) != (proposal.epoch, proposal.version):
        last = Refusal(proposal.epoch, proposal.version, Code.BURNT.value, "refused before")
    turn.send(last)


def _equivocated(turn: Turn, proposal: Proposal) -> None:
    """Stop signing if low has signed a second digest for one version; its word alone is nothing."""
    signer = turn.line.definition.signer(Side.LOW)
    if is_signed_by(proposal.digest, proposal.signature, signer):
        diverge(turn, proposal.version)
    else:
        turn.lied("proposal.digest")
