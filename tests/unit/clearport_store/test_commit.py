"""CLP-15: what `commit` has returned for is there after reopening, all of a record or none."""

import asyncio
from dataclasses import replace

import pytest

from clearing.clearport.core.effects import Booked
from clearing.clearport.core.messages import ReportedTrade
from clearing.clearport.errors import (
    RepeatedError,
    ReplayedError,
    SecondDigestError,
    StoreError,
)
from clearing.clearport.ports import (
    Intent,
    IntentStatus,
    OperatorEvent,
    Permit,
    Record,
    StoredPeer,
    Used,
)
from clearing.clearport.store import SqlStore, reads
from clearing.clearport.store.plan import RESULT_KEPT_S
from clearing.spec.liabilities import NO_LIABILITIES, Trade
from clearing.spec.types import Side
from clearing.spec.units import WAD
from tests.unit.clearport_store import scene

OPERATOR = b"\x0a" * 20
INTENT = Intent("k1", b"\x01" * 20, b"\xca\x11", "open", b"\xc4" * 32)


def used(nonce: int = 1, key: str = "", result: bytes = b"") -> Used:
    return Used(OPERATOR, nonce.to_bytes(16, "big"), 100, key, result)


# LINES AND STATES


def test_commit__updates__are_there_after_reopening(using, url, line) -> None:
    updates = scene.Updates(line, trades=3)

    async def work(store):
        await store.commit(Record(line=line))
        return [await updates.update(store) for _ in range(4)]

    versions = using(url, work)

    async def reread(store):
        return await store.lines(), await store.agreed(line.channel_id)

    lines, agreed = using(url, reread)
    assert versions == [2, 3, 4, 5]
    assert lines == (updates.line,)
    assert [full.state.version for full in agreed] == versions
    assert agreed[-1] == updates.line.full


def test_commit__half_with_a_backlog__is_there_after_reopening(using, url, line) -> None:
    updates = scene.Updates(line, trades=2)
    record = updates.propose()

    using(url, lambda store: store.commit(record))

    assert using(url, lambda store: store.lines()) == (record.line,)


@pytest.mark.parametrize("booked", [1, 64, 65, 200])
def test_commit__some_of_a_backlog_booked__leaves_the_others(using, url, line, booked) -> None:
    """The stored backlog is put anew only once much of it is booked: reading it makes up for it."""
    trades = tuple(
        ReportedTrade(f"T-{n}", Trade(Side.LOW, scene.ETH, WAD, scene.USDC, WAD))
        for n in range(200)
    )
    before = replace(line, trades=trades[:100], reported=trades[::-1])
    ids = [each.trade_id for each in trades[:booked]]
    left = replace(line, trades=trades[booked:100], reported=trades[: booked - 1 : -1])

    async def work(store):
        await store.commit(Record(line=before))
        await store.commit(Record(line=left, booked=Booked(2, tuple(ids))))
        return await store.lines()

    assert using(url, work) == (left,)
    assert using(url, lambda store: store.lines()) == (left,)


def test_commit__trade_dropped_unbooked__is_not_there_after_reopening(using, url, line) -> None:
    trade = ReportedTrade("T-1", Trade(Side.LOW, scene.ETH, WAD, scene.USDC, WAD))

    async def work(store):
        await store.commit(Record(line=replace(line, reported=(trade,))))
        await store.commit(Record(line=line))

    using(url, work)
    assert using(url, lambda store: store.lines()) == (line,)


def test_lines__before_the_store_is_closed__are_as_committed(using, url, line) -> None:
    async def work(store):
        await store.commit(Record(line=line))
        await store.commit(Record(line=replace(line, alarm="DIVERGED")))
        return await store.lines()

    assert using(url, work) == (replace(line, alarm="DIVERGED"),)


