"""Daemons' ends for tests: brokers with keys, records and hubs on free loopback ports."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from dataclasses import dataclass, field, replace

from clearing.channel.signatures import LocalSigner, Signature
from clearing.clearport.core.messages import Consent, Message
from clearing.clearport.peers.config import HubConfig, Identity
from clearing.clearport.peers.endpoint import Endpoint
from clearing.clearport.peers.hello import Versions
from clearing.clearport.peers.hub import Hub
from clearing.clearport.peers.limits import Limits
from clearing.clearport.peers.link import Link
from clearing.clearport.peers.records import PeerRecord, SignedRecord, sign_record
from clearing.clearport.peers.tls import KeyPair, make_pair
from clearing.clearport.peers.typed import Domain
from clearing.spec.units import Address

NOW = 1_800_000_000
DOMAIN = Domain(31_337, Address(b"\xad" * 20))
CHANNEL = b"\xcc" * 32
QUICK = Limits(
    greet_s=2.0,
    connect_s=2.0,
    patience_s=5.0,
    parting_s=2.0,
    retry_least_s=0.02,
    retry_most_s=0.2,
    expiry_check_s=0.05,
)
IMPATIENT = replace(QUICK, patience_s=0.2, parting_s=0.5)
"""For who must find a peer slow: on a busy machine it might find any."""
WAKEFUL = replace(QUICK, keepalive_s=0.5, keepalive_answer_s=0.5)
"""For who must find a dead connection."""
PAIRS: dict[str, KeyPair] = {}


def word(number: int) -> Consent:
    """Return a small message that can be told from others."""
    return Consent(number.to_bytes(16, "big"))


def free_port() -> int:
    """Return a free port that no outgoing connection, nor another worker's test, is given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = 20_000 + worker % 6 * 2_000 + random.randrange(2_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def pair_of(name: str) -> KeyPair:
    """Return the certificate of a role, made once."""
    return PAIRS.setdefault(name, make_pair("127.0.0.1"))


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


class Key:
    """A registry signer's key."""

    def __init__(self, seed: int) -> None:
        self._signer = LocalSigner(seed.to_bytes(32, "big"))
        self.address = self._signer.address

    async def sign(self, digest: bytes) -> Signature:
        return self._signer.sign(digest)


@dataclass
class Registry:
    """Who signs for which broker."""

    signers: dict[Address, Address] = field(default_factory=dict)
    answers: asyncio.Event = field(default_factory=_set)
    asked: int = 0
    fails: list[Exception] = field(default_factory=list)

    async def signer_of(self, broker: Address) -> Address | None:
        self.asked += 1
        if self.fails:
            raise self.fails.pop(0)
        await self.answers.wait()
        return self.signers.get(broker)


@dataclass
class Broker:
    """One broker: its hub when it runs, and what its links have said."""

    name: str
    address: Address
    key: Key
    registry: Registry
    port: int
    pair: KeyPair
    config: HubConfig
    domain: Domain = DOMAIN
    versions: Versions = field(default_factory=Versions)
    now: int = NOW
    links: list[Link] = field(default_factory=list)
    heard: list[tuple[bytes, Message]] = field(default_factory=list)
    hears: asyncio.Event = field(default_factory=_set)
    hub: Hub | None = None

    @property
    def identity(self) -> Identity:
        return Identity(
            self.address,
            self.pair,
            self.key,
            self.domain,
            self.registry.signer_of,
            lambda: self.now,
            self.versions,
        )

    async def record(self, **changes) -> SignedRecord:
        record = PeerRecord(
            self.address,
            Endpoint("127.0.0.1", self.port),
            self.pair.certificate,
            1,
            NOW + 1000,
            self.name,
        )
        return await sign_record(replace(record, **changes), self.domain, self.key)

    async def on_link(self, link) -> None:
        self.links.append(link)
        await self.hears.wait()
        async for item in link.said():
            self.heard.append(item)

    @contextlib.asynccontextmanager
    async def running(self, *peers: Broker):
        """Run the hub with these peers' records."""
        hub = Hub(self.config, self.identity, self.on_link)
        self.hub = hub
        for peer in peers:
            await hub.add(await peer.record())
        task = asyncio.create_task(hub.run())
        try:
            await until(lambda: hub.ready.is_set() or task.done())
            yield hub
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def link_to(self, peer: Broker) -> Link | None:
        """Return the link of now, once `on_link` has it."""
        link = self.hub.connected(peer.address)
        return link if link in self.links else None

    def trouble_with(self, peer: Broker) -> str:
        return {state.record.broker: state.trouble for state in self.hub.peers()}[peer.address]


def broker(name: str, number: int, registry: Registry, **changes) -> Broker:
    """Return a registered broker; a lower number is a lower address."""
    key = Key(number)
    address = Address(bytes([number]) * 20)
    registry.signers[address] = key.address
    port = free_port()
    config = HubConfig(Endpoint("127.0.0.1", port), limits=QUICK)
    made = Broker(name, address, key, registry, port, pair_of(name), config)
    return replace(made, **changes)


def pair_of_brokers(**changes) -> tuple[Broker, Broker]:
    """Return (low, high), who know of one registry."""
    registry = Registry()
    return broker("low", 1, registry, **changes), broker("high", 2, registry, **changes)


async def until(condition, seconds: float = 8.0) -> None:
    """Wait until something is so. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)
