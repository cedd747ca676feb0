"""Stores in both kinds of database, each test with an empty one of its own."""

import asyncio
import itertools
from contextlib import asynccontextmanager

import psycopg
import pytest

from clearing.clearport.store import SqlStore
from tests.unit.clearport_store import postgresql, scene


@pytest.fixture(scope="session")
def pg_folder():
    why = postgresql.missing()
    if why:
        pytest.skip(why)
    with postgresql.server() as folder:
        yield folder


NUMBERS = itertools.count(1)


@pytest.fixture
def new_database(pg_folder):
    """Makes an empty database and returns its URL."""

    def make() -> str:
        name = f"store_{next(NUMBERS)}"
        with psycopg.connect(postgresql.url_of(pg_folder, "postgres"), autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{name}"')
        return postgresql.url_of(pg_folder, name)

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request, tmp_path):
    """Makes a place for an empty store and returns its URL."""
    if request.param == "postgresql":
        return request.getfixturevalue("new_database")
    numbers = itertools.count(1)
    return lambda: f"sqlite:///{tmp_path}/store-{next(numbers)}.db"


@pytest.fixture
def url(new_url) -> str:
    return new_url()


@pytest.fixture
def sqlite_url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@asynccontextmanager
async def opened(url: str):
    """Yield an open store, closed at the end."""
    store = await SqlStore.open(url)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def using():
    """Runs a coroutine function with a store opened at a URL, and closes the store."""

    def run(url: str, work):
        async def main():
            async with opened(url) as store:
                return await work(store)

        return asyncio.run(main())

    return run


@pytest.fixture
def line():
    return scene.opened(1)
