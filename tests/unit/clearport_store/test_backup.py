"""CLP-13: a backup is whole, and a channel restored from one never signs below its floor."""

import asyncio
import json
import time
from dataclasses import replace

import pytest

from clearing.clearport.errors import StoreDamagedError, StoreError
from clearing.clearport.ports import Intent, IntentStatus, Record, StoredPeer, Used
from clearing.clearport.store import Owner, backup, restore
from clearing.clearport.store.backup import RECOVERY_GAP
from clearing.clearport.store.manifest import path_of
from tests.unit.clearport_store import scene

OWNER = Owner("daemon-1", b"\x01" * 20)
INTENT = Intent("k1", b"\x01" * 20, b"\xca\x11", "challenge", b"\xc4" * 32)


@pytest.fixture
def filled(using, url):
    """Has two channels, one with a proposed version above its agreed one; returns the updates."""
    one, two = scene.Updates(scene.opened(1)), scene.Updates(scene.opened(2))

    async def work(store):
        for updates in (one, one, two):
            await updates.update(store)
        await store.commit(two.propose())
        done = replace(INTENT, key="k0")
        await store.commit(Record(intents=(done, INTENT), used=Used(b"a" * 20, b"n", 9, "key")))
        await store.set_intent_status(IntentStatus("k0", "challenge", "final"))
        await store.put_peer(StoredPeer(b"\x02" * 20, b"record"))
        await store.put_fact("cursor", b"7")

    using(url, work)
    return one, two


async def everything(store):
    ids = [line.channel_id for line in await store.lines()]
    return (
        [await store.agreed(each) for each in ids],
        [await store.trades(each) for each in ids],
        await store.peers(),
        await store.fact("cursor"),
    )


@pytest.mark.parametrize("target", ["sqlite", "same"])
def test_restore__backup__has_everything_and_is_recovering(
    using, url, new_url, tmp_path, filled, target
) -> None:
    copy, new = tmp_path / "copy", f"sqlite:///{tmp_path}/new.db"
    if target == "same":
        new = new_url()
    manifest = backup(url, copy, OWNER)

    assert restore(new, copy, OWNER) == manifest

    one, two = filled
    assert using(new, everything) == using(url, everything)
    first, second = using(new, lambda store: store.lines())
    # Channel 1 has signed up to 3, channel 2 has reserved 3 above its agreed 2.
    assert first == replace(one.line, is_recovering=True, floor=3 + RECOVERY_GAP)
    assert second == replace(two.line, is_recovering=True, floor=3 + RECOVERY_GAP)


def test_restore__channel__signs_above_its_floor_only(
    using, url, new_url, tmp_path, filled
) -> None:
    backup(url, tmp_path / "copy", OWNER)
    new = new_url()
    restore(new, tmp_path / "copy", OWNER)

    async def work(store):
        line = (await store.lines())[0]
        with pytest.raises(StoreError, match="not above"):
            await store.commit(Record(reserve=scene.reservation(line, line.floor)))
        return await store.commit(Record(reserve=scene.reservation(line, line.floor + 1)))

    assert using(new, work).reservation.version == 4 + RECOVERY_GAP


def test_restore__refused_version_above_what_was_signed__is_below_the_floor(
    using, url, new_url, tmp_path, line
) -> None:
    using(url, lambda store: store.commit(Record(line=replace(line, burnt=40))))
    backup(url, tmp_path / "copy", OWNER)
    new = new_url()

    restore(new, tmp_path / "copy", OWNER)

    (restored,) = using(new, lambda store: store.lines())
    assert restored.floor == 40 + RECOVERY_GAP


def test_restore__unfinished_intents__are_not_sent_again(
    using, url, new_url, tmp_path, filled
) -> None:
    backup(url, tmp_path / "copy", OWNER)
    new = new_url()
    restore(new, tmp_path / "copy", OWNER)

    async def work(store):
        assert await store.intents(["queued", "sent", "mined"]) == ()
        assert (await store.intent("k0"))[1].state == "final"
        (event,) = await store.operator_events(0, 10)
        await store.commit(Record(intents=(INTENT,)))
        return event, await store.intent("k1")

    event, again = using(new, work)
    assert event.kind == "restored"
    assert ("intents_dropped", "1") in event.fields
    assert again[1].state == "queued"


