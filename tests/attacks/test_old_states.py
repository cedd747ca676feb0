"""A broker who shows what is no longer true: stale states, other lives, late hands."""

from dataclasses import replace

import pytest

from clearing.spec.types import Intent, Status
from clearing.spec.units import DAY_S
from tests.attacks.duel import HOUR_S, STAKE, Duel, only_refused_for, refused


def test_challenge__with_an_old_state__costs_the_cheat_only_gas(opened: Duel) -> None:
    """[ADJ-14] The latest state answers it, and from then on the old one is refused."""
    old, latest = opened.operate(2, low=1_900), opened.operate(3, low=100)
    opened.challenge(old)

    opened.send("checkpoint", latest)

    assert opened.status == Status.OPEN
    with refused("StaleVersion", 2, 3):
        opened.challenge(old)
    deadline = opened.challenge(latest, by=opened.high)
    opened.chain.warp(deadline)
    opened.finalize(latest)
    assert opened.ledgers() == (100, 1_900), "ADJ-14"


def test_challenge__raised_by_the_cheat__does_not_buy_time(opened: Duel) -> None:
    """[ADJ-11] Each higher old state moves the version, never the deadline."""
    first = opened.challenge(opened.operate(2))
    for version in (3, 4, 5):
        opened.chain.warp(opened.now + HOUR_S)
        assert opened.challenge(opened.operate(version)) == first, "ADJ-11"


def test_state__replayed_after_the_channel_reopened__is_refused(opened: Duel) -> None:
    """[ADJ-18] A life's states die with its epoch, whatever their version."""
    rich = opened.operate(50, low=2_000)
    opened.send("closeCooperative", opened.state(Intent.CLOSE, 99))
    opened.epoch = 1
    opened.open()

    only_refused_for(
        opened,
        ("WrongEpoch", 0, 1),
        honest=lambda: opened.challenge(opened.operate(50, low=2_000)),
        attack=lambda: opened.challenge(rich),
    )


def test_open__replayed_after_the_end__is_refused(opened: Duel) -> None:
    """[ADJ-08] The signed opening is good once: nobody pulls an allowance with it again."""
    opening = opened.state(Intent.OPEN, 1)
    with refused("WrongStatus", Status.OPEN):
        opened.send("open", opening)
    opened.send("closeCooperative", opened.state(Intent.CLOSE, 2))

    only_refused_for(
        opened,
        ("WrongEpoch", 0, 1),
        honest=lambda: opened.send("open", replace(opening, epoch=1)),
        attack=lambda: opened.send("open", opening),
    )


def test_state__of_a_twin_channel__is_refused(opened: Duel) -> None:
    """[ADJ-18] Same brokers, keys and assets, another nonce: a state serves one channel."""
    twin = opened.again(nonce=1)
    twin.open()

    only_refused_for(
        opened,
        ("WrongChannel", twin.id, opened.id),
        honest=lambda: opened.send("checkpoint", opened.operate(2)),
        attack=lambda: opened.send("checkpoint", twin.operate(2)),
    )


@pytest.mark.parametrize("late_s", [0, 1])
def test_respond__from_the_deadline_on__is_too_late(opened: Duel, late_s: int) -> None:
    """[ADJ-10] The last second to answer is deadline - 1; a watcher must not count on more."""
    deadline = opened.challenge(opened.operate(2, low=1_900))
    answer = opened.operate(3, low=100)
    opened.chain.warp(deadline - 1)
    with opened.chain.isolated():
        opened.send("checkpoint", answer)
    opened.chain.warp(deadline + late_s)

    for function in ("checkpoint", "challenge"):
        with refused("DeadlinePassed", deadline):
            opened.send(function, answer, by=opened.high)
    with refused("DeadlinePassed", deadline):
        opened.send("resize", opened.state(Intent.RESIZE, 3, valid_for=HOUR_S))


def test_finalize__a_second_early__is_refused(opened: Duel) -> None:
    """[ADJ-10] The challenger cannot end while the peer may still answer."""
    state = opened.operate(2, low=1_900)
    deadline = opened.challenge(state)
    opened.chain.warp(deadline - 1)
    with refused("DeadlineNotReached", deadline):
        opened.finalize(state)

    opened.chain.warp(deadline)
    opened.finalize(state)


