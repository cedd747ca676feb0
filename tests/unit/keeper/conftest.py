"""One embedded chain for all; each test goes back to where it began."""

from __future__ import annotations

import pytest

from tests.unit.keeper.rig import again, rigged

PEOPLE = 60


@pytest.fixture(scope="package")
def deployed_rig(tmp_path_factory):
    with rigged(tmp_path_factory.mktemp("keepers")) as rig:
        yield rig


@pytest.fixture(scope="package")
def deployed_crowd(deployed_rig):
    """60 accounts, 0.1 ETH long each at 3,000 USD, with 35 USD: due below 2,785 or so."""
    return deployed_rig.people(PEOPLE)


@pytest.fixture
def rig(deployed_rig, deployed_crowd, tmp_path):
    snapshot = deployed_rig.anvil.snapshot()
    fresh = again(deployed_rig)
    fresh.folder = tmp_path
    fresh.sync()
    fresh.began_at = int(fresh.anvil.node.request("eth_blockNumber", []), 16)
    yield fresh
    fresh.close()
    node = deployed_rig.anvil.node
    # a block that is being mined would be stored above what is taken back: wait for it
    node.request("evm_setAutomine", [False])
    fresh.anvil.mine()
    # what a test has sent and not mined would be mined in the next one
    node.request("anvil_dropAllTransactions", [])
    deployed_rig.anvil.revert(snapshot)
    node.request("evm_setAutomine", [True])


@pytest.fixture
def crowd(deployed_crowd):
    return list(deployed_crowd)
