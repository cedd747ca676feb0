import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from clearing.clearport.core.channel import Phase
from clearing.clearport.core.effects import Effect, Notify, Persist, Send, Sign, Submit
from clearing.clearport.core.events import (
    Connected,
    Event,
    Heard,
    Lost,
    Priced,
    Recorded,
    Signed,
    Ticked,
)
from clearing.clearport.core.messages import Answer, ReportedTrade, TradeReport
from clearing.clearport.daemon.inbox import Ask, connected
from clearing.clearport.daemon.lane import Lane
from clearing.clearport.errors import (
    PeerSlowError,
    RefusedError,
    ReplayedError,
    SignerError,
    StoreError,
    UnavailableError,
)
from clearing.clearport.ports import Used
from clearing.spec.liabilities import Trade
from clearing.spec.types import Side
from clearing.spec.units import WAD
from tests.unit.clearport_daemon.fakes import BTC, USDC, MemoryLink, Parts, phase_of

DIGEST = b"\xd1" * 32
USED = Used(b"operator", b"nonce", 2**40)


def trade(number: int) -> ReportedTrade:
    return ReportedTrade(f"t{number}", Trade(Side.LOW, BTC.asset, WAD, USDC.asset, 50_000 * WAD))


def book(phase: Phase, event: Event) -> tuple[Phase, tuple[Effect, ...]]:
    """Records trades, signs each recording as a version, and sends the signature."""
    match event:
        case Recorded(trades):
            after = phase.with_line(trades=phase.line.trades + trades, floor=phase.line.floor + 1)
            version = after.line.floor
            return after, (
                Persist(after.line),
                Sign(0, version, bytes([version]) * 32),
                Notify("recorded", (("count", str(len(trades))),)),
            )
        case Signed(version, signature):
            after = phase.with_line(burnt=version)
            return after, (Persist(after.line), Send(Answer(0, version, signature)))
        case Heard(TradeReport(trades)):
            if not trades:
                raise RuntimeError("a flaw")
            after = phase.with_line(reported=trades)
            return after, (Persist(after.line),)
        case _:
            return phase, ()


def run(parts: Parts, act: Callable[[Lane], Awaitable[None]]) -> Lane:
    """Run a lane while the test acts, then let it drain."""

    async def main() -> Lane:
        lane = Lane(phase_of(), parts.world())
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            tasks.create_task(lane.run())
            await act(lane)
            lane.inbox.close()
        return lane

    return asyncio.run(main())


def test_run__a_signing_transition__is_durable_before_it_signs_and_before_it_sends() -> None:
    """CLP-02: the order of what the lane does."""
    parts, link = Parts(book), MemoryLink()

    async def act(lane: Lane) -> None:
        lane.inbox.post(connected(link))
        await lane.ask(Recorded((trade(1),)))

    lane = run(parts, act)

    first, second = parts.store.records
    assert first.line is not None
    assert first.line.trades == (trade(1),)
    assert first.reserve is not None
    assert (first.reserve.version, first.reserve.digest) == (1, b"\x01" * 32)
    assert [event.kind for event in first.events] == ["recorded"]
    assert parts.signer.permits[0].reservation == first.reserve
    assert second.signed is not None
    assert second.signed.reservation == first.reserve
    assert second.signed.signature is not None
    assert second.line is not None
    assert link.sent == [(lane.channel_id, Answer(0, 1, second.signed.signature))]
    assert lane.phase.line == second.line


def test_run__the_store_holds_a_commit_back__nothing_is_signed_or_sent_yet() -> None:
    parts, link = Parts(book), MemoryLink()
    seen: list[tuple[int, int]] = []

    async def act(lane: Lane) -> None:
        parts.store.gate = asyncio.Event()
        lane.inbox.post(connected(link))
        lane.inbox.post(Recorded((trade(1),)))
        await asyncio.sleep(0.01)
        seen.append((len(parts.signer.permits), len(link.sent)))
        parts.store.gate.set()

    run(parts, act)

    assert seen == [(0, 0)]
    assert (len(parts.signer.permits), len(link.sent)) == (1, 1)


def test_run__trades_recorded_during_a_commit__are_joined_into_one_event() -> None:
    parts = Parts(book)

    async def act(lane: Lane) -> None:
        parts.store.gate = asyncio.Event()
        lane.inbox.post(Recorded((trade(1),)))
        await asyncio.sleep(0)
        for number in range(2, 7):
            lane.inbox.post(Recorded((trade(number),)))
        parts.store.gate.set()

    lane = run(parts, act)

    recorded = [event for event in parts.script.events if isinstance(event, Recorded)]
    assert [len(event.trades) for event in recorded] == [1, 5]
    assert lane.phase.line.trades == tuple(trade(number) for number in range(1, 7))


