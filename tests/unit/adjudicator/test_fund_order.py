"""fundOrder: one side locks its legs; when both have, the order executes."""

from dataclasses import replace

import pytest

from clearing.channel.codec import hash_order, hash_state
from clearing.spec.types import EXECUTED, HIGH_FUNDED, LOW_FUNDED, REFUNDED, Leg, Side, Status
from clearing.spec.units import DAY_S
from tests.unit.adjudicator.conftest import LEDGER
from tests.unit.adjudicator.papers import with_split
from tests.unit.adjudicator.scene import refusal

GRACE_S = DAY_S
FLAG = {Side.LOW: LOW_FUNDED, Side.HIGH: HIGH_FUNDED}
LOCKED = {Side.LOW: {"ledger low 0": -700}, Side.HIGH: {"ledger high 1": -500}}
RECEIVED = {"ledger high 0": 700, "ledger low 1": 500}


def funded(scene, papers, order, sides):
    """Return the event of a lock."""
    return scene.event(
        "OrderFunded",
        id=papers.id,
        epoch=0,
        version=order.version,
        order=hash_order(order),
        sides=sides,
        legs=order.legs,
    )


def executed(scene, papers, order):
    """Return the event of an execution in which nobody pays from its ledger."""
    return scene.event(
        "OrderExecuted",
        id=papers.id,
        epoch=0,
        version=order.version,
        order=hash_order(order),
        sides=0,
        legs=order.legs,
    )


@pytest.mark.parametrize("side", list(Side))
def test_fund_order__first__locks_that_sides_legs(opened, order, side):
    changed = opened.changes_of(opened.fund(order, side))

    assert changed == LOCKED[side] | {
        "enforced_version": 2,
        "order_version": 2,
        "order_flags": FLAG[side],
        "order": hash_order(order),
    }


@pytest.mark.parametrize("side", list(Side))
def test_fund_order__first__emits_order_funded(scene, opened, order, side):
    events = scene.events_of(opened.fund(order, side))

    assert events == (funded(scene, opened, order, FLAG[side]),)


@pytest.mark.parametrize("side", list(Side))
def test_fund_order__second__executes(scene, opened, order, side):
    scene.send(opened.fund(order, side.other))

    changed = opened.changes_of(opened.fund(order, side))

    assert changed == LOCKED[side] | RECEIVED | {"order_flags": LOW_FUNDED | HIGH_FUNDED | EXECUTED}


@pytest.mark.parametrize("side", list(Side))
def test_fund_order__second__emits_order_funded_and_executed(scene, opened, order, side):
    scene.send(opened.fund(order, side.other))

    events = scene.events_of(opened.fund(order, side))

    assert events == (funded(scene, opened, order, FLAG[side]), executed(scene, opened, order))


def test_fund_order__peer_has_no_legs__executes_at_once(scene, opened):
    """There is nothing to wait for."""
    order = opened.order(legs=(Leg(opened.definition.assets[0], True, 700),))

    changed = opened.changes_of(opened.fund(order, Side.LOW))

    assert changed == {
        "enforced_version": 2,
        "order_version": 2,
        "order_flags": LOW_FUNDED | EXECUTED,
        "ledger low 0": -700,
        "ledger high 0": 700,
    }


def test_fund_order__peer_has_no_legs__emits_order_funded_and_executed(scene, opened):
    order = opened.order(legs=(Leg(opened.definition.assets[0], True, 700),))

    events = scene.events_of(opened.fund(order, Side.LOW))

    assert events == (funded(scene, opened, order, LOW_FUNDED), executed(scene, opened, order))


def test_fund_order__side_without_legs__counts_as_funded(scene, opened):
    """It locks nothing, and says that it was ready."""
    order = opened.order(legs=(Leg(opened.definition.assets[0], True, 700),))

    changed = opened.changes_of(opened.fund(order, Side.HIGH))

    assert changed == {
        "enforced_version": 2,
        "order_version": 2,
        "order_flags": HIGH_FUNDED,
        "order": hash_order(order),
    }


@pytest.mark.parametrize("side", list(Side))
def test_fund_order__by_the_named_signer__moves_the_brokers_ledger(scene, opened, order, side):
    changed = opened.changes_of(opened.fund(order, side).by(opened.definition.signer(side)))

    assert LOCKED[side].items() <= changed.items()


def test_fund_order__enforced_version__clears_no_challenge(scene, opened):
    """[ADJ-05] Equality clears nothing."""
    order = opened.order(5)
    scene.send(opened.challenge(opened.settling(order)))

    changed = opened.changes_of(opened.fund(order, Side.LOW))

    assert changed == {
        "ledger low 0": -700,
        "order_version": 5,
        "order_flags": LOW_FUNDED,
        "order": hash_order(order),
    }


