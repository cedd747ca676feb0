"""Every predicate can say no: each is shown an accepted call, then the same one tampered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from clearing.spec.calls import (
    Challenge,
    Checkpoint,
    CloseCooperative,
    DepositCollateral,
    Finalize,
    FundOrder,
    Open,
    RefundOrder,
    Resize,
    Settle,
    WithdrawWithAuth,
)
from clearing.spec.events import Push
from clearing.spec.invariants import INVARIANTS, violated_in, violated_over
from clearing.spec.predicates import Step, owed
from clearing.spec.registry import Registry, release_slots
from clearing.spec.types import (
    HIGH_FUNDED,
    LOW_FUNDED,
    REFUNDED,
    AssetSplit,
    Intent,
    Outcome,
    Side,
    Status,
    WithdrawAuth,
)
from clearing.spec.units import DAY_S
from clearing.spec.vector_stage import (
    ADJUDICATOR,
    BROKER_HIGH,
    BROKER_LOW,
    CHANNEL,
    COIN,
    DOLLAR,
    ORDER,
    OUTSIDER,
    SETTLING,
    SIGNER_LOW,
    at,
    plain,
    stage,
    state,
)
from clearing.spec.world import Env, World

ON = stage()
ID = CHANNEL.channel_id
WEEK_S = 7 * DAY_S
EMPTY = Registry(ON.new.registry.yellow, ADJUDICATOR)


def _step(before: World, env: Env, call) -> Step:
    after, effects = call.apply(before, env)
    return Step(before, env, call, after, effects)


def _stored(world: World, **changes: object) -> World:
    return replace(world, channels={**world.channels, ID: replace(world.channels[ID], **changes)})


def _after(**changes: object) -> Callable[[Step], Step]:
    return lambda step: replace(step, after=_stored(step.after, **changes))


def _before(**changes: object) -> Callable[[Step], Step]:
    return lambda step: replace(step, before=_stored(step.before, **changes))


def _credited(broker, token, amount) -> Callable[[Step], Step]:
    def tampered(step: Step) -> Step:
        have = step.after.ledgers[broker, token]
        ledgers = {**step.after.ledgers, (broker, token): have + amount}
        return replace(step, after=replace(step.after, ledgers=ledgers))

    return tampered


def _paid_less(step: Step) -> Step:
    end, *others = step.effects
    first, *rest = end.credited
    shifted = replace(first, low=-1, high=first.low + first.high + 1)
    return replace(step, effects=(replace(end, credited=(shifted, *rest)), *others))


def _came_out(result: Outcome) -> Callable[[Step], Step]:
    def tampered(step: Step) -> Step:
        end, *others = step.effects
        return replace(step, effects=(replace(end, outcome=result), *others))

    return tampered


SMALLER = AssetSplit(10**10 - 5, 10**10, 9_500 * 10**6 - 5, 10_500 * 10**6, 5, 0)
RESIZE = state(3, Intent.RESIZE, splits=(SMALLER, state(3, Intent.RESIZE).state.splits[1]))
LOW, HIGH = at(5, BROKER_LOW), at(5, BROKER_HIGH)
AUTH = WithdrawAuth(BROKER_LOW, DOLLAR, OUTSIDER, 5, 7, at(60).now)

CHECKPOINT = _step(ON.challenged, at(5), Checkpoint(CHANNEL, state(3, Intent.OPERATE)))
CHALLENGE = _step(ON.open, LOW, Challenge(CHANNEL, state(2, Intent.OPERATE)))
RAISED = _step(ON.challenged, LOW, Challenge(CHANNEL, state(3, Intent.OPERATE)))
RESIZED = _step(ON.open, at(5), Resize(CHANNEL, RESIZE))
DEPOSITED = _step(ON.open, LOW, DepositCollateral(CHANNEL, DOLLAR, 9))
SETTLED = _step(ON.open, at(5), Settle(CHANNEL, SETTLING, ORDER))
FUNDED = _step(ON.open, LOW, FundOrder(CHANNEL, SETTLING, ORDER, Side.LOW))
REFUND = _step(ON.low_funded, at(2 * DAY_S), RefundOrder(CHANNEL, ORDER))
CLOSED = _step(ON.open, at(5), CloseCooperative(CHANNEL, state(5, Intent.CLOSE)))
ENDED = _step(ON.challenged, at(2 * DAY_S), Finalize(CHANNEL, plain(state(2, Intent.OPERATE))))
OPENED = _step(ON.new, at(0), Open(CHANNEL, state(1, Intent.OPEN)))
WITHDRAWN = _step(ON.open, at(5), WithdrawWithAuth(AUTH))


def _disputed_order() -> Step:
    world, _ = Challenge(CHANNEL, SETTLING).apply(ON.low_funded, LOW)
    world, _ = RefundOrder(CHANNEL, ORDER).apply(world, at(2 * DAY_S))
    return _step(world, at(WEEK_S), Finalize(CHANNEL, plain(SETTLING)))


DEFAULTED = _disputed_order()


def _without_lock(step: Step) -> Step:
    return replace(step, after=replace(step.after, locks={}))


def _late(step: Step) -> Step:
    return replace(step, env=at(WEEK_S))


def _early(step: Step) -> Step:
    return replace(step, env=at(5))


TAMPERED_STEPS = [
    ("ADJ-01", CLOSED, _credited(BROKER_LOW, DOLLAR, 1)),
    ("ADJ-02", ENDED, _before(nets=((1, 1),) * 8)),
    ("ADJ-03", ENDED, _paid_less),
    ("ADJ-04", ENDED, lambda step: replace(step, effects=(Push(DOLLAR, BROKER_LOW, 1),))),
    ("ADJ-05", CHECKPOINT, _after(enforced_version=2)),
    ("ADJ-05", RAISED, _after(enforced_version=2)),
    ("ADJ-05", CHALLENGE, _after(enforced_version=1)),
    ("ADJ-06", CLOSED, _after(epoch=0)),
    ("ADJ-06", CHECKPOINT, _after(epoch=1)),
    ("ADJ-08", CHECKPOINT, _after(enforced_version=2)),
    ("ADJ-09", CHALLENGE, _after(status=Status.IDLE)),
    ("ADJ-10", CHECKPOINT, _late),
    ("ADJ-10", ENDED, _early),
    ("ADJ-11", CHALLENGE, _after(deadline=at(6).now)),
    ("ADJ-11", RAISED, _after(deadline=at(6).now)),
    ("ADJ-11", CHECKPOINT, _after(deadline=1)),
    ("ADJ-15", CHALLENGE, lambda step: replace(step, env=at(5, OUTSIDER))),
    ("ADJ-16", CHECKPOINT, _credited(BROKER_HIGH, COIN, -1)),
    ("ADJ-16", FUNDED, lambda step: replace(step, env=at(5, OUTSIDER))),
    ("ADJ-16", DEPOSITED, lambda step: replace(step, env=at(5, SIGNER_LOW))),
    ("ADJ-18", CHECKPOINT, _before(epoch=1)),
    ("ADJ-21", WITHDRAWN, lambda step: replace(step, after=replace(step.after, spent=frozenset()))),
    ("ADJ-22", DEPOSITED, _after(nets=((0, 0),) * 8)),
    ("ADJ-23", RESIZED, _credited(BROKER_LOW, DOLLAR, 1)),
    ("ADJ-23", RESIZED, _after(nets=ON.open.channels[ID].nets)),
    ("SET-01", SETTLED, _credited(BROKER_HIGH, COIN, 1)),
    ("SET-01", FUNDED, _credited(BROKER_LOW, COIN, 1)),
    ("SET-02", SETTLED, _before(order_version=4, order_flags=LOW_FUNDED | REFUNDED)),
    ("SET-03", REFUND, _credited(BROKER_LOW, COIN, 1)),
    ("SET-03", REFUND, lambda step: replace(step, before=replace(step.before, locks={}))),
    ("SET-04", DEFAULTED, _came_out(Outcome.LOW_DEFAULTED)),
    ("SET-04", DEFAULTED, _before(order_flags=HIGH_FUNDED | REFUNDED)),
    ("SET-05", DEFAULTED, _early),
    (
        "SET-06",
        FUNDED,
        lambda step: replace(step, before=step.after, after=_without_lock(step).after),
    ),
    ("REG-03", OPENED, lambda step: replace(step, before=replace(step.before, registry=EMPTY))),
]

TAMPERED_WORLDS = [
    ("ADJ-01", ON.open, lambda world: replace(world, ledgers={(BROKER_LOW, DOLLAR): -1})),
    ("ADJ-06", ON.closed, lambda world: _stored(world, order_flags=LOW_FUNDED)),
    ("ADJ-07", ON.open, lambda world: _stored(world, enforced_version=0)),
    ("SET-06", ON.low_funded, lambda world: replace(world, locks={})),
    ("SET-06", ON.low_funded, lambda world: _stored(world, order=bytes(32))),
    (
        "REG-01",
        ON.open,
        lambda world: replace(
            world, registry=release_slots(world.registry, ADJUDICATOR, BROKER_LOW, BROKER_HIGH)
        ),
    ),
]


@pytest.mark.parametrize(("broken", "step", "tamper"), TAMPERED_STEPS)
def test_violated_over__tampered_step__names_the_invariant(broken, step, tamper):
    assert violated_over(step) == ()

    assert broken in violated_over(tamper(step))


@pytest.mark.parametrize(("broken", "world", "tamper"), TAMPERED_WORLDS)
def test_violated_in__tampered_world__names_the_invariant(broken, world, tamper):
    assert violated_in(world) == ()

    assert broken in violated_in(tamper(world))


def test_invariants__with_a_predicate__are_each_tampered_with_here():
    over = {broken for broken, _, _ in TAMPERED_STEPS}
    within = {broken for broken, _, _ in TAMPERED_WORLDS}

    assert over == {i.id for i in INVARIANTS if i.holds_over}
    assert within == {i.id for i in INVARIANTS if i.holds_in}


def test_invariants__ids__are_unique_and_counted_from_one():
    ids = [invariant.id for invariant in INVARIANTS]
    for area in {each.split("-")[0] for each in ids}:
        numbers = [int(each[-2:]) for each in ids if each.startswith(area)]
        assert numbers == list(range(1, len(numbers) + 1))


def test_owed__channel_open_and_lock_held__counts_ledgers_nets_and_locks():
    """Both paid 12,000 of each token in, and nothing has left."""
    assert owed(ON.low_funded) == owed(ON.new)
    assert owed(ON.low_funded)[DOLLAR] == 2 * 12_000 * 10**6