def test_agreed__after_a_version_and_of_an_epoch__is_what_was_asked_for(using, url, line) -> None:
    updates = scene.Updates(line)

    async def work(store):
        for _ in range(3):
            await updates.update(store)
        state = replace(updates.line.full.state, epoch=1, version=1)
        later = replace(updates.line.full, state=state)
        await store.commit(Record(line=updates.line, agreed=later))
        return (
            await store.agreed(line.channel_id),
            await store.agreed(line.channel_id, epoch=0),
            await store.agreed(line.channel_id, epoch=0, after=3),
            await store.agreed(b"\xff" * 32),
        )

    latest, first, above, unknown = using(url, work)
    assert [(s.state.epoch, s.state.version) for s in latest] == [(1, 1)]
    assert [s.state.version for s in first] == [2, 3, 4]
    assert [s.state.version for s in above] == [4]
    assert unknown == ()


def test_commit__version_of_64_bits__is_kept_in_order(using, url, line) -> None:
    highest = 2**64 - 1

    async def work(store):
        for version in (highest, 5, 2**63):
            state = replace(line.full.state, version=version)
            await store.commit(Record(line=line, agreed=replace(line.full, state=state)))
        permit = await store.commit(Record(reserve=scene.reservation(line, highest)))
        return permit, await store.agreed(line.channel_id, after=5)

    permit, agreed = using(url, work)
    assert permit.reservation.version == highest
    assert [full.state.version for full in agreed] == [2**63, highest]


def test_commit__line_that_has_no_encoding__is_refused_whole(using, url, line) -> None:
    event = OperatorEvent("opened", line.channel_id)

    async def work(store):
        await store.commit(Record(line=line, events=(event,)))
        with pytest.raises(StoreError, match="separator"):
            await store.commit(Record(line=replace(line, separator=b""), events=(event,)))
        return await store.lines(), await store.operator_events(0, 10)

    lines, events = using(url, work)
    assert lines == (line,)
    assert len(events) == 1


# SIGNING


def test_commit__reservation__returns_its_permit(using, url, line) -> None:
    wanted = scene.reservation(line, 5)

    permit = using(url, lambda store: store.commit(Record(reserve=wanted)))

    assert permit == Permit(wanted)


def test_commit__second_digest_for_a_version__is_refused_for_ever(using, url, line) -> None:
    """CLP-01: not in this life of the process and not in the next."""
    first, second = scene.reservation(line, 5), scene.reservation(line, 5, b"\xbb" * 32)

    async def both(store):
        assert await store.commit(Record(reserve=first)) == Permit(first)
        with pytest.raises(SecondDigestError):
            await store.commit(Record(line=line, reserve=second))
        return await store.lines()

    assert using(url, both) == ()

    async def again(store):
        with pytest.raises(SecondDigestError):
            await store.commit(Record(reserve=second))
        # Other versions, keys, types, epochs and channels have places of their own.
        for other in (
            replace(second, version=6),
            replace(second, version=4),
            replace(second, key_id="signer-2"),
            replace(second, type_hash=b"\x77" * 32),
            replace(second, epoch=1),
            replace(second, channel_id=b"\x01" * 32),
        ):
            assert await store.commit(Record(reserve=other)) == Permit(other)
        return await store.commit(Record(reserve=first))

    assert using(url, again) == Permit(first)


def test_commit__same_digest_again__returns_the_stored_signature(using, url, line) -> None:
    wanted = scene.reservation(line, 5)
    signed = Permit(wanted, scene.signature_of(5))

    async def work(store):
        await store.commit(Record(reserve=wanted))
        assert await store.commit(Record(reserve=wanted)) == Permit(wanted)
        await store.commit(Record(signed=signed))
        return await store.commit(Record(reserve=wanted))

    assert using(url, work) == signed
    assert using(url, lambda store: store.commit(Record(reserve=wanted))) == signed


def test_commit__second_signature_of_a_digest__leaves_the_first(using, url, line) -> None:
    wanted = scene.reservation(line, 5)

    async def work(store):
        await store.commit(Record(reserve=wanted))
        for version in (5, 6):
            await store.commit(Record(signed=Permit(wanted, scene.signature_of(version))))
        return await store.commit(Record(reserve=wanted))

    assert using(url, work).signature == scene.signature_of(5)


