"""The pause guardian over the real protocol, and over targets that accept every pause."""

import pytest

from tests.harness.pauses import deploy_pauses, obeying


@pytest.fixture(scope="module")
def protocol():
    return deploy_pauses()


@pytest.fixture(scope="module")
def plain():
    return obeying()


@pytest.fixture
def real(protocol):
    """Adjudicator, engine and oracle as deployed. Undone after the test."""
    with protocol.gov.chain.isolated():
        yield protocol


@pytest.fixture
def rig(plain):
    """Targets that refuse nothing. Undone after the test."""
    with plain.gov.chain.isolated():
        yield plain