def test_backup__while_the_daemon_commits__is_one_moment(using, url, tmp_path) -> None:
    updates = [scene.Updates(scene.opened(number)) for number in range(1, 5)]

    async def work(store):
        async def lane(each):
            for _ in range(40):
                await each.update(store)

        async def copies():
            for number in range(3):
                await store.backup(tmp_path / f"copy-{number}", OWNER)

        await asyncio.gather(copies(), *map(lane, updates))

    using(url, work)

    async def check(store):
        for line in await store.lines():
            agreed = await store.agreed(line.channel_id)
            assert [each.state.version for each in agreed] == list(range(2, len(agreed) + 2))
            if agreed:
                assert agreed[-1] == line.full
            assert len(await store.trades(line.channel_id)) == len(agreed)

    for number in range(3):
        new = f"sqlite:///{tmp_path}/new-{number}.db"
        restore(new, tmp_path / f"copy-{number}", OWNER)
        using(new, check)


def test_backup__manifest__says_whose_and_when(url, tmp_path, filled) -> None:
    before = int(time.time())

    backup(url, tmp_path / "copy", OWNER)

    written = json.loads(path_of(tmp_path / "copy").read_text())
    assert written["daemon_id"] == "daemon-1"
    assert written["broker"] == "0x" + "01" * 20
    assert before <= written["created_at"] <= int(time.time())
    assert len(written["sha256"]) == 64
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy", "copy.manifest.json"]
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0


def test_backup__file_that_exists__is_not_overwritten(url, tmp_path, filled) -> None:
    backup(url, tmp_path / "copy", OWNER)
    before = (tmp_path / "copy").read_bytes()

    with pytest.raises(StoreError, match="exists"):
        backup(url, tmp_path / "copy", OWNER)

    assert (tmp_path / "copy").read_bytes() == before


def test_backup__store_that_is_not_there__says_so_and_leaves_nothing(tmp_path) -> None:
    with pytest.raises(StoreError, match="is not there"):
        backup(f"sqlite:///{tmp_path}/none.db", tmp_path / "copy", OWNER)

    assert list(tmp_path.iterdir()) == []


def test_restore__changed_backup__is_refused(using, url, new_url, tmp_path, filled) -> None:
    copy, new = tmp_path / "copy", new_url()
    backup(url, copy, OWNER)
    good = copy.read_bytes()
    copy.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))

    with pytest.raises(StoreDamagedError, match="not what its manifest says"):
        restore(new, copy, OWNER)

    copy.write_bytes(good)
    restore(new, copy, OWNER)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": 1}'])
def test_restore__manifest_that_is_none__is_refused(url, new_url, tmp_path, filled, text) -> None:
    copy, new = tmp_path / "copy", new_url()
    backup(url, copy, OWNER)
    good = path_of(copy).read_text()
    path_of(copy).write_text(text)

    with pytest.raises(StoreDamagedError, match="is no manifest"):
        restore(new, copy, OWNER)

    path_of(copy).write_text(good)
    restore(new, copy, OWNER)


def test_restore__without_a_manifest__is_refused(url, new_url, tmp_path, filled) -> None:
    backup(url, tmp_path / "copy", OWNER)
    path_of(tmp_path / "copy").unlink()

    with pytest.raises(StoreError, match="name a backup with its manifest"):
        restore(new_url(), tmp_path / "copy", OWNER)


def test_restore__another_brokers_backup__is_refused(url, new_url, tmp_path, filled) -> None:
    backup(url, tmp_path / "copy", OWNER)
    new = new_url()

    with pytest.raises(StoreError, match="take one of your own"):
        restore(new, tmp_path / "copy", replace(OWNER, broker=b"\x09" * 20))

    restore(new, tmp_path / "copy", OWNER)


def test_restore__over_a_store_in_use__is_refused(using, url, new_url, tmp_path, filled) -> None:
    backup(url, tmp_path / "copy", OWNER)
    before = using(url, lambda store: store.lines())

    with pytest.raises(StoreError, match="not empty"):
        restore(url, tmp_path / "copy", OWNER)

    assert using(url, lambda store: store.lines()) == before
