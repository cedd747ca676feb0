"""deployments/examples: the configuration starts as it is, the alerts name what there is."""

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from clearing.chain.anvil import run_anvil
from clearing.chain.deployment import registry_path
from clearing.chain.project import project_root
from clearing.clearport.daemon.config import read_config
from clearing.demo.stage import Stage, set_up
from clearing.operator.v1 import operator_pb2 as pb
from tests.harness.clearport import Broker, make_broker

EXAMPLES = project_root() / "deployments" / "examples"


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A chain whose record is where the example looks for it."""
    with run_anvil() as anvil:
        made = set_up(anvil)
        deployment = made.contracts.deployment
        deployment.write(registry_path("local"))
        yield made
        deployment.forget(registry_path("local"))


@pytest.fixture
def broker(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """What init made, but with the example, unchanged, as its configuration."""
    made = make_broker(stage, "one", tmp_path / "one")
    own = read_config(made.config)
    shutil.copyfile(tmp_path / "one.passphrase", made.folder / "passphrase")
    (made.folder / "passphrase").chmod(0o600)
    shutil.copyfile(EXAMPLES / "clearport.toml", made.config)
    operator = "0x" + made.operator.address.hex()
    keys = [{"address": operator, "name": "operator", "scopes": ["read"]}]
    for name, value in {
        "CHAIN__URL": own.chain.url,
        "PEERS__LISTEN": own.peers.listen,
        "PEERS__ENDPOINT": own.peers.listen,
        "OPERATOR__LISTEN": own.operator.listen,
        "METRICS__LISTEN": "127.0.0.1:0",
        "BROKER__ADDRESS": own.broker.address,
        "PRICES__SIGNERS": json.dumps([operator]),
        "OPERATOR__KEYS": json.dumps(keys),
    }.items():
        monkeypatch.setenv(f"CLEARPORT__{name}", value)
    yield made
    made.kill()


def test_example_configuration__beside_what_init_makes__starts(broker: Broker) -> None:
    broker.start()

    async def look() -> pb.GetStatusResponse:
        async with broker.client() as client:
            status: pb.GetStatusResponse = await client.ask("GetStatus", pb.GetStatusRequest())
            return status

    status = asyncio.run(look())
    assert status.broker.lower() == "0x" + broker.account.hex()
    assert broker.stop() == 0
    assert '"level": "error"' not in broker.log()


def test_alerts__every_metric__is_in_the_reference() -> None:
    rules = (EXAMPLES / "clearport-alerts.yaml").read_text(encoding="utf-8")
    page = (project_root() / "docs/clearport/README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:clearport|watchtower)_[a-z_]+\b", rules))

    assert len(named) > 10
    known = {f"{name}_bucket" for name in re.findall(r"`(\w+_seconds)`", page)}
    assert {name for name in named if f"`{name}`" not in page} <= known


def test_alerts__every_runbook__is_there() -> None:
    rules = (EXAMPLES / "clearport-alerts.yaml").read_text(encoding="utf-8")
    books = set(re.findall(r"docs/runbooks/[\w.-]+", rules))

    assert books
    assert [book for book in books if not (project_root() / book).exists()] == []
