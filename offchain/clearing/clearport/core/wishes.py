"""Carry wishes between operators, peers and the one side that proposes.

Openings, settlements and hash locks need the other operator's yes. A close and a resize that takes
out nothing of ours may be agreed to by policy. The rest follows from prices or the chain and needs
nobody's. Whoever is asked repeats its answer when it is asked again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from clearing.channel.keccak import keccak256
from clearing.clearport.core.channel import Wait
from clearing.clearport.core.events import Wanted
from clearing.clearport.core.margin_calls import note_refused_call
from clearing.clearport.core.messages import (
    CallMarginWish,
    Consent,
    Rejection,
    Request,
    ResizeWish,
    SettleWish,
    Wish,
)
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.turn import Turn
from clearing.client import moves
from clearing.client.terms import Market
from clearing.spec.liabilities import NO_LIABILITIES
from clearing.spec.types import ConditionKind, Intent, Side

__all__ = [
    "agree_by_policy",
    "ask_to_settle",
    "consent",
    "derived_id",
    "expire",
    "hear_consent",
    "hear_rejection",
    "hear_request",
    "is_authorised",
    "is_wish_of",
    "move_of",
    "reject",
    "repeat_requests",
    "request",
    "send_rejection",
    "settle_before_closing",
    "want",
]

ID_BYTES: Final = 16
MAX_WAITS: Final = 16
"""Requests of the peer's that may wait at once."""
REASON_CHARS: Final = 200
Free = CallMarginWish | moves.TopUp | moves.Unlock
"""Needs nobody's yes."""


# OUR OPERATOR


def want(turn: Turn, event: Wanted) -> None:
    """Take a wish of our operator's up: ask the peer, or have it proposed."""
    if _find(turn, event.request_id) is not None:
        return
    problem = _impossible(turn, event.wish)
    if problem:
        turn.notify(Kind.REQUEST_FAILED, request_id=event.request_id.hex(), why=problem)
        return
    if isinstance(event.wish, moves.Close):
        turn.change(is_closing=True)
    request(turn, event.request_id, event.wish)


def consent(turn: Turn, request_id: bytes) -> None:
    """Take our operator's yes to a request of the peer's."""
    wait = _find(turn, request_id)
    if wait is not None and not wait.is_ours and not wait.is_agreed:
        _agree(turn, wait)


def reject(turn: Turn, request_id: bytes, reason: str) -> None:
    """Take our operator's no."""
    wait = _find(turn, request_id)
    if wait is not None and not wait.is_ours:
        _drop(turn, wait)
        send_rejection(turn, request_id, reason)


def request(turn: Turn, request_id: bytes, wish: Wish) -> None:
    """Have a wish of our own wait, and ask the peer for what it must agree to or propose."""
    line = turn.line
    is_open = isinstance(wish, moves.Open)
    asked = Request(
        request_id,
        wish,
        definition=line.definition if is_open else None,
        terms=line.terms if is_open else None,
    )
    is_agreed = line.side is Side.LOW and isinstance(wish, Free)
    turn.change(waits=(*line.waits, Wait(asked, is_ours=True, is_agreed=is_agreed)))
    if not is_agreed:
        turn.send(asked)


def derived_id(turn: Turn, what: bytes) -> bytes:
    """Return the id of a request that follows by itself from where the channel stands now."""
    position = turn.line.position
    version = 0 if position.state is None else position.state.version
    where = b"%d:%d:%d:%d:" % (position.epoch, version, turn.line.side, turn.now)
    return keccak256(position.channel_id + where + what)[:ID_BYTES]


def settle_before_closing(turn: Turn) -> None:
    """Ask for a settlement where a close is wanted and something is still owed."""
    line = turn.line
    state = line.position.state
    if not line.is_closing or state is None or line.position.liabilities == NO_LIABILITIES:
        return
    if state.condition.kind != ConditionKind.NONE or line.half is not None or line.alarm:
        return
    ask_to_settle(turn)


def ask_to_settle(turn: Turn) -> None:
    """Ask for a settlement unless one is asked for already."""
    line = turn.line
    if not any(isinstance(each.request.wish, SettleWish) for each in line.waits):
        wish = SettleWish(max(turn.now, turn.link.chain_now) + turn.policy.offer_s)
        request(turn, derived_id(turn, b"settle"), wish)


