"""Make a version that both have signed the latest state, or burn one that is refused."""

from __future__ import annotations

from typing import Final

from clearing.channel.signatures import Signature, is_signed_by
from clearing.clearport.core.channel import Half, Line
from clearing.clearport.core.duties import do_duties
from clearing.clearport.core.effects import Booked
from clearing.clearport.core.events import Signed
from clearing.clearport.core.margin_calls import forget_refused_calls, note_refused_call
from clearing.clearport.core.memory import remembered
from clearing.clearport.core.messages import Answer, Refusal
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.reestablish import proposal_of
from clearing.clearport.core.refusals import LATER, Code
from clearing.clearport.core.trades import without
from clearing.clearport.core.turn import Turn
from clearing.clearport.core.wishes import is_wish_of, send_rejection
from clearing.client import moves
from clearing.client.session import CoSigned
from clearing.spec.types import Intent, Side
from clearing.spec.world import Channel

__all__ = ["hear_answer", "hear_refusal", "shown_half", "take_signature"]

RETRY_S: Final = 5
RETRY_MOST_S: Final = 300
UINT64_DIGITS: Final = 20
REFUSED_LIMIT: Final = 16
"""How many refused versions are kept, should the peer show one to the chain."""
JUMP: Final = 1 << 33
"""How far above ours the peer's floor may lie; one loss of a store takes 2**32."""


def take_signature(turn: Turn, event: Signed) -> None:
    """Store our key's signature: low proposes with it, high answers."""
    line = turn.line
    half = line.half
    if half is None or half.ours is not None or half.version != event.version:
        return  # the version was given up meanwhile, and its signature stays in the store
    if not is_signed_by(half.digest, event.signature, line.definition.signer(line.side)):
        turn.change(alarm=Kind.KEY_FAULT.name)
        turn.notify(Kind.KEY_FAULT, version=half.version)
        return
    view = turn.link.view
    if half.theirs is not None:
        _adopt(turn, half, event.signature, half.theirs)
        turn.send(Answer(line.position.epoch, half.version, event.signature))
        return
    half = Half(half.move, half.trade_ids, half.after, half.digest, ours=event.signature)
    turn.change(half=half, signed=remembered(line.signed, half.after.live, view))
    if turn.is_greeted:
        turn.send(proposal_of(turn.line, half))


def hear_answer(turn: Turn, answer: Answer) -> None:
    """Take the peer's countersignature of our proposal."""
    line = turn.line
    half = line.half
    if half is None or half.version != answer.version:
        half = shown_half(line, turn.link.latest)  # refused, and shown to the chain all the same
    if line.side is not Side.LOW or half is None or half.ours is None:
        return  # an answer that came twice
    if (answer.epoch, answer.version) != (line.position.epoch, half.version):
        return
    signer = line.definition.signer(line.side.other)
    if not is_signed_by(half.digest, answer.signature, signer):
        turn.lied("answer.signature")
        return
    _adopt(turn, half, half.ours, answer.signature)


def hear_refusal(turn: Turn, refusal: Refusal) -> None:
    """Burn our proposal: its version is never used again, and what it was for waits or ends.

    Our signature stays with the peer, so the state is remembered as one that may yet be enforced.
    """
    line, latest = turn.line, turn.link.latest
    half = line.half
    if line.side is not Side.LOW or half is None or half.ours is None:
        return
    if (refusal.epoch, refusal.version) != (line.position.epoch, half.version):
        return
    place = None if latest is None else (latest.epoch, latest.enforced_version)
    if place == (refusal.epoch, half.version):
        turn.lied("refusal.version")  # it is on the chain with the peer's signature
        return
    code = Code(refusal.code) if refusal.code in set(Code) else Code.MOVE
    turn.change(
        half=None,
        burnt=max(line.burnt, half.version, _floor_in(refusal, code, half)),
        refused=(*line.refused, half)[-REFUSED_LIMIT:],
    )
    wait_s = min(RETRY_S << min(turn.link.refused, 16), RETRY_MOST_S)
    if code is Code.BELOW_FLOOR:
        wait_s = 0
    turn.learn(retry_at=turn.now + wait_s, refused=turn.link.refused + 1)
    turn.notify(
        Kind.REFUSED,
        by="peer",
        version=half.version,
        move=type(half.move).__name__,
        code=code,
        detail=refusal.detail,
    )
    if isinstance(half.move, moves.CallMargin):
        note_refused_call(turn, code.value)
    if isinstance(half.move, moves.Book):
        _leave_trade(turn, half, code, refusal.detail)
    elif code not in LATER:
        _end_wishes(turn, half, code)


