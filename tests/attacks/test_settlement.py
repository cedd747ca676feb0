"""A peer who funds late, locks and lets go, runs an order twice, or keeps a secret."""

from dataclasses import replace

import pytest

from clearing.spec.types import EXECUTED, LOW_FUNDED, REFUNDED, Intent, Leg, Outcome, Side
from clearing.spec.units import DAY_S
from tests.attacks.duel import HOUR_S, PREIMAGE, STAKE, Duel, only_refused_for, refused

GRACE_S = DAY_S
LEG = 100
"""What each side delivers in the default order."""


@pytest.fixture
def ready(opened: Duel) -> Duel:
    """Open, and both ledgers hold what the default order moves, once."""
    opened.deposit(LEG)
    return opened


def outcome_of(duel: Duel, state: object) -> Outcome:
    """Finalize and return how the condition came out."""
    receipt = duel.finalize(state)  # type: ignore[arg-type]
    (event,) = [log for log in receipt.logs if log.event == "Finalized"]
    return Outcome(event.args[3])


# FRAMING


def test_fund__in_the_last_second__leaves_the_peer_its_grace(ready: Duel) -> None:
    """[SET-04] A last-second funder frames nobody: the second funder has a day more."""
    state, order = ready.order(2)
    ready.chain.warp(order.fund_by - 1)
    ready.fund(state, order, Side.LOW)
    deadline = ready.challenge(state)

    ready.chain.warp(order.fund_by + GRACE_S - 1)
    assert ready.now >= deadline
    with refused("LockOutstanding"):
        ready.finalize(state)
    ready.fund(state, order, Side.HIGH)

    assert outcome_of(ready, state) == Outcome.DELIVERED, "SET-04"
    assert ready.ledgers() == (1_100 + LEG, 900 + LEG)


def test_fund__after_fund_by__frames_nobody(ready: Duel) -> None:
    """[SET-04] The first funder must come before fundBy; the grace is the second's alone."""
    state, order = ready.order(2)
    ready.chain.warp(order.fund_by)

    for side in Side:
        with refused("FundingClosed", order.fund_by):
            ready.fund(state, order, side)
    with refused("FundingClosed", order.fund_by):
        ready.send("settle", state, order)
    ready.chain.warp(ready.challenge(state) + GRACE_S)
    assert outcome_of(ready, state) == Outcome.SPLIT, "SET-04"


def test_fund__by_the_second_after_its_grace__is_too_late(ready: Duel) -> None:
    """[SET-04] Who let the day of grace pass has defaulted, and cannot undo it."""
    state, order = ready.order(2)
    ready.fund(state, order, Side.LOW)
    until = order.fund_by + GRACE_S
    ready.chain.warp(until - 1)
    with ready.chain.isolated():
        ready.fund(state, order, Side.HIGH)
    ready.chain.warp(until)

    with refused("FundingClosed", until):
        ready.fund(state, order, Side.HIGH)
    ready.refund(order)
    ready.chain.warp(ready.challenge(state))
    assert outcome_of(ready, state) == Outcome.HIGH_DEFAULTED
    assert ready.ledgers() == (1_500 + LEG, 500 + LEG), "SET-03"


def test_settle__with_an_empty_ledger__defaults_nobody(opened: Duel) -> None:
    """[SET-04] A peer who drains its ledger before `settle` has only not funded: flags decide."""
    opened.deposit(LEG)
    state, order = opened.order(2)
    opened.vault.send("withdraw", opened.token.address, LEG, opened.high, sender=opened.high)

    with refused("InsufficientBalance", opened.high, opened.token.address, 0, LEG):
        opened.send("settle", state, order)
    opened.fund(state, order, Side.LOW)
    opened.chain.warp(order.fund_by + GRACE_S)
    opened.refund(order)
    opened.chain.warp(opened.challenge(state))

    assert outcome_of(opened, state) == Outcome.HIGH_DEFAULTED


@pytest.mark.parametrize("side", list(Side))
def test_fund__for_the_other_side__is_refused(ready: Duel, side: Side) -> None:
    """[ADJ-16] Neither the peer nor an outsider locks a broker's ledger."""
    state, order = ready.order(2)
    peer = ready.definition.broker(side.other)
    for thief in (peer, ready.keys[side.other].address, ready.outsider):
        only_refused_for(
            ready,
            ("NotThatSide", thief, side),
            honest=lambda: ready.fund(state, order, side),
            attack=lambda t=thief: ready.send("fundOrder", state, order, side, by=t),
        )


# LOCKS


