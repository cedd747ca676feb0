"""The daemon's loops: what fails is begun again, and leaves nothing stale behind."""

import asyncio
from dataclasses import dataclass, field

import pytest

from clearing.clearport.daemon import loops
from clearing.clearport.daemon.lanes import Lanes
from clearing.client.terms import Market
from tests.unit.clearport_core.pair import market_at
from tests.unit.clearport_daemon.fakes import HOUSE, NOW, POLICY, MemoryWatcher, Parts


@dataclass
class Source:
    """Gives one view after the other, then fails in a way that nobody foresaw."""

    views: list[Market] = field(default_factory=list)

    async def market(self) -> Market | None:
        if self.views:
            return self.views.pop(0)
        raise ValueError("7 is not a valid PriceState")


async def signer_of(_broker: object) -> None:
    return None


def test_price__the_source_fails_in_an_unknown_way__no_lane_goes_on_by_the_last_prices() -> None:
    async def main() -> None:
        parts = Parts(lambda phase, _event: (phase, ()))
        lanes = Lanes(parts.world(), HOUSE, POLICY, MemoryWatcher(), signer_of, 4)
        source = Source([market_at(NOW)])
        with pytest.raises(ValueError, match="PriceState"):
            await loops.price(source, lanes, 0.0)
        assert lanes.market is None

    asyncio.run(main())
