"""Run a tower: read the exported states, watch their channels, answer stale challenges."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from clearing.chain.node import BatchNode
from clearing.chain.offer import Key
from clearing.channel import requests
from clearing.clearport.core.events import Observed
from clearing.clearport.errors import WireError
from clearing.clearport.ports import IntentStatus
from clearing.clearport.watch.bench import OutboxPolicy
from clearing.clearport.watch.channels import Watched
from clearing.clearport.watch.outbox import ChainOutbox
from clearing.clearport.watch.watcher import ChainWatcher, WatchPolicy
from clearing.clearport.watchtower.guard import Known, answers, lag_versions, learn
from clearing.clearport.watchtower.kept import Kept
from clearing.clearport.watchtower.memory import PassingStore
from clearing.clearport.watchtower.sealed import open_sealed
from clearing.client.contracts import Contracts
from clearing.spec.world import Channel

__all__ = ["Log", "StatesFile", "Tower"]


class Log(Protocol):
    """Takes what a person may want to read: an event's name and its fields."""

    def __call__(self, event: str, /, **fields: object) -> None:
        """Write it down."""


@dataclass(frozen=True, slots=True)
class StatesFile:
    """The sealed states, how often to look at them, seconds, and the key that opens them."""

    path: Path
    secret_key: bytes
    every_s: float = 1


class Tower:
    """Guards the channels of one file on one chain."""

    def __init__(
        self,
        node: BatchNode,
        contracts: Contracts,
        key: Key,
        file: StatesFile,
        log: Log,
        *,
        watch: WatchPolicy | None = None,
        outbox: OutboxPolicy | None = None,
    ) -> None:
        self._contracts = contracts
        self._file = file
        self._log = log
        self._store = PassingStore(self._say)
        self.watcher = ChainWatcher(node, contracts.adjudicator, self._store, watch)
        self.outbox = ChainOutbox(node, key, contracts.adjudicator, self._store, outbox)
        self._known: Known = {}
        self._latest: dict[bytes, Observed] = {}
        self._tries: dict[bytes, int] = {}
        self._read_of: tuple[int, int, int] | None = None
        self.n_answers = 0

    @property
    def states(self) -> Mapping[bytes, tuple[Kept, ...]]:
        """What it could answer with, by channel, the newest state first."""
        return self._known

    def lags(self) -> dict[bytes, int]:
        """Return by how many versions the chain is behind what was exported, by channel."""
        return {
            channel_id: lag_versions(states, self._latest[channel_id].latest)
            for channel_id, states in self._known.items()
            if channel_id in self._latest
        }

    async def run(self) -> None:
        """Guard for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read_states())
            tasks.create_task(self.watcher.run())
            tasks.create_task(self.outbox.run())
            tasks.create_task(self._guard())

    async def _read_states(self) -> None:
        """Read the file whenever it was replaced."""
        while True:
            await self.read_once()
            await asyncio.sleep(self._file.every_s)

    async def read_once(self) -> None:
        """Take in what the file holds now; what is known stays if it cannot be read."""
        try:
            state = self._file.path.stat()
            stamp = (state.st_mtime_ns, state.st_ino, state.st_size)
            if stamp == self._read_of:
                return
            self._read_of = stamp
            sealed = await asyncio.to_thread(self._file.path.read_bytes)
            read = await asyncio.to_thread(open_sealed, self._file.secret_key, sealed)
        except OSError as error:
            self._read_of = None
            self._log("states_unreadable", path=str(self._file.path), problem=error.strerror)
            return
        except WireError as error:
            self._log("states_refused", path=str(self._file.path), problem=str(error))
            return
        self._known = learn(self._known, (kept for kept in read if self._is_here(kept)))
        for states in self._known.values():
            self.watcher.watch_channel(_watched(states[0]))
        self._log("states_read", channels=len(self._known))
        for channel_id in self._known:
            self._answer(channel_id)

    def _is_here(self, kept: Kept) -> bool:
        """Say whether the channel is one of this chain and contract."""
        ours = (self._contracts.chain_id, self._contracts.adjudicator.address)
        return (kept.definition.chain_id, kept.definition.adjudicator) == ours

    async def _guard(self) -> None:
        """Answer whatever the chain shows."""
        async for channel_id, observed in self.watcher.observed():
            self._latest[channel_id] = observed
            self._answer(channel_id)

    def _answer(self, channel_id: bytes) -> None:
        """Want the answer to a stale challenge, unless one is on its way.

        One that was refused is followed by the next best, then by the best again: at another block
        the contract may take it.
        """
        observed = self._latest.get(channel_id)
        if observed is None:
            return
        possible = answers(self._known[channel_id], observed.latest, observed.now)
        if not possible:
            self._tries.pop(channel_id, None)
            return
        n_tries = self._tries.get(channel_id, 0)
        last = self._store.status(_key(channel_id, observed.latest, n_tries))
        if last is not None and not self._is_in_vain(last):
            return
        n_tries += 1
        self._tries[channel_id] = n_tries
        self._want(channel_id, observed.latest, possible[(n_tries - 1) % len(possible)], n_tries)

    def _say(self, status: IntentStatus) -> None:
        """Log how far an answer's transaction is: it may lack ether."""
        self._log(
            "transaction",
            call=status.what,
            state=status.state,
            hash=status.hashes[-1].hex() if status.hashes else "",
            reason=status.reason,
        )

    def _is_in_vain(self, status: IntentStatus) -> bool:
        """Say whether an answer was refused, or is final on a fork that was left since."""
        if status.state == "final":
            return self.watcher.block_number > (status.block_number or 0)
        return status.state == "refused"

    def _want(
        self, channel_id: bytes, latest: Channel, request: requests.Request, n_tries: int
    ) -> None:
        self._store.want(self.outbox.encode(_key(channel_id, latest, n_tries), request))
        self.outbox.wake()
        self.n_answers += 1
        self._log(
            "challenge_answered",
            channel=channel_id.hex(),
            call=request.function,
            challenged_version=latest.enforced_version,
            deadline=latest.deadline,
            attempt=n_tries,
        )


def _key(channel_id: bytes, latest: Channel, n_tries: int) -> str:
    challenge = f"{latest.epoch}:{latest.enforced_version}:{latest.deadline}"
    return f"{channel_id.hex()}:{challenge}:{n_tries}"


def _watched(kept: Kept) -> Watched:
    definition = kept.definition
    brokers = (definition.broker_low, definition.broker_high)
    return Watched(kept.channel_id, len(definition.assets), brokers)
