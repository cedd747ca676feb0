"""An oracle on the embedded chain, and a feed in the states that tests start from."""

import pytest

from clearing.spec.oracle_types import TripReason
from tests.unit.price_oracle.scene import FEED, NAME, PARAMS, Scene


@pytest.fixture(scope="module")
def stage():
    return Scene()


@pytest.fixture
def empty(stage):
    """No feed; the sources answer and agree. Undone after the test."""
    with stage.chain.isolated():
        yield stage


@pytest.fixture
def scene(empty):
    """The feed was added at NOW: last good price 3,003, one observation."""
    timelock = empty.roles.timelock
    empty.send(empty.act("addFeed", FEED, empty.sources, PARAMS, NAME, by=timelock))
    return empty


@pytest.fixture
def deviated(scene):
    """Latched for a DEVIATION, 30 s after the feed was added: Chainlink 3,000, Pyth 3,100."""
    scene.wait(30)
    scene.pyth_says(3_100)
    scene.send(scene.act("poke", FEED))
    assert scene.read("memoOf", FEED)[3] == TripReason.DEVIATION
    return scene


@pytest.fixture
def jumped(scene):
    """Latched for a JUMP, 100 s after the feed was added: Chainlink 3,200, Pyth stale."""
    scene.wait(100)
    scene.chainlink(3_200)
    scene.send(scene.act("poke", FEED))
    assert scene.read("memoOf", FEED)[3] == TripReason.JUMP
    return scene
