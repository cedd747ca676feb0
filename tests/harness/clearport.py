"""Run clearing daemons as the processes that they are: an embedded chain, folders, operators."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account import Account

from clearing.channel.signatures import LocalSigner
from clearing.clearport.api.client import OperatorClient, connect, parse_endpoint
from clearing.clearport.daemon.feed import FeedDomain, sign_prices, write_signed
from clearing.clearport.daemon.making import Answers, make_folder
from clearing.clearport.signer.secret import SecretSource
from clearing.demo.stage import Stage
from clearing.operator.v1 import operator_pb2 as pb
from clearing.spec.units import WAD, Address

__all__ = ["CLI", "Broker", "amounts", "eventually", "finished", "make_broker"]

CLI = (sys.executable, "-c", "from clearing.cli import app; app()")
QUICK = {"CLEARPORT__CHAIN__POLL_S": "0.2", "CLEARPORT__PRICES__POLL_S": "0.2"}
START_S = 60
STOP_S = 20
PATIENCE_S = 60.0


@dataclass
class Broker:
    """One broker: its folder, its operator's key, and its daemon while it runs."""

    name: str
    folder: Path
    stage: Stage
    account: Address
    operator: LocalSigner
    endpoint: str
    process: subprocess.Popen[str] | None = None
    ready: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """The daemon's configuration."""
        return self.folder / "clearport.toml"

    # THE PROCESS

    def start(self) -> None:
        """Run the daemon and wait until it says that it is ready."""
        self.process = subprocess.Popen(
            [*CLI, "clearport", "run", "--config", str(self.config)],
            stdout=subprocess.PIPE,
            stderr=(self.folder / "log").open("a"),
            text=True,
            env=os.environ
            | {"CLEARPORT__CHAIN__POLL_S": "0.2", "CLEARPORT__PRICES__POLL_S": "0.2"},
            start_new_session=True,
        )
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], START_S)
        line = self.process.stdout.readline() if readable else ""
        if not line:
            raise AssertionError(f"{self.name} does not start: {self.log()[-2_000:]}")
        self.ready = json.loads(line)

    def kill(self) -> None:
        """End the daemon without warning."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Have the daemon stop, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def log(self) -> str:
        """Return what the daemon has logged."""
        return (self.folder / "log").read_text()

    def run(self, *args: str) -> str:
        """Run a command of the same configuration; return what it prints."""
        done = subprocess.run(
            [*CLI, "clearport", *args, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

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


def make_broker(stage: Stage, name: str, folder: Path) -> Broker:
    """Make a broker's folder on free ports; its account gets ether, nothing else."""
    deployment = folder.parent / "deployment.json"
    stage.contracts.deployment.write(deployment)
    ports = _free_ports(3)
    answers = Answers(
        name=name,
        url=stage.anvil.node.url,
        network="local",
        deployment=deployment,
        finality="0",
        peer_listen=f"127.0.0.1:{ports[0]}",
        peer_endpoint=f"127.0.0.1:{ports[0]}",
        operator_listen=f"127.0.0.1:{ports[1]}",
        metrics_listen=f"127.0.0.1:{ports[2]}",
    )
    passphrase = folder.parent / f"{name}.passphrase"
    made = make_folder(folder, answers, SecretSource("passphrase", file=passphrase))
    keystore = json.loads((folder / "operator.json").read_text())
    secret = bytes(Account.decrypt(keystore, passphrase.read_text().strip()))
    stage.anvil.give_ether("0x" + made.account.hex(), 10**21)
    return Broker(name, folder, stage, made.account, LocalSigner(secret), f"127.0.0.1:{ports[1]}")


async def eventually(what: str, look: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Return the first true answer of a coroutine function; fail once patience is over."""
    give_up_s = time.monotonic() + patience_s
    found: Any = None
    while time.monotonic() < give_up_s:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"not in {patience_s} s: {what}; last seen {found!r}")


async def finished(client: OperatorClient, key: str) -> pb.Transaction:
    """Return a transaction once it is final; fail if it is refused."""

    async def look() -> pb.Transaction | None:
        transaction: pb.Transaction = await client.ask("GetTransaction", pb.TransactionRef(key=key))
        assert transaction.state not in {"refused", "lost"}, transaction
        return transaction if transaction.state == "final" else None

    found: pb.Transaction = await eventually(f"{key} final", look)
    return found


def amounts(whole: Mapping[str, str]) -> list[pb.Amount]:
    """Return amounts by asset, whole units."""
    return [pb.Amount(asset=asset, amount=amount) for asset, amount in whole.items()]


def _free_ports(count: int) -> tuple[int, ...]:
    """Return ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = tuple(each.getsockname()[1] for each in sockets)
    for each in sockets:
        each.close()
    return ports
