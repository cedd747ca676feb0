"""book, by a module that holds the lock: legs balance, accounts exist, the market is told."""

import pytest

from tests.harness.perp import ETH, FEES, LOT, usd
from tests.unit.perp_engine.scene import (
    MATCH_KIND,
    NO_SAMPLE,
    REDUCE,
    RESOLUTION_KIND,
    SETTLE,
    VAULT_KIND,
    assert_only_fails_for,
    deaf,
    in_lock,
    module,
    refusal_of,
    told,
)

QUOTE = 30_000 * 10**12
"""Pico: 10 ETH at 3,000."""
TEN = 10 * LOT


@pytest.fixture
def pair(rig):
    """Two accounts with 100,000 USD each."""
    return rig.trader("maker", 100_000)[0], rig.trader("taker", 100_000)[0]


@pytest.fixture
def makers(rig):
    """A module for each kind."""
    return [module(rig, kind + 1) for kind in range(4)]


@pytest.fixture
def settler(makers):
    return makers[MATCH_KIND]


def legs(pair, size=TEN, quote=QUOTE, *, fee=0, cash=0, off=(0, 0, 0)):
    """Return both sides of a trade, the second one off by this much."""
    buyer, seller = pair
    return [
        (buyer, size, -quote, fee, -cash, True),
        (seller, -size + off[0], quote + off[1], fee, cash + off[2], True),
    ]


def booking(rig, by, both, *, market=ETH, kind=MATCH_KIND, sample=NO_SAMPLE):
    return lambda: in_lock(rig, by, ("book", (market, both, sample, kind)))


def test_book__two_sides__move_sizes_quotes_and_fees(rig, pair, settler):
    buyer, seller = pair

    receipt = booking(rig, settler, legs(pair, fee=6 * 10**12))()

    assert (rig.size(buyer, ETH), rig.size(seller, ETH)) == (TEN, -TEN)
    assert rig.cash(buyer) == rig.cash(seller) == usd(99_994)
    assert told(receipt, rig.engine) == (
        ("Booked", (ETH, buyer, TEN, -QUOTE, 6 * 10**12, -usd(6), MATCH_KIND)),
        ("Booked", (ETH, seller, -TEN, QUOTE, 6 * 10**12, -usd(6), MATCH_KIND)),
    )
    rig.engine.send("collectFees", ETH, sender=rig.roles.outsider)
    assert rig.cash(FEES) == usd(12)


@pytest.mark.parametrize("off", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, 2, -3)])
def test_book__legs_that_do_not_balance__are_refused(rig, pair, makers, off):
    by = makers[RESOLUTION_KIND]
    assert_only_fails_for(
        rig,
        lambda off: booking(rig, by, legs(pair, off=off), kind=RESOLUTION_KIND),
        broken=off,
        fixed=(0, 0, 0),
        error=("LegsUnbalanced", off),
    )


def test_book__an_account_that_nobody_made__is_refused(rig, pair, settler):
    buyer, seller = pair
    assert_only_fails_for(
        rig,
        lambda other: booking(rig, settler, legs((buyer, other))),
        broken=seller + 1,
        fixed=seller,
        error=("UnknownAccount", (seller + 1,)),
    )


def test_book__a_market_that_nobody_added__is_refused(rig, pair, settler):
    assert_only_fails_for(
        rig,
        lambda market: booking(rig, settler, legs(pair), market=market),
        broken=2,
        fixed=ETH,
        error=("UnknownMarket", (2,)),
    )


def test_book__a_size_beyond_its_bits__is_refused(rig, pair, makers):
    """[PERP-47] It reverts and never wraps."""
    assert_only_fails_for(
        rig,
        lambda size: booking(
            rig, makers[3], [(a, s, q, 0, 0, False) for a, s, q, *_ in legs(pair, size, 1)], kind=3
        ),
        broken=2**71,
        fixed=10**12,
        error=("SafeCastOverflowedIntDowncast", (72, 2**71)),
    )


def test_book__settlements_paused__refuses_matches_alone(rig, pair, makers):
    rig.admin.send("setPause", ETH, SETTLE, sender=rig.roles.timelock)
    assert_only_fails_for(
        rig,
        lambda kind: booking(rig, makers[kind], legs(pair), kind=kind),
        broken=MATCH_KIND,
        fixed=VAULT_KIND,
        error=("Paused", (ETH, SETTLE)),
    )


def test_book__resolution__is_forbidden_by_nothing(rig, pair, makers, settler):
    by = makers[RESOLUTION_KIND]
    rig.admin.send("setPause", ETH, 63, sender=rig.roles.timelock)
    deaf(rig, ETH)
    unjudged = [(*leg[:5], False) for leg in legs(pair)]
    assert refusal_of(booking(rig, settler, legs(pair)))[0] == "Paused"

    booking(rig, by, unjudged, kind=RESOLUTION_KIND)()

    assert rig.size(pair[0], ETH) == TEN


def test_book__signed_reductions__ask_less_of_the_feed_than_the_vaults(rig, pair, makers, settler):
    """Frozen: traders still close against each other, at prices of their own."""
    booking(rig, settler, legs(pair))()
    deaf(rig, ETH)
    back = legs(pair, -5 * LOT, -QUOTE // 2)
    assert_only_fails_for(
        rig,
        lambda kind: booking(rig, makers[kind], back, kind=kind),
        broken=VAULT_KIND,
        fixed=MATCH_KIND,
        error=("FeedForbids", (ETH, 0, 0)),
    )


def test_book__reductions_paused__refuses_matches_that_reduce(rig, pair, settler):
    booking(rig, settler, legs(pair))()
    rig.admin.send("setPause", ETH, REDUCE | 4, sender=rig.roles.timelock)
    assert_only_fails_for(
        rig,
        lambda size: booking(rig, settler, legs(pair, size, size * 300 * 10**5)),
        broken=-LOT,
        fixed=LOT,
        error=("Paused", (ETH, REDUCE | 4)),
    )


def test_book__a_sample__is_clamped_and_weighed(rig, pair, settler):
    """5 % is beyond premCap of 2.5 %; 250,000 USD of an impact of 100,000 weigh 2.5."""
    sample = (5 * 10**10, usd(250_000))

    receipt = booking(rig, settler, legs(pair), sample=sample)()

    expected = ("PremiumSampled", (ETH, 25 * 10**9, 2_500_000))
    assert told(receipt, rig.engine)[-1] == expected


def test_book__a_sample_under_the_least_position__says_nothing(rig, pair, settler):
    events = [
        [name for name, _ in told(booking(rig, settler, legs(pair), sample=(1, wad))(), rig.engine)]
        for wad in (usd(10) - 1, usd(10))
    ]

    assert events == [["Booked"] * 2, ["Booked"] * 2 + ["PremiumSampled"]]