def test_finalize__with_a_better_state_than_the_challenged__is_refused(opened: Duel) -> None:
    """Past the deadline nobody swaps the state that ends the channel."""
    challenged, better = opened.operate(2, low=1_000), opened.operate(3, low=2_000)
    deadline = opened.challenge(challenged)
    opened.chain.warp(deadline)

    only_refused_for(
        opened,
        ("WrongDigest",),
        honest=lambda: opened.finalize(challenged),
        attack=lambda: opened.finalize(better),
    )


def test_close__offer_that_has_run_out__is_refused(opened: Duel) -> None:
    """A CLOSE kept in a drawer cannot end the channel over newer trades once it has run out."""
    offer = opened.state(Intent.CLOSE, 2, split=(2_000, 0))

    opened.chain.warp(offer.valid_until - 1)
    with opened.chain.isolated():
        opened.send("closeCooperative", offer)
    opened.chain.warp(offer.valid_until)
    with refused("StateExpired", offer.valid_until):
        opened.send("closeCooperative", offer)
    with refused("WrongIntent", Intent.CLOSE):
        opened.challenge(offer)


# RESIZE


def shrunk(duel: Duel, version: int, low: int = STAKE) -> object:
    """Return a RESIZE that takes 100 out for each side."""
    return duel.state(
        Intent.RESIZE,
        version,
        nets=(STAKE - 100, STAKE - 100),
        split=(low - 100, 2 * STAKE - low - 100),
        out=(100, 100),
    )


def test_resize__replayed__is_refused(opened: Duel) -> None:
    """[ADJ-23] What it takes out leaves once."""
    state = shrunk(opened, 2)
    opened.send("resize", state)
    assert opened.ledgers() == (100, 100)

    with refused("StaleVersion", 2, 3):
        opened.send("resize", state)

    assert opened.ledgers() == (100, 100), "ADJ-23"


def test_resize__skipped_or_run__pays_both_the_same(opened: Duel) -> None:
    """[ADJ-23] A peer who withholds a RESIZE, or runs it at a bad moment, changes no wealth."""
    resize = shrunk(opened, 2, low=1_300)
    after = opened.state(Intent.OPERATE, 3, nets=(900, 900), split=(1_200, 600))
    wealth = []
    for is_run in (True, False):
        with opened.chain.isolated():
            if is_run:
                opened.send("resize", resize)
            opened.chain.warp(opened.challenge(after))
            opened.finalize(after)
            wealth.append(opened.ledgers())

    assert wealth == [(1_300, 700), (1_300, 700)], "ADJ-23"


def test_resize__made_unrunnable_by_a_checkpoint__is_refused(opened: Duel) -> None:
    """While a RESIZE can run nobody may enforce its version without paying it."""
    state = shrunk(opened, 2)
    with refused("StateNotExpired", state.valid_until):
        opened.send("checkpoint", state, by=opened.high)

    opened.send("resize", state)


def test_resize__run_out__still_ends_the_channel_fairly(opened: Duel) -> None:
    """[ADJ-24] It stays challengeable after its time, and pays what it would have paid."""
    state = shrunk(opened, 2, low=1_300)
    opened.chain.warp(state.valid_until)
    with refused("StateExpired", state.valid_until):
        opened.send("resize", state)

    opened.chain.warp(opened.challenge(state, by=opened.high))
    opened.finalize(state)

    assert opened.ledgers() == (1_300, 700), "ADJ-24"


def test_resize__of_more_than_is_left__is_refused(opened: Duel) -> None:
    """Colluding brokers sign what they like: more than their nets never leaves."""
    greedy = opened.state(Intent.RESIZE, 2, nets=(STAKE, 0), split=(STAKE, 0), out=(STAKE, 0))

    only_refused_for(
        opened,
        ("Unenforceable", 0),
        honest=lambda: opened.send("resize", shrunk(opened, 2)),
        attack=lambda: opened.send("resize", greedy),
    )


def test_watcher__days_later__finds_the_same_rules(opened: Duel) -> None:
    """An open channel does not age: without a challenge the latest state waits for ever."""
    opened.chain.warp(opened.now + 1_000 * DAY_S)
    opened.send("checkpoint", opened.operate(2, low=7))
    assert opened.view()[2] == 2
