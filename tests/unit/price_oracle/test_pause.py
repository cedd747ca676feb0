"""pause: the guardian stops a feed for a while, and cannot go on and on."""

import pytest

from clearing.spec.oracle_types import Action, Gate
from clearing.spec.units import DAY_S
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import FEED, NOW, OTHER, event

MAX_S = 72 * 3_600
TOTAL_S = 19 * DAY_S
GAP_S = 7 * DAY_S


def pause(scene, until, feed=FEED):
    return scene.act("pause", feed, until, by=scene.roles.guardian)


def test_pause__soon_over__puts_the_gate_up_until_then(scene):
    """[ORA-16]."""
    assert scene.changes_of(pause(scene, NOW + 60)) == {"paused_until": NOW + 60}
    assert scene.read("isAllowed", FEED, Action.CLOSE) == (False, 1, Gate.PAUSED)
    assert scene.read("isAllowed", FEED, Action.SIGNED_REDUCE)[0]
    scene.wait(60)
    assert scene.read("isAllowed", FEED, Action.CLOSE)[0]


def test_pause__soon_over__emits_feed_paused(scene):
    assert scene.events_of(pause(scene, NOW + 60)) == (
        event("FeedPaused", feed=FEED, until=NOW + 60),
    )


@pytest.mark.parametrize("excess", [0, 1, 2**39])
def test_pause__longer_than_72_hours__is_clamped(scene, excess):
    """[ORA-22]."""
    events = scene.events_of(pause(scene, min(NOW + MAX_S + excess, 2**40 - 1)))

    assert events == (event("FeedPaused", feed=FEED, until=NOW + MAX_S),)


@pytest.mark.parametrize("who", ["timelock", "deployer", "outsider"])
def test_pause__by_anybody_else__is_refused(scene, who):
    caller = getattr(scene.roles, who)

    scene.assert_only_fails_for(
        lambda sender: pause(scene, NOW + 60).by(sender),
        broken=caller,
        fixed=scene.roles.guardian,
        error=refusal("NotGuardian", caller=caller),
    )


def test_pause__of_no_feed__is_refused(scene):
    scene.assert_only_fails_for(
        lambda feed: pause(scene, NOW + 60, feed),
        broken=OTHER,
        fixed=FEED,
        error=refusal("UnknownFeed", feed=OTHER),
    )


def test_pause__within_7_days_of_the_last__is_refused(scene):
    """[ORA-22] No chain of pauses is one long pause."""
    scene.send(pause(scene, NOW + 60))
    again = NOW + 60 + GAP_S

    def second(at):
        scene.wait(at - scene.now)
        return pause(scene, at + 60)

    scene.assert_only_fails_for(
        second, broken=again - 1, fixed=again, error=refusal("PauseTooSoon", not_before=again)
    )


def test_pause__while_paused__can_but_end_later(scene):
    """[ORA-22] So the guardian cannot end a pause."""
    scene.send(pause(scene, NOW + 60))
    scene.wait(30)

    for until in (NOW + 31, NOW + 60):
        scene.assert_only_fails_for(
            lambda until: pause(scene, until),
            broken=until,
            fixed=NOW + 61,
            error=refusal("PauseTooSoon", not_before=NOW + 60 + GAP_S),
        )


def test_pause__again_and_again__ends_19_days_after_its_start(scene):
    """[ORA-22]."""
    last = NOW + TOTAL_S
    while scene.now < last - MAX_S:
        assert scene.changes_of(pause(scene, 2**40 - 1)) == {"paused_until": scene.now + MAX_S}
        scene.wait(MAX_S - 1)
    assert scene.changes_of(pause(scene, 2**40 - 1)) == {"paused_until": last}

    def again(at):
        scene.wait(at - scene.now)
        return pause(scene, 2**40 - 1)

    for at in (last - 1, last + GAP_S - 1):
        scene.assert_only_fails_for(
            again,
            broken=at,
            fixed=last + GAP_S,
            error=refusal("PauseTooSoon", not_before=last + GAP_S),
        )


def test_pause__not_in_the_future__is_refused(scene):
    scene.assert_only_fails_for(
        lambda until: pause(scene, until),
        broken=NOW,
        fixed=NOW + 1,
        error=refusal("PauseInPast", until=NOW),
    )
