"""Answer operators about how things are: margin, risk, positions, events, the daemon itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from clearing.clearport.daemon.office import Office
from clearing.clearport.daemon.views import margin_view, positions_of, risk_of_phase
from clearing.clearport.desk import MarginView, PeerView, StatusView
from clearing.clearport.errors import UnavailableError
from clearing.clearport.ports import OperatorEvent, Used
from clearing.client.errors import ClientError
from clearing.spec.assets import AssetId
from clearing.spec.errors import SpecError
from clearing.spec.risk import RiskReport
from clearing.spec.units import Address

__all__ = ["NewsDesk"]

HEARTBEAT_S: Final = 1.0
LEAST_S: Final = 0.05
"""Between two views of a margin: what changes faster is seen as it is then."""
EVENTS_AT_ONCE: Final = 256
EVENTS_LOOK_S: Final = 5.0
"""Events that the outbox stores ring no bell here."""


class NewsDesk:
    """The part of the desk that looks and changes nothing, and the peers' list."""

    def __init__(self, office: Office) -> None:
        self._office = office

    # MARGIN

    async def margin(self, channel_id: bytes) -> MarginView:
        """Return the margin now. Raises UnavailableError if no prices were ever seen."""
        office = self._office
        phase = office.lane(channel_id).phase
        market, is_stale = office.market()
        try:
            return margin_view(
                phase, market, is_stale=is_stale, seq=office.next_seq(), now=int(office.clock())
            )
        except (SpecError, ClientError) as error:
            raise _unpriced(error) from error

    async def margins(self, channel_id: bytes) -> AsyncIterator[MarginView]:
        """Yield the margin on every change and every second, until the daemon stops."""
        office = self._office
        lane = office.lane(channel_id)
        while not office.stopping.is_set():
            seen = lane.changed.count
            yield await self.margin(channel_id)
            await asyncio.sleep(LEAST_S)
            await lane.changed.wait(seen, HEARTBEAT_S - LEAST_S)

    async def risk(self, channel_id: bytes) -> RiskReport:
        """Return the channel's risk now. Raises UnavailableError without prices."""
        phase = self._office.lane(channel_id).phase
        market, is_stale = self._office.market()
        if is_stale:
            raise UnavailableError("prices are stale", "check the price source", field="prices")
        try:
            return risk_of_phase(phase, market)
        except (SpecError, ClientError) as error:
            raise _unpriced(error) from error

    async def positions(self, channel_id: bytes) -> tuple[tuple[AssetId, int, int | None], ...]:
        """Return (asset, what we owe (negative: are owed), price or None), all WAD."""
        return positions_of(self._office.lane(channel_id).phase, self._office.lanes.market)

    # EVENTS

    async def events(self, after: int) -> AsyncIterator[OperatorEvent]:
        """Yield the events with a cursor above `after`, then new ones, until the daemon stops."""
        office = self._office
        while not office.stopping.is_set():
            seen = office.news.count
            batch = await office.store.operator_events(after, EVENTS_AT_ONCE)
            for event in batch:
                yield event
                after = event.cursor
            if not batch:
                await office.news.wait(seen, EVENTS_LOOK_S)

    async def export_states(self, channel_id: bytes | None) -> bytes:
        """Return the latest co-signed states for a watchtower, encrypted to its key."""
        exporter = self._office.exporter
        if exporter is None:
            fix = "add [watchtower] with its key"
            raise UnavailableError("no watchtower is configured", fix, field="watchtower")
        if channel_id is not None:
            self._office.lanes.find(channel_id)
        return exporter.sealed(channel_id)

    # PEERS

    async def add_peer(self, record_json: str, used: Used) -> PeerView:
        """Take a peer's signed record up, or a newer one. Raises PeerLiedError."""
        self._office.require_open()
        return await self._office.book.add(record_json, used)

    async def peers(self) -> tuple[PeerView, ...]:
        """Return every known peer."""
        return await self._office.book.views()

    async def disconnect(self, peer: Address, used: Used) -> None:
        """Drop the stream to a peer and do not dial it again until AddPeer."""
        self._office.require_open()
        await self._office.book.disconnect(peer, used)

    # THE DAEMON

    async def first_result(self, used: Used) -> bytes | None:
        """Return what the first call under this idempotency key returned, None for none."""
        return await self._office.store.result_of(used)

    async def status(self) -> StatusView:
        """Return how the daemon is."""
        office = self._office
        return StatusView(
            daemon_id=office.daemon_id,
            broker=office.house.broker,
            signer=office.house.signer,
            chain_id=office.house.chain_id,
            block_number=office.chain.block_number,
            chain_lag_s=int(office.chain.lag_s),
            channels=len(office.lanes),
            peers_connected=len(office.lanes.peers_connected),
        )


def _unpriced(error: Exception) -> UnavailableError:
    return UnavailableError(str(error), "add the asset to the price source", field="prices")
