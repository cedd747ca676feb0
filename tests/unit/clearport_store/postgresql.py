"""A PostgreSQL server of the tests' own, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

USER = "postgres"
SETTINGS = "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=40"


def missing() -> str:
    """Say why no server can be started; empty if one can."""
    if _program("initdb") is None or _program("pg_ctl") is None:
        return "PostgreSQL's initdb and pg_ctl are not installed"
    if os.geteuid() == 0:
        if shutil.which("runuser") is None:
            return "PostgreSQL refuses root, and there is no runuser"
        if USER not in {entry.pw_name for entry in pwd.getpwall()}:
            return "PostgreSQL refuses root, and there is no user postgres"
    return ""


def _program(name: str) -> str | None:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(installed[-1]) if installed else shutil.which(name)


def _run(*command: str) -> None:
    as_user = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*as_user, *command], capture_output=True, text=True, timeout=120, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def until_left(url: str) -> None:
    """Wait until a server has noticed that a client is gone, and given its lock back."""
    if not url.startswith("postgresql"):
        return
    statement = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    deadline = time.monotonic() + 30
    with psycopg.connect(url, autocommit=True) as other:
        while other.execute(statement).fetchone()[0]:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@contextmanager
def server() -> Iterator[Path]:
    """Yield the folder of a running server's socket."""
    folder = Path(tempfile.mkdtemp(prefix="clearport-pg-", dir="/tmp"))
    data = folder / "data"
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        _run(_program("initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "-N")
        _run(
            _program("pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-w",
            "-o", f"{SETTINGS} -k {folder}", "start",
        )  # fmt: skip
        try:
            yield folder
        finally:
            _run(_program("pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def url_of(folder: Path, database: str) -> str:
    """Return the URL of a database."""
    return f"postgresql://{USER}@/{database}?host={folder}"
