"""How many messages two daemons exchange over one stream: `python -m bench.peer_stream`.

Two processes on loopback, mutual TLS. Each lane says a small message, waits for it to come back and
says the next; so a single lane measures the way there and back, many lanes how frames are shared.
Checks what came back.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import socket
import time
from dataclasses import dataclass
from typing import Final

from clearing.channel.signatures import LocalSigner, Signature
from clearing.clearport.core.messages import Consent
from clearing.clearport.peers.config import HubConfig, Identity
from clearing.clearport.peers.endpoint import Endpoint
from clearing.clearport.peers.hub import Hub
from clearing.clearport.peers.limits import Limits
from clearing.clearport.peers.records import PeerRecord, sign_record
from clearing.clearport.peers.tls import KeyPair, make_pair
from clearing.clearport.peers.typed import Domain
from clearing.clearport.ports import PeerLink
from clearing.spec.units import Address

__all__ = ["main"]

LANES: Final = (1, 8, 64)
MESSAGES: Final = 30_000
CHANNEL: Final = bytes(32)
DOMAIN: Final = Domain(31_337, Address(b"\xad" * 20))
LIMITS: Final = Limits(messages_per_s=10**6, messages_burst=10**6)
MICRO: Final = 1_000_000


@dataclass(frozen=True)
class End:
    """One of the two daemons."""

    number: int
    port: int
    pair: KeyPair

    @property
    def broker(self) -> Address:
        """Its broker; the first dials."""
        return Address(bytes([self.number]) * 20)

    @property
    def key(self) -> LocalSigner:
        """Its signer."""
        return LocalSigner(self.number.to_bytes(32, "big"))

    async def sign(self, digest: bytes) -> Signature:
        """Sign as its registry signer."""
        return self.key.sign(digest)


class Meter:
    """Wall and processor time since the first message."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def read(self) -> tuple[float, float]:
        """Return (wall, processor) seconds."""
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


async def _ask(link: PeerLink, lanes: int) -> None:
    """Be the end that begins."""
    meter = Meter()
    answers: list[asyncio.Queue[int]] = [asyncio.Queue(1) for _ in range(lanes)]
    rounds = MESSAGES // lanes

    async def lane(number: int) -> None:
        for turn in range(rounds):
            word = (number << 64 | turn).to_bytes(16, "big")
            await link.say(CHANNEL, Consent(word))
            if await answers[number].get() != turn:
                raise AssertionError("another message came back")

    async with asyncio.TaskGroup() as tasks:
        for number in range(lanes):
            tasks.create_task(lane(number))
        left = rounds * lanes
        async for _, message in link.said():
            if not isinstance(message, Consent):
                raise TypeError(message)
            word = int.from_bytes(message.request_id, "big")
            answers[word >> 64].put_nowait(word & ((1 << 64) - 1))
            left -= 1
            if left == 0:
                break
    wall, cpu = meter.read()
    both_ways = 2 * rounds * lanes
    print(
        f"{lanes:3} lanes: {both_ways / wall:8,.0f} messages/s both ways, "
        f"{MICRO * cpu / both_ways:5.1f} µs CPU a message at the asking end",
        flush=True,
    )


async def _echo(link: PeerLink) -> None:
    """Be the end that answers."""
    meter, said = Meter(), 0
    async for channel_id, message in link.said():
        await link.say(channel_id, message)
        said += 1
    _, cpu = meter.read()
    print(f"{MICRO * cpu / max(1, 2 * said):58.1f} µs CPU a message at the other", flush=True)


async def _run(own: End, peer: End, lanes: int) -> None:
    done = asyncio.Event()

    async def on_link(link: PeerLink) -> None:
        if own.broker < peer.broker:
            await _ask(link, lanes)
            await link.close("measured")
        else:
            await _echo(link)
        done.set()

    async def signer_of(broker: Address) -> Address:
        return own.key.address if broker == own.broker else peer.key.address

    identity = Identity(own.broker, own.pair, own, DOMAIN, signer_of, lambda: int(time.time()))
    hub = Hub(HubConfig(Endpoint("127.0.0.1", own.port), limits=LIMITS), identity, on_link)
    record = PeerRecord(
        peer.broker,
        Endpoint("127.0.0.1", peer.port),
        peer.pair.certificate,
        1,
        int(time.time()) + 3600,
        "",
    )
    await hub.add(await sign_record(record, DOMAIN, peer))
    running = asyncio.create_task(hub.run())
    await done.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def _process(own: End, peer: End, lanes: int) -> None:
    asyncio.run(_run(own, peer, lanes))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Measure and print."""
    spawn = multiprocessing.get_context("spawn")  # gRPC does not survive a fork
    for lanes in LANES:
        low, high = (End(number, _free_port(), make_pair("127.0.0.1")) for number in (1, 2))
        ends = [
            spawn.Process(target=_process, args=(own, peer, lanes))
            for own, peer in ((low, high), (high, low))
        ]
        for end in ends:
            end.start()
        for end in ends:
            end.join()


if __name__ == "__main__":
    main()
