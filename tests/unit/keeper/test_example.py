"""deployments/examples/keeper.toml starts as it is: endpoints and account by the environment."""

import json
import shutil
from dataclasses import replace

import pytest
from eth_account import Account

from clearing.chain.deployment import ChainKey
from clearing.clearport.errors import ConfigError
from clearing.keeper.build import build
from clearing.keeper.config import JOBS, read_config
from tests.harness.kept_log import KeptLog
from tests.harness.perp import BTC, ETH
from tests.unit.keeper.rig import KEEPER, RIVAL, SETTLER
from tests.unit.keeper.test_commands import EXAMPLE, keystore
from tests.unit.keeper.test_funding import ticks
from tests.unit.perp_cli.stage import ETHER

NETWORK, CHAIN_ID = "optimism-sepolia", 11_155_420
POKER = Account.from_key((104).to_bytes(32, "big"))


@pytest.fixture
def op_sepolia(rig, crowd, monkeypatch):
    """An hour later, at a price at which the crowd is due, the chain passes for OP Sepolia."""
    rig.anvil.give_ether(POKER.address, ETHER)
    rig.prices(2_750, after=3_700)
    made = rig.stage.made
    record = rig.folder / f"{NETWORK}.json"
    chain = ChainKey(CHAIN_ID, made.chain.genesis)
    replace(made, network=NETWORK, chain=chain).write(record)
    monkeypatch.setattr(
        "clearing.clearport.recorded.registry_path",
        lambda network: record.parent / f"{network}.json",
    )
    monkeypatch.setattr("time.time", rig.now_s)
    rig.anvil.node.request("anvil_setChainId", [CHAIN_ID])
    yield rig
    rig.anvil.node.request("anvil_setChainId", [31_337])


@pytest.fixture
def example(op_sepolia, monkeypatch):
    """The example as it is, beside the keys that it names."""
    rig = op_sepolia
    names = {"liquidation": KEEPER, "funding": RIVAL, "oracle": POKER, "settler": SETTLER}
    for name, key in names.items():
        keystore(rig.folder, name, key)
    monkeypatch.setenv("KEEPER__CHAIN__URLS", json.dumps([rig.stage.url, rig.stage.url]))
    account = rig.liquidators[KEEPER.address]
    monkeypatch.setenv("KEEPER__LIQUIDATION__LIQUIDATOR", str(account))
    return shutil.copy(EXAMPLE, rig.folder / "keeper.toml")


def test_example__on_a_chain_with_its_id__starts_and_every_job_works(op_sepolia, example, crowd):
    rig, log = op_sepolia, KeptLog()

    with build(read_config(example), JOBS, log, is_standby=False) as running:
        for seconds in (2, 200, 2, 2):  # a feed is poked every 150 s
            for each in running:
                each.job.turn()
            rig.mine(seconds=seconds)

    counts = {each.job.name: each.meters.counts for each in running}
    assert rig.named_by(KEEPER) == crowd
    assert counts["liquidation"]["won"] == len(crowd)
    assert counts["funding"]["ticked"] > 0
    assert {market for market, _ in ticks(rig)} == {ETH, BTC}
    assert counts["oracle"]["mined"] > 0
    assert running[JOBS.index("settlement")].meters.gauges["waiting_groups"] == 0
    assert not [line for line in log.lines if line[0] == "error"]


def test_example__the_environment_is_no_json__is_said(example, monkeypatch):
    read_config(example)
    monkeypatch.setenv("KEEPER__CHAIN__URLS", "http://127.0.0.1:8545")

    with pytest.raises(ConfigError, match="no JSON") as caught:
        read_config(example)

    assert "8545" not in str(caught.value)