def test_lock__left_behind_by_a_newer_version__goes_back_at_once(ready: Duel) -> None:
    """[SET-06] A newer order does not run over a lock; the lock does not wait for its time."""
    state, order = ready.order(2)
    newer, newer_order = ready.order(3)
    ready.fund(state, order, Side.LOW)
    for attack in (
        lambda: ready.send("settle", newer, newer_order),
        lambda: ready.fund(newer, newer_order, Side.HIGH),
    ):
        with refused("LockOutstanding"):
            attack()
    with refused("RefundTooEarly"):
        ready.refund(order)

    ready.send("checkpoint", newer)
    ready.refund(order)

    assert ready.ledgers() == (LEG, LEG), "SET-03"
    ready.send("settle", newer, newer_order)


@pytest.mark.parametrize("end", ["closeCooperative", "finalize", "resize"])
def test_lock__outstanding__stops_an_end(ready: Duel, end: str) -> None:
    """[SET-06] No end orphans a lock: it goes back first, and then the end runs."""
    state, order = ready.order(2)
    ready.fund(state, order, Side.LOW)
    if end == "finalize":
        ready.chain.warp(max(ready.challenge(state), order.fund_by + GRACE_S))

    def act() -> object:
        if end == "finalize":
            return ready.finalize(state)
        if end == "resize":
            nets = (STAKE - 1, STAKE)
            return ready.send("resize", ready.state(Intent.RESIZE, 3, nets=nets, out=(1, 0)))
        return ready.send("closeCooperative", ready.state(Intent.CLOSE, 3))

    ready.chain.warp(max(ready.now, order.fund_by + GRACE_S))
    with refused("LockOutstanding"):
        act()
    ready.refund(order)
    act()


def test_lock__outstanding__stops_a_reveal(ready: Duel) -> None:
    """[SET-06] The flags of a lock are not cleared by a hash lock of another version."""
    state, order = ready.order(2)
    locked = ready.hash_locked(3, ready.now + HOUR_S, revealed=2_000)
    with ready.chain.isolated():
        ready.send("reveal", locked, PREIMAGE)
    ready.fund(state, order, Side.LOW)

    with refused("LockOutstanding"):
        ready.send("reveal", locked, PREIMAGE)

    ready.send("checkpoint", locked)
    ready.refund(order)
    ready.send("reveal", locked, PREIMAGE)


def test_refund__with_another_orders_numbers__is_refused(ready: Duel) -> None:
    """[SET-03] What goes back is what was locked."""
    state, order = ready.order(2)
    ready.fund(state, order, Side.LOW)
    ready.chain.warp(order.fund_by + GRACE_S)
    bigger = replace(order, legs=(replace(order.legs[0], amount=10 * LEG), *order.legs[1:]))

    only_refused_for(
        ready,
        ("WrongOrder",),
        honest=lambda: ready.refund(order),
        attack=lambda: ready.refund(bigger),
    )


def test_refund__twice__is_refused(ready: Duel) -> None:
    """[SET-03] A lock goes back once."""
    state, order = ready.order(2)
    ready.fund(state, order, Side.LOW)
    ready.chain.warp(order.fund_by + GRACE_S)
    ready.refund(order)

    with refused("NoLock"):
        ready.refund(order)
    with refused("OrderFinished", LOW_FUNDED | REFUNDED):
        ready.fund(state, order, Side.HIGH)
    assert ready.ledgers() == (LEG, LEG)


# RUNNING TWICE


def test_settle__twice__is_refused(ready: Duel) -> None:
    """[SET-02] An order runs once, by whatever door."""
    ready.deposit(LEG)
    state, order = ready.order(2)
    ready.send("settle", state, order)

    with refused("OrderFinished", EXECUTED):
        ready.send("settle", state, order)
    for side in Side:
        with refused("OrderFinished", EXECUTED):
            ready.fund(state, order, side)
    with refused("NoLock"):
        ready.refund(order)


def test_settle__of_a_finished_order_after_a_later_one__is_refused(ready: Duel) -> None:
    """[SET-02] Clearing the flags for a newer order does not bring the old one back."""
    first, first_order = ready.order(2)
    second, second_order = ready.order(3)
    ready.send("settle", first, first_order)
    ready.send("settle", second, second_order)

    with refused("StaleVersion", 2, 3):
        ready.send("settle", first, first_order)


def test_settle__with_a_second_order_of_the_same_version__is_refused(ready: Duel) -> None:
    """[SET-02] Two orders signed under one version: only one of them ever runs."""
    token = ready.token.address
    state, order = ready.order(2)
    other, other_order = ready.order(2, Leg(token, True, 7))
    ready.fund(state, order, Side.LOW)

    with refused("LockOutstanding"):
        ready.send("settle", other, other_order)
    ready.fund(state, order, Side.HIGH)
    with refused("OrderFinished"):
        ready.send("settle", other, other_order)

    assert ready.ledgers() == (LEG, LEG), "SET-02"


def test_settle__paying_with_what_it_brings__is_refused(opened: Duel) -> None:
    """[SET-01] Debits come before credits, so an order cannot finance itself."""
    state, order = opened.order(2)
    opened.deposit(LEG, opened.low)

    with refused("InsufficientBalance", opened.high, opened.token.address, 0, LEG):
        opened.send("settle", state, order)
    assert opened.ledgers() == (LEG, 0), "SET-01"


