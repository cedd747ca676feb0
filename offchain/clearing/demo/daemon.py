"""Run brokers' daemons as the processes that they are: a folder, keys, a store and TLS for each."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import randbelow
from typing import IO

from clearing.channel.signatures import LocalSigner
from clearing.clearport.api.client import OperatorClient, connect, parse_endpoint
from clearing.clearport.daemon.feed import FeedDomain, sign_prices, write_signed
from clearing.clearport.daemon.making import Answers, make_folder
from clearing.clearport.signer.keystore import write_keystore
from clearing.clearport.signer.secret import Secret, SecretSource, ask_terminal
from clearing.demo.stage import ETHER_WEI, Stage, secret_of
from clearing.spec.units import WAD, Address

__all__ = ["CLI", "BrokerDaemon", "Keys", "make_daemon", "running"]

CLI = (sys.executable, "-c", "from clearing.cli import app; app()")
CHILD = "from clearing.chain.anvil import end_with; end_with({parent}); " + CLI[-1]
"""The same, but the kernel ends it if we are killed outright. No `preexec_fn`: that would fork, and
gRPC minds."""
QUICK = {"CLEARPORT__CHAIN__POLL_S": "0.2", "CLEARPORT__PRICES__POLL_S": "0.2"}
KEYSTORE_WORK = 2**12
"""scrypt's n: these keys guard nothing, and need not take a second each to unlock."""
START_S = 60
STOP_S = 20
LOWEST_PORT = 20_000
PORTS = 12_000
LOG_TAIL = 2_000


@dataclass(frozen=True, slots=True)
class Keys:
    """The three secrets of a broker. They exist on embedded chains only."""

    account: bytes
    state: bytes
    operator: bytes

    @classmethod
    def of(cls, name: str) -> Keys:
        """Return keys that the name alone gives."""
        return cls(*(secret_of(f"daemon {name}: {each}") for each in cls.__slots__))


@dataclass
class BrokerDaemon:
    """One broker: its folder, its operator's key, and its daemon while it runs.

    `settings` go before the folder's configuration: `CLEARPORT__…` variables.
    """

    name: str
    folder: Path
    stage: Stage
    account: Address
    operator: LocalSigner
    endpoint: str
    settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    ready: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """The daemon's configuration."""
        return self.folder / "clearport.toml"

    @property
    def store(self) -> Path:
        """The file of the daemon's store."""
        return self.folder / "clearport.db"

    @property
    def pid(self) -> int:
        """The process that runs, or has run last. Raises AssertionError before the first."""
        return self._started().pid

    # THE PROCESS

    def start(self) -> None:
        """Run the daemon and wait until it says that it is ready."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Run the daemon. On Linux it ends with the thread that calls this, at the latest."""
        command = [sys.executable, "-c", CHILD.format(parent=os.getpid())]
        with (self.folder / "log").open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, "clearport", "run", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**QUICK, **os.environ, **self.settings},
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Wait until the daemon says that it is ready. Raises AssertionError if it does not."""
        line = self._output().readline() if self.has_spoken(START_S) else ""
        if not line:
            raise AssertionError(f"{self.name} does not start: {self.log()[-LOG_TAIL:]}")
        self.ready = json.loads(line)

    def has_spoken(self, within_s: float = 0.0) -> bool:
        """Say whether the daemon is ready, or has ended, within a time."""
        return bool(select.select([self._output()], [], [], within_s)[0])

    def kill(self) -> None:
        """End the daemon without warning (SIGKILL), also if it is paused."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._output().close()

    def stop(self) -> int:
        """Have the daemon stop, and return its exit code."""
        self.ask_to_stop()
        return self.wait_stopped()

    def ask_to_stop(self) -> None:
        """Have the daemon begin to stop (SIGTERM)."""
        self._started().send_signal(signal.SIGTERM)

    def wait_stopped(self) -> int:
        """Return the exit code of a daemon that was asked to stop."""
        process = self._started()
        code = process.wait(STOP_S)
        self._output().close()
        return code

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have the daemon stand still (SIGSTOP) meanwhile, as a machine that hangs."""
        process = self._started()
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)  # nothing if it was killed meanwhile

    def log(self) -> str:
        """Return what the daemon has logged."""
        return (self.folder / "log").read_text(encoding="utf-8")

    # THE MARKET

    def observe(self, **prices_usd: int) -> None:
        """Write what this broker sees of the market, now."""
        contracts = self.stage.contracts
        domain = FeedDomain(contracts.chain_id, contracts.adjudicator.address)
        wad = {symbol: usd * WAD for symbol, usd in prices_usd.items()}
        signed = sign_prices(wad, int(time.time()), domain, (self.operator,))
        write_signed(self.folder / "prices.json", signed)

    # THE OPERATOR

    @asynccontextmanager
    async def client(self) -> AsyncIterator[OperatorClient]:
        """Yield the operator's session with the daemon."""
        async with connect(parse_endpoint(self.endpoint), self.operator) as client:
            yield client

    def _output(self) -> IO[str]:
        output = self._started().stdout
        if output is None:
            raise AssertionError(f"{self.name} was started without a pipe")
        return output

    def _started(self) -> subprocess.Popen[str]:
        if self.process is None:
            raise AssertionError(f"{self.name} was never started")
        return self.process


@contextmanager
def running(*daemons: BrokerDaemon) -> Iterator[None]:
    """Run daemons, side by side; whatever happens, none is left."""
    try:
        for daemon in daemons:
            daemon.launch()
        for daemon in daemons:
            daemon.wait_ready()
        yield
    finally:
        for daemon in daemons:
            daemon.kill()


def make_daemon(
    stage: Stage,
    name: str,
    folder: Path,
    keys: Keys | None = None,
    settings: Mapping[str, str] | None = None,
) -> BrokerDaemon:
    """Make a broker's folder on free ports; its account gets ether, nothing else."""
    secrets = keys or Keys.of(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    deployment = folder.parent / "deployment.json"
    stage.contracts.deployment.write(deployment)
    peer, operator, metrics = (f"127.0.0.1:{port}" for port in _free_ports(3))
    answers = Answers(
        name=name,
        url=stage.anvil.node.url,
        network="local",
        deployment=deployment,
        finality="0",
        peer_listen=peer,
        peer_endpoint=peer,
        operator_listen=operator,
        metrics_listen=metrics,
    )

    def make_key(path: Path, passphrase: SecretSource) -> Address:
        secret: bytes = getattr(secrets, path.stem)
        return write_keystore(
            path, Secret(secret.hex()), passphrase.read(ask_terminal), KEYSTORE_WORK
        )

    passphrase = SecretSource("passphrase", file=folder.parent / f"{name}.passphrase")
    made = make_folder(folder, answers, passphrase, make_key)
    stage.anvil.give_ether("0x" + made.account.hex(), ETHER_WEI)
    signer = LocalSigner(secrets.operator)
    return BrokerDaemon(name, folder, stage, made.account, signer, operator, settings or {})


def _free_ports(count: int) -> tuple[int, ...]:
    """Return ports on which nobody listens, below those that outgoing connections are given."""
    ports: list[int] = []
    while len(ports) < count:
        port = LOWEST_PORT + randbelow(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
    return tuple(ports)
