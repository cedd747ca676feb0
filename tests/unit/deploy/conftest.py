"""An embedded chain that looks like OP Sepolia, empty or with everything deployed."""

import pytest

from clearing.chain.anvil import run_anvil
from clearing.chain.params import read_parameters
from clearing.deploy.local import plant
from clearing.deploy.stage import set_up

CHAIN_ID = 11_155_420


@pytest.fixture(scope="session")
def parameters():
    return read_parameters("optimism-sepolia")


@pytest.fixture(scope="module")
def empty(parameters):
    """The stand-ins and nothing else."""
    with run_anvil(chain_id=CHAIN_ID) as anvil:
        plant(anvil, parameters).refresh()
        yield anvil


@pytest.fixture
def anvil(empty):
    """Undone after the test."""
    snapshot = empty.snapshot()
    yield empty
    empty.revert(snapshot)


@pytest.fixture(scope="module")
def whole(parameters):
    with run_anvil(chain_id=CHAIN_ID) as anvil:
        yield set_up(anvil, parameters)


@pytest.fixture
def stage(whole):
    """Everything deployed. Undone after the test."""
    snapshot = whole.anvil.snapshot()
    yield whole
    whole.anvil.revert(snapshot)