def test_commit__signature_without_a_reservation__is_refused(using, url, line) -> None:
    wanted = scene.reservation(line, 5)
    signed = Permit(wanted, scene.signature_of(5))

    async def work(store):
        for bad in (signed, Permit(wanted)):
            with pytest.raises(StoreError):
                await store.commit(Record(line=line, signed=bad))
        assert await store.lines() == ()
        await store.commit(Record(reserve=wanted))
        other = Permit(replace(wanted, digest=b"\xee" * 32), scene.signature_of(5))
        with pytest.raises(StoreError, match="not reserved"):
            await store.commit(Record(signed=other))
        await store.commit(Record(signed=signed))

    using(url, work)


def test_commit__new_state_at_the_floor_of_a_restored_channel__is_refused(using, url, line) -> None:
    restored = replace(line, is_recovering=True, floor=50)

    async def work(store):
        await store.commit(Record(line=restored))
        with pytest.raises(StoreError, match="not above the restored channel's 50"):
            await store.commit(Record(reserve=scene.reservation(line, 50)))
        with pytest.raises(StoreError, match="not above"):
            await store.commit(Record(line=restored, reserve=scene.reservation(line, 7)))
        return await store.commit(Record(reserve=scene.reservation(line, 51)))

    assert using(url, work).reservation.version == 51


# GROUPS


def test_commit__many_at_once__share_commits_and_all_are_there(using, url) -> None:
    updates = [scene.Updates(scene.opened(number)) for number in range(1, 31)]

    async def work(store):
        for _ in range(3):
            await asyncio.gather(*(each.update(store) for each in updates))

    using(url, work)

    assert using(url, lambda store: store.lines()) == tuple(each.line for each in updates)


def test_commit__some_of_a_group_refused__leaves_the_others_durable(using, url) -> None:
    """A second digest, a nonce, an idempotency key and a double booking, among good records."""
    lines = [scene.opened(number) for number in range(1, 8)]
    twice = Booked(1, ("T-1",))

    async def work(store):
        await store.commit(Record(reserve=scene.reservation(lines[1], 5), used=used(1, "same")))
        await store.commit(Record(line=lines[4], booked=twice))
        return await asyncio.gather(
            store.commit(Record(line=lines[0])),
            store.commit(
                Record(line=lines[1], reserve=scene.reservation(lines[1], 5, b"\xbb" * 32))
            ),
            store.commit(Record(line=lines[2], used=used(1))),
            store.commit(Record(line=lines[3], used=used(2, "same"))),
            store.commit(Record(line=replace(lines[4], alarm="X"), booked=twice)),
            store.commit(Record(line=lines[5], reserve=scene.reservation(lines[5], 9))),
            store.commit(Record(line=lines[6], used=used(3))),
            return_exceptions=True,
        )

    outcomes = using(url, work)
    assert [type(each).__name__ for each in outcomes] == [
        "NoneType",
        "SecondDigestError",
        "ReplayedError",
        "RepeatedError",
        "StoreError",
        "Permit",
        "NoneType",
    ]

    async def reread(store):
        with pytest.raises(SecondDigestError):
            await store.commit(Record(reserve=scene.reservation(lines[5], 9, b"\xbb" * 32)))
        return await store.lines()

    assert using(url, reread) == (lines[0], lines[4], lines[5], lines[6])


def test_commit__reservation_of_a_record_that_failed__is_not_remembered(using, url, line) -> None:
    """Its place is free, and the permit that is given for it at last is durable."""
    wanted = scene.reservation(line, 5)
    twice = Record(line=line, reserve=wanted, booked=Booked(1, ("T-1",)))

    async def work(store):
        above = scene.reservation(line, 9)
        await store.commit(Record(line=line, reserve=above, booked=Booked(1, ("T-1",))))
        with pytest.raises(StoreError):
            await store.commit(twice)
        await store.commit(Record(reserve=wanted))

    using(url, work)

    async def again(store):
        with pytest.raises(SecondDigestError):
            await store.commit(Record(reserve=replace(wanted, digest=b"\xbb" * 32)))

    using(url, again)


