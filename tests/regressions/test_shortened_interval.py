"""A premium that began in a late one of several shortened intervals was not charged."""

import pytest

from clearing.spec.perp_funding import FundingTerms, ticked
from clearing.spec.perp_types import Funding, Premium
from clearing.spec.perp_units import PICO
from clearing.spec.units import WAD
from tests.property.perp_scenes import NOW, plain, word_of_funding, word_of_premium

MINUTES_15 = 900
TERMS = FundingTerms(3_000 * WAD, True, False, 1, 10_000, MINUTES_15)
FULL = 300 * 300 * PICO // 100
"""What 1 % that fades gathers in all, times 600."""


def tick(premium: Premium, now: int):
    """Return what a market that was last charged at NOW becomes, on both sides."""
    funding = Funding(0, 0, NOW, 0)
    after, rest, count = ticked(funding, premium, TERMS, now)
    words = word_of_funding(funding), word_of_premium(premium)
    got = plain("PlainPremium").read("ticked", *words, TERMS, now)
    return got, (word_of_funding(after), word_of_premium(rest), count), after


@pytest.mark.parametrize("late", [0, 1, 2, 3, 10, 22])
def test_ticked__a_premium_of_a_late_interval__is_charged(late: int) -> None:
    """1 % that fades over 300 s: 15,000 pico · s · 10^6, by 3,600 s, of 3,000 USD."""
    at = NOW + late * MINUTES_15 + 100
    premium = Premium(PICO // 100, at, 0, at, 0, 0, 0)

    got, expected, after = tick(premium, NOW + 32 * MINUTES_15)

    assert got == expected
    assert after.f_long == 3_000 * FULL // 600 // 3_600 - 1  # the rate's last digit is cut off
    assert after.rate == 0


def test_ticked__a_premium_beyond_the_cap__is_not_charged() -> None:
    at = NOW + 24 * MINUTES_15
    got, expected, after = tick(Premium(PICO // 100, at, 0, at, 0, 0, 0), NOW + 32 * MINUTES_15)

    assert got == expected
    assert after.f_long == 0


def test_ticked__the_newest_interval_beyond_the_cap__has_no_rate() -> None:
    """The 24th is charged, the 25th is the newest."""
    at = NOW + 23 * MINUTES_15
    premium = Premium(PICO // 100, at, 0, at, 0, 0, 0)

    for intervals, has_rate in ((24, True), (25, False)):
        got, expected, after = tick(premium, NOW + intervals * MINUTES_15)
        assert got == expected
        assert after.f_long > 0
        assert (after.rate > 0) == has_rate
