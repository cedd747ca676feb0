"""What the tests of this folder share: memory for facts, lines of a pair, nodes that misbehave."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from clearing.chain.errors import NodeUnreachableError
from clearing.chain.node import HttpNode
from clearing.clearport.core.channel import Line
from clearing.clearport.core.events import Observed
from clearing.clearport.watch.finality import Finality
from clearing.clearport.watch.watcher import ChainWatcher, WatchPolicy
from clearing.client import moves
from clearing.client.session import CoSigned
from clearing.demo.market import TRADES, market_at, terms_of
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.spec.types import Side

WAIT_S = 60  # a test that waits longer than this hangs; nothing else is said by it


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what no event tells."""
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110 - as the docstring says
            await asyncio.sleep(0.01)


class MemoryFacts:
    """Facts that outlive a watcher."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def fact(self, name: str) -> bytes | None:
        return self.values.get(name)

    async def put_fact(self, name: str, value: bytes) -> None:
        self.values[name] = value


@dataclass
class CountingNode:
    """Passes requests on and counts them; `is_down` cuts the wire, `answer` may twist answers."""

    inner: HttpNode
    is_down: bool = False
    requests: int = 0
    calls: list[str] = field(default_factory=list)
    twist: Callable[[str, Sequence[Any], Any], Any] | None = None

    def request(self, method: str, params: Sequence[Any]) -> Any:
        self._note([(method, params)])
        return self._twisted(method, params, self.inner.request(method, params))

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        if not calls:
            return []
        self._note(calls)
        answers = self.inner.batch(calls)
        return [
            self._twisted(method, params, answer)
            for (method, params), answer in zip(calls, answers, strict=True)
        ]

    def _note(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> None:
        if self.is_down:
            raise NodeUnreachableError("the wire is cut")
        self.requests += 1
        self.calls += [method for method, _ in calls]

    def _twisted(self, method: str, params: Sequence[Any], answer: Any) -> Any:
        return answer if self.twist is None else self.twist(method, params, answer)


def line_of(stage: Stage, pair: Pair, full: CoSigned | None = None) -> Line:
    return Line(
        definition=pair.definition,
        channel_id=pair.low.channel_id,
        separator=stage.contracts.separator,
        side=Side.LOW,
        terms=terms_of(stage),
        position=pair.low.position,
        full=full or pair.low.latest,
    )


def book(stage: Stage, pair: Pair) -> CoSigned:
    """Book the trades of the worked example at their prices."""
    market = pair.observe(market_at(50_000, 3_000, stage.contracts.now()))
    return pair.agree(moves.Book(TRADES, market))


def call_margin(stage: Stage, pair: Pair) -> CoSigned:
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    return pair.agree(moves.CallMargin(market))


def watcher_of(
    stage: Stage,
    facts: MemoryFacts,
    *,
    node: Any = None,
    confirmations: int = 0,
    finality: Finality | None = None,
    reread_s: float = 10_000,
) -> ChainWatcher:
    policy = WatchPolicy(
        final_at=finality or Finality("", confirmations),
        poll_s=0.01,
        max_backoff_s=0.05,
        reread_s=reread_s,
    )
    return ChainWatcher(node or stage.anvil.node, stage.contracts.adjudicator, facts, policy)


class Eyes:
    """Everything that a running watcher has yielded, by channel."""

    def __init__(self, watcher: ChainWatcher) -> None:
        self.watcher = watcher
        self.seen: dict[bytes, list[Observed]] = {}
        self._changed = asyncio.Condition()

    async def read(self) -> None:
        async for channel_id, observed in self.watcher.observed():
            async with self._changed:
                self.seen.setdefault(channel_id, []).append(observed)
                self._changed.notify_all()

    async def until(self, channel_id: bytes, holds: Callable[[Observed], bool]) -> Observed:
        """Wait for an observation, seen already or not, and the newest of its channel."""

        def is_there() -> bool:
            return bool(self.seen.get(channel_id)) and holds(self.seen[channel_id][-1])

        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(is_there)
            return self.seen[channel_id][-1]

    async def at_block(self, number: int) -> None:
        """Wait until the watcher has read a block, and all that it says of it is here."""
        await until(lambda: self.watcher.block_number == number and not self.watcher._waiting)


@asynccontextmanager
async def watching(watcher: ChainWatcher, *lines: Line) -> AsyncIterator[Eyes]:
    """Run a watcher until the block ends; what it raises is raised here."""
    eyes = Eyes(watcher)
    for line in lines:
        watcher.watch(line)
    tasks = [asyncio.create_task(watcher.run()), asyncio.create_task(eyes.read())]
    try:
        yield eyes
    finally:
        await end(tasks)


async def end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End what runs; raise what one of them ended by already."""
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
