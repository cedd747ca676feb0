"""The governance contracts on the embedded chain, as deployed."""

import pytest

from tests.harness.governance import deploy_governance


@pytest.fixture(scope="module")
def stage():
    return deploy_governance()


@pytest.fixture
def rig(stage):
    """Voters have delegated; nothing has been proposed. Undone after the test."""
    with stage.chain.isolated():
        yield stage
