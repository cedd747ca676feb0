"""`clearing channel` against a server in a thread of its own."""

import asyncio
import json
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from clearing.clearport.api import waiting
from clearing.clearport.api.auth import SystemClock
from clearing.cli import app
from tests.unit.clearport_api.scene import Scene, running


@dataclass
class Daemon:
    """A server in a thread; `play` runs a coroutine there."""

    scene: Scene
    loop: Any

    @property
    def endpoint(self):
        return f"127.0.0.1:{self.scene.server.port}"

    @property
    def effects(self):
        """What the desk was asked to change, and with what."""
        looks = {"channels", "margin", "status", "transaction", "events", "peers"}
        return [call for call in self.scene.desk.calls if call[0] not in looks]

    def play(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)


@pytest.fixture
def daemon():
    ready, stop = threading.Event(), None
    held = {}

    async def serve():
        held["stop"] = asyncio.Event()
        async with running(clock=SystemClock()) as scene:
            held["daemon"] = Daemon(scene, asyncio.get_running_loop())
            ready.set()
            await held["stop"].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    yield held["daemon"]
    stop = held["stop"]
    held["daemon"].loop.call_soon_threadsafe(stop.set)
    thread.join(10)


@pytest.fixture
def key(tmp_path):
    """The operator's key in a file."""
    path = tmp_path / "key"
    path.write_text("0x" + "11" * 32 + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """Run a command where nothing is configured."""
    for name in ("CLEARPORT_ENDPOINT", "CLEARPORT_KEY", "CLEARPORT_CA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLEARPORT_CONFIG", str(tmp_path / "operator.toml"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(waiting, "LOOK_S", 0.01)
    return lambda *args, **more: CliRunner().invoke(app, ["channel", *map(str, args)], **more)


@pytest.fixture
def run(bare, daemon, key, monkeypatch):
    """Run a command against the daemon."""
    monkeypatch.setenv("CLEARPORT_ENDPOINT", daemon.endpoint)
    monkeypatch.setenv("CLEARPORT_KEY", str(key))
    return bare


@pytest.fixture
def ask(run):
    """Run a command with --json and return what it printed."""

    def asking(*args):
        result = run(*args, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return asking


@pytest.fixture
def refused(bare):
    """Run a command that must fail; it says so in one line, which is returned."""

    def refusing(*args, **more):
        result = bare(*args, **more)
        lines = result.stderr.splitlines()
        assert (result.exit_code, result.stdout, len(lines)) == (2, "", 1), result.output
        return lines[0]

    return refusing
