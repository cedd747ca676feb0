"""settle: anyone executes an order at once: all debits, then all credits."""

from dataclasses import replace

import pytest

from clearing.channel.codec import hash_order, hash_state
from clearing.spec.types import EXECUTED, HIGH_FUNDED, LOW_FUNDED, REFUNDED, Leg, Side, Status
from clearing.spec.units import DAY_S
from tests.unit.adjudicator.conftest import LEDGER
from tests.unit.adjudicator.papers import with_split
from tests.unit.adjudicator.scene import refusal

GRACE_S = DAY_S
LEFT = (LEDGER - 1_000, LEDGER - 2_000)
"""What the ledgers of low and high have of asset 0 once the channel is open."""
DELIVERED_BOTH = {
    "ledger low 0": -700,
    "ledger high 0": 700,
    "ledger low 1": 500,
    "ledger high 1": -500,
}


def test_settle__ledgers_cover_the_legs__swaps_them(opened, order):
    assert opened.changes_of(opened.settle(order)) == DELIVERED_BOTH | {
        "enforced_version": 2,
        "order_version": 2,
        "order_flags": EXECUTED,
    }


def test_settle__ledgers_cover_the_legs__emits_order_executed(scene, opened, order):
    events = scene.events_of(opened.settle(order))

    assert events == (
        scene.event(
            "OrderExecuted",
            id=opened.id,
            epoch=0,
            version=2,
            order=hash_order(order),
            sides=LOW_FUNDED | HIGH_FUNDED,
            legs=order.legs,
        ),
    )


@pytest.mark.parametrize("side", list(Side))
def test_settle__one_side_is_locked__takes_the_other_from_its_ledger(scene, opened, order, side):
    """[SET-03] A locked leg is paid once."""
    flag = HIGH_FUNDED if side else LOW_FUNDED
    scene.send(opened.fund(order, side))

    changed = opened.changes_of(opened.settle(order))

    locked = {"ledger high 1": -500} if side else {"ledger low 0": -700}
    paid = {key: value for key, value in DELIVERED_BOTH.items() if key not in locked}
    assert changed == paid | {"order_flags": flag | EXECUTED}


@pytest.mark.parametrize("side", list(Side))
def test_settle__one_side_is_locked__emits_who_paid_now(scene, opened, order, side):
    scene.send(opened.fund(order, side))

    events = scene.events_of(opened.settle(order))

    assert events == (
        scene.event(
            "OrderExecuted",
            id=opened.id,
            epoch=0,
            version=2,
            order=hash_order(order),
            sides=LOW_FUNDED if side else HIGH_FUNDED,
            legs=order.legs,
        ),
    )


def test_settle__enforced_version__clears_no_challenge(scene, opened):
    """[ADJ-05] Equality clears nothing."""
    order = opened.order(5)
    scene.send(opened.challenge(opened.settling(order)))

    changed = opened.changes_of(opened.settle(order))

    assert changed == DELIVERED_BOTH | {"order_version": 5, "order_flags": EXECUTED}


def test_settle__above_a_challenge__clears_it(challenged):
    changed = challenged.changes_of(challenged.settle(challenged.order(6)))

    assert changed == DELIVERED_BOTH | {
        "status": Status.OPEN,
        "enforced_version": 6,
        "deadline": 0,
        "order_version": 6,
        "order_flags": EXECUTED,
    }


def test_settle__challenged_state_past_the_deadline__still_delivers(scene, opened):
    """The end waits for the order, and the order for nobody's deadline."""
    order = opened.order(5, fund_by=scene.now + 3 * DAY_S)
    scene.send(opened.challenge(opened.settling(order)))

    changed = opened.changes_of(opened.settle(order).at(opened.deadline))

    assert changed == DELIVERED_BOTH | {"order_version": 5, "order_flags": EXECUTED}


def test_settle__two_legs_of_one_token__are_netted_by_the_ledgers(opened):
    first = opened.definition.assets[0]
    order = opened.order(legs=(Leg(first, True, 700), Leg(first, False, 200)))

    changed = opened.changes_of(opened.settle(order))

    assert changed["ledger low 0"] == -500
    assert changed["ledger high 0"] == 500


def test_settle__token_that_the_channel_does_not_hold__is_delivered(scene, opened):
    """What is traded need not be what is held as collateral."""
    other = scene.add_token("MockERC20").address
    scene.send(scene.act("deposit", other, 10, by=scene.low))

    scene.send(opened.settle(opened.order(legs=(Leg(other, True, 10),))))

    assert scene.contracts.ledger(scene.low, other) == 0
    assert scene.contracts.ledger(scene.high, other) == 10