# THE PEER


def hear_request(turn: Turn, asked: Request) -> None:
    """Take a wish of the peer's up: agree by policy, ask our operator, or say no."""
    wait = _find(turn, asked.request_id)
    if wait is not None:
        _hear_again(turn, wait, asked)
        return
    problem = _unfit(turn, asked) or _impossible(turn, asked.wish)
    if problem:
        send_rejection(turn, asked.request_id, problem)
        return
    wait = Wait(replace(asked, definition=None, terms=None), is_ours=False)
    turn.change(waits=(*turn.line.waits, wait))
    if isinstance(asked.wish, Free):
        _mark_agreed(turn, wait)
    elif _may_agree(turn, asked.wish):
        _agree(turn, wait)
    elif not _is_for_policy(turn, asked.wish):
        kind = type(asked.wish).__name__.removesuffix("Wish")
        turn.notify(Kind.REQUEST, request_id=asked.request_id.hex(), wish=kind)


def hear_consent(turn: Turn, request_id: bytes) -> None:
    """Take the peer's yes."""
    wait = _find(turn, request_id)
    if wait is not None and wait.is_ours and not wait.is_agreed:
        _mark_agreed(turn, wait)


def hear_rejection(turn: Turn, rejection: Rejection) -> None:
    """Take the peer's no; a close that needs the settlement it refuses is given up as well."""
    wait = _find(turn, rejection.request_id)
    if wait is None or not wait.is_ours:
        return
    _drop(turn, wait)
    turn.notify(Kind.REJECTED, request_id=wait.request.request_id.hex(), reason=rejection.reason)
    if isinstance(wait.request.wish, CallMarginWish):
        note_refused_call(turn, rejection.reason)
    if isinstance(wait.request.wish, moves.Close | SettleWish) and turn.line.is_closing:
        turn.change(is_closing=False)
        for each in turn.line.waits:
            if each.is_ours and isinstance(each.request.wish, moves.Close):
                _drop(turn, each)


def repeat_requests(turn: Turn) -> None:
    """Say again, on a new stream, what we ask for and what we have agreed to."""
    for wait in turn.line.waits:
        if wait.is_ours and not (turn.line.side is Side.LOW and wait.is_agreed):
            turn.send(wait.request)
        elif not wait.is_ours and wait.is_agreed:
            turn.send(Consent(wait.request.request_id))


def agree_by_policy(turn: Turn) -> None:
    """Agree to what policy lets us, as soon as it does: a close once nothing is owed."""
    for wait in turn.line.waits:
        if not wait.is_ours and not wait.is_agreed and _may_agree(turn, wait.request.wish):
            _agree(turn, wait)


def expire(turn: Turn) -> None:
    """Drop the wishes whose time is over."""
    now = max(turn.now, turn.link.chain_now)
    for wait in turn.line.waits:
        wish = wait.request.wish
        if _is_over(wish, now):
            _drop(turn, wait)
            turn.notify(Kind.EXPIRED, request_id=wait.request.request_id.hex())


def send_rejection(turn: Turn, request_id: bytes, reason: str) -> None:
    """Say no to a request."""
    turn.send(Rejection(request_id, reason[:REASON_CHARS]))


# WISHES AND MOVES


def is_wish_of(wish: Wish, move: moves.Move) -> bool:
    """Say whether a move fulfils a wish."""
    match wish, move:
        case CallMarginWish(), moves.CallMargin():
            return True
        case SettleWish(fund_by), moves.Settle():
            return fund_by == move.fund_by
        case ResizeWish(outs, valid_until), moves.Resize():
            return (outs, valid_until) == (move.outs, move.valid_until)
        case moves.Close(), moves.Close():
            return wish.is_sent == move.is_sent
        case moves.TopUp(), moves.TopUp():
            return True
        case _:
            return wish == move


def is_authorised(turn: Turn, move: moves.Move) -> bool:
    """Say whether our side has asked for a move or agreed to it, or need not."""
    if isinstance(move, moves.CallMargin | moves.TopUp | moves.Conclude | moves.Unlock):
        return True
    if isinstance(move, moves.Close):
        if move.valid_until > turn.now + 2 * turn.policy.offer_s:
            return False
        if _may_agree(turn, move):
            return True
    return any(
        (wait.is_ours or wait.is_agreed) and is_wish_of(wait.request.wish, move)
        for wait in turn.line.waits
    )


