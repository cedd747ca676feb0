"""The perpetual swaps on the embedded chain, as deployed, a lens over them, and traders in them."""

import pytest

from tests.harness.perp import deploy_perp


@pytest.fixture(scope="module")
def stage():
    rig = deploy_perp()
    made = rig.chain.deploy("PerpLens", rig.engine.address, sender=rig.roles.deployer)
    return rig, made


@pytest.fixture
def rig(stage):
    """Two markets, a vault of 10,000,000 USD. Undone after the test."""
    there, _ = stage
    with there.chain.isolated():
        yield there


@pytest.fixture
def lens(stage, rig):
    """The lens; asked for together with the rig, whose changes are undone."""
    _, made = stage
    return made


@pytest.fixture
def trader(rig):
    """An account with 100,000 USD, and its owner."""
    return rig.trader("trader", 100_000)
