"""The world fails two daemons: the node, the disk, the clock, the chain itself. They go on.

Two daemons' lanes run in this process over their real stores; see tests/harness/clearport_chapters.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from clearing.clearport.core.events import Recorded, Ticked
from clearing.clearport.errors import UnavailableError
from clearing.spec.types import Side
from tests.harness.clearport_chapters import CHAPTERS, TRADES
from tests.harness.clearport_two import STEP_S, Two, begin, resume

BY_NAME = {chapter.name: chapter for chapter in CHAPTERS}
MINUTES = 10
CALLS = 500
CALLS_IN_A_LIFE = 4


async def _opened(folder: Path, depth: int = 1) -> Two:
    """Return both with an open channel."""
    two = await resume(begin(folder, depth), folder)
    await two.live(BY_NAME["open"])
    return two


def _play(act: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(act(), 120))


async def _idle(_two: Two) -> None:
    """Nobody wants anything."""


def _versions(two: Two) -> list[int]:
    return [process.line.position.live.version for process in two.processes]


# THE NODE


def test_lanes__node_out_of_reach_for_minutes__trade_on_and_send_what_waits(tmp_path: Path) -> None:
    """CLP-10: what is wanted meanwhile is sent once, when the node is back."""

    async def act() -> None:
        two = await _opened(tmp_path)
        await two.step(_idle)  # both see with finality that it is open
        two.node.is_down = True
        await two.live(BY_NAME["trade"])
        for _ in range(MINUTES * 60 // STEP_S + 1):  # floor: at least so many
            await two.step(BY_NAME["deposit"].act)
        assert not BY_NAME["deposit"].has_come(two)
        assert two.processes[Side.HIGH].outbox.last_error == ""
        assert not two.node.waiting

        two.node.is_down = False
        await two.live(BY_NAME["deposit"])

        assert len([each for each in two.node.mined if each.side is Side.HIGH]) == 1
        await two.close(tmp_path)

    _play(act)


# THE CHAIN


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 12])
def test_lanes__chain_forks_under_every_transaction__each_has_its_effect_once(
    tmp_path: Path, depth: int
) -> None:
    """CLP-10, CLP-11: each transaction is taken back once, by a fork that forgets it."""

    async def act() -> None:
        forks = set()

        def fork(two: Two) -> None:
            """Take a transaction back, when it lies as deep as a fork may be, and once."""
            first = two.node.head - depth + 1
            for each in two.node.mined:
                if each.block == first and each.hash not in forks:
                    forks.add(each.hash)
                    assert two.node.fork(depth) > 0
                    two.node.mine(STEP_S)
                    return

        two = await resume(begin(tmp_path, depth), tmp_path)
        for name in ("open", "trade", "deposit", "settle", "close"):
            two.after_block = fork
            await two.live(BY_NAME[name])
        done = two.node.effects()
        assert list(done.values()) == [1] * CALLS_IN_A_LIFE
        assert len(forks) >= CALLS_IN_A_LIFE
        await two.close(tmp_path)

    _play(act)


# THE DISK


def _trade_elsewhere(side: Side) -> Callable[[Two], Awaitable[None]]:
    """Return what the operators can do: the other one records, this one is not taken."""

    async def act(two: Two) -> None:
        await two.act(side.other, f"trade {side.other.name}", Recorded(TRADES))

    return act


async def _fill(two: Two, side: Side, *, is_full: bool) -> None:
    """Let a side's database grow no more, or again."""
    most = "1" if is_full else "1000000000"
    await two.processes[side].store._writer.ask(
        lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {most}").scalar()
    )


async def _call_for_long(two: Two, side: Side) -> None:
    """Let the operator make calls, each of which is remembered."""
    for _ in range(CALLS):
        await two.act(side, f"call {two.calls}", Ticked())


@pytest.mark.parametrize("side", Side)
def test_lanes__disk_full__signs_nothing_says_why_and_goes_on_with_room(
    tmp_path: Path, side: Side
) -> None:
    """CLP-02: nothing leaves a daemon that cannot write; CLP-03: with room both agree again."""

    async def act() -> None:
        two = await _opened(tmp_path)
        process = two.processes[side]
        two.is_trouble_expected = True
        await _fill(two, side, is_full=True)
        with pytest.raises(UnavailableError, match="halted: STORE"):
            await _call_for_long(two, side)
        assert process.lane.halted == "STORE"
        assert process.log.names("error") == ["channel_halted"]
        signed = list(process.key.signed)
        for _ in range(3):
            await two.step(_trade_elsewhere(side))
        assert process.key.signed == signed

        await _fill(two, side, is_full=False)
        await two.live(BY_NAME["trade"])

        assert process.lane.halted == ""
        process.log.lines.clear()
        await two.close(tmp_path)

    _play(act)


# THE CLOCK


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("skew_s", [-299, 299])
def test_lanes__clocks_apart_within_the_skew__trade(
    tmp_path: Path, side: Side, skew_s: int
) -> None:
    async def act() -> None:
        two = await _opened(tmp_path)
        two.processes[side].skew_s = skew_s

        await two.live(BY_NAME["trade"])

        await two.close(tmp_path)

    _play(act)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("skew_s", [-400, 400])
def test_lanes__clocks_further_apart__agree_on_nothing_until_they_are_set(
    tmp_path: Path, side: Side, skew_s: int
) -> None:
    async def act() -> None:
        two = await _opened(tmp_path)
        before = _versions(two)
        two.processes[side].skew_s = skew_s
        for _ in range(5):
            await two.step(BY_NAME["trade"].act)
        assert _versions(two) == before
        events = await two.processes[Side.HIGH].store.operator_events(0, 1_000)
        codes = [dict(each.fields).get("code") for each in events]
        assert "CLOCK" in codes

        two.processes[side].skew_s = 0
        await two.live(BY_NAME["trade"])

        await two.close(tmp_path)

    _play(act)
