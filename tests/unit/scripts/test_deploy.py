"""`ape run deploy` runs the deployment code that everything else runs."""

import subprocess
import sys
from pathlib import Path

import ape
from ape.api import AccountAPI

from clearing.chain.contract import as_address, as_text
from clearing.chain.deploy import Deployer
from clearing.chain.node import HttpNode
from clearing.chain.sender import Sender
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


def test_ape_key__account_of_ape__signs_for_a_sender(deployer: AccountAPI) -> None:
    node = HttpNode(ape.networks.provider.http_uri)
    sender = Sender(node, ApeKey(deployer))
    assert sender.address == as_address(deployer.address)

    created = Deployer(node, sender, ape.chain.chain_id).create("Lock", "HashTimeLock")

    assert ape.networks.provider.get_code(as_text(created))
