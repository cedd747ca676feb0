"""resize: anyone takes out to the ledgers what both have signed."""

from dataclasses import replace

import pytest

from clearing.spec.types import AssetAmounts, Side, Status
from tests.unit.adjudicator.papers import with_split
from tests.unit.adjudicator.scene import refusal

TAKEN_OUT = {
    "enforced_version": 2,
    "net low 0": -200,
    "net high 0": -500,
    "net low 1": -50,
    "ledger low 0": 200,
    "ledger high 0": 500,
    "ledger low 1": 50,
}


def test_resize__valid__pays_the_outs_to_the_ledgers(opened):
    assert opened.changes_of(opened.resize(opened.resizing())) == TAKEN_OUT


def test_resize__valid__emits_resized(scene, opened):
    events = scene.events_of(opened.resize(opened.resizing(7)))

    assert events == (
        scene.event(
            "Resized",
            id=opened.id,
            epoch=0,
            version=7,
            outs=(AssetAmounts(200, 500), AssetAmounts(50, 0)),
        ),
    )


def test_resize__challenged_with_less__clears_the_challenge(challenged):
    changed = challenged.changes_of(challenged.resize(challenged.resizing(6)))

    assert changed == TAKEN_OUT | {"status": Status.OPEN, "enforced_version": 6, "deadline": 0}


def test_resize__more_was_won_than_put_in__leaves_a_negative_net(scene, opened):
    """Low has won 2,000 of high's: it may take out more than it ever put in."""
    won = replace(opened.operate(), intent=3, valid_until=opened.soon)
    state = with_split(won, 0, net_low=-1_500, net_high=2_000, low=400, high=100, out_low=2_500)

    changed = opened.changes_of(opened.resize(state))

    assert changed == {"enforced_version": 2, "net low 0": -2_500, "ledger low 0": 2_500}
    assert scene.contracts.channel(opened.id, 1).nets[0] == (-1_500, 2_000)


def test_resize__deposit_that_it_has_not_seen__stays_in_the_channel(scene, opened):
    """[ADJ-22] It is the depositor's until both sign for it."""
    scene.send(opened.deposit_collateral(0, 40, scene.low))

    assert opened.changes_of(opened.resize(opened.resizing())) == TAKEN_OUT


def test_resize__twice__is_refused(scene, opened):
    """[ADJ-23] It pays once."""
    act = opened.resize(opened.resizing())

    scene.assert_only_fails_for(
        lambda before: [*before, act],
        broken=[act],
        fixed=[],
        error=refusal("StaleVersion", have=2, want=3),
    )


@pytest.mark.parametrize("make", ["operate", "hash_locked", "closing"])
def test_resize__state_of_another_intent__is_refused(scene, opened, make):
    state = getattr(opened, make)()

    scene.assert_only_fails_for(
        opened.resize,
        broken=state,
        fixed=opened.resizing(),
        error=refusal("WrongIntent", intent=state.intent),
    )


def test_resize__at_its_valid_until__is_refused(scene, opened):
    scene.assert_only_fails_for(
        lambda second: opened.resize(opened.resizing()).at(second),
        broken=opened.soon,
        fixed=opened.soon - 1,
        error=refusal("StateExpired", valid_until=opened.soon),
    )


def test_resize__at_the_deadline__is_refused(scene, challenged):
    """[ADJ-10] A response is valid before the deadline."""
    deadline = challenged.deadline
    state = replace(challenged.resizing(6), valid_until=deadline + 1)

    scene.assert_only_fails_for(
        lambda second: challenged.resize(state).at(second),
        broken=deadline,
        fixed=deadline - 1,
        error=refusal("DeadlinePassed", deadline=deadline),
    )


def test_resize__version_not_above_the_enforced__is_refused(scene, opened):
    """[ADJ-05] Equal is not newer."""
    scene.send(opened.checkpoint(opened.operate(5)))

    scene.assert_only_fails_for(
        lambda version: opened.resize(opened.resizing(version)),
        broken=5,
        fixed=6,
        error=refusal("StaleVersion", have=5, want=6),
    )


def test_resize__legs_are_locked__is_refused(scene, opened, order):
    """[SET-06] A lock ends by its own order."""
    act = opened.resize(opened.resizing(3))

    scene.assert_only_fails_for(
        lambda sides: [*(opened.fund(order, side) for side in sides), act],
        broken=[Side.LOW],
        fixed=[Side.LOW, Side.HIGH],
        error=refusal("LockOutstanding", order=opened.settling(order).condition.ref),
    )


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("asset", [0, 1])
def test_resize__counts_on_more_than_it_leaves__is_refused(scene, opened, asset, side):
    """[ADJ-24] The state that is left must be enforceable after the outs."""
    role = side.name.lower()
    state = opened.resizing()
    out = getattr(state.splits[asset], f"out_{role}")
    act = opened.resize(with_split(state, asset, **{f"out_{role}": out + 1}))
    deposit = opened.deposit_collateral(asset, 1, opened.definition.broker(side))

    scene.assert_only_fails_for(
        lambda before: [*before, act],
        broken=[],
        fixed=[deposit],
        error=refusal("Unenforceable", asset=asset),
    )
