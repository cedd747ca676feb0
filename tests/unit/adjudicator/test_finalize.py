"""finalize: past the deadline, with the condition decided, the challenged state pays. By anyone."""

from dataclasses import replace

import pytest

from clearing.channel.codec import hash_order, hash_state
from clearing.spec.types import AssetAmounts, Outcome, Side, Status
from clearing.spec.units import DAY_S
from tests.unit.adjudicator.scene import refusal

GRACE_S = DAY_S
ENDED = {
    "status": Status.IDLE,
    "epoch": 1,
    "enforced_version": 0,
    "deadline": 0,
    "slots low": -1,
    "slots high": -1,
}


def paid(low_0, low_1):
    """Return the changes of an end that gives low these shares of 3,000 and of 300."""
    amounts = {
        "ledger low 0": low_0,
        "ledger high 0": 3_000 - low_0,
        "ledger low 1": low_1,
        "ledger high 1": 300 - low_1,
    }
    return ENDED | {key: amount for key, amount in amounts.items() if amount}


def finalized(scene, papers, version, outcome, low_0, low_1):
    """Return the event of an end that gives low these shares of 3,000 and of 300."""
    credited = (AssetAmounts(low_0, 3_000 - low_0), AssetAmounts(low_1, 300 - low_1))
    return scene.event(
        "Finalized",
        id=papers.id,
        epoch=0,
        version=version,
        outcome=outcome,
        credited=credited,
    )


@pytest.fixture
def order(opened):
    """An order of version 5 that can be funded past a challenge's deadline."""
    return opened.order(5, fund_by=opened.now + 3 * DAY_S)


@pytest.fixture
def disputed(scene, opened, order):
    """The channel, CHALLENGED with the SETTLE state of `order`."""
    scene.send(opened.challenge(opened.settling(order)))
    return opened


@pytest.fixture
def secret(opened):
    """A state of version 5 whose hash lock can be opened past a challenge's deadline."""
    return opened.hash_locked(5, expiry=opened.now + 3 * DAY_S)


# NO CONDITION


def test_finalize__no_condition__pays_the_split(challenged):
    act = challenged.finalize(challenged.operate(5)).at(challenged.deadline)

    assert challenged.changes_of(act) == paid(1_200, 250)


def test_finalize__no_condition__emits_finalized(scene, challenged):
    events = scene.events_of(challenged.finalize(challenged.operate(5)).at(challenged.deadline))

    assert events == (finalized(scene, challenged, 5, Outcome.SPLIT, 1_200, 250),)


@pytest.mark.parametrize("kind", ["opening", "resizing"])
def test_finalize__opening_or_resize__pays_its_split(scene, opened, kind):
    """The outs of a RESIZE that never ran return to whom they belong."""
    state = {"opening": opened.opening(), "resizing": opened.resizing()}[kind]
    scene.send(opened.challenge(state))

    changed = opened.changes_of(opened.finalize(state).at(opened.deadline))

    assert changed == (paid(1_000, 300) if kind == "opening" else paid(1_200, 250))


def test_finalize__deposit_that_the_state_has_not_seen__returns(scene, challenged):
    """[ADJ-02] The payouts sum to what the channel holds."""
    scene.send(challenged.deposit_collateral(0, 40, scene.low))

    changed = challenged.changes_of(
        challenged.finalize(challenged.operate(5)).at(challenged.deadline)
    )

    assert changed == paid(1_200, 250) | {"ledger low 0": 1_240}


def test_finalize__tokens_have_turned_hostile__still_ends(scene, papers):
    """[ADJ-03] No token is called, so none can hold an end up."""
    token = scene.add_token("BlocklistToken")
    channel = papers.over(token.address)
    state = channel.operate()
    scene.send(channel.open(), channel.challenge(state))
    for account in (scene.low, scene.high, scene.adjudicator.address):
        scene.send(scene.call(token, "setBlocked", account, True, by=scene.low))

    scene.send(channel.finalize(state).at(channel.deadline))

    assert scene.contracts.ledger(scene.low, token.address) == 1_200
    assert scene.contracts.ledger(scene.high, token.address) == 1_800