def test_fund_order__above_a_challenge__clears_it(challenged):
    order = challenged.order(6)

    changed = challenged.changes_of(challenged.fund(order, Side.LOW))

    assert changed == {
        "status": Status.OPEN,
        "enforced_version": 6,
        "deadline": 0,
        "order_version": 6,
        "order_flags": LOW_FUNDED,
        "order": hash_order(order),
        "ledger low 0": -700,
    }


def test_fund_order__challenged_state_past_the_deadline__still_locks(scene, opened):
    """Neither version nor status moves: the end is fixed but for the flags."""
    order = opened.order(5, fund_by=scene.now + 3 * DAY_S)
    scene.send(opened.challenge(opened.settling(order)))

    changed = opened.changes_of(opened.fund(order, Side.HIGH).at(opened.deadline))

    assert changed == {
        "ledger high 1": -500,
        "order_version": 5,
        "order_flags": HIGH_FUNDED,
        "order": hash_order(order),
    }


def test_fund_order__newer_version__forgets_the_flags_of_the_old(scene, opened, order):
    """[SET-04] Flags speak of one version."""
    scene.send(opened.settle(order))
    newer = opened.order(3)

    changed = opened.changes_of(opened.fund(newer, Side.LOW))

    assert changed == {
        "enforced_version": 3,
        "order_version": 3,
        "order_flags": LOW_FUNDED,
        "order": hash_order(newer),
        "ledger low 0": -700,
    }


# STATE


@pytest.mark.parametrize("make", ["operate", "hash_locked", "closing"])
def test_fund_order__state_of_another_intent__is_refused(scene, opened, order, make):
    state = getattr(opened, make)()

    scene.assert_only_fails_for(
        lambda each: opened.fund(order, Side.LOW, each),
        broken=state,
        fixed=opened.settling(order),
        error=refusal("WrongIntent", intent=state.intent),
    )


def test_fund_order__other_state_past_the_deadline__is_refused(scene, opened):
    """[ADJ-10] From the deadline on only the challenged state counts."""
    until = scene.now + 3 * DAY_S
    challenged, newer = (opened.order(version, fund_by=until) for version in (5, 6))
    scene.send(opened.challenge(opened.settling(challenged)))
    have, want = (hash_state(opened.settling(order)) for order in (newer, challenged))
    deadline = opened.deadline

    scene.assert_only_fails_for(
        lambda second: opened.fund(newer, Side.LOW).at(second),
        broken=deadline,
        fixed=deadline - 1,
        error=refusal("WrongDigest", have=have, want=want),
    )


def test_fund_order__below_the_enforced_version__is_refused(scene, opened):
    scene.send(opened.checkpoint(opened.operate(5)))

    scene.assert_only_fails_for(
        lambda version: opened.fund(opened.order(version), Side.LOW),
        broken=4,
        fixed=5,
        error=refusal("StaleVersion", have=4, want=5),
    )


def test_fund_order__counts_on_more_than_was_put_in__is_refused(scene, opened, order):
    state = opened.settling(order)
    split = state.splits[1]
    more = with_split(state, 1, net_high=split.net_high + 1, high=split.high + 1)

    scene.assert_only_fails_for(
        lambda before: [*before, opened.fund(order, Side.LOW, more)],
        broken=[],
        fixed=[opened.deposit_collateral(1, 1, scene.high)],
        error=refusal("Unenforceable", asset=1),
    )


# ORDER


def test_fund_order__order_that_the_state_does_not_name__is_refused(scene, opened, order):
    other = opened.order(legs=(replace(order.legs[0], amount=701), order.legs[1]))
    state = opened.settling(order)

    scene.assert_only_fails_for(
        lambda each: opened.fund(each, Side.LOW, state),
        broken=other,
        fixed=order,
        error=refusal("WrongOrder", have=hash_order(other), want=hash_order(order)),
    )


@pytest.mark.parametrize("field", ["channel_id", "epoch", "version", "fund_by"])
def test_fund_order__order_for_another_state__is_refused(scene, opened, order, field):
    other = {
        "channel_id": b"\x01" * 32,
        "epoch": 1,
        "version": 3,
        "fund_by": order.fund_by + 1,
    }[field]

    def call(value):
        changed = replace(order, **{field: value})
        state = opened.settling(order)
        condition = replace(state.condition, ref=hash_order(changed))
        return opened.fund(changed, Side.LOW, replace(state, condition=condition))

    scene.assert_only_fails_for(
        call, broken=other, fixed=getattr(order, field), error=refusal("OrderNotOfState")
    )


@pytest.mark.parametrize(("bad", "good"), [(0, 1), (33, 32)])
def test_fund_order__no_legs_or_too_many__is_refused(scene, opened, bad, good):
    leg = Leg(opened.definition.assets[0], True, 1)

    scene.assert_only_fails_for(
        lambda count: opened.fund(opened.order(legs=[leg] * count), Side.LOW),
        broken=bad,
        fixed=good,
        error=refusal("BadLegCount", count=bad),
    )


