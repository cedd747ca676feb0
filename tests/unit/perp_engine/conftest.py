"""The perpetual swaps on the embedded chain, as deployed, and traders in them."""

import pytest

from tests.harness.perp import deploy_perp


@pytest.fixture(scope="module")
def stage():
    return deploy_perp()


@pytest.fixture
def rig(stage):
    """Two markets, a vault of 10,000,000 USD. Undone after the test."""
    with stage.chain.isolated():
        yield stage


@pytest.fixture
def trader(rig):
    """An account with 100,000 USD, and its owner."""
    return rig.trader("trader", 100_000)
