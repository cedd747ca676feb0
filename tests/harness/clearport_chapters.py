"""Live through a channel in chapters, whatever dies: two processes, their operators, the chain.

Each operator repeats a call until it is acknowledged, under one idempotency key, as operators do.
A chapter is over when both sides are where it leads. Broken promises raise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from clearing.channel import requests
from clearing.clearport.core.events import Ticked
from clearing.clearport.core.messages import ReportedTrade, SettleWish
from clearing.clearport.ports import Intent
from clearing.client import moves
from clearing.spec.types import ConditionKind, Side, Status
from clearing.spec.units import WAD
from tests.harness.clearport_process import Process
from tests.harness.clearport_two import USUAL_USD, Two
from tests.unit.clearport_core.chain import HOUR
from tests.unit.clearport_core.pair import (
    BTC,
    DEFINITION,
    ETH,
    NETS,
    UNIT,
    trade,
)

__all__ = ["CHAPTERS", "TRADES", "Chapter"]

RISEN_USD = 58_000
DEPOSIT_RAW = 5_000 * UNIT
TRADES = (trade(1, base_wad=WAD), trade(2, Side.LOW, ETH, WAD))
MORE = (trade(3, Side.LOW, BTC, WAD // 100),)


@dataclass(frozen=True)
class Chapter:
    """Something that both brokers want, and how it looks once it has come about."""

    name: str
    act: Callable[[Two], Awaitable[None]]
    has_come: Callable[[Two], bool]
    btc_usd: int = USUAL_USD
    patience: int = 60
    """Blocks that it may take."""

    def is_over(self, two: Two) -> bool:
        """Say whether it has come about for both, and nothing is left to do."""
        if not self.has_come(two):
            return False
        two.require_agreed()
        return True


def _is_final(two: Two, status: Status) -> bool:
    chain = two.node.chain
    view = chain.observed(two.processes[0].line).view.channel
    return view.status is status and not two.node.waiting


def _both(two: Two, test: Callable[[Process], bool]) -> bool:
    lines = [process.line for process in two.processes]
    return (
        all(map(test, two.processes))
        and lines[0].position == lines[1].position
        and all(line.half is None for line in lines)
    )


async def _open(two: Two) -> None:
    await two.want(Side.HIGH, "open", moves.Open(NETS, two.node.chain.now + HOUR))


async def _trade(two: Two) -> None:
    await two.record("trade", TRADES)


async def _refuse(two: Two) -> None:
    """High's prices are apart until it has refused what low proposes."""
    is_refused = _both(two, lambda p: p.line.burnt > 0)
    if is_refused or two.btc_usd != (USUAL_USD, USUAL_USD):
        await two.record("more", MORE)
    two.btc_usd = (USUAL_USD, USUAL_USD if is_refused else USUAL_USD + 1_000)


async def _deposit(two: Two) -> None:
    process = two.processes[Side.HIGH]
    request = requests.DepositCollateral(DEFINITION, DEFINITION.assets[0], DEPOSIT_RAW)

    def wanted() -> tuple[Intent, ...]:
        return (process.lanes.world.outbox.encode("deposit", request),)

    await two.act(Side.HIGH, "deposit", Ticked(), intents=wanted)


async def _watch(_two: Two) -> None:
    """The operators do nothing."""


async def _settle(two: Two) -> None:
    """Low's operator asks, and asks again once the wish has expired.

    A settlement that low has signed and high refused, since low was away for longer than prices
    are good for, can still be run by high: the next one waits until its order's grace is over.
    """
    low = two.processes[Side.LOW]
    is_asked = any(name.startswith("settle") for name in two.acknowledged)
    if low.is_up and is_asked and (low.line.waits or low.line.half or _is_settling(low)):
        return
    hours = two.node.chain.now // HOUR  # floor: one name for each hour
    await two.want(Side.LOW, f"settle {hours}", SettleWish(two.node.chain.now + HOUR))


def _is_settling(process: Process) -> bool:
    state = process.line.position.state
    return state is not None and state.condition.kind != ConditionKind.NONE


async def _end(two: Two) -> None:
    await two.want(Side.LOW, "close", moves.Close(two.node.chain.now + HOUR))


def _is_open(two: Two) -> bool:
    return _is_final(two, Status.OPEN) and _both(two, lambda p: p.line.position.state is not None)


def _is_booked(ids: tuple[ReportedTrade, ...]) -> Callable[[Two], bool]:
    def look(two: Two) -> bool:
        names = {each.trade_id for each in ids}
        acknowledged = sum(name.startswith(("trade ", "more ")) for name in two.acknowledged)
        return acknowledged >= 2 and _both(
            two,
            lambda p: not names & {each.trade_id for each in (*p.line.trades, *p.line.reported)},
        )

    return look


def _is_refused_first(two: Two) -> bool:
    return _is_booked(MORE)(two) and _both(two, lambda p: p.line.burnt > 0)


def _is_deposited(two: Two) -> bool:
    net = NETS[0][1] + DEPOSIT_RAW

    def look(process: Process) -> bool:
        state = process.line.position.state
        return state is not None and state.splits[0].net_high == net

    return _both(two, look)


def _is_called(two: Two) -> bool:
    return _both(two, lambda p: any(p.line.position.variation))


def _is_settled(two: Two) -> bool:
    def look(process: Process) -> bool:
        position = process.line.position
        is_clear = position.state is not None and not position.liabilities.rows
        return is_clear and position.live.condition.kind == ConditionKind.NONE

    is_asked = any(name.startswith("settle") for name in two.acknowledged)
    return is_asked and _both(two, look)


def _is_closed(two: Two) -> bool:
    return _is_final(two, Status.IDLE) and _both(two, lambda p: p.line.position.epoch == 1)


CHAPTERS = (
    Chapter("open", _open, _is_open),
    Chapter("trade", _trade, _is_booked(TRADES)),
    Chapter("refuse", _refuse, _is_refused_first),
    Chapter("deposit", _deposit, _is_deposited),
    Chapter("call", _watch, _is_called, RISEN_USD),
    Chapter("settle", _settle, _is_settled, RISEN_USD, 400),
    Chapter("close", _end, _is_closed, RISEN_USD),
)
