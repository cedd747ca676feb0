"""A daemon with a thousand channels takes all of them up, and serves each."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from clearing.channel.policy import ChainView
from clearing.clearport.api.auth import Gate
from clearing.clearport.api.client import connect, parse_endpoint
from clearing.clearport.api.keys import OperatorKey, Scope, Whitelist
from clearing.clearport.api.server import Listen, serve
from clearing.clearport.api.typed import Domain
from clearing.clearport.core.channel import Policy
from clearing.clearport.core.events import Observed, Recorded
from clearing.clearport.core.messages import Reestablish, ReportedTrade
from clearing.clearport.core.step import step
from clearing.clearport.daemon.desk import make_desk
from clearing.clearport.daemon.lanes import Lanes
from clearing.clearport.daemon.office import Office
from clearing.clearport.errors import StoreError
from clearing.clearport.ports import Record
from clearing.clearport.store import SqlStore
from clearing.operator.v1 import operator_pb2 as pb
from clearing.spec.liabilities import Trade
from clearing.spec.types import Side, Status
from clearing.spec.units import DAY_S, WAD, Address
from clearing.spec.world import NEW_CHANNEL
from tests.unit.clearport_api.scene import OPERATOR
from tests.unit.clearport_daemon.fakes import (
    HOUSE,
    NOW,
    MemoryLink,
    MemoryWatcher,
    Parts,
)
from tests.unit.clearport_store.scene import BTC, DEFINITION, MARKET, USDC, opened

CHANNELS = 1_000
PATIENCE_S = 60
PEER = DEFINITION.broker(Side.HIGH)
OPEN = replace(
    NEW_CHANNEL,
    status=Status.OPEN,
    enforced_version=1,
    nets=((10**12, 10**12), *NEW_CHANNEL.nets[1:]),
)
OBSERVED = Observed(OPEN, NOW, ChainView(OPEN, NOW, is_challenged=False))


async def _filled(url: str) -> None:
    store = await SqlStore.open(url)
    await asyncio.gather(
        *(store.commit(Record(line=opened(number))) for number in range(1, CHANNELS + 1))
    )
    await store.close()


class Many:
    """A daemon's lanes over a store, with a peer and an operator."""

    def __init__(self, store: SqlStore) -> None:
        self.parts = Parts(lambda phase, _event: (phase, ()))
        world = replace(self.parts.world(), step=step, store=store)
        self.watcher = MemoryWatcher()
        policy = Policy(grace_s=DAY_S)
        self.lanes = Lanes(world, HOUSE, policy, self.watcher, _signer_of, CHANNELS)
        self.link = MemoryLink(PEER)

    async def calm(self) -> None:
        """Wait until no lane has anything left to do."""
        while self.lanes.queued:  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)

    def office(self) -> Office:
        """Return what a desk needs to list channels."""
        nothing = cast("Any", None)
        world = self.lanes.world
        return Office(
            "many", HOUSE, self.lanes, world.store, world.outbox, nothing, nothing, nothing,
            _signer_of, world.news, 3_600, 1_000,
        )  # fmt: skip

    async def listed(self) -> set[str]:
        """Return the channels that an operator is told of."""
        key = OperatorKey(OPERATOR.address, "desk", frozenset(Scope))
        gate = Gate(Domain("many", HOUSE.chain_id), Whitelist([key]))
        server = await serve(make_desk(self.office()), gate, Listen(), self.parts.log)
        try:
            endpoint = parse_endpoint(f"127.0.0.1:{server.port}")
            async with connect(endpoint, OPERATOR) as client:
                reply = await client.ask("ListChannels", pb.ListChannelsRequest())
                return {each.channel_id for each in reply.channels if each.phase == "open"}
        finally:
            await server.stop()


async def _signer_of(_broker: Address) -> Address | None:
    return None


async def _serve(url: str) -> None:
    store = await SqlStore.open(url)
    many = Many(store)
    lanes = many.lanes
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        await lanes.start(tasks)
        assert len(lanes) == len(many.watcher.watched) == CHANNELS
        lanes.price(MARKET)
        for lane in lanes:
            lanes.observe(lane.channel_id, OBSERVED)
        serving = tasks.create_task(lanes.serve(many.link))
        lanes.tick()
        await asyncio.sleep(0.1)  # the greeting is under way
        while len(many.link.sent) < CHANNELS:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await many.calm()

        assert {channel_id for channel_id, _ in many.link.sent} == {
            lane.channel_id for lane in lanes
        }
        assert {type(message) for _, message in many.link.sent} == {Reestablish}
        assert await many.listed() == {"0x" + lane.channel_id.hex() for lane in lanes}
        await _one_fails(many)

        many.link.hang_up()
        await serving
        await lanes.stop(5)
    await store.close()


async def _one_fails(many: Many) -> None:
    """CLP-16: what happens to one channel is no other's business."""
    first, *others = many.lanes
    sold = Trade(Side.HIGH, BTC, WAD // 10, USDC, 5_000 * WAD)
    first._halt(StoreError("the disk is full"), is_retried=False)

    for lane in others:
        await lane.ask(Recorded((ReportedTrade("T1", sold),)))
    lines = await many.lanes.world.store.lines()

    assert sum(len(line.trades) for line in lines) == CHANNELS - 1
    assert [lane.channel_id for lane in many.lanes if lane.halted] == [first.channel_id]


def test_lanes__a_thousand_channels__are_loaded_ticked_greeted_and_listed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/clearport.db"

    asyncio.run(_filled(url))
    asyncio.run(_serve(url))
