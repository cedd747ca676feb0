"""pauseOpenings: the guardian stops new openings for a while, and nothing else."""

import pytest

from clearing.spec.types import Status
from clearing.spec.units import DAY_S
from tests.unit.adjudicator.scene import refusal

PAUSE_MAX_S = 72 * 3_600
PAUSE_GAP_S = 7 * DAY_S


def pause(scene, until):
    """Return the call, by the guardian."""
    return scene.act("pauseOpenings", until, by=scene.guardian)


def test_pause_openings__soon_over__lasts_until_then(scene):
    until = scene.now + 1_000

    assert scene.changes_of(pause(scene, until)) == {"paused_until": until}


def test_pause_openings__soon_over__emits_openings_paused(scene):
    until = scene.now + 1_000

    events = scene.events_of(pause(scene, until))

    assert events == (scene.event("OpeningsPaused", until=until),)


@pytest.mark.parametrize("excess", [0, 1, 2**39])
def test_pause_openings__longer_than_72_hours__is_clamped(scene, excess):
    now = scene.now + 10
    latest = now + PAUSE_MAX_S

    events = scene.events_of(pause(scene, latest + excess).at(now))

    assert events == (scene.event("OpeningsPaused", until=latest),)
    assert scene.adjudicator.call("openingsPausedUntil") == latest


def test_pause_openings__open_channels__go_on(scene, opened):
    """Whoever is in can dispute and leave."""
    scene.send(pause(scene, scene.now + PAUSE_MAX_S))

    scene.send(
        opened.deposit_collateral(0, 1, scene.low),
        opened.challenge(opened.operate()),
        opened.close(opened.closing(3)),
    )

    assert scene.contracts.channel(opened.id, 2).status is Status.IDLE


@pytest.mark.parametrize("who", ["timelock", "deployer", "low", "outsider"])
def test_pause_openings__by_anybody_else__is_refused(scene, who):
    caller = getattr(scene, who)

    scene.assert_only_fails_for(
        lambda sender: pause(scene, scene.now + 1_000).by(sender),
        broken=caller,
        fixed=scene.guardian,
        error=refusal("NotGuardian", caller=caller),
    )


def test_pause_openings__within_7_days_of_the_last__is_refused(scene):
    """No chain of pauses is one long pause."""
    end = scene.now + 1_000
    scene.send(pause(scene, end))
    again = end + PAUSE_GAP_S

    scene.assert_only_fails_for(
        lambda second: pause(scene, again + 1_000).at(second),
        broken=again - 1,
        fixed=again,
        error=refusal("PauseTooSoon", not_before=again),
    )


def test_pause_openings__still_paused__cannot_be_prolonged(scene):
    end = scene.now + 1_000
    longer = pause(scene, end + 1_000)

    scene.assert_only_fails_for(
        lambda before: [*before, longer],
        broken=[pause(scene, end)],
        fixed=[],
        error=refusal("PauseTooSoon", not_before=end + PAUSE_GAP_S),
    )


def test_pause_openings__lifted_early__counts_from_the_lifting(scene):
    """What was not used of a pause is not held against the next."""
    lifted = scene.now + 100
    scene.send(
        pause(scene, scene.now + PAUSE_MAX_S),
        scene.act("liftPause", by=scene.timelock).at(lifted),
    )
    again = lifted + PAUSE_GAP_S

    scene.assert_only_fails_for(
        lambda second: pause(scene, again + 1_000).at(second),
        broken=again - 1,
        fixed=again,
        error=refusal("PauseTooSoon", not_before=again),
    )


def test_pause_openings__already_over__is_refused(scene):
    """A pause in the past would only start the gap."""
    now = scene.now + 10

    scene.assert_only_fails_for(
        lambda until: pause(scene, until).at(now),
        broken=now,
        fixed=now + 1,
        error=refusal("PauseInPast", until=now),
    )
