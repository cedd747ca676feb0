"""Hold two processes, their operators and the chain together, whatever dies.

Each operator repeats a call until it is acknowledged, under one idempotency key, as operators do.
A chapter is over when both sides are where it leads. Broken promises raise.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from clearing.chain.errors import NodeUnreachableError
from clearing.channel.keccak import keccak256
from clearing.clearport.core.channel import Policy
from clearing.clearport.core.events import Consented, Event, Recorded, Ticked, Wanted
from clearing.clearport.core.messages import ReportedTrade
from clearing.clearport.errors import RepeatedError
from clearing.clearport.ports import Intent, Used
from clearing.spec.types import Side
from tests.harness.clearport_node import SpecNode
from tests.harness.clearport_ports import Fuse, Key, Stream, history_of, streams
from tests.harness.clearport_process import Gone, Process, addresses
from tests.unit.clearport_core.chain import SpecChain
from tests.unit.clearport_core.pair import (
    KEYS,
    POLICY,
    TOKENS,
    Promise,
    market_at,
)

__all__ = ["DEPTH", "STEP_S", "USUAL_USD", "Kept", "Purpose", "Two", "begin", "resume"]

USUAL_USD = 50_000
STEP_S = 40
SPINS = 20_000
DEPTH = 1
BUSY_POLICY = replace(POLICY, call_share_permille=100)


@dataclass(frozen=True)
class Kept:
    """What outlives both processes between two chapters: files, keys' memories, the chain."""

    files: tuple[Path, Path]
    signed: tuple[tuple[bytes, ...], tuple[bytes, ...]]
    node: SpecNode
    ids: int


