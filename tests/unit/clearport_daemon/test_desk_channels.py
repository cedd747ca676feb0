"""What an operator says yes to is what he has seen; a trade is a liability once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import cast

import pytest

from clearing.clearport.core.channel import Phase, Wait
from clearing.clearport.core.effects import Effect, Persist
from clearing.clearport.core.events import Consented, Event, Recorded
from clearing.clearport.core.messages import ReportedTrade, Request, SettleWish, Wish
from clearing.clearport.daemon.desk_channels import ChannelDesk
from clearing.clearport.daemon.lane import Lane
from clearing.clearport.daemon.office import Office
from clearing.clearport.errors import RefusedError, UnavailableError
from clearing.clearport.ports import Used
from clearing.client import moves
from clearing.spec.liabilities import Trade
from clearing.spec.types import Side
from clearing.spec.units import WAD
from tests.unit.clearport_daemon.fakes import BTC, NOW, USDC, Parts, phase_of

ASKED = b"r" * 16
SETTLE = SettleWish(NOW + 60)
OPEN = moves.Open(((1, 1),), NOW + 60)
TRADE = ReportedTrade("t1", Trade(Side.LOW, BTC.asset, WAD, USDC.asset, 50_000 * WAD))


def play(phase: Phase, event: Event) -> tuple[Phase, tuple[Effect, ...]]:
    """Records trades; a consent is taken as it comes."""
    match event:
        case Recorded(trades):
            after = phase.with_line(trades=phase.line.trades + trades)
        case Consented():
            after = phase.with_line(waits=())
        case _:
            return phase, ()
    return after, (Persist(after.line),)


class Books:
    """A store that says late what is booked."""

    def __init__(self) -> None:
        self.booked: frozenset[str] = frozenset()
        self.gate = asyncio.Event()
        self.gate.set()

    async def booked_among(self, _channel_id: bytes, trade_ids: Sequence[str]) -> frozenset[str]:
        found = self.booked & frozenset(trade_ids)
        await self.gate.wait()
        return found


class Funding:
    """Approves nothing, but lets something happen while the approval is under way."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] = lambda: None

    async def opening(self, *_: object) -> tuple[()]:
        self.meanwhile()
        return ()


class OneLane:
    """What the desk asks of its office, for one lane."""

    trades_waiting = 100

    def __init__(self, lane: Lane) -> None:
        self.only, self.store, self.funding = lane, Books(), Funding()
        self.desk = ChannelDesk(cast("Office", self))
        self.uses = 0

    def lane(self, _channel_id: bytes) -> Lane:
        return self.only

    async def mined(self, _intents: object) -> None:
        return None

    # What the test does.

    async def accept(self, *, is_settlement: bool) -> None:
        await self.desk.accept(
            self.only.channel_id, ASKED, self._used(), is_settlement=is_settlement
        )

    async def record(self) -> int:
        return await self.desk.record_trades(self.only.channel_id, (replace(TRADE),), self._used())

    def now_asked(self, wish: Wish) -> None:
        self.only.phase = self.only.phase.with_line(waits=asked(wish).line.waits)

    def _used(self) -> Used:
        self.uses += 1
        return Used(b"operator", bytes([self.uses]) * 32, NOW + 60)


def asked(wish: Wish) -> Phase:
    return phase_of().with_line(waits=(Wait(Request(ASKED, wish), is_ours=False),))


def run(phase: Phase, act: Callable[[OneLane], Awaitable[None]]) -> OneLane:
    async def main() -> OneLane:
        lane = Lane(phase, Parts(play).world())
        office = OneLane(lane)
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            tasks.create_task(lane.run())
            try:
                await act(office)
            finally:
                lane.inbox.close()
        return office

    return asyncio.run(main())


def test_accept__a_request_of_the_kind_that_is_meant__is_agreed_to() -> None:
    for wish, is_settlement in ((SETTLE, True), (OPEN, False)):

        async def act(office: OneLane, *, is_settlement: bool = is_settlement) -> None:
            await office.accept(is_settlement=is_settlement)

        assert run(asked(wish), act).only.phase.line.waits == ()


@pytest.mark.parametrize(("wish", "is_settlement"), [(OPEN, True), (SETTLE, False)])
def test_accept__a_request_of_another_kind__is_refused(wish: Wish, *, is_settlement: bool) -> None:
    """A key that may settle and not open answers an opening that took a settlement's place."""

    async def act(office: OneLane) -> None:
        with pytest.raises(RefusedError, match="answer it by"):
            await office.accept(is_settlement=is_settlement)

    assert run(asked(wish), act).only.phase.line.waits != ()


def test_accept__the_peer_asks_for_more_under_the_same_id_meanwhile__is_refused() -> None:
    more = replace(OPEN, nets=((10**30, 1),))

    async def act(office: OneLane) -> None:
        office.funding.meanwhile = lambda: office.now_asked(more)
        with pytest.raises(RefusedError, match="something else by now"):
            await office.accept(is_settlement=False)

    assert run(asked(OPEN), act).only.phase.line.waits == asked(more).line.waits


def test_record_trades__booked_while_the_store_is_asked__is_refused() -> None:
    """It would be booked a second time once the peer reports it again."""

    async def act(office: OneLane) -> None:
        assert await office.record() == 1
        office.store.gate.clear()
        again = asyncio.create_task(office.record())
        await asyncio.sleep(0)
        office.only.phase = office.only.phase.with_line(trades=())
        office.store.gate.set()
        with pytest.raises(RefusedError, match="t1 is booked already"):
            await again

    assert run(phase_of(), act).only.phase.line.trades == ()


def test_record_trades__two_calls_at_once__one_waits_for_another_time() -> None:
    async def act(office: OneLane) -> None:
        office.store.gate.clear()
        first = asyncio.create_task(office.record())
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="being recorded"):
            await office.record()
        office.store.gate.set()
        assert await first == 1
        assert await office.record() == 0

    run(phase_of(), act)