def test_settle__thirty_two_legs__all_move(opened):
    """The most that an order holds."""
    first, second = opened.definition.assets
    legs = [Leg(first, True, 1 + i) if i % 2 else Leg(second, False, 1 + i) for i in range(32)]

    changed = opened.changes_of(opened.settle(opened.order(legs=legs)))

    by_low = sum(leg.amount for leg in legs if leg.from_low)
    by_high = sum(leg.amount for leg in legs if not leg.from_low)
    assert (changed["ledger low 0"], changed["ledger low 1"]) == (-by_low, by_high)


# STATE


@pytest.mark.parametrize("make", ["operate", "hash_locked", "resizing"])
def test_settle__state_of_another_intent__is_refused(scene, opened, order, make):
    state = getattr(opened, make)()

    scene.assert_only_fails_for(
        lambda each: opened.settle(order, each),
        broken=state,
        fixed=opened.settling(order),
        error=refusal("WrongIntent", intent=state.intent),
    )


def test_settle__other_state_past_the_deadline__is_refused(scene, opened):
    """[ADJ-10] From the deadline on only the challenged state counts."""
    until = scene.now + 3 * DAY_S
    challenged, newer = (opened.order(version, fund_by=until) for version in (5, 6))
    scene.send(opened.challenge(opened.settling(challenged)))
    have, want = (hash_state(opened.settling(order)) for order in (newer, challenged))
    deadline = opened.deadline

    scene.assert_only_fails_for(
        lambda second: opened.settle(newer).at(second),
        broken=deadline,
        fixed=deadline - 1,
        error=refusal("WrongDigest", have=have, want=want),
    )
    scene.assert_only_fails_for(
        lambda order: opened.settle(order).at(deadline),
        broken=newer,
        fixed=challenged,
        error=refusal("WrongDigest", have=have, want=want),
    )


def test_settle__below_the_enforced_version__is_refused(scene, opened):
    scene.send(opened.checkpoint(opened.operate(5)))

    scene.assert_only_fails_for(
        lambda version: opened.settle(opened.order(version)),
        broken=4,
        fixed=5,
        error=refusal("StaleVersion", have=4, want=5),
    )


@pytest.mark.parametrize("asset", [0, 1])
def test_settle__counts_on_more_than_was_put_in__is_refused(scene, opened, order, asset):
    state = opened.settling(order)
    split = state.splits[asset]
    act = opened.settle(
        order, with_split(state, asset, net_low=split.net_low + 1, low=split.low + 1)
    )

    scene.assert_only_fails_for(
        lambda before: [*before, act],
        broken=[],
        fixed=[opened.deposit_collateral(asset, 1, scene.low)],
        error=refusal("Unenforceable", asset=asset),
    )


# ORDER


def test_settle__order_that_the_state_does_not_name__is_refused(scene, opened, order):
    """[SET-03] The signatures cover every leg, through the hash."""
    other = opened.order(legs=(replace(order.legs[0], amount=699), order.legs[1]))
    state = opened.settling(order)

    scene.assert_only_fails_for(
        lambda each: opened.settle(each, state),
        broken=other,
        fixed=order,
        error=refusal("WrongOrder", have=hash_order(other), want=hash_order(order)),
    )


@pytest.mark.parametrize("field", ["channel_id", "epoch", "version", "fund_by"])
def test_settle__order_for_another_state__is_refused(scene, opened, order, field):
    """[ADJ-18] Even if both signed a state that names it."""
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
        return opened.settle(changed, replace(state, condition=condition))

    scene.assert_only_fails_for(
        call,
        broken=other,
        fixed=getattr(order, field),
        error=refusal("OrderNotOfState"),
    )


@pytest.mark.parametrize(("bad", "good"), [(0, 1), (33, 32)])
def test_settle__no_legs_or_too_many__is_refused(scene, opened, bad, good):
    leg = Leg(opened.definition.assets[0], True, 1)

    scene.assert_only_fails_for(
        lambda count: opened.settle(opened.order(legs=[leg] * count)),
        broken=bad,
        fixed=good,
        error=refusal("BadLegCount", count=bad),
    )