def test_commit__two_of_one_group_for_one_place__only_the_first_stands(using, url, line) -> None:
    first, second = scene.reservation(line, 5), scene.reservation(line, 5, b"\xbb" * 32)

    async def work(store):
        return await asyncio.gather(
            store.commit(Record(reserve=first)),
            store.commit(Record(reserve=second)),
            store.commit(Record(used=used(1, "a", b"r"))),
            store.commit(Record(used=used(1))),
            store.commit(Record(used=used(2, "a"))),
            return_exceptions=True,
        )

    one, two, three, four, five = using(url, work)
    assert one == Permit(first)
    assert isinstance(two, SecondDigestError)
    assert three is None
    assert isinstance(four, ReplayedError)
    assert isinstance(five, RepeatedError)
    assert five.result == b"r"


def test_commit__whoever_waits_is_cancelled__the_others_are_served(using, url, line) -> None:
    async def work(store):
        gone = asyncio.ensure_future(store.commit(Record(line=line)))
        stays = asyncio.ensure_future(store.commit(Record(reserve=scene.reservation(line, 5))))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await stays

    assert using(url, work).reservation.version == 5


def test_commit__closed_store__is_refused(url, line) -> None:
    async def main():
        store = await SqlStore.open(url)
        await store.commit(Record(line=line))
        await store.close()
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.commit(Record(line=line))

    asyncio.run(main())


# CALLS


def test_commit__used_nonce__is_refused_with_its_effect(using, url, line) -> None:
    async def work(store):
        await store.commit(Record(used=used(1)))
        with pytest.raises(ReplayedError):
            await store.commit(Record(line=line, used=used(1)))
        await store.commit(Record(used=replace(used(1), subject=b"\x0b" * 20)))
        return await store.lines()

    assert using(url, work) == ()


def test_commit__repeated_idempotency_key__carries_the_first_result(using, url, line) -> None:
    async def work(store):
        await store.commit(Record(used=used(1, "once", b"first")))
        with pytest.raises(RepeatedError) as repeated:
            await store.commit(Record(line=line, used=used(2, "once", b"second")))
        assert await store.lines() == ()
        # The refused call's nonce is still free.
        await store.commit(Record(used=used(2)))
        return repeated.value.result

    assert using(url, work) == b"first"


def test_forget_expired__nonces_and_old_results__are_gone(using, url) -> None:
    async def work(store):
        await store.commit(Record(used=used(1, "once", b"first")))
        await store.commit(Record(used=replace(used(2), expires_at=200)))
        assert await store.forget_expired(100) == 0
        assert await store.forget_expired(101) == 1
        with pytest.raises(RepeatedError):
            await store.commit(Record(used=used(3, "once")))
        with pytest.raises(ReplayedError):
            await store.commit(Record(used=used(2)))
        assert await store.forget_expired(101 + RESULT_KEPT_S) == 1
        await store.commit(Record(used=used(3, "once")))

    using(url, work)


def test_forget_expired__events__the_newest_are_kept_and_numbers_go_on(
    using, url, monkeypatch
) -> None:
    monkeypatch.setattr(reads, "EVENTS_KEPT", 3)
    told = tuple(OperatorEvent(f"kind {number}", b"") for number in range(1, 6))

    async def work(store):
        await store.commit(Record(events=told))
        await store.forget_expired(0)
        await store.commit(Record(events=told[:1]))
        return await store.operator_events(0, 100)

    assert [each.cursor for each in using(url, work)] == [3, 4, 5, 6]


# TRADES


