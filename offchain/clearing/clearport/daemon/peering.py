"""Meet peers through the hub, and keep their records in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from clearing.channel.signatures import Signature
from clearing.clearport.api.results import completed
from clearing.clearport.daemon.world import Log
from clearing.clearport.desk import PeerView
from clearing.clearport.errors import ClearportError, UnavailableError, UnknownError
from clearing.clearport.peers.config import HubConfig, Identity
from clearing.clearport.peers.hub import Hub
from clearing.clearport.peers.records import PeerRecord, read_record
from clearing.clearport.ports import PeerLink, Record, Store, StoredPeer, Used
from clearing.clearport.signer.port import DigestSigner
from clearing.spec.units import Address

__all__ = ["PeerKey", "Peering"]

NOBODY: Final = Address(bytes(20))
START_S: Final = 10.0
AGAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class PeerKey:
    """The state key as peers need it: it signs digests of the domain "Clearport Peer" alone.

    Only `peers` has it, which computes them itself; nothing that a peer sends is signed as it came.
    """

    backend: DigestSigner

    async def sign(self, digest: bytes) -> Signature:
        """Return the signature of a 32-byte digest. Raises SignerError."""
        return await self.backend.sign_digest(digest)


class Peering:
    """The peers, known and connected."""

    def __init__(self, config: HubConfig, identity: Identity, store: Store, log: Log) -> None:
        self._config = config
        self._identity = identity
        self._store = store
        self._log = log
        self._serve: Callable[[PeerLink], Awaitable[None]] | None = None
        self._hub = Hub(config, identity, self._on_link, log)
        self._running: asyncio.Task[None] | None = None
        self._later: asyncio.Task[None] | None = None

    @property
    def listening(self) -> str:
        """Where peers are met."""
        return str(self._config.listen)

    # LIFE

    async def start(self, serve: Callable[[PeerLink], Awaitable[None]]) -> None:
        """Take the stored peers up, then listen and dial. Raises ConfigError."""
        self._serve = serve
        waiting = [peer for peer in await self._store.peers() if peer.is_dialled]
        waiting = await self._take_up(waiting)
        if waiting:
            self._later = asyncio.create_task(self._take_up_later(waiting), name="peers later")
        self._running = asyncio.create_task(self._hub.run(), name="peers")
        self._running.add_done_callback(self._say_ended)
        ready = asyncio.create_task(self._hub.ready.wait())
        try:
            await asyncio.wait(
                {ready, self._running}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ready.cancel()
        if self._running.done():
            _raise_one(self._running)

    async def stop(self) -> None:
        """End all streams and the door."""
        for task in (self._later, self._running):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})

    def _say_ended(self, task: asyncio.Task[None]) -> None:
        """Say that no peer is met any more, unless we have been told to stop."""
        if not task.cancelled() and task.exception() is not None:
            self._log.error("peers_ended", exc_info=task.exception())

    async def _on_link(self, link: PeerLink) -> None:
        if self._serve is not None:
            await self._serve(link)

    async def _take_up(self, peers: list[StoredPeer]) -> list[StoredPeer]:
        """Add stored peers; return those to be tried again, for the chain was out of reach."""
        later = []
        for peer in peers:
            try:
                await self._hub.add(read_record(peer.record.decode()))
            except UnavailableError:
                later.append(peer)
            except ClearportError as error:
                self._log.warning("peer_left_out", peer=peer.broker.hex(), problem=str(error))
        return later

    async def _take_up_later(self, peers: list[StoredPeer]) -> None:
        while peers:
            await asyncio.sleep(AGAIN_S)
            peers = await self._take_up(peers)

    # THE DESK'S

    async def add(self, record_json: str, used: Used) -> PeerView:
        """Take a record up, durable together with what the call consumes. Raises PeerLiedError."""
        signed = read_record(record_json)
        await self._hub.check(signed)
        view = await self._view(signed.record)
        kept = StoredPeer(signed.record.broker, record_json.encode())
        await self._store.commit(Record(peers=(kept,), used=completed(used, view)))
        self._hub.seat(signed)  # only now: a call that is replayed brings no dropped peer back
        return view

    async def views(self) -> tuple[PeerView, ...]:
        """Return every known peer, dropped ones too."""
        found = []
        for stored in await self._store.peers():
            record = read_record(stored.record.decode()).record
            found.append(await self._view(record))
        return tuple(found)

    async def disconnect(self, peer: Address, used: Used) -> None:
        """Drop a peer's stream until its record is added again. Raises UnknownError."""
        for stored in await self._store.peers():
            if stored.broker == peer:
                kept = StoredPeer(peer, stored.record, is_dialled=False)
                await self._store.commit(Record(peers=(kept,), used=completed(used, None)))
                self._hub.drop(peer)
                return
        raise UnknownError("no such peer", "see the list of peers", field="broker")

    async def _view(self, record: PeerRecord) -> PeerView:
        try:
            signer = await self._identity.signer_of(record.broker)
        except UnavailableError:
            signer = None
        return PeerView(
            broker=record.broker,
            endpoint=str(record.endpoint),
            signer=signer or NOBODY,
            is_connected=self._hub.connected(record.broker) is not None,
            valid_until=record.valid_until,
            name=record.name,
        )


def _raise_one(task: asyncio.Task[None]) -> None:
    """Raise why the hub has ended: its first error, not the group around it."""
    error = task.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    raise error or UnavailableError("the peers' hub has ended")
