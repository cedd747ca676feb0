"""liftPause: the timelock lets openings go on before a pause ends."""

import pytest

from clearing.spec.types import Status
from tests.unit.adjudicator.scene import refusal


@pytest.fixture
def paused(scene):
    """The second at which the present pause ends."""
    until = scene.now + 10_000
    scene.send(scene.act("pauseOpenings", until, by=scene.guardian))
    return until


def lift(scene):
    """Return the call, by the timelock."""
    return scene.act("liftPause", by=scene.timelock)


def test_lift_pause__paused__ends_it_now(scene, papers, paused):
    now = scene.now + 10

    assert scene.changes_of(lift(scene).at(now)) == {"paused_until": now}

    scene.send(papers.open().at(now + 1))
    assert scene.contracts.channel(papers.id, 2).status is Status.OPEN


def test_lift_pause__paused__emits_openings_paused(scene, paused):
    now = scene.now + 10

    assert scene.events_of(lift(scene).at(now)) == (scene.event("OpeningsPaused", until=now),)


def test_lift_pause__last_second_of_a_pause__ends_it(scene, paused):
    assert scene.changes_of(lift(scene).at(paused - 1)) == {"paused_until": paused - 1}


@pytest.mark.parametrize("was_paused", [False, True])
def test_lift_pause__nothing_to_lift__does_nothing(scene, request, was_paused):
    """In particular it does not start the gap before the next pause."""
    end = request.getfixturevalue("paused") if was_paused else scene.now + 1

    assert scene.changes_of(lift(scene).at(end)) == {}
    assert scene.events_of(lift(scene).at(end + 1)) == ()


@pytest.mark.parametrize("who", ["guardian", "deployer", "low", "outsider"])
def test_lift_pause__by_anybody_else__is_refused(scene, paused, who):
    caller = getattr(scene, who)

    scene.assert_only_fails_for(
        lambda sender: lift(scene).by(sender),
        broken=caller,
        fixed=scene.timelock,
        error=refusal("NotTimelock", caller=caller),
    )
