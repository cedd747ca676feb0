"""Run one side of a channel as the daemon does, in this process, and kill it at any boundary.

Real are the lanes, the core, the store on its disk, the guarded key and the outbox. At the boundary
that is chosen the side is torn down without a word: what it has not made durable is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from eth_account import Account

from clearing.chain.contract import Contract, as_address
from clearing.channel import requests
from clearing.clearport.core.channel import Line, Policy
from clearing.clearport.core.events import Observed
from clearing.clearport.core.step import step
from clearing.clearport.daemon.bell import Bell
from clearing.clearport.daemon.house import House
from clearing.clearport.daemon.lane import Lane
from clearing.clearport.daemon.lanes import Lanes
from clearing.clearport.daemon.meters import Meters
from clearing.clearport.daemon.world import World
from clearing.clearport.ports import Intent
from clearing.clearport.signer.guarded import GuardedSigner
from clearing.clearport.store import SqlStore
from clearing.clearport.watch.bench import OutboxPolicy
from clearing.clearport.watch.finality import Finality
from clearing.clearport.watch.outbox import ChainOutbox
from clearing.spec.types import Side
from clearing.spec.units import Address, Bytes32
from tests.harness.clearport_node import SpecNode, View
from tests.harness.clearport_ports import Busy, Fuse, FusedSigner, FusedStore, Key, Killed, Stream
from tests.harness.kept_log import KeptLog
from tests.unit.clearport_core.chain import ADJUDICATOR, BROKERS, HOUR, PARAMS
from tests.unit.clearport_core.pair import DEFINITION, KEYS, SEPARATOR, TERMS

__all__ = ["ACCOUNTS", "Gone", "Process", "addresses"]

ACCOUNTS = tuple(Account.from_key(bytes([0xA0 + side]) * 32) for side in range(2))
T = TypeVar("T")


class Gone(Exception):
    """The process that was asked has died; nobody knows how far it came."""


@dataclass
class Encoder:
    """The outbox as a lane sees it; the node learns what calldata means."""

    inner: ChainOutbox
    node: SpecNode

    def wake(self) -> None:
        """The test looks into the store itself."""

    def encode(self, key: str, request: requests.Request) -> Intent:
        intent = self.inner.encode(key, request)
        self.node.requests[intent.data] = request
        return intent


class Unwatched:
    """The test tells the lanes what the chain says."""

    def watch(self, line: Line) -> None:
        """Nothing to remember."""

    def observed(self) -> AsyncIterator[tuple[bytes, Observed]]:
        raise NotImplementedError


class Process:
    """One side's daemon over one file. `start` begins a new life of it."""

    def __init__(self, side: Side, path: Path, node: SpecNode, policy: Policy, key: Key) -> None:
        self.side, self.path, self.node, self.policy, self.key = side, path, node, policy, key
        self.fuse = Fuse()
        self.busy = Busy()
        self.log = KeptLog()
        self.skew_s = 0
        self.store: SqlStore
        self.lanes: Lanes
        self.outbox: ChainOutbox
        self.tasks: asyncio.TaskGroup
        self.main: asyncio.Task[None] | None = None
        self.end: asyncio.Future[None]

    @property
    def is_up(self) -> bool:
        return self.main is not None and not self.main.done() and not self.fuse.is_blown

    @property
    def lane(self) -> Lane:
        """The channel's lane."""
        return next(iter(self.lanes))

    @property
    def line(self) -> Line:
        return self.lane.phase.line

    async def start(self, fuse: Fuse | None = None) -> None:
        """Open the store and take up what is in it."""
        self.fuse = fuse or Fuse()
        self.busy = Busy()
        self.end = asyncio.get_running_loop().create_future()
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.main = asyncio.create_task(self._run(ready), name=f"process {self.side.name}")
        await asyncio.wait({self.main, ready}, return_when=asyncio.FIRST_COMPLETED)
        if self.main.done():
            self.main.result()

    def begin(self) -> None:
        """Begin the channel, if it is not in the store."""
        if self.is_up and not len(self.lanes):
            line = house_of(self.side).line(DEFINITION, TERMS, is_initiator=self.side is Side.LOW)
            self.lanes.begin(line)

    async def stop(self) -> None:
        """End the process; whatever it was about to do is not done."""
        self.fuse.is_blown = True
        await self.ended()

    async def ended(self) -> None:
        """Wait until a process that was killed is gone, and its file is free."""
        if self.main is not None:
            self._die()
            await self.main

    async def ask(self, job: Coroutine[Any, Any, T]) -> T:
        """Return what the process answers. Raises Gone if it dies before."""
        assert self.main is not None
        task = asyncio.ensure_future(job)
        await asyncio.wait({task, self.main}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            raise Gone
        try:
            return task.result()
        except Killed:
            self._die()
            raise Gone from None
        except Exception:
            if self.is_up:
                raise
            raise Gone from None

    def serve(self, stream: Stream) -> None:
        """Take a new stream to the peer up."""
        self.tasks.create_task(self.lanes.serve(stream))

    def _die(self) -> None:
        """Have the process end, if it has not noticed by itself that it is dead."""
        if not self.end.done():
            self.end.set_result(None)

    async def _run(self, ready: asyncio.Future[None]) -> None:
        self.store = store = await SqlStore.open(f"sqlite:///{self.path}")
        try:
            fused = FusedStore(store, self.fuse, self.busy)
            self._build(fused)
            await self.outbox.load()
            async with asyncio.TaskGroup() as tasks:
                self.tasks = tasks
                await self.lanes.start(tasks)
                ready.set_result(None)
                await self.end
                raise Killed  # noqa: TRY301 - the lanes have to go, too
        except* Killed:
            pass
        finally:
            self.fuse.is_blown = True
            await store.close()

    def _build(self, store: FusedStore) -> None:
        view = View(self.node, self.fuse)
        self.outbox = ChainOutbox(
            view,
            ACCOUNTS[self.side],
            Contract(view, "Adjudicator", ADJUDICATOR),
            store,
            OutboxPolicy(final_at=Finality("", self.node.chain.depth)),
            clock_s=lambda: float(self.node.chain.now),
        )
        world = World(
            step=step,
            store=store,
            signer=FusedSigner(GuardedSigner(self.key), self.fuse, self.busy, self.path),
            outbox=Encoder(self.outbox, self.node),
            log=self.log,
            meters=Meters(),
            news=Bell(),
            agreed=lambda _channel_id, _agreed: None,
            watch=lambda _line: None,
            clock=lambda: self.node.chain.now + self.skew_s,
        )
        self.lanes = Lanes(world, house_of(self.side), self.policy, Unwatched(), _signer_of, 8)


def house_of(side: Side) -> House:
    """Return what a side holds new channels against."""
    return House(
        broker=BROKERS[side],
        signer=KEYS[side].address,
        chain_id=PARAMS.chain_id,
        adjudicator=ADJUDICATOR,
        separator=Bytes32(SEPARATOR),
        collateral=TERMS.collateral,
        deliverable=TERMS.deliverable,
        min_challenge_s=HOUR,
        max_challenge_s=24 * HOUR,
    )


async def _signer_of(broker: Address) -> Address | None:
    return KEYS[BROKERS.index(broker)].address


def addresses() -> tuple[Address, Address]:
    """Return the accounts that pay for gas."""
    low, high = (as_address(each.address) for each in ACCOUNTS)
    return low, high
