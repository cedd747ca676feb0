"""Keep what a call returned, so that whoever repeats its idempotency key gets the same.

`Used.result` begins with the call's id (keccak of its method and body), which `open_envelope`
puts there. What the desk returns is often known only once it has done its part (a request id, a
count), so the desk completes the bytes in the commit of the effect::

    started = Started(channel_id, request_id)
    await store.commit(Record(..., used=completed(used, started)))
    return started

A desk method that returns nothing commits `used` as it is. When the store raises RepeatedError,
`first_result` gives the value back, and the service makes the same reply of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, overload

from google.protobuf.message import DecodeError, Message

from clearing.clearport.api.envelope import CALL_ID_BYTES
from clearing.clearport.api.replies import peer_reply
from clearing.clearport.api.text import parse_address
from clearing.clearport.desk import PeerView, Started
from clearing.clearport.errors import RefusedError, StoreDamagedError
from clearing.clearport.ports import Used
from clearing.operator.v1 import operator_pb2 as pb

__all__ = ["Result", "completed", "first_result"]

Result = PeerView | Started | int | str | None
"""What a Desk method that takes `used` returns."""

M = TypeVar("M", bound=Message)


def completed(used: Used, result: Result) -> Used:
    """Return the call with what it returned; the desk commits this."""
    return replace(used, result=used.result[:CALL_ID_BYTES] + _encoded(result))


@overload
def first_result(used: Used, stored: bytes, kind: type[PeerView]) -> PeerView: ...
@overload
def first_result(used: Used, stored: bytes, kind: type[Started]) -> Started: ...
@overload
def first_result(used: Used, stored: bytes, kind: type[int]) -> int: ...
@overload
def first_result(used: Used, stored: bytes, kind: type[str]) -> str: ...
@overload
def first_result(used: Used, stored: bytes, kind: type[None]) -> None: ...
def first_result(used: Used, stored: bytes, kind: type[Result]) -> Result:
    """Return what the first call under this idempotency key returned.

    Raises RefusedError (the key was used for another call) or StoreDamagedError.
    """
    if stored[:CALL_ID_BYTES] != used.result[:CALL_ID_BYTES]:
        fix = "take a new key for each call"
        raise RefusedError("is used for another call", fix, field="idempotency_key")
    rest = stored[CALL_ID_BYTES:]
    if kind is type(None):
        return None
    if not rest:
        raise StoreDamagedError("the first result of this idempotency key is not stored")
    if kind is PeerView:
        return _peer(_decoded(pb.Peer, rest))
    if kind is Started:
        reply = _decoded(pb.ChannelReply, rest)
        return Started(_bytes(reply.channel_id), _bytes(reply.request_id))
    text = _text(rest)
    return int(text) if kind is int else text


def _encoded(result: Result) -> bytes:
    match result:
        case None:
            return b""
        case PeerView():
            return peer_reply(result).SerializeToString(deterministic=True)
        case Started(channel_id, request_id):
            reply = pb.ChannelReply(channel_id=channel_id.hex(), request_id=request_id.hex())
            return reply.SerializeToString(deterministic=True)
        case _:
            return str(result).encode()


def _peer(reply: pb.Peer) -> PeerView:
    return PeerView(
        broker=parse_address(reply.broker, "broker"),
        endpoint=reply.endpoint,
        signer=parse_address(reply.signer, "signer"),
        is_connected=reply.is_connected,
        valid_until=reply.valid_until,
        name=reply.name,
    )


def _decoded(kind: type[M], data: bytes) -> M:
    try:
        return kind.FromString(data)
    except DecodeError:
        raise StoreDamagedError("a stored result cannot be read back") from None


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise StoreDamagedError("a stored result cannot be read back") from None


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise StoreDamagedError("a stored result cannot be read back") from None