def test_ledger__promised_to_two_orders__pays_one(opened: Duel) -> None:
    """[SET-01] The same units do not settle two channels."""
    twin = opened.again(nonce=1)
    twin.open()
    opened.deposit(LEG)
    one, two = opened.order(2), twin.order(2)
    with opened.chain.isolated():
        twin.fund(*two, Side.LOW)
    opened.fund(*one, Side.LOW)

    with refused("InsufficientBalance", opened.low, opened.token.address, 0, LEG):
        twin.fund(*two, Side.LOW)


# CONDITIONS


@pytest.mark.parametrize("kind", ["order", "hash lock"])
def test_condition__that_never_ends__does_not_reach_the_chain(opened: Duel, kind: str) -> None:
    """A signed condition keeps a channel undecided for 30 days at most, plus grace."""

    def state(expiry: int) -> object:
        if kind == "order":
            return opened.order(2, fund_by=expiry)[0]
        return opened.hash_locked(2, expiry, revealed=0)

    latest = opened.now + 30 * DAY_S
    for function in ("checkpoint", "challenge"):
        only_refused_for(
            opened,
            ("ConditionTooFar", latest + 1, latest),
            honest=lambda f=function: opened.send(f, state(latest), by=opened.low),
            attack=lambda f=function: opened.send(f, state(latest + 1), by=opened.low),
        )


def test_condition__undecided__keeps_the_end_waiting_no_longer_than_bounded(opened: Duel) -> None:
    """[ADJ-12] From a challenge to the payout: the deadline, or the condition's end and grace."""
    state, _ = opened.order(2, fund_by=opened.now + 30 * DAY_S)
    payable = state.condition.expiry + GRACE_S
    opened.challenge(state)
    opened.chain.warp(payable - 1)
    with refused("ConditionOpen", payable):
        opened.finalize(state)

    opened.chain.warp(payable)
    assert outcome_of(opened, state) == Outcome.SPLIT, "ADJ-12"


def test_reveal__copied_by_a_front_runner__helps_him_to_nothing(opened: Duel) -> None:
    """Whoever sends the preimage first, the same side is paid."""
    state = opened.hash_locked(2, opened.now + HOUR_S, revealed=1_900)
    opened.send("reveal", state, PREIMAGE, by=opened.outsider)

    with refused("AlreadyRevealed"):
        opened.send("reveal", state, PREIMAGE, by=opened.low)
    opened.chain.warp(opened.challenge(state))
    opened.finalize(state)

    assert opened.ledgers() == (1_900, 100)
    assert opened.vault.read("balanceOf", opened.outsider, opened.token.address) == 0


def test_reveal__wrong_or_late__is_refused(opened: Duel) -> None:
    state = opened.hash_locked(2, opened.now + HOUR_S, revealed=1_900)
    with opened.chain.isolated():
        opened.send("reveal", state, PREIMAGE)
    with refused("WrongPreimage", bytes(32)):
        opened.send("reveal", state, bytes(32))

    opened.chain.warp(state.condition.expiry)
    with refused("RevealTooLate", state.condition.expiry):
        opened.send("reveal", state, PREIMAGE)


def test_condition__touched_after_the_deadline__only_the_challenged_one_moves(ready: Duel) -> None:
    """Past the deadline a newer signed state cannot slip in through settle, fund or reveal."""
    challenged, order = ready.order(2, fund_by=ready.now + 3 * DAY_S)
    newer, newer_order = ready.order(3, fund_by=ready.now + 3 * DAY_S)
    secret = ready.hash_locked(3, ready.now + 3 * DAY_S, revealed=2_000)
    deadline = ready.challenge(challenged)
    ready.chain.warp(deadline)

    for attack in (
        lambda: ready.send("settle", newer, newer_order),
        lambda: ready.fund(newer, newer_order, Side.HIGH),
        lambda: ready.send("reveal", secret, PREIMAGE),
    ):
        with refused("WrongDigest"):
            attack()
    ready.send("settle", challenged, order)

    assert ready.view()[2:4] == (2, deadline)
    assert outcome_of(ready, challenged) == Outcome.DELIVERED


def test_state__conditional__is_not_ended_while_undecided(opened: Duel) -> None:
    """[SET-05] The hash lock's holder keeps every second that the lock promised."""
    state = opened.hash_locked(2, opened.now + 5 * DAY_S, revealed=2_000)
    opened.chain.warp(opened.challenge(state, by=opened.high))
    with refused("ConditionOpen", state.condition.expiry):
        opened.finalize(state)

    opened.chain.warp(state.condition.expiry - 1)
    opened.send("reveal", state, PREIMAGE)
    opened.finalize(state)

    assert opened.ledgers() == (2_000, 0), "SET-05"
