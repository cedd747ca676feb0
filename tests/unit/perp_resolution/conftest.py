"""Systems with what resolves losses, and their models."""

import pytest

from tests.unit.perp_resolution.scene import Trio, absorbing


@pytest.fixture
def absorbed():
    """Two markets, an empty vault, no limits. Undone after the test."""
    with absorbing() as it:
        yield it


@pytest.fixture
def trio(absorbed):
    """The loser, the winner and the keeper, at 3,000 USD."""
    return Trio(absorbed)


@pytest.fixture
def fallen(trio):
    """The loser lacks 997.3 USD."""
    trio.fall()
    return trio
