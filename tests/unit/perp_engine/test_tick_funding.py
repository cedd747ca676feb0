"""tickFunding and collectFees: what anybody may bring up to date."""

import pytest

from tests.harness.perp import BTC, ETH, FEES, LOT, usd
from tests.unit.perp_engine.scene import FUNDING, assert_only_fails_for, fresh, refusal_of, told

HOUR = 3_600
FUNDING_AT, PREMIUM_AT, OI_AT, PI_AT = 1, 2, 3, 7
"""Places in a Context."""
INDEX_BITS = 88

EMA = 15_003_750
"""Pico. The vault's sample of the first 10 ETH: K / S = 10 / 100,000 = 10^8 pico, of weight
30,007.50 / 100,000 = 0.300075. It joins with alpha = 0.300075 · ½ (the anchor is long past)."""
INTEGRAL = EMA * 90_000
"""∫π over its 300 s of fading, in pico · s · 600: 600 · 300 - 300²."""
RATE_WAD = INTEGRAL * 10**6 // (600 * HOUR * 24)
CHARGE = RATE_WAD * usd(3_000) // 10**24
"""Pico for each unit."""


def funding_of(rig, market):
    """Return the funding word's parts: both indices, its time, its rate; and the premium's ema."""
    context = rig.engine.read("peekContext", 0, market)
    word = context[FUNDING_AT]

    def signed(at, bits):
        part = word >> at & (1 << bits) - 1
        return part - (1 << bits) if part >> bits - 1 else part

    return signed(0, 88), signed(88, 88), word >> 176 & 2**40 - 1, signed(216, 40)


@pytest.fixture
def skewed(rig, trader):
    """10 ETH long against the vault, an hour ago; the sources have just spoken."""
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    rig.wait(HOUR)
    fresh(rig)
    return account, owner


def tick(rig, market=ETH):
    return rig.engine.send("tickFunding", market, sender=rig.roles.outsider)


