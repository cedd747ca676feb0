"""Sort what a transition wants: what belongs into its one commit, and what comes after."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.clearport.core.channel import Line
from clearing.clearport.core.effects import Booked, Effect, Notify, Persist, Send, Sign, Submit
from clearing.clearport.core.messages import Message
from clearing.clearport.ports import Intent, OperatorEvent, Outbox
from clearing.client.session import CoSigned

__all__ = ["Wanted", "sort_effects"]


@dataclass(slots=True)
class Wanted:
    """A transition's effects by kind; the last line of several is the one that counts."""

    line: Line | None = None
    agreed: CoSigned | None = None
    booked: Booked | None = None
    sign: Sign | None = None
    intents: tuple[Intent, ...] = ()
    events: tuple[OperatorEvent, ...] = ()
    sends: tuple[Message, ...] = ()


def sort_effects(
    effects: tuple[Effect, ...], channel_id: bytes, outbox: Outbox, now: int
) -> Wanted:
    """Return the effects by kind, transactions encoded, notices dated."""
    wanted = Wanted()
    for effect in effects:
        match effect:
            case Send():
                wanted.sends += (effect.message,)
            case Persist():
                wanted.line = effect.line
                wanted.agreed = effect.agreed or wanted.agreed
                wanted.booked = effect.booked or wanted.booked
            case Sign():
                wanted.sign = effect
            case Submit():
                wanted.intents += (_intent(effect, channel_id, outbox),)
            case Notify():
                event = OperatorEvent(effect.kind, channel_id, effect.fields, at=now)
                wanted.events += (event,)
    return wanted


def _intent(submit: Submit, channel_id: bytes, outbox: Outbox) -> Intent:
    intent = outbox.encode(submit.key, submit.request)
    return Intent(intent.key, intent.to, intent.data, intent.what, channel_id)
