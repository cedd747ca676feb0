"""Decide what follows from one event. Pure: the same phase, event and time give the same result.

Raises nothing for whatever a peer says: a message that is not right leads to a Refusal, a notice
or nothing.
"""

from __future__ import annotations

from clearing.clearport.core import wishes
from clearing.clearport.core.agreeing import hear_answer, hear_refusal, take_signature
from clearing.clearport.core.answering import hear_proposal, refuse, try_held
from clearing.clearport.core.chain import force, observe
from clearing.clearport.core.channel import Phase
from clearing.clearport.core.duties import do_duties
from clearing.clearport.core.effects import Effect
from clearing.clearport.core.events import (
    Connected,
    Consented,
    Event,
    Forced,
    Heard,
    Lost,
    Observed,
    Priced,
    Recorded,
    Rejected,
    Signed,
    Ticked,
    Wanted,
)
from clearing.clearport.core.margin import take_market
from clearing.clearport.core.messages import (
    Answer,
    Consent,
    Message,
    Proposal,
    Reestablish,
    Refusal,
    Rejection,
    Request,
    TradeReport,
)
from clearing.clearport.core.proposing import propose_next
from clearing.clearport.core.reestablish import connect, hear_reestablish, lose, resume
from clearing.clearport.core.trades import hear_report, record, report_all
from clearing.clearport.core.turn import Turn
from clearing.spec.types import Side

__all__ = ["step"]

Order = Recorded | Wanted | Consented | Rejected | Forced
"""What comes from the operator."""


def step(phase: Phase, event: Event, *, now: int) -> tuple[Phase, tuple[Effect, ...]]:
    """Return the phase after an event, and what is to be done about it. `now` is Unix seconds."""
    turn = Turn(phase, now)
    match event:
        case Heard(message):
            _hear(turn, message)
        case Signed():
            take_signature(turn, event)
        case Observed():
            observe(turn, event)
            _resume(turn)
        case Priced(market):
            take_market(turn, market)
        case Ticked():
            do_duties(turn)
        case Connected():
            connect(turn)
            _resume(turn)
        case Lost():
            lose(turn)
        case _:
            _obey(turn, event)
    _go_on(turn)
    return turn.done()


def _obey(turn: Turn, order: Order) -> None:
    match order:
        case Recorded(trades):
            record(turn, trades)
        case Wanted():
            wishes.want(turn, order)
        case Consented(request_id):
            wishes.consent(turn, request_id)
        case Rejected(request_id, reason):
            wishes.reject(turn, request_id, reason)
        case Forced():
            force(turn)


def _hear(turn: Turn, message: Message) -> None:
    match message:
        case Proposal():
            hear_proposal(turn, message)
        case Answer():
            hear_answer(turn, message)
        case Refusal():
            hear_refusal(turn, message)
        case TradeReport():
            hear_report(turn, message)
        case Request():
            wishes.hear_request(turn, message)
        case Consent(request_id):
            wishes.hear_consent(turn, request_id)
        case Rejection():
            wishes.hear_rejection(turn, message)
        case Reestablish():
            hear_reestablish(turn, message)


def _go_on(turn: Turn) -> None:
    """Do what has become possible, whatever the event was."""
    if turn.link.held is not None:
        try_held(turn)
    if turn.line.waits:
        wishes.expire(turn)
        wishes.agree_by_policy(turn)
    if turn.line.is_closing:
        wishes.settle_before_closing(turn)
    report_all(turn)
    propose_next(turn)


def _resume(turn: Turn) -> None:
    """Sign a half that a crash left unsigned; if it is not to be signed any more, burn it."""
    doubt = resume(turn)
    half = turn.line.half
    if doubt is None or half is None:
        return
    turn.change(half=None, burnt=max(turn.line.burnt, half.version))
    if turn.line.side is Side.HIGH:
        refuse(turn, half.version, doubt, half.move)