def test_ask__a_replayed_call__is_refused_and_changes_nothing() -> None:
    parts = Parts(book)
    errors: list[Exception] = []

    async def act(lane: Lane) -> None:
        await lane.ask(Recorded((trade(1),)), lambda _before, _after: USED)
        try:
            await lane.ask(Recorded((trade(2),)), lambda _before, _after: USED)
        except ReplayedError as error:
            errors.append(error)
        await lane.ask(Recorded((trade(3),)), lambda _b, _a: replace(USED, nonce=b"another"))

    lane = run(parts, act)

    assert len(errors) == 1
    assert lane.phase.line.trades == (trade(1), trade(3))
    assert not lane.halted
    assert parts.store.records[0].used == USED


def test_ask__the_call_does_not_fit_the_phase__nothing_happens() -> None:
    parts = Parts(book)

    def refuse(_before: Phase, _after: Phase) -> Used:
        raise RefusedError("two meanings")

    async def act(lane: Lane) -> None:
        with pytest.raises(RefusedError):
            await lane.ask(Recorded((trade(1),)), refuse)
        await lane.ask(Recorded((trade(2),)), lambda _before, _after: USED)

    assert run(parts, act).phase.line.trades == (trade(2),)


def test_run__the_store_fails__the_lane_halts_and_goes_on_once_it_is_well() -> None:
    parts, link = Parts(book), MemoryLink()
    halted: list[str] = []

    async def act(lane: Lane) -> None:
        lane.inbox.post(connected(link))
        parts.store.fails = [StoreError("the disk is full"), StoreError("still")]
        with pytest.raises(UnavailableError):
            await lane.ask(Recorded((trade(1),)))
        halted.append(lane.halted)
        with pytest.raises(UnavailableError):
            await lane.ask(Recorded((trade(2),)))
        lane.observe(Ticked())
        await asyncio.sleep(0.01)
        halted.append(lane.halted)
        lane.observe(Ticked())
        await asyncio.sleep(0.01)
        halted.append(lane.halted)
        await lane.ask(Recorded((trade(3),)))

    lane = run(parts, act)

    assert halted == ["STORE", "STORE", ""]
    assert lane.phase.line.trades == (trade(3),)
    assert link.closed == "the channel starts over"
    assert parts.log.names("error") == ["channel_halted"]
    assert parts.meters.alarms == {"STORE": 1}


def test_run__the_key_does_not_answer__it_is_asked_again_for_the_same_digest() -> None:
    parts = Parts(book)
    parts.signer.fails = [SignerError("the token is gone"), SignerError("still")]

    async def act(lane: Lane) -> None:
        await lane.ask(Recorded((trade(1),)))
        await asyncio.sleep(0.01)
        assert lane.halted == "SIGNER"
        for _ in range(2):
            lane.observe(Ticked())
            await asyncio.sleep(0.01)

    lane = run(parts, act)

    assert not lane.halted
    assert lane.phase.line.burnt == 1
    assert [each.reservation.version for each in parts.signer.permits] == [1]
    assert [record.signed is not None for record in parts.store.records][-1]


def test_run__a_flaw_in_the_core__halts_this_lane_for_good() -> None:
    """CLP-16: its task does not end, so nobody else notices."""
    parts = Parts(book)

    async def act(lane: Lane) -> None:
        lane.inbox.post(Heard(TradeReport(())))
        lane.inbox.post(Ticked())
        lane.inbox.post(Heard(TradeReport((trade(1),))))

    lane = run(parts, act)

    assert lane.halted == "RuntimeError"
    assert lane.phase.line.reported == ()


def test_run__a_second_digest_for_a_version__halts_for_good() -> None:
    def play(phase: Phase, event: Event) -> tuple[Phase, tuple[Effect, ...]]:
        if isinstance(event, Recorded):
            return phase, (Persist(phase.line), Sign(0, 1, event.trades[0].trade_id.encode() * 16))
        return phase, ()

    parts = Parts(play)

    async def act(lane: Lane) -> None:
        await lane.ask(Recorded((trade(1),)))
        with pytest.raises(UnavailableError):
            await lane.ask(Recorded((trade(2),)))
        lane.observe(Ticked())

    lane = run(parts, act)

    assert lane.halted == "SECOND_DIGEST"
    assert len(parts.signer.permits) == 1


def test_run__a_peer_that_takes_no_more__loses_its_stream_and_the_lane_goes_on() -> None:
    parts, link = Parts(book), MemoryLink()
    link.fails = [PeerSlowError("256 queued")]

    async def act(lane: Lane) -> None:
        lane.inbox.post(connected(link))
        await lane.ask(Recorded((trade(1),)))
        await lane.ask(Recorded((trade(2),)))

    lane = run(parts, act)

    assert link.closed
    assert link.sent == []
    assert lane.phase.line.burnt == 2
    assert parts.meters.dropped == {"PEER_SLOW": 1}


