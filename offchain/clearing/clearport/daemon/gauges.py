"""Name what Prometheus can ask for now."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from clearing.clearport.daemon.metrics import Gauges
from clearing.clearport.daemon.office import Office
from clearing.clearport.ports import Store

__all__ = ["Outboxes", "gauges_of"]

EVERY_S: Final = 10.0
COUNTED: Final = ("queued", "sent", "mined", "refused", "lost")


@dataclass
class Outboxes:
    """How many transactions are in each state, as of the last look."""

    store: Store
    counts: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            found = await self.store.intents(COUNTED)
            self.counts = Counter(dict.fromkeys(COUNTED, 0))
            self.counts.update(status.state for _, status in found)
            await asyncio.sleep(EVERY_S)


def gauges_of(office: Office, outboxes: Outboxes) -> Gauges:
    """Return the gauges of a daemon."""
    lanes, chain, exporter = office.lanes, office.chain, office.exporter
    return Gauges(
        values={
            "channels": ("Channels.", lambda: len(lanes)),
            "channels_halted": (
                "Channels that do not go on.",
                lambda: sum(bool(lane.halted or lane.phase.line.alarm) for lane in lanes),
            ),
            "events_queued": ("Events that wait in all channels.", lambda: lanes.queued),
            "peers_connected": ("Peers whose streams stand.", lambda: len(lanes.peers_connected)),
            "chain_lag_seconds": ("Since the node showed its head.", lambda: chain.lag_s),
            "chain_block": ("The block read last.", lambda: chain.block_number),
            "prices_fresh": ("1 while there are fresh prices.", lambda: lanes.market is not None),
        },
        labelled={
            "transactions": (
                "Transactions by state.",
                "state",
                lambda: {state: float(count) for state, count in outboxes.counts.items()},
            ),
            "watchtower_lag_versions": (
                "Versions that the watchtower's file lacks.",
                "channel",
                lambda: {} if exporter is None else exporter.lag_versions(),
            ),
        },
    )