def test_trades__booked_and_then_settled__are_listed_until_then(using, url, line) -> None:
    updates = scene.Updates(line, trades=2)

    async def work(store):
        await store.commit(Record(line=line))
        await updates.update(store)
        before = await store.trades(line.channel_id)
        freed = replace(updates.line.position, liabilities=NO_LIABILITIES)
        await store.commit(Record(line=replace(updates.line, position=freed)))
        asked = await store.booked_among(line.channel_id, ["T-2-0", "T-2-1", "T-9"])
        return before, await store.trades(line.channel_id), asked

    before, after, known = using(url, work)
    assert [(each.trade_id, each.version) for each in before] == [("T-2-0", 2), ("T-2-1", 2)]
    assert all(each.text for each in before)
    assert after == ()
    assert known == {"T-2-0", "T-2-1"}


def test_commit__trade_booked_twice__is_refused(using, url, line) -> None:
    async def work(store):
        await store.commit(Record(line=line, booked=Booked(1, ("T-1", "T-2"))))
        with pytest.raises(StoreError):
            await store.commit(
                Record(line=replace(line, alarm="X"), booked=Booked(2, ("T-3", "T-2")))
            )
        return await store.lines(), await store.booked_among(line.channel_id, ["T-1", "T-3"])

    lines, booked = using(url, work)
    assert lines == (line,)
    assert booked == {"T-1"}


# THE OUTBOX, THE OPERATOR, THE PEERS, THE REST


def test_intents__wanted_and_sent__are_listed_by_state_in_order(using, url) -> None:
    second = replace(INTENT, key="k0")

    async def work(store):
        await store.commit(Record(intents=(INTENT, second)))
        await store.commit(Record(intents=(replace(INTENT, data=b"other"),)))
        sent = IntentStatus("k1", "open", "sent", 7, (b"\x01" * 32, b"\x02" * 32), None, "")
        await store.set_intent_status(sent)
        return (
            await store.intents(["queued", "sent"]),
            await store.intents(["sent"]),
            await store.intent("k1"),
            await store.intent("k9"),
            sent,
        )

    both, some, one, none, sent = using(url, work)
    assert [intent.key for intent, _ in both] == ["k1", "k0"]
    assert some == ((INTENT, sent),)
    assert one == (INTENT, sent)
    assert none is None


def test_set_intent_status__of_nothing_wanted__is_refused(using, url) -> None:
    async def work(store):
        with pytest.raises(StoreError, match="no intent has the key k1"):
            await store.set_intent_status(IntentStatus("k1", "open", "sent"))
        await store.commit(Record(intents=(INTENT,)))
        await store.set_intent_status(IntentStatus("k1", "open", "refused", reason="Stale"))
        return (await store.intent("k1"))[1]

    assert using(url, work) == IntentStatus("k1", "open", "refused", reason="Stale")


def test_operator_events__across_restarts__have_rising_cursors(using, url) -> None:
    events = tuple(
        OperatorEvent(kind, b"\xc4" * 32, (("reason", "“x”\n"), ("version", "1")), at=9)
        for kind in ("opened", "margin_high", "closed")
    )

    async def some(store):
        await store.commit(Record(events=events[:2]))

    async def more(store):
        await store.commit(Record(events=events[2:]))
        return await store.operator_events(0, 10), await store.operator_events(1, 1)

    using(url, some)
    every, second = using(url, more)
    assert every == tuple(replace(each, cursor=i) for i, each in enumerate(events, start=1))
    assert second == (every[1],)


def test_put_peer__twice__keeps_the_newer(using, url) -> None:
    one, other = StoredPeer(b"\x02" * 20, b"v1"), StoredPeer(b"\x01" * 20, b"x")
    newer = StoredPeer(b"\x02" * 20, b"v2", is_dialled=False)

    async def work(store):
        for peer in (one, other, newer):
            await store.put_peer(peer)
        return await store.peers()

    assert using(url, work) == (other, newer)


def test_put_fact__twice__keeps_the_newer(using, url) -> None:
    async def work(store):
        assert await store.fact("cursor") is None
        await store.put_fact("cursor", b"1")
        await store.put_fact("cursor", b"2")
        await store.put_fact("other", b"")
        return await store.fact("cursor"), await store.fact("other")

    assert using(url, work) == (b"2", b"")
