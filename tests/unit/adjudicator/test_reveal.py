"""reveal: anyone publishes the preimage of a state's hash lock, in time."""

import pytest

from clearing.channel.codec import hash_order, hash_state
from clearing.spec.types import REVEALED, Side, Status
from clearing.spec.units import DAY_S
from tests.unit.adjudicator.papers import PREIMAGE, with_split
from tests.unit.adjudicator.scene import refusal


def test_reveal__right_preimage__is_remembered(opened):
    changed = opened.changes_of(opened.reveal(opened.hash_locked()))

    assert changed == {"enforced_version": 2, "order_version": 2, "order_flags": REVEALED}


def test_reveal__right_preimage__emits_it(scene, opened):
    events = scene.events_of(opened.reveal(opened.hash_locked()))

    assert events == (scene.event("Revealed", id=opened.id, epoch=0, version=2, preimage=PREIMAGE),)


def test_reveal__enforced_version__clears_no_challenge(scene, opened):
    """[ADJ-05] Equality clears nothing."""
    state = opened.hash_locked(5)
    scene.send(opened.challenge(state))

    changed = opened.changes_of(opened.reveal(state))

    assert changed == {"order_version": 5, "order_flags": REVEALED}


def test_reveal__above_a_challenge__clears_it(challenged):
    changed = challenged.changes_of(challenged.reveal(challenged.hash_locked(6)))

    assert changed == {
        "status": Status.OPEN,
        "enforced_version": 6,
        "deadline": 0,
        "order_version": 6,
        "order_flags": REVEALED,
    }


def test_reveal__challenged_state_past_the_deadline__still_counts(scene, opened):
    """The condition has a time of its own."""
    state = opened.hash_locked(5, expiry=scene.now + 3 * DAY_S)
    scene.send(opened.challenge(state))

    changed = opened.changes_of(opened.reveal(state).at(opened.deadline))

    assert changed == {"order_version": 5, "order_flags": REVEALED}


def test_reveal__newer_version__forgets_the_flags_of_the_old(scene, opened, order):
    scene.send(opened.settle(order))

    changed = opened.changes_of(opened.reveal(opened.hash_locked(3)))

    assert changed == {"enforced_version": 3, "order_version": 3, "order_flags": REVEALED}


@pytest.mark.parametrize("kind", ["none", "order"])
def test_reveal__state_without_a_hash_lock__is_refused(scene, opened, order, kind):
    state = {"none": opened.operate(), "order": opened.settling(order)}[kind]

    scene.assert_only_fails_for(
        opened.reveal,
        broken=state,
        fixed=opened.hash_locked(),
        error=refusal("WrongCondition", intent=state.intent, kind=state.condition.kind),
    )


def test_reveal__other_state_past_the_deadline__is_refused(scene, opened):
    """[ADJ-10] From the deadline on only the challenged state counts."""
    challenged, newer = (
        opened.hash_locked(version, expiry=scene.now + 3 * DAY_S) for version in (5, 6)
    )
    scene.send(opened.challenge(challenged))
    deadline = opened.deadline

    scene.assert_only_fails_for(
        lambda second: opened.reveal(newer).at(second),
        broken=deadline,
        fixed=deadline - 1,
        error=refusal("WrongDigest", have=hash_state(newer), want=hash_state(challenged)),
    )


def test_reveal__below_the_enforced_version__is_refused(scene, opened):
    scene.send(opened.checkpoint(opened.operate(5)))

    scene.assert_only_fails_for(
        lambda version: opened.reveal(opened.hash_locked(version)),
        broken=4,
        fixed=5,
        error=refusal("StaleVersion", have=4, want=5),
    )


def test_reveal__counts_on_more_than_was_put_in__is_refused(scene, opened):
    state = opened.hash_locked()
    split = state.splits[1]
    more = with_split(state, 1, net_low=split.net_low + 1, low=split.low + 1)

    scene.assert_only_fails_for(
        lambda before: [*before, opened.reveal(more)],
        broken=[],
        fixed=[opened.deposit_collateral(1, 1, scene.low)],
        error=refusal("Unenforceable", asset=1),
    )


@pytest.mark.parametrize("version", [2, 3])
def test_reveal__legs_are_locked__is_refused(scene, half_funded, order, version):
    """[SET-06] No lock is orphaned by a reveal, not even of the order's own version."""
    fixed = half_funded.fund(order, Side.HIGH)

    scene.assert_only_fails_for(
        lambda before: [*before, half_funded.reveal(half_funded.hash_locked(version))],
        broken=[],
        fixed=[fixed],
        error=refusal("LockOutstanding", order=hash_order(order)),
    )


def test_reveal__twice__is_refused(scene, opened):
    """[ADJ-08] Accepted once."""
    act = opened.reveal(opened.hash_locked())

    scene.assert_only_fails_for(
        lambda before: [*before, act],
        broken=[act],
        fixed=[],
        error=refusal("AlreadyRevealed"),
    )


@pytest.mark.parametrize("wrong", [bytes(32), PREIMAGE[::-1]])
def test_reveal__wrong_preimage__is_refused(scene, opened, wrong):
    scene.assert_only_fails_for(
        lambda preimage: opened.reveal(opened.hash_locked(), preimage),
        broken=wrong,
        fixed=PREIMAGE,
        error=refusal("WrongPreimage", preimage=wrong),
    )


def test_reveal__at_the_expiry__is_refused(scene, opened):
    """[ADJ-10] The last second is the one before."""
    state = opened.hash_locked()
    expiry = state.condition.expiry

    scene.assert_only_fails_for(
        lambda second: opened.reveal(state).at(second),
        broken=expiry,
        fixed=expiry - 1,
        error=refusal("RevealTooLate", expiry=expiry),
    )