def test_run__the_stream_is_lost__sends_are_dropped_until_the_next_one() -> None:
    parts, link, other = Parts(book), MemoryLink(), MemoryLink()

    async def act(lane: Lane) -> None:
        lane.inbox.post(connected(link))
        lane.inbox.post(Lost())
        await lane.ask(Recorded((trade(1),)))
        lane.inbox.post(connected(other))
        await lane.ask(Recorded((trade(2),)))

    run(parts, act)

    assert (len(link.sent), len(other.sent)) == (0, 1)
    assert [type(event) for event in parts.script.events if not isinstance(event, Signed)] == [
        Connected,
        Lost,
        Recorded,
        Connected,
        Recorded,
    ]


def test_run__a_halted_lane_is_told_of_the_chain__what_is_due_is_still_submitted() -> None:
    """The key is gone, say; a challenge waits for nobody."""
    parts = Parts(book)
    parts.signer.fails = [SignerError("the token is gone")] * 9
    due = Submit("due", "a request")  # type: ignore[arg-type]
    parts.guard = lambda phase, _event: (phase.with_link(chain_now=7), (due,))

    async def act(lane: Lane) -> None:
        await lane.ask(Recorded((trade(1),)))
        await asyncio.sleep(0.01)
        assert lane.halted == "SIGNER"
        lane.observe(Ticked())
        await asyncio.sleep(0.01)

    lane = run(parts, act)

    assert lane.halted == "SIGNER"
    assert [intent.key for intent in parts.store.wanted] == ["due"]
    assert parts.outbox.wakes == 1
    assert lane.phase.link.chain_now == 7
    assert lane.phase.line.trades == (trade(1),)


def test_run__what_is_due_cannot_be_stored_or_computed__the_lane_stays_halted_and_runs() -> None:
    parts = Parts(book)
    parts.signer.fails = [SignerError("the token is gone")] * 9

    def guard(phase: Phase, _event: Event) -> tuple[Phase, tuple[Effect, ...]]:
        raise RuntimeError("a flaw")

    parts.guard = guard

    async def act(lane: Lane) -> None:
        await lane.ask(Recorded((trade(1),)))
        await asyncio.sleep(0.01)
        for _ in range(2):
            lane.observe(Ticked())
            await asyncio.sleep(0.01)

    assert run(parts, act).halted == "SIGNER"
    assert parts.store.wanted == []


def test_run__the_key_fails_in_an_unknown_way_when_asked_again__ends_nothing_else() -> None:
    parts = Parts(book)
    parts.signer.fails = [SignerError("the token is gone"), OSError("the library broke")]

    async def act(lane: Lane) -> None:
        await lane.ask(Recorded((trade(1),)))
        await asyncio.sleep(0.01)
        for _ in range(2):
            lane.observe(Ticked())
            await asyncio.sleep(0.01)

    lane = run(parts, act)

    assert lane.halted == "OSError"
    assert parts.log.names("error") == ["channel_halted"]


def test_observe__several_before_the_lane_looks__the_newest_is_enough() -> None:
    parts = Parts(book)

    async def act(lane: Lane) -> None:
        lane.inbox.post(Recorded((trade(1),)))
        for _ in range(3):
            lane.observe(Ticked())
            lane.observe(Priced(None))

    run(parts, act)

    assert parts.script.events.count(Ticked()) == 1
    assert parts.script.events.count(Priced(None)) == 1


def test_close__what_is_queued__is_still_done() -> None:
    parts = Parts(book)

    async def act(lane: Lane) -> None:
        for number in range(3):
            lane.inbox.post(Ask(Recorded((trade(number),))))

    assert len(run(parts, act).phase.line.trades) == 3


def test_ask__while_stopping__is_unavailable() -> None:
    parts = Parts(book)

    async def act(lane: Lane) -> None:
        await lane.ask(Recorded((trade(1),)))
        lane.inbox.close()
        with pytest.raises(UnavailableError):
            await lane.ask(Recorded((trade(2),)))

    run(parts, act)


def test_inbox__full__whoever_puts_waits_for_room() -> None:
    parts = Parts(book)

    async def act(lane: Lane) -> None:
        parts.store.gate = asyncio.Event()
        putting = asyncio.create_task(_put_many(lane, 2_000))
        await asyncio.sleep(0.05)
        assert len(lane.inbox) == 1_024
        assert not putting.done()
        parts.store.gate.set()
        await putting

    run(parts, act)

    assert len(parts.script.events) >= 2_000


async def _put_many(lane: Lane, count: int) -> None:
    for _ in range(count):
        await lane.inbox.put(Heard(TradeReport((trade(1),))))
