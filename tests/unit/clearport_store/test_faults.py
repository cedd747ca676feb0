"""A disk or a server that fails is told in one line with its fix, and nothing is half done."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from clearing.clearport.errors import StoreDamagedError, StoreError
from clearing.clearport.ports import Record
from clearing.clearport.store import SqlStore
from clearing.clearport.store.database import Database
from clearing.clearport.store.errors import driver_error, is_in_doubt
from tests.unit.clearport_store import scene
from tests.unit.clearport_store.postgresql import until_left


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def open_fails(url: str, error=StoreError, match: str | None = None) -> None:
    with pytest.raises(error, match=match):
        asyncio.run(SqlStore.open(url))


# ALONE


def test_open__another_daemon_has_it__is_refused_until_it_stops(using, url) -> None:
    async def second(_store):
        with pytest.raises(StoreError, match="another daemon uses"):
            await SqlStore.open(url)

    using(url, second)

    using(url, lambda store: store.lines())


def test_open__process_that_was_killed_had_it__opens(using, url, line) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from clearing.clearport.store import SqlStore\n"
        "asyncio.run(SqlStore.open(sys.argv[1]))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, url], check=False, timeout=60)

    assert done.returncode == -9
    until_left(url)
    using(url, lambda store: store.commit(Record(line=line)))


# URLS


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("nonsense", "URL cannot be read"),
        ("mysql://host/name", "mysql is no database for this"),
        ("sqlite://", "in memory forgets"),
        ("sqlite:////nowhere/at/all/store.db", "cannot be written"),
        ("postgresql://nobody@127.0.0.1:1/none", "out of reach"),
    ],
)
def test_open__url_of_no_database__says_what_to_write(url, match) -> None:
    open_fails(url, match=match)


def test_open__new_file__is_private(using, sqlite_url) -> None:
    using(sqlite_url, lambda store: store.lines())

    assert file_of(sqlite_url).stat().st_mode & 0o077 == 0


# DAMAGE


def test_open__file_that_is_no_database__is_damaged(sqlite_url) -> None:
    file_of(sqlite_url).write_bytes(b"not a database, though long enough to look at" * 30)

    open_fails(sqlite_url, StoreDamagedError, "is damaged")


def test_open__pages_overwritten__is_damaged(using, sqlite_url) -> None:
    async def work(store):
        for number in range(1, 40):
            await store.commit(Record(line=scene.opened(number)))

    using(sqlite_url, work)
    with file_of(sqlite_url).open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4_096)
        file.write(b"\xff" * (size - 4_096))

    open_fails(sqlite_url, StoreDamagedError)


def test_open__line_that_cannot_be_read_back__is_damaged(using, sqlite_url, line) -> None:
    using(sqlite_url, lambda store: store.commit(Record(line=line)))
    with sqlite3.connect(file_of(sqlite_url)) as connection:
        connection.execute("UPDATE states SET state = x'ffff'")

    open_fails(sqlite_url, StoreDamagedError, f"0x{line.channel_id.hex()} cannot be read back")


# NO ROOM, NO RIGHTS


def test_commit__disk_full__is_refused_and_goes_on_once_there_is_room(using, sqlite_url) -> None:
    async def work(store):
        database: Database = store._writer._database
        size = await store._writer.ask(
            lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar()
        )
        raw = database.connection.connection.dbapi_connection

        async def limit(pages: int) -> None:
            await store._writer.ask(lambda _: raw.execute(f"PRAGMA max_page_count = {pages}"))

        await limit(size + 2)
        stored = []

        async def fill() -> None:
            for number in range(1, 100):
                await store.commit(Record(line=scene.opened(number)))
                stored.append(number)

        with pytest.raises(StoreError, match="the disk is full"):
            await fill()
        assert await store.lines() == tuple(scene.opened(number) for number in stored)

        await limit(100_000)
        await store.commit(Record(line=scene.opened(100)))
        return [*stored, 100]

    stored = using(sqlite_url, work)

    assert using(sqlite_url, lambda store: store.lines()) == tuple(map(scene.opened, stored))


def test_commit__database_made_read_only__is_refused_and_goes_on(using, sqlite_url, line) -> None:
    async def work(store):
        raw = store._writer._database.connection.connection.dbapi_connection
        await store._writer.ask(lambda _: raw.execute("PRAGMA query_only = ON"))
        with pytest.raises(StoreError, match="read-only"):
            await store.commit(Record(line=line))
        await store._writer.ask(lambda _: raw.execute("PRAGMA query_only = OFF"))
        await store.commit(Record(line=line))
        return await store.lines()

    assert using(sqlite_url, work) == (line,)


@pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write anything"
)
def test_open__folder_without_rights__says_so(tmp_path, using, line) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    url = f"sqlite:///{folder}/store.db"
    using(url, lambda store: store.commit(Record(line=line)))
    for path in (folder / "store.db", folder / "store.db.lock"):
        path.chmod(0o444)
    folder.chmod(0o555)
    tmp_path.chmod(0o755)
    program = (
        "import asyncio, sys\n"
        "from clearing.clearport.errors import StoreError\n"
        "from clearing.clearport.store import SqlStore\n"
        "try:\n    asyncio.run(SqlStore.open(sys.argv[1]))\n"
        "except StoreError as error:\n    print(error)\n"
    )
    as_nobody = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    command = [sys.executable, "-c", program, url]
    if os.geteuid() == 0:
        command = [*as_nobody, *command]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    folder.chmod(0o755)

    assert "cannot be written (Permission denied): give the daemon's user" in done.stdout


# WHAT IS IN DOUBT


@pytest.mark.parametrize(
    ("name", "is_lost"),
    [
        ("SQLITE_IOERR_FSYNC", True),
        ("SQLITE_CORRUPT_INDEX", True),
        ("57P01", True),
        ("08006", True),
        ("XX001", True),
        ("SQLITE_FULL", False),
        ("53100", False),
        ("25006", False),
        ("SQLITE_BUSY_SNAPSHOT", False),
    ],
)
def test_driver_error__by_name__says_whether_the_commit_may_stand(name, is_lost) -> None:
    class DriverError(Exception):
        sqlite_errorname = name if name.startswith("SQLITE") else None
        sqlstate = None if name.startswith("SQLITE") else name

    known = driver_error(DriverError("x"))

    assert is_in_doubt(known) is is_lost
    assert known.fix
    assert name in str(known)


# A SERVER THAT GOES


def test_commit__server_ends_the_connection__stops_the_store_for_good(
    using, new_database, line
) -> None:
    """What the lost commit has left is not known, so only reopening tells."""
    url = new_database()

    async def work(store):
        await store.commit(Record(line=line))
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'clearport' AND datname = current_database()"
            )
        for _ in range(2):
            with pytest.raises(StoreError, match="out of reach"):
                await store.commit(Record(line=scene.opened(2)))
        with pytest.raises(StoreError, match="out of reach"):
            await store.lines()

    using(url, work)
    until_left(url)

    assert using(url, lambda store: store.lines()) == (line,)
