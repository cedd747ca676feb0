"""Run an embedded chain: anvil on a free loopback port, gone when its owner is gone."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

from clearing.chain.errors import AnvilUnavailableError
from clearing.chain.node import HttpNode, as_int
from clearing.chain.project import project_root

__all__ = ["Anvil", "end_with", "run_anvil"]

START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 5
LISTENING = re.compile(r"Listening on (127\.0\.0\.1:\d+)")
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Anvil:
    """A running embedded chain; its clock and its balances are at the owner's command."""

    node: HttpNode
    pid: int

    @property
    def now(self) -> int:
        """Timestamp of the latest block, Unix seconds."""
        block = self.node.request("eth_getBlockByNumber", ["latest", False])
        return as_int(block["timestamp"])

    def mine(self, blocks: int = 1) -> None:
        """Mine empty blocks."""
        self.node.request("anvil_mine", [hex(blocks)])

    def travel_to(self, timestamp: int) -> None:
        """Mine a block at `timestamp` (Unix seconds), which must be later than the latest block."""
        self.node.request("evm_setNextBlockTimestamp", [timestamp])
        self.mine()

    def travel(self, duration_s: int) -> None:
        """Mine a block `duration_s` seconds after the latest one."""
        self.travel_to(self.now + duration_s)

    def give_ether(self, account: str, amount_wei: int) -> None:
        """Set the ether balance of an account."""
        self.node.request("anvil_setBalance", [account, hex(amount_wei)])

    def snapshot(self) -> str:
        """Return a name for the present state of the chain."""
        return str(self.node.request("evm_snapshot", []))

    def revert(self, snapshot: str) -> None:
        """Go back to a snapshot, which is then used up."""
        self.node.request("evm_revert", [snapshot])


@contextmanager
def run_anvil(*, chain_id: int = 31_337, port: int = 0, fork: str | None = None) -> Iterator[Anvil]:
    """Start anvil on a port (0: a free one), yield it, and stop it whatever happens.

    It has a process group of its own, so that Ctrl-C reaches it only through us, after our own
    clean-up; on Linux the kernel also ends it if we are killed outright.
    With `fork` it is a copy of the chain behind that URL. Raises AnvilUnavailableError.
    """
    chosen = ["--chain-id", str(chain_id), *([] if fork is None else ["--fork-url", fork])]
    process = subprocess.Popen(  # noqa: S603 -- our own pinned binary
        [_binary(), "--host", "127.0.0.1", "--port", str(port), *chosen],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 -- one system call, no lock can be held
    )
    try:
        yield Anvil(HttpNode(f"http://{_listening_on(process)}"), process.pid)
    finally:
        _stop(process)


def _binary() -> str:
    """Return anvil's path: the native one below node_modules, else one on the PATH."""
    folder = project_root() / "node_modules" / "@foundry-rs"
    # The JavaScript launcher is passed over: a signal would reach it and not the chain.
    for path in sorted(folder.glob("anvil-*/bin/anvil")):
        if os.access(path, os.X_OK):
            return str(path)
    on_path = shutil.which("anvil")
    if on_path is None or Path(on_path).resolve().suffix == ".mjs":
        raise AnvilUnavailableError("anvil is not installed", "run `make setup`")
    return on_path


def _listening_on(process: subprocess.Popen[str]) -> str:
    """Wait until anvil listens and return host:port; from then on throw its output away."""
    found: Queue[str | None] = Queue(maxsize=1)
    threading.Thread(target=_drain, args=(process, found), daemon=True).start()
    try:
        address = found.get(timeout=START_TIMEOUT_S)
    except Empty:
        raise AnvilUnavailableError(
            f"anvil does not listen after {START_TIMEOUT_S} s", "run `make setup` again"
        ) from None
    if address is None:
        raise AnvilUnavailableError(
            f"anvil ended at once (exit code {process.wait()})",
            "free its port, or run `make setup` again",
        )
    return address


def _drain(process: subprocess.Popen[str], found: Queue[str | None]) -> None:
    """Read anvil's output to its end, so that it never blocks; report the address it names."""
    is_found = False
    for line in process.stdout or ():
        match = None if is_found else LISTENING.search(line)
        if match is not None:
            found.put(match.group(1))
            is_found = True
    if not is_found:
        found.put(None)


def _stop(process: subprocess.Popen[str]) -> None:
    """End the process and wait for it."""
    process.terminate()
    try:
        process.wait(timeout=STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_with(parent: int) -> None:
    """Have the kernel end this process when its parent, of this id, ends; on Linux alone.

    What counts is the parent's thread that has started this process.
    """
    ask = _die_with(parent)
    if ask is not None:
        ask()


def _die_with(parent: int) -> Callable[[], None] | None:
    """Return what a child of ours calls first: ask the kernel to end it when its parent ends."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we could ask
            os._exit(1)

    return ask
