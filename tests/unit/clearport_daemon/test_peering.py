"""A peer is taken up once what the call consumes is durable, not before."""

import asyncio

import pytest

from clearing.clearport.api.results import Result
from clearing.clearport.daemon.peering import Peering
from clearing.clearport.errors import ReplayedError
from clearing.clearport.ports import StoredPeer, Used
from tests.harness.kept_log import KeptLog
from tests.unit.clearport_daemon.fakes import MemoryStore
from tests.unit.clearport_peers.rig import NOW, pair_of_brokers

USED = Used(b"operator", b"n" * 32, NOW + 60)


class PeerStore(MemoryStore):
    """A store that knows peers too."""

    async def peers(self) -> tuple[StoredPeer, ...]:
        found = {peer.broker: peer for record in self.records for peer in record.peers}
        return tuple(found.values())


def test_add__a_replayed_call__brings_no_dropped_peer_back() -> None:
    async def scene() -> tuple[int, int, int]:
        low, high = pair_of_brokers()
        store = PeerStore()
        peering = Peering(low.config, low.identity, store, KeptLog())
        record = (await high.record()).to_json()
        counts = [await _count(peering, record, USED)]
        await peering.disconnect(high.address, Used(b"operator", b"m" * 32, NOW + 60))
        with pytest.raises(ReplayedError):
            await peering.add(record, USED)
        counts.append(len(peering._hub.peers()))
        counts.append(await _count(peering, record, Used(b"operator", b"o" * 32, NOW + 60)))
        return counts[0], counts[1], counts[2]

    assert asyncio.run(scene()) == (1, 0, 1)


async def _count(peering: Peering, record: str, used: Used) -> int:
    view: Result = await peering.add(record, used)
    assert view is not None
    return len(peering._hub.peers())
