"""One embedded chain a module; each test goes back to where it began."""

from __future__ import annotations

import pytest

from tests.unit.keeper.rig import again, rigged

PEOPLE = 60


@pytest.fixture(scope="module")
def module_rig(tmp_path_factory):
    with rigged(tmp_path_factory.mktemp("keepers")) as rig:
        yield rig


@pytest.fixture(scope="module")
def module_crowd(module_rig):
    """60 accounts, 0.1 ETH long each at 3,000 USD, with 35 USD: due below 2,785 or so."""
    return module_rig.people(PEOPLE)


@pytest.fixture
def rig(module_rig, module_crowd, tmp_path):
    snapshot = module_rig.anvil.snapshot()
    fresh = again(module_rig)
    fresh.folder = tmp_path
    fresh.sync()
    fresh.began_at = int(fresh.anvil.node.request("eth_blockNumber", []), 16)
    yield fresh
    fresh.close()
    module_rig.anvil.node.request("evm_setAutomine", [True])
    module_rig.anvil.revert(snapshot)


@pytest.fixture
def crowd(module_crowd):
    return list(module_crowd)
