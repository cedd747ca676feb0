"""What the tower's tests share: a tower of its own gas key over a sealed file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from eth_account import Account

from clearing.clearport.watch.bench import OutboxPolicy
from clearing.clearport.watch.finality import Finality
from clearing.clearport.watch.watcher import WatchPolicy
from clearing.clearport.watchtower.kept import Kept
from clearing.clearport.watchtower.sealed import (
    read_public_key,
    read_secret_key,
    replace_file,
    seal,
    write_key_pair,
)
from clearing.clearport.watchtower.tower import StatesFile, Tower
from clearing.client.session import CoSigned
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage, secret_of
from clearing.spec.world import Channel
from tests.unit.clearport_watch.world import end

CONFIRMATIONS = 2


class Post:
    """A folder with a tower's key and the states that the daemon exports into it."""

    def __init__(self, stage: Stage, folder: Path, gas_key: str = "stranger") -> None:
        folder.mkdir(exist_ok=True)
        self.stage = stage
        self.states = folder / "states.sealed"
        self.key = folder / "tower.key"
        self.public = write_key_pair(self.key)
        self.gas = Account.from_key(secret_of(gas_key))
        stage.anvil.give_ether(self.gas.address, 10**20)
        self.events: list[tuple[str, dict[str, object]]] = []

    def export(self, pair: Pair, *states: CoSigned) -> None:
        kept = [Kept(pair.definition, state) for state in states]
        replace_file(self.states, seal(read_public_key(self.public), kept))

    def tower(self) -> Tower:
        final_at = Finality("", CONFIRMATIONS)
        return Tower(
            self.stage.anvil.node,
            self.stage.contracts,
            self.gas,
            StatesFile(self.states, read_secret_key(self.key), 0.02),
            self._log,
            watch=WatchPolicy(final_at=final_at, poll_s=0.01),
            outbox=OutboxPolicy(final_at=final_at, poll_s=0.01, repeat_after_s=0.5),
        )

    def _log(self, event: str, /, **fields: object) -> None:
        self.events.append((event, fields))

    def named(self, event: str) -> list[dict[str, object]]:
        return [fields for name, fields in self.events if name == event]


@asynccontextmanager
async def guarding(*towers: Tower) -> AsyncIterator[None]:
    """Run towers until the block ends."""
    tasks = [asyncio.create_task(tower.run()) for tower in towers]
    try:
        yield
    finally:
        await end(tasks)


def stored(stage: Stage, pair: Pair) -> Channel:
    return stage.contracts.channel(pair.low.channel_id, 1)