def test_fund_order__leg_of_nothing__is_refused(scene, opened, order):
    """Even a leg of the peer's."""

    def call(amount):
        return opened.fund(
            opened.order(legs=(order.legs[0], replace(order.legs[1], amount=amount))), Side.LOW
        )

    scene.assert_only_fails_for(call, broken=0, fixed=1, error=refusal("ZeroLeg", leg=1))


def test_fund_order__legs_of_another_order_are_locked__is_refused(scene, half_funded, order):
    """[SET-06] Only the stored order can be funded."""
    newer = half_funded.order(3)

    scene.assert_only_fails_for(
        lambda before: [*before, half_funded.fund(newer, Side.LOW)],
        broken=[],
        fixed=[half_funded.fund(order, Side.HIGH)],
        error=refusal("LockOutstanding", order=hash_order(order)),
    )


def test_fund_order__executed__is_refused(scene, opened, order):
    """[SET-02] An order runs once."""
    fund = opened.fund(order, Side.LOW)

    scene.assert_only_fails_for(
        lambda before: [*before, fund],
        broken=[opened.settle(order)],
        fixed=[],
        error=refusal("OrderFinished", flags=EXECUTED),
    )


def test_fund_order__refunded__is_refused(scene, half_funded, order):
    """[SET-04] Who was late stays late."""
    end = order.fund_by + GRACE_S
    fund, refund = half_funded.fund(order, Side.HIGH), half_funded.refund(order).at(end)

    scene.assert_only_fails_for(
        lambda before: [*before, fund.at(end + 1 if before else end - 1)],
        broken=[refund],
        fixed=[],
        error=refusal("OrderFinished", flags=LOW_FUNDED | REFUNDED),
    )


# WHO AND WHEN


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("who", ["outsider", "peer", "peer's signer"])
def test_fund_order__by_somebody_else__is_refused(scene, opened, order, side, who):
    """[ADJ-16] A ledger is moved by its broker or the key it has named."""
    definition = opened.definition
    caller = {
        "outsider": scene.outsider,
        "peer": definition.broker(side.other),
        "peer's signer": definition.signer(side.other),
    }[who]

    scene.assert_only_fails_for(
        lambda sender: opened.fund(order, side).by(sender),
        broken=caller,
        fixed=definition.broker(side),
        error=refusal("NotThatSide", caller=caller, side=side),
    )


@pytest.mark.parametrize("side", list(Side))
def test_fund_order__by_a_signer_named_no_more__is_refused(scene, opened, order, side):
    """[ADJ-16] The broker itself still may."""
    broker, signer = opened.definition.broker(side), opened.definition.signer(side)
    naming = scene.call(scene.contracts.registry, "set_signer", scene.outsider, by=broker)
    scene.send(naming)

    scene.assert_only_fails_for(
        lambda sender: opened.fund(order, side).by(sender),
        broken=signer,
        fixed=broker,
        error=refusal("NotThatSide", caller=signer, side=side),
    )


@pytest.mark.parametrize("side", list(Side))
def test_fund_order__twice__is_refused(scene, opened, order, side):
    scene.send(opened.fund(order, side))

    scene.assert_only_fails_for(
        lambda each: opened.fund(order, each),
        broken=side,
        fixed=side.other,
        error=refusal("AlreadyFunded", side=side),
    )


def test_fund_order__first_at_fund_by__is_refused(scene, opened, order):
    scene.assert_only_fails_for(
        lambda second: opened.fund(order, Side.LOW).at(second),
        broken=order.fund_by,
        fixed=order.fund_by - 1,
        error=refusal("FundingClosed", until=order.fund_by),
    )


def test_fund_order__first_in_the_grace__is_refused(scene, opened, order):
    """The grace is the second funder's alone, so that a last-second funder frames nobody."""
    within = order.fund_by + 1

    scene.assert_only_fails_for(
        lambda before: [*before, opened.fund(order, Side.LOW).at(within)],
        broken=[],
        fixed=[opened.fund(order, Side.HIGH)],
        error=refusal("FundingClosed", until=order.fund_by),
    )


def test_fund_order__second_at_the_end_of_the_grace__is_refused(scene, half_funded, order):
    """[SET-04] A default needs the whole grace to pass."""
    end = order.fund_by + GRACE_S

    scene.assert_only_fails_for(
        lambda second: half_funded.fund(order, Side.HIGH).at(second),
        broken=end,
        fixed=end - 1,
        error=refusal("FundingClosed", until=end),
    )


def test_fund_order__ledger_does_not_cover_the_legs__is_refused(scene, opened):
    """Two legs are covered together or not at all."""
    first = opened.definition.assets[0]
    have = LEDGER - 1_000

    scene.assert_only_fails_for(
        lambda amount: opened.fund(
            opened.order(legs=(Leg(first, True, 5), Leg(first, True, amount))), Side.LOW
        ),
        broken=have - 4,
        fixed=have - 5,
        error=refusal(
            "InsufficientBalance", broker=scene.low, token=first, have=have - 5, want=have - 4
        ),
    )