def test_tick_funding__after_an_hour__charges_both_indices_the_same(rig, skewed):
    """[PERP-15] Longs pay when mark > index: the indices rise."""
    started = rig.chain.now - HOUR
    assert (RATE_WAD, CHARGE) == (26_048_177_083, 78_144_531)

    receipt = tick(rig)

    assert funding_of(rig, ETH) == (CHARGE, CHARGE, started + HOUR, RATE_WAD // 10**6), (
        "PERP-15: funding is zero-sum between the sides, its sign the premium's"
    )
    expected = ("FundingTicked", (ETH, CHARGE, CHARGE, RATE_WAD // 10**6, 1))
    assert told(receipt, rig.engine) == (expected,)


def test_tick_funding__traders_short__is_the_mirror_image(rig, trader):
    """[PERP-15] A sale brings less than a purchase costs, so its sample weighs less.

    10 · 2,999.7 · 0.9999 · 0.99995 = 29,992.500... -> 299,925.
    """
    account, owner = trader
    rig.trade(account, owner, ETH, -10 * LOT)
    rig.wait(HOUR)
    fresh(rig)
    ema = 10**8 * 299_925 // (2 * 10**6)
    rate_wad = ema * 90_000 * 10**6 // (600 * HOUR * 24)
    charge = rate_wad * usd(3_000) // 10**24

    tick(rig)

    long, short, _, rate = funding_of(rig, ETH)
    assert (long, short, rate) == (-charge, -charge, -(rate_wad // 10**6)), (
        "PERP-15: shorts pay while mark < index"
    )
    assert charge > 0


def test_tick_funding__a_long__pays_what_the_vault_receives(rig, skewed):
    """[PERP-15] owed = ceil(10^9 lots · ΔF / 100) = 781,445,310,000,000 wei, the vault -(that)."""
    account, owner = skewed
    cash, vault = rig.cash(account), rig.cash(0)
    tick(rig)
    owed = -(-10 * LOT * CHARGE // 100)

    receipt = rig.trade(account, owner, ETH, LOT)

    booked = {values[1]: values for name, values in told(receipt) if name == "Booked"}
    fee = booked[account][4] * 10**6
    assert rig.cash(account) == cash - owed - fee, "PERP-15: the long pays"
    assert rig.cash(0) == vault + owed, "PERP-15: the vault, short, receives as much"


def test_tick_funding__before_the_hour_is_over__does_nothing(rig, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    rig.wait(HOUR - 1)
    fresh(rig)
    before = rig.everything()

    receipt = tick(rig)

    assert told(receipt, rig.engine) == ()
    assert rig.everything() == before
    rig.wait(1)
    assert len(told(tick(rig), rig.engine)) == 1


def test_tick_funding__an_hour_without_trades__charges_nothing(rig):
    rig.wait(HOUR)
    fresh(rig)

    receipt = tick(rig)

    assert told(receipt, rig.engine) == (("FundingTicked", (ETH, 0, 0, 0, 1)),)


def test_tick_funding__many_hours_at_once__equal_each_in_its_turn(rig, skewed):
    """[PERP-16] Nothing depends on a keeper."""
    with rig.chain.isolated():
        for _ in range(5):
            tick(rig)
            rig.wait(HOUR)
            fresh(rig)
        tick(rig)
        one_by_one = rig.everything()
    for _ in range(5):
        rig.wait(HOUR)
        fresh(rig)

    receipt = tick(rig)

    # the newest interval's rate, 0, is the same too
    assert rig.everything() == one_by_one, "PERP-16: skipping ticks changes nothing"
    assert told(receipt, rig.engine) == (("FundingTicked", (ETH, CHARGE, CHARGE, 0, 6)),)


def test_tick_funding__a_pause__charges_what_was_before_it_and_nothing_within(rig, skewed):
    """[PERP-30] FUNDING stops funding, and no trade."""
    account, owner = skewed
    rig.admin.send("setPause", ETH, FUNDING, sender=rig.roles.timelock)
    assert funding_of(rig, ETH)[0] == CHARGE
    rig.trade(account, owner, ETH, 10 * LOT)
    rig.wait(HOUR)
    fresh(rig)
    started = rig.chain.now - HOUR

    rig.admin.send("setPause", ETH, 0, sender=rig.roles.timelock)

    assert funding_of(rig, ETH) == (CHARGE, CHARGE, started + HOUR, 0)


def test_tick_funding__sources_that_say_nothing__charge_the_last_rate_again(rig, skewed):
    """At the last good price, 3,000: zero would let the payer choose when to tick."""
    tick(rig)
    rate = RATE_WAD // 10**6
    again = rate * 10**6 * usd(3_000) // 10**24
    rig.aggregators[ETH].says("latestRoundData()", b"")
    rig.wait(2 * HOUR)

    receipt = tick(rig)

    total = CHARGE + 2 * again
    assert told(receipt, rig.engine) == (("FundingTicked", (ETH, total, total, rate, 2)),)


def test_tick_funding__a_market_that_nobody_added__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda market: lambda: tick(rig, market),
        broken=2,
        fixed=BTC,
        error=("UnknownMarket", (2,)),
    )


# FEES


def collect(rig, market=ETH):
    return rig.engine.send("collectFees", market, sender=rig.roles.outsider)


def test_collect_fees__after_a_trade__moves_the_fee_to_account_three(rig, trader):
    """0.05 % of 30,007.500600015 USD, up to the pico."""
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    fee = -(-30_007_500_600_015_000 * 500 // 10**6)
    assert fee == 15_003_750_300_008

    receipt = collect(rig)

    assert rig.cash(FEES) == fee * 10**6
    assert told(receipt) == (("FeesCollected", (ETH, fee)),)


def test_collect_fees__again__moves_nothing(rig, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    collect(rig)
    before = rig.everything()

    receipt = collect(rig)

    assert told(receipt) == (("FeesCollected", (ETH, 0)),)
    assert rig.everything() == before


def test_collect_fees__another_market__leaves_this_ones_fees(rig, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)

    collect(rig, BTC)

    assert rig.cash(FEES) == 0


def test_collect_fees__a_market_that_nobody_added__is_refused(rig):
    collect(rig, BTC)

    assert refusal_of(lambda: collect(rig, 2)) == ("UnknownMarket", (2,))
