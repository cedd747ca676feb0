"""Pauses double and are forgotten; refusals are said once."""

from clearing.keeper.backoff import Backoff
from clearing.keeper.refusals import QUIET_S, Refusals

CALL = ("absorb", ("account:7",))


def pauses(backoff, count, *, now_s=0.0):
    """Try again whenever it may be; return the pauses, to a tenth of a second."""
    lengths = []
    for _ in range(count):
        backoff.again(7, now_s)
        began_s = now_s
        while backoff.holds(7, now_s):
            now_s = round(now_s + 0.1, 1)
        lengths.append(round(now_s - began_s, 1))
    return lengths


def test_again__each_time__waits_twice_as_long_up_to_the_longest():
    assert pauses(Backoff(0.5, 3.0), 5) == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_holds__somebody_else__is_not_held():
    backoff = Backoff(1, 8)

    backoff.again(7, 0)

    assert not backoff.holds(8, 0)


def test_keep__others__are_forgotten():
    backoff = Backoff(1, 8)
    backoff.again(7, 0)

    backoff.keep({8})

    assert not backoff.holds(7, 0)
    assert pauses(backoff, 1) == [1]


def test_forgive__before_the_pause_is_over_twice__waits_longer_the_next_time():
    early, late = Backoff(4, 60), Backoff(4, 60)
    for each, seen_s in ((early, 7.9), (late, 8.0)):
        each.again(7, 0)
        each.forgive(7, seen_s)

    assert pauses(early, 1, now_s=10.0) == [8]
    assert pauses(late, 1, now_s=10.0) == [4]


def test_is_news__the_same_error_with_other_numbers__is_said_once():
    refusals = Refusals()

    assert refusals.is_news(CALL, "NotAbsorbable(7, -1)", 0)
    assert not refusals.is_news(CALL, "NotAbsorbable(7, -2)", 1)
    assert refusals.is_news(CALL, "Paused(0, 4)", 2)
    assert not refusals.is_news(CALL, "NotAbsorbable(7, -3)", 3)
    assert refusals.is_news(("absorb", ("account:8",)), "Paused(0, 4)", 3)


def test_is_news__it_was_let_through_or_is_long_ago__is_said_again():
    refusals = Refusals()
    refusals.is_news(CALL, "Paused(0, 4)", 0)

    refusals.forget(CALL)
    assert refusals.is_news(CALL, "Paused(0, 4)", 1)
    assert not refusals.is_news(CALL, "Paused(0, 4)", QUIET_S)
    assert refusals.is_news(CALL, "Paused(0, 4)", 2 * QUIET_S)