# HASH LOCK


def test_finalize__revealed__pays_the_alternative(scene, opened, secret):
    scene.send(opened.challenge(secret), opened.reveal(secret))

    changed = opened.changes_of(opened.finalize(secret).at(opened.deadline))

    assert changed == paid(900, 100) | {"order_version": 0, "order_flags": 0}


def test_finalize__revealed__emits_the_outcome(scene, opened, secret):
    scene.send(opened.challenge(secret), opened.reveal(secret))

    events = scene.events_of(opened.finalize(secret).at(opened.deadline))

    assert events == (finalized(scene, opened, 5, Outcome.REVEALED, 900, 100),)


def test_finalize__hash_lock_ran_out__pays_the_split(scene, opened, secret):
    scene.send(opened.challenge(secret))

    changed = opened.changes_of(opened.finalize(secret).at(secret.condition.expiry))

    assert changed == paid(1_200, 250)


def test_finalize__hash_lock_can_still_be_opened__is_refused(scene, opened, secret):
    """[SET-05] No state with an unresolved condition ends."""
    scene.send(opened.challenge(secret))
    expiry = secret.condition.expiry

    scene.assert_only_fails_for(
        lambda second: opened.finalize(secret).at(second),
        broken=expiry - 1,
        fixed=expiry,
        error=refusal("ConditionOpen", not_before=expiry),
    )
    scene.assert_only_fails_for(
        lambda before: [*before, opened.finalize(secret).at(opened.deadline)],
        broken=[],
        fixed=[opened.reveal(secret)],
        error=refusal("ConditionOpen", not_before=expiry),
    )


def test_finalize__preimage_of_an_older_version__does_not_count(scene, opened):
    """Flags count only for the state's own version."""
    older, newer = (opened.hash_locked(version) for version in (5, 6))
    scene.send(opened.reveal(older), opened.challenge(newer))

    events = scene.events_of(opened.finalize(newer).at(opened.deadline))

    assert events == (finalized(scene, opened, 6, Outcome.SPLIT, 1_200, 250),)


# ORDER


def test_finalize__executed__pays_the_delivered_shares_at_once(scene, disputed, order):
    """Nobody waits for a grace that nobody needs."""
    state = disputed.settling(order)
    scene.send(disputed.settle(order))

    changed = disputed.changes_of(disputed.finalize(state).at(disputed.deadline))

    assert changed == paid(1_100, 200) | {"order_version": 0, "order_flags": 0}


@pytest.mark.parametrize("side", list(Side))
def test_finalize__one_side_defaulted__pays_its_alternative(scene, disputed, order, side):
    """[SET-04] The default is of the side that did not fund."""
    state = disputed.settling(order)
    end = order.fund_by + GRACE_S
    scene.send(disputed.fund(order, side), disputed.refund(order).at(end))

    changed = disputed.changes_of(disputed.finalize(state))

    shares = (400, 0) if side is Side.HIGH else (1_900, 300)
    assert changed == paid(*shares) | {"order_version": 0, "order_flags": 0}


@pytest.mark.parametrize(
    ("sides", "outcome", "shares"),
    [
        ((), Outcome.SPLIT, (1_200, 250)),
        ((Side.LOW,), Outcome.HIGH_DEFAULTED, (1_900, 300)),
        ((Side.HIGH,), Outcome.LOW_DEFAULTED, (400, 0)),
        ((Side.LOW, Side.HIGH), Outcome.DELIVERED, (1_100, 200)),
    ],
)
def test_finalize__order__emits_the_outcome(scene, disputed, order, sides, outcome, shares):
    end = order.fund_by + GRACE_S
    refunds = [disputed.refund(order).at(end)] if len(sides) == 1 else []
    for act in (*(disputed.fund(order, side) for side in sides), *refunds):
        scene.send(act)

    events = scene.events_of(disputed.finalize(disputed.settling(order)).at(end + 1))

    assert events == (finalized(scene, disputed, 5, outcome, *shares),)