class Purpose(Protocol):
    """What both brokers want for a while."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def btc_usd(self) -> int:
        """What both see of the market."""

    @property
    def patience(self) -> int:
        """How many blocks it may take."""

    async def act(self, two: Two) -> None:
        """Have the operators do what they can."""

    def is_over(self, two: Two) -> bool:
        """Say whether it has come about."""


@dataclass
class Two:
    """Both sides. `next_fuse` is for the next life of whoever has died."""

    processes: tuple[Process, Process]
    node: SpecNode
    btc_usd: tuple[int, int] = (USUAL_USD, USUAL_USD)
    acknowledged: set[str] = field(default_factory=set)
    kills: Counter[Side] = field(default_factory=Counter)
    calls: int = 0
    ends: tuple[Stream, Stream] | None = None
    next_fuse: Callable[[], Fuse] = Fuse
    after_block: Callable[[Two], object] = bool
    is_trouble_expected: bool = False

    # OPERATORS

    async def act(self, side: Side, name: str, event: Event, *, intents: object = ()) -> None:
        """Have an operator's call happen once, however often it takes."""
        if name in self.acknowledged:
            return
        self.calls += 1
        process = self.processes[side]
        used = Used(
            subject=b"\x0e" * 20,
            nonce=self.calls.to_bytes(32, "big"),
            expires_at=2**40,
            idempotency_key=name,
            result=b"done",
        )
        wanted: tuple[Intent, ...] = intents() if callable(intents) else ()
        try:
            await process.ask(process.lane.ask(event, lambda *_: used, wanted))
        except Gone:
            return
        except RepeatedError:
            pass
        self.acknowledged.add(name)

    async def consent(self) -> None:
        """Have whoever is asked say yes."""
        for process in self.processes:
            for wait in process.line.waits if process.is_up else ():
                if not wait.is_ours and not wait.is_agreed:
                    wanted = wait.request.request_id
                    await self.act(process.side, f"yes {wanted.hex()}", Consented(wanted))

    async def want(self, side: Side, name: str, wish: object) -> None:
        wanted = Wanted(keccak256(name.encode())[:16], wish)  # type: ignore[arg-type]
        await self.act(side, name, wanted)

    async def record(self, name: str, trades: tuple[ReportedTrade, ...]) -> None:
        for side in Side:
            await self.act(side, f"{name} {side.name}", Recorded(trades))

    # THE WORLD

    async def step(self, act: Callable[[Two], Awaitable[None]]) -> None:
        """Let a block's time pass: what is dead starts, what is apart connects, a block comes."""
        await self.revive()
        self.look()
        await self.settle()
        await act(self)
        await self.settle()
        await self.consent()
        await self.settle()
        for process in self.processes:
            await self.send(process)
        self.node.mine(STEP_S)
        self.after_block(self)
        await self.settle()

    def look(self) -> None:
        """Tell both of the chain, their prices and the time."""
        now = self.node.chain.now
        for process, btc_usd in zip(self.processes, self.btc_usd, strict=True):
            if process.is_up:
                lane = process.lane
                process.lanes.price(market_at(now, btc_usd))
                if not self.node.is_down:
                    seen = self.node.chain.observed(process.line)
                    process.lanes.observe(lane.channel_id, seen)
                lane.observe(Ticked())

    async def send(self, process: Process) -> None:
        """Let an outbox do what it can do before the next block."""
        if not process.is_up:
            return
        try:
            while await process.ask(process.outbox.turn()):
                pass
        except (Gone, NodeUnreachableError):
            return

    async def revive(self) -> None:
        """Start what has died, and connect the two."""
        if not all(process.is_up for process in self.processes):
            self.cut()
        for process in self.processes:
            if not process.is_up:
                self.kills[process.side] += process.main is not None
                await process.ended()
                await process.start(self.next_fuse())
                process.begin()
        self.look()
        await self.settle()
        if self.ends is None or not self.ends[0].is_open:
            self.ends = streams(*self.processes)
            for process, end in zip(self.processes, self.ends, strict=True):
                if process.is_up:
                    process.serve(end)

    def cut(self) -> None:
        """Lose the stream."""
        if self.ends is not None:
            self.ends[0].end()

    async def settle(self) -> None:
        """Let both do what they have; return when nothing is under way."""
        calm = 0
        for _ in range(SPINS):
            if any(process.fuse.is_blown for process in self.processes):
                self.cut()
            calm = 0 if self.is_busy() else calm + 1
            if calm > 3:
                return
            await asyncio.sleep(0.000_2 if calm == 0 else 0)
        raise Promise("CLP-07: the two never stop talking")

    def is_busy(self) -> bool:
        """Say whether anything is under way in a process that lives."""
        up = [process for process in self.processes if process.is_up]
        ends = self.ends or ()
        return any(
            process.busy.count or any(len(lane.inbox) for lane in process.lanes) for process in up
        ) or any(end.is_waited_for for end in ends)

    async def live(self, chapter: Purpose) -> None:
        """Live through a chapter."""
        self.btc_usd = (chapter.btc_usd, chapter.btc_usd)
        for _ in range(chapter.patience):
            await self.step(chapter.act)
            self.require_calm()
            if all(process.is_up for process in self.processes) and chapter.is_over(self):
                return
        where = [(p.line.position.state, p.line.half, p.line.waits) for p in self.processes]
        raise Promise(f"CLP-03: {chapter.name} is never over: {where}")

    async def close(self, folder: Path) -> Kept:
        """Stop both processes, hold them to their promises, and return what is left."""
        files = []
        for process in self.processes:
            await process.stop()
            copied = folder / f"{process.side.name}.{id(self)}"
            shutil.copy(process.path, copied)
            files.append(copied)
        self.require_kept()
        one, other = self.processes
        signed = (tuple(one.key.signed), tuple(other.key.signed))
        return Kept((files[0], files[1]), signed, self.node.copy(), self.calls)

    # PROMISES

    def require_kept(self) -> None:
        """Hold the disks, the keys and the chain against what was promised."""
        for process in self.processes:
            history = history_of(process.path)
            known = {digest for digest, _ in history.values()}
            if set(process.key.signed) - known:
                raise Promise("CLP-01: a key has signed what its history does not name")
        self.require_calm()
        twice = [call for call, count in self.node.effects().items() if count > 1]
        if twice:
            raise Promise(f"CLP-10: {twice} has had its effect more than once")

    def require_calm(self) -> None:
        """Refuse errors: no channel has halted, no promise was broken within a port."""
        for process in self.processes:
            if process.log.names("error") and not self.is_trouble_expected:
                raise Promise(f"{process.side.name} logs {process.log.lines}")

    def require_agreed(self) -> None:
        """Hold both sides' latest states against each other."""
        low, high = (process.line for process in self.processes)
        if (low.full, low.position) != (high.full, high.position):
            raise Promise(f"CLP-03: {low.position} is not {high.position}")
        for line in (low, high):
            if line.alarm or line.half is not None or line.is_recovering:
                raise Promise(f"CLP-03: {line.side.name} has not healed: {line.alarm}")


# FROM CHAPTER TO CHAPTER


def begin(folder: Path, depth: int = DEPTH) -> Kept:
    """Return what there is before anything; so many blocks are not final."""
    chain = SpecChain((KEYS[0].address, KEYS[1].address), TOKENS, depth=depth)
    for _ in range(depth + 1):
        chain.mine(STEP_S)
    return Kept((folder / "none", folder / "none"), ((), ()), SpecNode(chain, addresses()), 0)


async def resume(
    kept: Kept, folder: Path, fuses: tuple[Fuse, Fuse] | None = None, policy: Policy = BUSY_POLICY
) -> Two:
    """Start both processes where they were."""
    node = kept.node.copy()
    processes = []
    for side in Side:
        path = folder / f"{side.name}.db"
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        if kept.files[side].exists():
            shutil.copy(kept.files[side], path)
        key = Key(side)
        key.signed = list(kept.signed[side])
        process = Process(side, path, node, policy, key)
        await process.start((fuses or (Fuse(), Fuse()))[side])
        processes.append(process)
    two = Two((processes[0], processes[1]), node, calls=kept.ids)
    for process in processes:
        process.begin()
    return two