def move_of(turn: Turn, wish: Wish, market: Market | None) -> moves.Move | None:
    """Return the move that a wish leads to now; None while prices or what is owed forbid it."""
    match wish:
        case moves.Close():
            if turn.line.position.liabilities != NO_LIABILITIES:
                return None
            now = max(turn.now, turn.link.chain_now)
            return moves.Close(now + turn.policy.offer_s, wish.is_sent)
        case CallMarginWish():
            return None if market is None else moves.CallMargin(market)
        case SettleWish(fund_by):
            return None if market is None else moves.Settle(fund_by, market)
        case ResizeWish(outs, valid_until):
            return None if market is None else moves.Resize(outs, valid_until, market)
        case _:
            return wish


# PARTS


def _hear_again(turn: Turn, wait: Wait, asked: Request) -> None:
    if wait.is_ours or wait.request.wish != asked.wish:
        turn.lied("request.request_id")
    elif wait.is_agreed and not isinstance(asked.wish, Free):
        turn.send(Consent(asked.request_id))


def _unfit(turn: Turn, asked: Request) -> str:
    """Say why a request cannot be of this channel; empty if it can."""
    line = turn.line
    if len(asked.request_id) != ID_BYTES:
        return "request_id"
    if sum(not each.is_ours for each in line.waits) >= MAX_WAITS:
        return "too many requests wait"
    if isinstance(asked.wish, moves.Open) and (
        asked.definition != line.definition
        or asked.terms is None
        or asked.terms.collateral != line.terms.collateral
        or dict(asked.terms.deliverable) != dict(line.terms.deliverable)
    ):
        return "another definition or other terms"
    if isinstance(asked.wish, Free) and line.side is Side.HIGH:
        return "low proposes this itself"
    return ""


def _impossible(turn: Turn, wish: Wish) -> str:
    """Say why a wish cannot come true as the channel stands; empty if it may."""
    line = turn.line
    state = line.position.state
    now = max(turn.now, turn.link.chain_now)
    if _is_over(wish, now):
        return "its time is over"
    if isinstance(wish, moves.Open):
        if state is not None and state.intent != Intent.OPEN:
            return "the channel is open"
        if len(wish.nets) != len(line.definition.assets):
            return "one pair of amounts for each asset"
        if any(amount < 0 for pair in wish.nets for amount in pair):
            return "an amount is negative"
        return ""
    if state is None:
        return "the channel is not open"
    return "the channel is closing" if state.intent == Intent.CLOSE else ""


def _is_over(wish: Wish, now: int) -> bool:
    """Say whether a wish can come true no more. A close is dated anew when it is proposed."""
    match wish:
        case moves.Open() | ResizeWish():
            return wish.valid_until <= now
        case SettleWish():
            return wish.fund_by <= now
        case moves.LockHash():
            return wish.expiry <= now
        case _:
            return False


def _is_for_policy(turn: Turn, wish: Wish) -> bool:
    """Say whether policy agrees to such a wish by itself, now or later."""
    if isinstance(wish, moves.Close):
        return turn.policy.auto_close
    is_theirs_alone = isinstance(wish, ResizeWish) and not any(
        out[turn.line.side] for out in wish.outs
    )
    return is_theirs_alone and turn.policy.auto_resize


def _may_agree(turn: Turn, wish: Wish) -> bool:
    """Say whether policy agrees to a wish now."""
    if not _is_for_policy(turn, wish):
        return False
    return not isinstance(wish, moves.Close) or turn.line.position.liabilities == NO_LIABILITIES


def _agree(turn: Turn, wait: Wait) -> None:
    _mark_agreed(turn, wait)
    turn.send(Consent(wait.request.request_id))


def _mark_agreed(turn: Turn, wait: Wait) -> None:
    agreed = replace(wait, is_agreed=True)
    waits = turn.line.waits
    turn.change(waits=tuple(agreed if each is wait else each for each in waits))


def _drop(turn: Turn, wait: Wait) -> None:
    turn.change(waits=tuple(each for each in turn.line.waits if each is not wait))


def _find(turn: Turn, request_id: bytes) -> Wait | None:
    for wait in turn.line.waits:
        if wait.request.request_id == request_id:
            return wait
    return None
