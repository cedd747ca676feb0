"""The ring against a brute-force integrator that remembers everything."""

import itertools
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from clearing.spec.oracle_ring import CAPACITY, EMPTY_RING, SPACING_S, record, slots_of, twap
from tests.harness.prices import NOW

GAP_S = 600
HIGHEST = 7 * 10**28
"""The greatest sane price, WAD."""

# steps below, at and above the spacing, and beyond a gap; one in a second, and whole laps
gaps = st.sampled_from((0, 1, 29, 30, 31, 600, 601)) | st.integers(0, 1_000)
prices = st.sampled_from((1, HIGHEST)) | st.integers(1, HIGHEST)
steps = st.lists(st.tuples(gaps, prices), min_size=1, max_size=40)
laps = st.integers(0, 2**32).map(
    lambda seed: [(rng.randint(0, 90), rng.randint(1, HIGHEST)) for rng in [Random(seed)] * 300]
)


def play(moments):
    """Record each price after its gap; return the ring, all that it took, and the time."""
    ring, taken, now = EMPTY_RING, [], NOW
    for gap, price in moments:
        now += gap
        ring, is_written = record(ring, now, price, GAP_S)
        if is_written:
            taken.append((now, price))
    return ring, taken, now


def in_force(taken, start, end):
    """Return (price, seconds) of each price that was in force in [start, end)."""
    ends = [at for at, _ in taken[1:]] + [end]
    return [
        (price, min(until, end) - max(at, start))
        for (at, price), until in zip(taken, ends, strict=True)
        if min(until, end) > max(at, start)
    ]


@given(steps | laps, st.integers(0, 900), st.sampled_from((1, 30, 60, 900, 3_600)))
@example([(0, 1), (30, HIGHEST)], 0, 30)
@example([(0, HIGHEST)], 3_600, 3_600)
def test_twap__any_prices__equals_brute_force_and_lies_within_them(moments, later, window_s):
    ring, taken, now = play(moments)
    now += later

    average = twap(ring, now, window_s)

    if ring.observations[0].at > now - window_s:
        assert average is None
        return
    weighed = in_force(taken, now - window_s, now)
    assert sum(seconds for _, seconds in weighed) == window_s
    total = sum(price * seconds for price, seconds in weighed)
    assert average == total // window_s, "ORA-10"
    used = [price for price, _ in weighed]
    assert min(used) <= average <= max(used), "ORA-10"


@given(laps)
def test_record__any_times__rise_by_the_spacing_and_fill_the_slots_in_turn(moments):
    ring, taken, _ = play(moments)
    times = [observation.at for observation in ring.observations]

    assert all(b - a >= SPACING_S for a, b in itertools.pairwise(times)), "ORA-12"
    assert len(times) == min(len(taken), CAPACITY) <= CAPACITY, "ORA-12"
    assert ring.head == (len(taken) - 1) % CAPACITY, "ORA-12"
    assert slots_of(ring)[ring.head] == ring.observations[-1]
    assert set(slots_of(ring)) == set(range(len(times)))


@given(steps)
def test_record__gap__is_the_last_one_longer_than_its_limit(moments):
    ring, taken, _ = play(moments)
    times = [at for at, _ in taken]
    ended = [b for a, b in itertools.pairwise(times) if b - a > GAP_S]

    assert ring.gap_at == (ended[-1] if ended else times[0])


@given(steps, prices)
def test_record__same_second__weighs_nothing(moments, price):
    ring, _, now = play(moments)

    again, is_written = record(ring, now, price, GAP_S)

    assert again == ring, "ORA-11"
    assert not is_written, "ORA-11"
