"""Name what a transition asks of the world, as data.

The shell performs the effects of one transition in their order and waits for each: what is
persisted is durable before the key signs, and a signature is durable before it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from clearing.channel import requests
from clearing.clearport.core.channel import Line
from clearing.clearport.core.messages import Message
from clearing.client.session import CoSigned

__all__ = ["Booked", "Effect", "Notify", "Persist", "Send", "Sign", "Submit"]


@dataclass(frozen=True, slots=True)
class Booked:
    """Trades that this version has made liabilities of."""

    version: int
    trade_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Persist:
    """Make the line durable, with a newly agreed state and newly booked trades if there are any.

    All or nothing, with the reservation of a Sign and the intents and notices that follow in the
    same transition. The shell may join the records of several channels into one commit.
    """

    line: Line
    agreed: CoSigned | None = None
    booked: Booked | None = None


@dataclass(frozen=True, slots=True)
class Sign:
    """Have the state signer sign the digest; the event `Signed` brings the signature.

    Follows a Persist, whose commit also reserves (key, type, channel, epoch, version) for this
    digest; another digest under the same five is refused for ever.
    """

    epoch: int
    version: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Send:
    """Say something to the peer; dropped if the stream is gone, since Reestablish repeats it."""

    message: Message


@dataclass(frozen=True, slots=True)
class Submit:
    """Have a transaction sent from the broker's account, once for each `key`."""

    key: str
    request: requests.Request


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the operator; `kind` is a constant name, `fields` its values as text."""

    kind: str
    fields: tuple[tuple[str, str], ...] = ()


Effect = Persist | Sign | Send | Submit | Notify
