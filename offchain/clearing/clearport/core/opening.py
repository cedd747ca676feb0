"""Begin a channel's line, or take it up again after a crash."""

from __future__ import annotations

from clearing.channel.codec import channel_id
from clearing.clearport.core.channel import Line, Phase, Policy
from clearing.client.position import Position
from clearing.client.terms import Terms
from clearing.spec.types import ChannelDef, Side
from clearing.spec.units import Address, Bytes32

__all__ = ["open_line", "rejoin"]


def open_line(
    definition: ChannelDef,
    terms: Terms,
    separator: Bytes32,
    own_broker: Address,
    *,
    is_initiator: bool = False,
) -> Line:
    """Return the line of a channel that nothing has happened to.

    Raises ValueError if our broker is none of the two, CodecError for no definition.
    """
    if own_broker not in (definition.broker_low, definition.broker_high):
        raise ValueError("our broker is no side of this channel")
    identity = channel_id(definition)
    return Line(
        definition=definition,
        channel_id=identity,
        separator=separator,
        side=Side.LOW if own_broker == definition.broker_low else Side.HIGH,
        terms=terms,
        position=Position(identity, 0),
        is_initiator=is_initiator,
    )


def rejoin(line: Line, policy: Policy) -> Phase:
    """Return the phase that a process starts from with a line that its store has.

    A half that is durable without our signature has not left the process: the first view of the
    chain has the same digest signed, or its version given up if it is not to be signed any more.
    """
    return Phase(line, policy)
