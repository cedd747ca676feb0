"""The commands of the README's "A first channel" are run as they stand there."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from secrets import randbelow

import pytest

from clearing.chain.project import project_root

PATIENCE_S = 60
LOWEST_PORT, PORTS_BELOW = 20_000, 12_000
"""Below those that the system gives to whoever connects: still free when they are wanted."""
MOST = 10
PORTS = ("7401", "7411")
READY = ("Ready.", '{"operator"')
"""What a command says that stays in a terminal of its own."""


def commands() -> list[str]:
    """Return the commands, as a reader would paste them."""
    text = (project_root() / "README.md").read_text(encoding="utf-8")
    block = re.search(r"### A first channel\n.*?```\n(.*?)```", text, re.DOTALL)
    assert block is not None, "the README has no such part"
    return block[1].splitlines()


def free_ports(count: int) -> int:
    """Return the first of so many ports in a row that nobody listens on now."""
    while True:
        start = LOWEST_PORT + randbelow(PORTS_BELOW)
        try:
            for port in range(start, start + count):
                socket.create_server(("127.0.0.1", port)).close()
        except (OSError, OverflowError):
            continue
        return start


class Terminals:
    """A folder in which commands are run; those that stay have a terminal of their own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.staying: list[subprocess.Popen[str]] = []
        self.said: list[str] = []
        self._starting: dict[str, threading.Event] = {}

    def run(self, command: str) -> str:
        """Run a command to its end; return what it prints."""
        self._settle()
        done = subprocess.run(
            ["/bin/bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}{self.said}"
        return done.stdout

    def stay(self, command: str) -> None:
        """Start a command; whatever comes next waits for it, but for another of its kind."""
        kind = " ".join(command.split()[:3])
        if not all(other.startswith(kind) for other in self._starting):
            self._settle()
        process = subprocess.Popen(
            shlex.split(command, comments=True),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.staying.append(process)
        is_ready = self._starting[command] = threading.Event()
        threading.Thread(target=self._listen, args=(process, is_ready), daemon=True).start()

    def _settle(self) -> None:
        """Wait until all that stays has said that it is ready."""
        for command, is_ready in self._starting.items():
            assert is_ready.wait(PATIENCE_S), f"{command}\n{self.said}"
        self._starting.clear()

    def _listen(self, process: subprocess.Popen[str], is_ready: threading.Event) -> None:
        for line in process.stdout or ():
            self.said.append(line)
            if line.startswith(READY):
                is_ready.set()

    def end(self) -> list[int]:
        """Interrupt what stays, the last first; return the exit codes in their order."""
        for process in reversed(self.staying):
            process.terminate()
            process.wait(PATIENCE_S)
        return [process.returncode for process in self.staying]


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    chain = free_ports(1)
    folder = tmp_path / "first"
    folder.mkdir()
    made = Terminals(
        folder,
        os.environ
        | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CLEARING_NODE_URL": f"http://127.0.0.1:{chain}",
            "CLEARING_DEPLOYMENT": str(tmp_path / "deployment.json"),
            "COLUMNS": "200",
        },
    )
    yield made
    for process in made.staying:
        process.kill()
        process.wait()


def test_first_channel__commands_of_the_readme__open_one(terminals: Terminals) -> None:
    moved = {port: str(free_ports(3)) for port in PORTS}
    steps = commands()
    assert 0 < len(steps) <= MOST

    for step in steps:
        command = re.sub("|".join(PORTS), lambda port: moved[port[0]], step)
        if "# terminal" in command:
            terminals.stay(command)
        else:
            terminals.run(command)

    listed = terminals.run("clearing channel list --json --as one/operator.toml")
    (channel,) = json.loads(listed)["channels"]
    assert (channel["phase"], channel["alarm"]) == ("open", "")
    assert channel["balances"] == [{"asset": "USDT", "own": "10000", "theirs": "10000"}]
    assert terminals.end() == [0, 0, 0]
    assert not (terminals.folder.parent / "deployment.json").exists()
    assert [line for line in terminals.said if '"level": "error"' in line] == []
