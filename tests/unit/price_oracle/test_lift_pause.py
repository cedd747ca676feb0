"""liftPause: the timelock ends a pause before its time."""

import pytest

from clearing.spec.oracle_types import Action
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import FEED, NOW, OTHER, event


@pytest.fixture
def paused(scene):
    """Paused for 1,000 s, 100 s ago."""
    scene.send(scene.act("pause", FEED, NOW + 1_000, by=scene.roles.guardian))
    scene.wait(100)
    return scene


def lift(scene, feed=FEED):
    return scene.act("liftPause", feed, by=scene.roles.timelock)


def test_lift_pause__while_paused__ends_it(paused):
    assert paused.changes_of(lift(paused)) == {"paused_until": NOW + 100}
    assert paused.read("isAllowed", FEED, Action.CLOSE)[0]


def test_lift_pause__while_paused__emits_feed_paused(paused):
    assert paused.events_of(lift(paused)) == (event("FeedPaused", feed=FEED, until=NOW + 100),)


def test_lift_pause__not_paused__does_nothing(paused):
    """It must not start the gap to the next pause anew."""
    paused.wait(900)
    before = paused.picture()

    assert paused.events_of(lift(paused)) == ()
    assert paused.picture() == before


@pytest.mark.parametrize("who", ["guardian", "deployer", "outsider"])
def test_lift_pause__by_anybody_else__is_refused(paused, who):
    caller = getattr(paused.roles, who)

    paused.assert_only_fails_for(
        lambda sender: lift(paused).by(sender),
        broken=caller,
        fixed=paused.roles.timelock,
        error=refusal("NotTimelock", caller=caller),
    )


def test_lift_pause__of_no_feed__is_refused(paused):
    paused.assert_only_fails_for(
        lambda feed: lift(paused, feed),
        broken=OTHER,
        fixed=FEED,
        error=refusal("UnknownFeed", feed=OTHER),
    )
