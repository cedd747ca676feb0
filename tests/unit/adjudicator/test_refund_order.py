"""refundOrder: locked legs go back to their owner; the flags stay and say who was ready."""

from dataclasses import replace

import pytest

from clearing.channel.codec import hash_order
from clearing.spec.types import HIGH_FUNDED, LOW_FUNDED, REFUNDED, Leg, Side, Status
from clearing.spec.units import DAY_S
from tests.unit.adjudicator.scene import refusal

GRACE_S = DAY_S
BACK = {Side.LOW: {"ledger low 0": 700}, Side.HIGH: {"ledger high 1": 500}}
FLAG = {Side.LOW: LOW_FUNDED, Side.HIGH: HIGH_FUNDED}


@pytest.mark.parametrize("side", list(Side))
def test_refund_order__after_the_grace__gives_the_legs_back(scene, opened, order, side):
    scene.send(opened.fund(order, side))

    changed = opened.changes_of(opened.refund(order).at(order.fund_by + GRACE_S))

    assert changed == BACK[side] | {"order_flags": FLAG[side] | REFUNDED}


@pytest.mark.parametrize("side", list(Side))
def test_refund_order__after_the_grace__emits_order_refunded(scene, opened, order, side):
    scene.send(opened.fund(order, side))

    events = scene.events_of(opened.refund(order).at(order.fund_by + GRACE_S))

    assert events == (
        scene.event(
            "OrderRefunded",
            id=opened.id,
            epoch=0,
            version=2,
            order=hash_order(order),
            sides=FLAG[side],
            legs=order.legs,
        ),
    )


def test_refund_order__side_without_legs__gives_nothing_back(scene, opened):
    """It was ready, and had locked nothing."""
    order = opened.order(legs=(Leg(opened.definition.assets[0], True, 700),))
    scene.send(opened.fund(order, Side.HIGH))

    changed = opened.changes_of(opened.refund(order).at(order.fund_by + GRACE_S))

    assert changed == {"order_flags": HIGH_FUNDED | REFUNDED}


def test_refund_order__several_legs__each_goes_back(scene, opened):
    first, second = opened.definition.assets
    legs = (Leg(first, True, 3), Leg(second, True, 4), Leg(first, False, 9), Leg(first, True, 5))
    order = opened.order(legs=legs)
    scene.send(opened.fund(order, Side.LOW))

    changed = opened.changes_of(opened.refund(order).at(order.fund_by + GRACE_S))

    assert changed == {
        "order_flags": LOW_FUNDED | REFUNDED,
        "ledger low 0": 8,
        "ledger low 1": 4,
    }


def test_refund_order__higher_version_enforced__does_not_wait(scene, half_funded, order):
    """Both have agreed to something newer: nobody waits for the old order."""
    newer = half_funded.checkpoint(half_funded.operate(3))

    scene.assert_only_fails_for(
        lambda before: [*before, half_funded.refund(order)],
        broken=[],
        fixed=[newer],
        error=refusal("RefundTooEarly", not_before=order.fund_by + GRACE_S),
    )


def test_refund_order__before_the_end_of_the_grace__is_refused(scene, half_funded, order):
    """[SET-04] The second funder has its whole grace."""
    end = order.fund_by + GRACE_S

    scene.assert_only_fails_for(
        lambda second: half_funded.refund(order).at(second),
        broken=end - 1,
        fixed=end,
        error=refusal("RefundTooEarly", not_before=end),
    )


def test_refund_order__past_a_deadline__still_gives_back(scene, opened):
    """[SET-06] `finalize` waits for it."""
    order = opened.order(5)
    scene.send(opened.challenge(opened.settling(order)), opened.fund(order, Side.LOW))
    assert opened.deadline < order.fund_by + GRACE_S

    changed = opened.changes_of(opened.refund(order).at(order.fund_by + GRACE_S))

    assert changed == BACK[Side.LOW] | {"order_flags": LOW_FUNDED | REFUNDED}


@pytest.mark.parametrize("nonce", [0, 1])
def test_refund_order__channel_that_is_not_live__is_refused(scene, half_funded, order, nonce):
    """Ended (0) or never opened (1)."""
    other = half_funded.numbered(nonce)
    end = half_funded.close(half_funded.closing(3))
    late = order.fund_by + GRACE_S

    def call(is_dead):
        if not is_dead:
            return half_funded.refund(order).at(late)
        ending = [] if nonce else [half_funded.settle(order), end]
        return [*ending, other.refund(order)]

    scene.assert_only_fails_for(
        call,
        broken=True,
        fixed=False,
        error=refusal("WrongStatus", status=Status.NEW if nonce else Status.IDLE),
    )


def test_refund_order__nothing_is_locked__is_refused(scene, opened, order):
    late = opened.refund(order).at(order.fund_by + GRACE_S)

    scene.assert_only_fails_for(
        lambda before: [*before, late],
        broken=[],
        fixed=[opened.fund(order, Side.LOW)],
        error=refusal("NoLock"),
    )


def test_refund_order__twice__is_refused(scene, half_funded, order):
    """[SET-03] Locks are refunded exactly."""
    end = order.fund_by + GRACE_S

    scene.assert_only_fails_for(
        lambda before: [*before, half_funded.refund(order).at(end + 1)],
        broken=[half_funded.refund(order).at(end)],
        fixed=[],
        error=refusal("NoLock"),
    )


def test_refund_order__executed__is_refused(scene, half_funded, order):
    end = order.fund_by + GRACE_S

    scene.assert_only_fails_for(
        lambda before: [*before, half_funded.refund(order).at(end)],
        broken=[half_funded.fund(order, Side.HIGH)],
        fixed=[],
        error=refusal("NoLock"),
    )


def test_refund_order__another_order__is_refused(scene, half_funded, order):
    """[SET-03] Never by another order's numbers."""
    other = half_funded.order(legs=(replace(order.legs[0], amount=701), order.legs[1]))

    scene.assert_only_fails_for(
        lambda each: half_funded.refund(each).at(order.fund_by + GRACE_S),
        broken=other,
        fixed=order,
        error=refusal("WrongOrder", have=hash_order(other), want=hash_order(order)),
    )
