"""The ring by worked numbers; tests/property compares it with a brute-force integrator."""

from dataclasses import replace

import pytest

from clearing.spec.oracle_ring import (
    CAPACITY,
    EMPTY_RING,
    cumulative_at,
    record,
    restarted,
    slots_of,
    twap,
)
from clearing.spec.oracle_types import Observation
from tests.harness.prices import NOW


def recorded(*steps, ring=EMPTY_RING, max_gap_s=600):
    for at, price in steps:
        ring, _ = record(ring, NOW + at, price, max_gap_s)
    return ring


def test_record__first__weighs_nothing():
    ring, is_written = record(EMPTY_RING, NOW, 100, 600)

    assert is_written
    assert ring.observations == (Observation(NOW, 100, 0),)
    assert (ring.head, ring.gap_at) == (0, NOW)
    assert cumulative_at(ring, NOW) == 0


def test_record__before_the_spacing__writes_nothing():
    ring = recorded((0, 100))

    assert record(ring, NOW + 29, 999, 600) == (ring, False)
    after, is_written = record(ring, NOW + 30, 130, 600)

    assert is_written
    assert after.observations[-1] == Observation(NOW + 30, 130, 3_000)


def test_record__gap__is_remembered_beyond_its_limit():
    assert recorded((0, 100), (600, 100)).gap_at == NOW
    assert recorded((0, 100), (601, 100)).gap_at == NOW + 601
    assert recorded((0, 100), (601, 100), (700, 100)).gap_at == NOW + 601


def test_record__full__overwrites_the_oldest():
    ring = recorded(*((30 * i, i + 1) for i in range(CAPACITY + 2)))

    assert len(ring.observations) == CAPACITY
    assert ring.observations[0].at == NOW + 60
    assert ring.head == 1
    assert slots_of(ring)[1] == ring.observations[-1]
    assert slots_of(ring)[2] == ring.observations[0]


def test_twap__each_price__weighs_its_seconds():
    """100 for 30 s, 130 for 60 s, 70 for 10 s: 11,500 over 100 s."""
    ring = recorded((0, 100), (30, 130), (90, 70))

    assert twap(ring, NOW + 100, 100) == 115
    assert twap(ring, NOW + 100, 10) == 70
    # from the middle of the second price: 130 for 40 s, 70 for 10 s: 5,900 over 50
    assert twap(ring, NOW + 100, 50) == 118


def test_twap__remainder__is_rounded_down():
    """100 for 30 s and 101 for 1 s: 3,101 over 31 s are 100.03."""
    assert twap(recorded((0, 100), (30, 101)), NOW + 31, 31) == 100
    assert twap(recorded((0, 101), (30, 100)), NOW + 31, 31) == 100


@pytest.mark.parametrize("window_s", [0, 101, 3_601])
def test_twap__out_of_reach__is_none(window_s):
    ring = recorded((0, 100))

    assert twap(ring, NOW + 100, 100) == 100
    assert twap(ring, NOW + 100, window_s) is None
    assert twap(EMPTY_RING, NOW, 100) is None


def test_twap__wrapped_sum__is_exact():
    """A sum beyond 2^120 starts at 0 again; differences do not notice."""
    ring = recorded((0, 2**95), (30, 2**95), (60, 2**95))
    shifted = replace(
        ring,
        observations=tuple(
            replace(o, cumulative=(o.cumulative - 2**99) % 2**120) for o in ring.observations
        ),
    )

    assert shifted.observations[-1].cumulative < shifted.observations[0].cumulative
    assert twap(shifted, NOW + 90, 90) == 2**95


def test_restarted__ring__keeps_what_it_holds():
    ring = recorded((0, 100), (30, 130))

    assert restarted(ring, NOW + 40).observations == ring.observations
    assert restarted(ring, NOW + 40).gap_at == NOW + 40


def test_cumulative_at__before_the_oldest__is_an_error():
    with pytest.raises(ValueError, match="does not reach back"):
        cumulative_at(recorded((0, 100)), NOW - 1)