@pytest.mark.parametrize("leg", [0, 1])
def test_settle__leg_of_nothing__is_refused(scene, opened, order, leg):
    def call(amount):
        legs = list(order.legs)
        legs[leg] = replace(legs[leg], amount=amount)
        return opened.settle(opened.order(legs=legs))

    scene.assert_only_fails_for(call, broken=0, fixed=1, error=refusal("ZeroLeg", leg=leg))


@pytest.mark.parametrize("version", [2, 3])
def test_settle__legs_of_another_order_are_locked__is_refused(scene, opened, order, version):
    """[SET-06] Another order waits until the locked one has ended, newer or not."""
    other = opened.order(version, legs=order.legs[:1])

    scene.assert_only_fails_for(
        lambda before: [*before, opened.settle(other)],
        broken=[opened.fund(order, Side.LOW)],
        fixed=[],
        error=refusal("LockOutstanding", order=hash_order(order)),
    )


def test_settle__twice__is_refused(scene, opened, order):
    """[SET-02] An order runs once."""
    scene.assert_only_fails_for(
        lambda before: [*before, opened.settle(order)],
        broken=[opened.settle(order)],
        fixed=[],
        error=refusal("OrderFinished", flags=EXECUTED),
    )


def test_settle__refunded__is_refused(scene, opened):
    """[SET-02] Once the version is enforced again, what was given back stays back."""
    order = opened.order(5, fund_by=scene.now + 2 * DAY_S)
    fund, refund = opened.fund(order, Side.LOW), opened.refund(order)
    after_grace = order.fund_by + GRACE_S

    scene.assert_only_fails_for(
        lambda is_refunded: [
            fund,
            *([refund.at(after_grace)] if is_refunded else []),
            opened.settle(order).at(after_grace + 1 if is_refunded else order.fund_by - 1),
        ],
        broken=True,
        fixed=False,
        error=refusal("OrderFinished", flags=LOW_FUNDED | REFUNDED),
    )


# WHEN AND WITH WHAT


def test_settle__at_fund_by__is_refused(scene, opened, order):
    scene.assert_only_fails_for(
        lambda second: opened.settle(order).at(second),
        broken=order.fund_by,
        fixed=order.fund_by - 1,
        error=refusal("FundingClosed", until=order.fund_by),
    )


def test_settle__locked_side_at_fund_by__is_refused(scene, half_funded, order):
    """The grace is for the second funder, who says who it is; not for anybody."""
    scene.assert_only_fails_for(
        lambda second: half_funded.settle(order).at(second),
        broken=order.fund_by,
        fixed=order.fund_by - 1,
        error=refusal("FundingClosed", until=order.fund_by),
    )


@pytest.mark.parametrize("side", list(Side))
def test_settle__broker_has_named_another_key__is_refused(scene, opened, order, side):
    """[ADJ-16] A stolen old key must not sweep a ledger."""
    broker, signer = opened.definition.broker(side), opened.definition.signer(side)

    def call(named):
        naming = scene.call(scene.contracts.registry, "set_signer", named, by=broker)
        return [naming, opened.settle(order)]

    scene.assert_only_fails_for(
        call,
        broken=scene.outsider,
        fixed=signer,
        error=refusal("SignerNotNamed", broker=broker, signer=signer),
    )


@pytest.mark.parametrize("side", list(Side))
def test_settle__ledger_does_not_cover_a_leg__is_refused(scene, opened, side):
    """[SET-01] All legs or none."""
    first, second = opened.definition.assets
    broker, have = opened.definition.broker(side), LEFT[side]

    scene.assert_only_fails_for(
        lambda amount: opened.settle(
            opened.order(legs=(Leg(second, True, 1), Leg(first, side is Side.LOW, amount)))
        ),
        broken=have + 1,
        fixed=have,
        error=refusal("InsufficientBalance", broker=broker, token=first, have=have, want=have + 1),
    )


def test_settle__payment_out_of_what_the_order_brings__is_refused(scene, opened):
    """Debits come first: a side pays with what it has."""
    first = opened.definition.assets[0]

    def legs(paid):
        return (Leg(first, False, 50), Leg(first, True, paid))

    scene.assert_only_fails_for(
        lambda paid: opened.settle(opened.order(legs=legs(paid))),
        broken=LEFT[0] + 1,
        fixed=LEFT[0],
        error=refusal(
            "InsufficientBalance",
            broker=scene.low,
            token=first,
            have=LEFT[0],
            want=LEFT[0] + 1,
        ),
    )
