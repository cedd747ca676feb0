"""Dial a hub by hand: whatever a peer, or whoever holds its certificate, may send."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import grpc

from clearing.clearport.peers.hello import Greeting, Side, Versions
from clearing.clearport.peers.limits import MAX_FRAME
from clearing.clearport.peers.server import common_options
from clearing.clearport.peers.stream import METHOD, DialledStream
from clearing.clearport.peers.tls import SERVER_NAME, channel_credentials
from clearing.peer.v1 import peer_pb2
from tests.unit.clearport_peers.rig import DOMAIN, QUICK, Broker

VERSION_1 = Versions(1, 1)


@dataclass
class Caller:
    """One stream, opened by hand."""

    stream: DialledStream
    call: grpc.aio.StreamStreamCall

    async def send(self, frame: peer_pb2.Frame | bytes) -> bool:
        raw = frame if isinstance(frame, bytes) else frame.SerializeToString()
        return await self.stream.write(raw)

    async def hear(self) -> peer_pb2.Frame | None:
        raw = await self.stream.read()
        return None if raw is None else peer_pb2.Frame.FromString(raw)

    async def status(self) -> tuple[grpc.StatusCode, str]:
        """Return how the other end ends the stream; what it says before is passed over."""
        async with asyncio.timeout(5):
            while await self.hear() is not None:
                pass
        return await self.call.code(), await self.call.details()


@contextlib.asynccontextmanager
async def calling(caller: Broker, called: Broker, pair=None):
    """Open a stream to a hub, showing the caller's certificate or another."""
    credentials = channel_credentials(pair or caller.pair, called.pair.certificate)
    options = [
        *(pair for pair in common_options(QUICK) if "max_send" not in pair[0]),
        ("grpc.ssl_target_name_override", SERVER_NAME),
        ("grpc.max_send_message_length", 8 * MAX_FRAME),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    address = str(called.config.listen)
    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        call = channel.stream_stream(METHOD)()
        yield Caller(DialledStream(call), call)
        call.cancel()


def greeting(caller: Broker, called: Broker, *, domain=DOMAIN, versions=VERSION_1) -> Greeting:
    """Return the caller's side of an honest greeting."""
    return Greeting(
        domain,
        Side(caller.address, caller.pair.certificate_hash),
        Side(called.address, called.pair.certificate_hash),
        versions,
    )


async def greet(line: Caller, greeting: Greeting, key) -> peer_pb2.Frame | None:
    """Say both Hellos; return the last answer, None if there is none."""
    await line.send(peer_pb2.Frame(hello=greeting.unsigned()))
    answer = await line.hear()
    if answer is None:
        return None
    greeting.peer_nonce = answer.hello.nonce
    await line.send(peer_pb2.Frame(hello=await greeting.signed(key)))
    return await line.hear()
