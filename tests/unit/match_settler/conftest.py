"""Traders with collateral on the embedded chain; every test starts from there."""

import pytest

from tests.unit.match_settler.scene import Scene


@pytest.fixture(scope="module")
def stage():
    return Scene.new()


@pytest.fixture
def scene(stage):
    """A taker, two makers by ascending account, nobody with a position. Undone after the test."""
    with stage.chain.isolated():
        yield stage
