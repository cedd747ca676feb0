"""checkpoint: anyone makes a version the least that counts; answers a challenge."""

from dataclasses import replace

import pytest

from clearing.spec.types import Side, Status
from tests.unit.adjudicator.papers import with_split
from tests.unit.adjudicator.scene import refusal

MAX_VERSION = 2**64 - 1


def states(papers):
    """Return a state of each kind that `checkpoint` takes, all of version 9."""
    return {
        "operate": papers.operate(9),
        "hash lock": papers.hash_locked(9),
        "settle": papers.settling(papers.order(9)),
        "expired resize": replace(papers.resizing(9), valid_until=papers.now),
    }


@pytest.mark.parametrize("kind", ["operate", "hash lock", "settle", "expired resize"])
def test_checkpoint__newer_state__raises_the_least_version(opened, kind):
    assert opened.changes_of(opened.checkpoint(states(opened)[kind])) == {"enforced_version": 9}


def test_checkpoint__newer_state__emits_checkpointed(scene, opened):
    events = scene.events_of(opened.checkpoint(opened.operate(9)))

    assert events == (scene.event("Checkpointed", id=opened.id, epoch=0, version=9),)


def test_checkpoint__challenged_with_less__clears_the_challenge(challenged):
    """[ADJ-14] A stale challenge ends with one transaction, by anyone."""
    changed = challenged.changes_of(challenged.checkpoint(challenged.operate(6)))

    assert changed == {"status": Status.OPEN, "enforced_version": 6, "deadline": 0}


def test_checkpoint__above_a_lock__keeps_the_lock(scene, half_funded):
    """[SET-06] The locked legs can still be given back: the flags speak of version 2."""
    changed = half_funded.changes_of(half_funded.checkpoint(half_funded.operate(3)))

    assert changed == {"enforced_version": 3}


def test_checkpoint__highest_version__is_taken(opened):
    changed = opened.changes_of(opened.checkpoint(opened.operate(MAX_VERSION)))

    assert changed == {"enforced_version": MAX_VERSION}


@pytest.mark.parametrize("make", ["opening", "closing"])
def test_checkpoint__state_of_another_intent__is_refused(scene, opened, make):
    """[ADJ-15] Else an outsider spoils a cooperative close by making its version the least."""
    state = getattr(opened, make)(version=9)

    scene.assert_only_fails_for(
        opened.checkpoint,
        broken=state,
        fixed=opened.operate(9),
        error=refusal("WrongIntent", intent=state.intent),
    )


def test_checkpoint__resize_that_can_still_run__is_refused(scene, opened):
    """[ADJ-23] Else an outsider keeps it from paying."""
    scene.assert_only_fails_for(
        lambda second: opened.checkpoint(opened.resizing()).at(second),
        broken=opened.soon - 1,
        fixed=opened.soon,
        error=refusal("StateNotExpired", valid_until=opened.soon),
    )


def test_checkpoint__at_the_deadline__is_refused(scene, challenged):
    """[ADJ-10] A response is valid before the deadline, the end from it on."""
    deadline = challenged.deadline

    scene.assert_only_fails_for(
        lambda second: challenged.checkpoint(challenged.operate(6)).at(second),
        broken=deadline,
        fixed=deadline - 1,
        error=refusal("DeadlinePassed", deadline=deadline),
    )


@pytest.mark.parametrize("version", [4, 5])
def test_checkpoint__version_not_above_the_enforced__is_refused(scene, opened, version):
    """[ADJ-05] Equal is not newer."""
    scene.send(opened.checkpoint(opened.operate(5)))

    scene.assert_only_fails_for(
        lambda each: opened.checkpoint(opened.operate(each)),
        broken=version,
        fixed=6,
        error=refusal("StaleVersion", have=version, want=6),
    )


def test_checkpoint__equal_to_a_challenge__is_refused(scene, challenged):
    """A challenge is answered by more than itself."""
    scene.assert_only_fails_for(
        lambda version: challenged.checkpoint(challenged.operate(version)),
        broken=5,
        fixed=6,
        error=refusal("StaleVersion", have=5, want=6),
    )


def test_checkpoint__nothing_above_the_highest_version__says_so(scene, opened):
    """What is wanted is one more than is enforced, but no version is above the highest."""
    highest = opened.checkpoint(opened.operate(MAX_VERSION))

    scene.assert_only_fails_for(
        lambda before: [*before, highest],
        broken=[highest],
        fixed=[],
        error=refusal("StaleVersion", have=MAX_VERSION, want=MAX_VERSION),
    )


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("asset", [0, 1])
def test_checkpoint__counts_on_more_than_was_put_in__is_refused(scene, opened, asset, side):
    """It is enforceable once that side has deposited what the state has processed."""
    role = side.name.lower()
    state = opened.operate(9)
    split = state.splits[asset]
    more = {
        f"net_{role}": getattr(split, f"net_{role}") + 1,
        role: getattr(split, role) + 1,
    }
    act = opened.checkpoint(with_split(state, asset, **more))
    deposit = opened.deposit_collateral(asset, 1, opened.definition.broker(side))

    scene.assert_only_fails_for(
        lambda before: [*before, act],
        broken=[],
        fixed=[deposit],
        error=refusal("Unenforceable", asset=asset),
    )
