"""`ape run deploy` runs the deployment code that everything else runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ape
import pytest
from ape.api import AccountAPI

from clearing.chain.anvil import run_anvil
from clearing.chain.contract import as_address, as_text
from clearing.chain.deploy import Deployer
from clearing.chain.node import HttpNode
from clearing.chain.params import read_parameters
from clearing.chain.sender import Sender
from scripts import deploy_local
from scripts.deploy import ApeKey

ROOT = Path(__file__).parents[3]
APE = Path(sys.executable).parent / "ape"


def test_deploy__on_the_local_network__names_every_contract() -> None:
    run = subprocess.run(
        [ROOT / "tools" / "run", APE, "run", "deploy", "--network", "ethereum:local:foundry"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    roles = [line.split()[0] for line in run.stdout.splitlines() if "block" in line]
    assert roles == [
        *("Yellow", "BrokerRegistry", "Adjudicator", "HashTimeLock"),
        *("USDT", "USDC", "WETH", "WBTC"),
    ]


def test_deploy__a_source_changed_since_it_was_compiled__puts_nothing_on_a_chain(
    tmp_path: Path,
) -> None:
    """The same project as above but for a line at the end of one contract."""
    for each in ROOT.iterdir():
        if each.name != "contracts":
            (tmp_path / each.name).symlink_to(each)
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts")
    with (tmp_path / "contracts/libraries/Rounding.sol").open("a") as source:
        source.write("\n")

    run = subprocess.run(
        [ROOT / "tools" / "run", APE, "run", "deploy", "--network", "ethereum:local:foundry"],
        cwd=ROOT,
        env={**os.environ, "CLEARING_PROJECT": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode == 1
    assert "Rounding.sol is not what was compiled: run `make compile`" in run.stderr
    assert "block" not in run.stdout


def test_ape_key__account_of_ape__signs_for_a_sender(deployer: AccountAPI) -> None:
    node = HttpNode(ape.networks.provider.http_uri)
    sender = Sender(node, ApeKey(deployer))
    assert sender.address == as_address(deployer.address)

    created = Deployer(node, sender, ape.chain.chain_id).create("Lock", "HashTimeLock")

    assert ape.networks.provider.get_code(as_text(created))


def test_deploy__a_network_without_the_contracts_outside__names_each_that_is_missing() -> None:
    """The script that deploys on OP Sepolia, on a bare chain of that id."""
    parameters = read_parameters("optimism-sepolia")
    roles = [it for role in parameters.roles for it in ("--role", f"{role}=0x{'11' * 20}")]
    with run_anvil(chain_id=parameters.chain_ids[0]) as anvil:
        network = ("--network", f"optimism:sepolia:{anvil.node.url}")
        run = subprocess.run(
            [ROOT / "tools/run", APE, "run", "deploy", *network, "--account", "TEST::0", *roles],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        sent = anvil.node.request("eth_blockNumber", [])

    assert run.returncode == 1
    assert (
        "token USDC: no contract stands at 0x5fd84259d66Cd46123540766Be93DFE6D43130D7" in run.stderr
    )
    assert "aggregator BTC / USD: no contract" in run.stderr
    assert "correct the parameters, or the network" in run.stderr
    assert sent == "0x0"


def test_deploy_local__from_nothing__ends_with_a_deployer_without_a_role(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert deploy_local.main() == 0

    told = capsys.readouterr().out
    assert "it is EXECUTED" in told
    assert told.rstrip().endswith("holds no role")