def test_finalize__order_can_still_be_funded__is_refused(scene, disputed, order):
    """[SET-05] The grace may still be needed by a second funder."""
    end = order.fund_by + GRACE_S

    scene.assert_only_fails_for(
        lambda second: disputed.finalize(disputed.settling(order)).at(second),
        broken=end - 1,
        fixed=end,
        error=refusal("ConditionOpen", not_before=end),
    )
    scene.assert_only_fails_for(
        lambda before: [*before, disputed.finalize(disputed.settling(order)).at(end - 1)],
        broken=[],
        fixed=[disputed.settle(order)],
        error=refusal("ConditionOpen", not_before=end),
    )


def test_finalize__legs_are_locked__is_refused(scene, disputed, order):
    """[SET-06] They go back first."""
    end = order.fund_by + GRACE_S
    scene.send(disputed.fund(order, Side.LOW))

    scene.assert_only_fails_for(
        lambda before: [*before, disputed.finalize(disputed.settling(order)).at(end + 1)],
        broken=[],
        fixed=[disputed.refund(order).at(end)],
        error=refusal("LockOutstanding", order=hash_order(order)),
    )


def test_finalize__order_of_an_older_version__does_not_count(scene, opened, order):
    """[SET-04] Who failed an order that both have left behind is no defaulter of the next."""
    newer = opened.order(6, fund_by=order.fund_by)
    end = order.fund_by + GRACE_S
    scene.send(
        opened.settle(order),
        opened.challenge(opened.settling(newer)),
    )

    events = scene.events_of(opened.finalize(opened.settling(newer)).at(end))

    assert events == (finalized(scene, opened, 6, Outcome.SPLIT, 1_200, 250),)


# REFUSALS


def test_finalize__before_the_deadline__is_refused(scene, challenged):
    """[ADJ-10] The end is valid from the deadline on."""
    deadline = challenged.deadline

    scene.assert_only_fails_for(
        lambda second: challenged.finalize(challenged.operate(5)).at(second),
        broken=deadline - 1,
        fixed=deadline,
        error=refusal("DeadlineNotReached", deadline=deadline),
    )


def test_finalize__another_state__is_refused(scene, challenged):
    """[ADJ-14] Neither another content of the version nor another version."""
    want = challenged.operate(5)
    deadline = challenged.deadline

    for other in (replace(want, risk_hash=bytes(32)), challenged.operate(6)):
        scene.assert_only_fails_for(
            lambda state: challenged.finalize(state).at(deadline),
            broken=other,
            fixed=want,
            error=refusal("WrongDigest", have=hash_state(other), want=hash_state(want)),
        )


def test_finalize__never_opened__is_refused(scene, challenged):
    other = challenged.numbered(1)
    deadline = challenged.deadline

    scene.assert_only_fails_for(
        lambda papers: papers.finalize(papers.operate(5)).at(deadline),
        broken=other,
        fixed=challenged,
        error=refusal("WrongStatus", status=Status.NEW),
    )


def test_finalize__challenge_was_answered__is_refused(scene, challenged):
    """[ADJ-09] OPEN never ends by force."""
    deadline = challenged.deadline

    scene.assert_only_fails_for(
        lambda before: [
            *before,
            challenged.finalize(challenged.operate(5)).at(deadline),
        ],
        broken=[challenged.checkpoint(challenged.operate(6))],
        fixed=[],
        error=refusal("WrongStatus", status=Status.OPEN),
    )


def test_finalize__twice__is_refused(scene, challenged):
    """[ADJ-08] It pays once."""
    act = challenged.finalize(challenged.operate(5))
    deadline = challenged.deadline

    scene.assert_only_fails_for(
        lambda before: [*before, act.at(deadline + 1)],
        broken=[act.at(deadline)],
        fixed=[],
        error=refusal("WrongStatus", status=Status.IDLE),
    )
