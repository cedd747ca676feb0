"""The tables are those of the program, and the database itself guards the signing history."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import IntegrityError

from clearing.clearport.errors import StoreError
from clearing.clearport.ports import Permit, Record
from clearing.clearport.store import upgrade
from clearing.clearport.store.database import engine_of
from clearing.clearport.store.tables import METADATA, SIGNING
from tests.unit.clearport_store import scene


def execute(url: str, *statements) -> None:
    with engine_of(url).connect() as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_upgrade__from_nothing__gives_the_tables_of_the_program(url) -> None:
    upgrade(url)

    with engine_of(url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_upgrade__twice__changes_nothing(using, url, line) -> None:
    upgrade(url)
    using(url, lambda store: store.commit(Record(line=line)))

    upgrade(url)

    assert using(url, lambda store: store.lines()) == (line,)


def test_upgrade__database_of_a_newer_program__is_refused(using, url, line) -> None:
    using(url, lambda store: store.commit(Record(line=line)))
    execute(url, text("UPDATE alembic_version SET version_num = '9999'"))

    for again in (lambda: upgrade(url), lambda: using(url, lambda store: store.lines())):
        with pytest.raises(StoreError, match=r"newer program .*9999.*: start that"):
            again()

    execute(url, text("UPDATE alembic_version SET version_num = '0001'"))
    assert using(url, lambda store: store.lines()) == (line,)


def test_upgrade__database_of_something_else__is_refused(url) -> None:
    execute(url, text("CREATE TABLE theirs (id INTEGER)"))

    with pytest.raises(StoreError, match="tables of something else"):
        upgrade(url)

    execute(url, text("DROP TABLE theirs"))
    upgrade(url)


# THE HISTORY


@pytest.fixture
def history(using, url, line) -> str:
    """Has version 5 signed and version 6 reserved; returns the URL."""

    async def work(store):
        for version in (5, 6):
            await store.commit(Record(reserve=scene.reservation(line, version)))
        signed = Permit(scene.reservation(line, 5), scene.signature_of(5))
        await store.commit(Record(signed=signed))

    using(url, work)
    return url


SIGNED = SIGNING.c.signature.is_not(None)
UNSIGNED = SIGNING.c.signature.is_(None)
FORBIDDEN = {
    "digest": update(SIGNING).values(digest=b"\xbb" * 32),
    "version": update(SIGNING).where(UNSIGNED).values(version=bytes(8)),
    "epoch": update(SIGNING).values(epoch=9),
    "channel": update(SIGNING).values(channel_id=b"\x01" * 32),
    "key": update(SIGNING).values(key_id="other"),
    "type": update(SIGNING).values(type_hash=bytes(32)),
    "role": update(SIGNING).values(role="other"),
    "signature": update(SIGNING).where(SIGNED).values(signature=bytes(64)),
    "no signature": update(SIGNING).where(SIGNED).values(signature=None),
    "delete one": delete(SIGNING).where(UNSIGNED),
    "delete all": text("DELETE FROM signing"),
}


@pytest.mark.parametrize("change", FORBIDDEN)
def test_signing__changed_by_anybody__is_refused_by_the_database(history, change) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        execute(history, FORBIDDEN[change])


def test_signing__first_signature__is_taken(history) -> None:
    execute(history, update(SIGNING).where(UNSIGNED).values(signature=bytes(64)))


def test_signing__truncated_in_postgresql__is_refused_by_the_database(
    new_database, using, line
) -> None:
    url = new_database()
    using(url, lambda store: store.commit(Record(reserve=scene.reservation(line, 5))))

    with pytest.raises(IntegrityError, match="append-only"):
        execute(url, text("TRUNCATE signing"))


def test_signing__replaced_in_sqlite__is_refused_by_the_database(sqlite_url, using, line) -> None:
    using(sqlite_url, lambda store: store.commit(Record(reserve=scene.reservation(line, 5))))
    row = {
        "key_id": scene.KEY,
        "type_hash": scene.TYPE,
        "channel_id": line.channel_id,
        "epoch": 0,
        "version": (5).to_bytes(8, "big"),
        "digest": b"\xbb" * 32,
        "role": "state",
    }

    with pytest.raises(IntegrityError, match="append-only"):
        execute(sqlite_url, insert(SIGNING).prefix_with("OR REPLACE").values(row))

    execute(sqlite_url, insert(SIGNING).values(row | {"version": bytes(8)}))
