"""Say and hear the four Hellos over a fresh stream; what each must hold is in `hello`."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from clearing.clearport.errors import PeerGoneError, WireError
from clearing.clearport.peers.hello import Greeting
from clearing.clearport.peers.stream import Stream
from clearing.clearport.peers.typed import DigestSigner, SignerOf
from clearing.peer.v1 import peer_pb2

__all__ = ["greet_accepting", "greet_dialling", "read_hello"]


async def greet_dialling(
    stream: Stream, greeting: Greeting, signer: DigestSigner, signer_of: SignerOf
) -> None:
    """Speak first. When this returns, both sides have proven themselves to each other.

    Raises PeerLiedError, WireError, PeerGoneError, SignerError, UnavailableError.
    """
    await _send(stream, greeting.unsigned())
    greeting.meet(await read_hello(stream), echo=greeting.nonce)
    await _send(stream, await greeting.signed(signer))
    await greeting.require_proof(await read_hello(stream), signer_of)


async def greet_accepting(
    stream: Stream,
    first: peer_pb2.Hello,
    greeting: Greeting,
    signer: DigestSigner,
    signer_of: SignerOf,
) -> None:
    """Answer the first Hello. Our key signs for nobody who has not proven itself before.

    Raises as `greet_dialling`.
    """
    greeting.meet(first, echo=b"")
    await _send(stream, greeting.unsigned())
    await greeting.require_proof(await read_hello(stream), signer_of)
    await _send(stream, await greeting.signed(signer))


async def read_hello(stream: Stream) -> peer_pb2.Hello:
    """Return the Hello that must come next. Raises WireError, PeerGoneError."""
    raw = await stream.read()
    if raw is None:
        raise PeerGoneError("the stream ended before the Hellos did", "it is tried again")
    try:
        frame = peer_pb2.Frame.FromString(raw)
    except DecodeError as error:
        raise WireError("no Frame", "send a Hello first", field="frame") from error
    if not frame.HasField("hello") or frame.messages:
        raise WireError("something else before it", "send a Hello first", field="hello")
    return frame.hello


async def _send(stream: Stream, hello: peer_pb2.Hello) -> None:
    if not await stream.write(peer_pb2.Frame(hello=hello).SerializeToString()):
        raise PeerGoneError("the stream ended before the Hellos did", "it is tried again")