def shown_half(line: Line, latest: Channel | None) -> Half | None:
    """Return what we signed, the peer did not answer, and the chain enforces; None for nothing.

    The peer's signature of it stands in the transaction that brought it there. Without it we could
    neither deliver what the state names nor end the channel by it.
    """
    if latest is None or not latest.is_live or latest.epoch != line.position.epoch:
        return None
    version = latest.enforced_version
    if line.full is not None and line.full.state.version >= version:
        return None
    known = line.refused if line.half is None else (line.half, *line.refused)
    return next((half for half in known if half.version == version and half.ours is not None), None)


def _floor_in(refusal: Refusal, code: Code, half: Half) -> int:
    """Return the version that a restored peer wants us above."""
    text = refusal.detail
    is_number = text.isascii() and text.isdigit() and len(text) <= UINT64_DIGITS
    if code is not Code.BELOW_FLOOR or not is_number:
        return 0
    floor = int(text)
    return floor if floor <= half.version + JUMP else 0


def _leave_trade(turn: Turn, half: Half, code: Code, trade_id: str) -> None:
    """Do not propose the trade that was refused until the peer reports it (again)."""
    if code not in (Code.TRADE_UNKNOWN, Code.TRADE_DIFFERS) or trade_id not in half.trade_ids:
        return
    left = tuple(each for each in turn.line.reported if each.trade_id != trade_id)
    turn.change(reported=left)
    turn.learn(retry_at=0)
    turn.notify(Kind.TRADE_REFUSED, trade_id=trade_id, why=code)


def _end_wishes(turn: Turn, half: Half, code: Code) -> None:
    for wait in turn.line.waits:
        if not is_wish_of(wait.request.wish, half.move):
            continue
        turn.change(waits=tuple(each for each in turn.line.waits if each is not wait))
        turn.notify(Kind.REQUEST_FAILED, request_id=wait.request.request_id.hex(), why=code)
        if not wait.is_ours:
            send_rejection(turn, wait.request.request_id, code.value)


def _adopt(turn: Turn, half: Half, ours: Signature, theirs: Signature) -> None:
    """Make the half the latest state: what it booked and what it fulfilled is done with."""
    line = turn.line
    state = half.after.live
    signatures = (ours, theirs) if line.side is Side.LOW else (theirs, ours)
    full = CoSigned(state, signatures, half.after.order)
    changes: dict[str, object] = {}
    if half.trade_ids:
        changes["trades"] = without(line.trades, half.trade_ids)
        changes["reported"] = without(line.reported, half.trade_ids)
    if line.waits:
        changes["waits"] = tuple(
            each for each in line.waits if not is_wish_of(each.request.wish, half.move)
        )
    is_close = state.intent == Intent.CLOSE
    if is_close or line.backing is not None:
        changes["backing"] = line.full if is_close else None
    turn.change(
        position=half.after,
        full=full,
        half=None if line.half is None or line.half.version <= half.version else line.half,
        refused=tuple(each for each in line.refused if each.version > half.version),
        signed=remembered(line.signed, state, turn.link.view),
        **changes,
    )
    booked = Booked(half.version, half.trade_ids) if half.trade_ids else None
    turn.agree(full, booked)
    link = turn.link
    if link.refused or link.retry_at:
        turn.learn(refused=0, retry_at=0)
    if isinstance(half.move, moves.CallMargin):
        forget_refused_calls(turn)
    if not isinstance(half.move, moves.Book):
        turn.notify(Kind.AGREED, version=half.version, move=type(half.move).__name__)
        turn.learn(skipped=frozenset(), is_call_due=False)
        do_duties(turn)
