"""The oracle contract's average against a plain sum over every second.

The specification's ring is held against a brute force in tests/property/test_oracle_ring.py; here
it takes no part, and the contract is asked.
"""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from tests.harness.errors import Refused
from tests.harness.perp import ETH, FEEDS, PRICES_E8, deploy_perp
from tests.harness.revm import Revm
from tests.second.effort import FEW

E8_TO_WAD = 10**10
SPACING_S = 30
SLOTS = 128
LONGEST_S = 3_600
FEED = FEEDS[ETH]

GAPS = st.sampled_from((0, 1, 29, 30, 31, 60, 599, 601, 1_499)) | st.integers(0, 120)
MOVES_BPS = st.integers(-40, 40)
POKES = st.lists(st.tuples(GAPS, MOVES_BPS), min_size=1, max_size=60)
LAPS = st.lists(st.tuples(st.integers(25, 40), MOVES_BPS), min_size=140, max_size=180)
WINDOWS = st.sampled_from((1, 29, 30, 31, 900, 3_599, 3_600)) | st.integers(1, LONGEST_S)


@pytest.fixture(scope="module")
def rig():
    return deploy_perp(Revm())


class Seconds:
    """Every accepted price, and what a second's price was."""

    def __init__(self, rig):
        self.rig, self.e8 = rig, PRICES_E8[ETH]
        # listing takes the first one
        self.taken = [(rig.chain.now, self.e8 * E8_TO_WAD)]

    def poke(self, move_bps):
        """Let both sources say a price and poke; a ring takes one price in 30 seconds."""
        now = self.rig.chain.now
        self.e8 += self.e8 * move_bps // 10_000
        self.rig.set_price(ETH, self.e8)
        if now >= self.taken[-1][0] + SPACING_S:
            self.taken.append((now, self.e8 * E8_TO_WAD))

    def average(self, window):
        """Return Σ of each second's price over the window; None if it begins before all prices."""
        now, total, kept = self.rig.chain.now, 0, self.taken[-SLOTS:]
        if kept[0][0] > now - window:
            return None
        for second in range(now - window, now):
            while len(kept) > 1 and kept[1][0] <= second:
                kept = kept[1:]
            total += kept[0][1]
        return floor(Fraction(total, window))


def asked(rig, window):
    """Return what the contract says; None if it refuses."""
    try:
        return rig.oracle.read("twap", FEED, window)
    except Refused as refused:
        return None if refused.name == "TwapUnavailable" else refused


@FEW
@given(pokes=POKES | LAPS, later=st.integers(0, 900), window=WINDOWS)
@example(pokes=[(30, 40), (30, -40)] * 70, later=7, window=LONGEST_S)
@example(pokes=[(0, 0), (29, 40), (1, 40)], later=0, window=30)
def test_twap__any_pokes__contract_says_what_seconds_add_up_to(rig, pokes, later, window):
    with rig.chain.isolated():
        seconds = Seconds(rig)
        for gap, move_bps in pokes:
            rig.wait(gap)
            seconds.poke(move_bps)
        rig.wait(later)

        expected = seconds.average(window)
        assert asked(rig, window) == expected, "ORA-10"
        event("no average" if expected is None else "an average")
