"""Trades push the mark a second before somebody is liquidated, or buys from the backstop.

A sale of 0.75 % of the skew scale, once no sample came for 150 s, moves the mark by half of premCap
below the index. What liquidates, and what a position changes hands at, never follows it there: the
mark moves a LIQUIDATE value in favour of the account alone.
"""

import pytest

from tests.attacks.perp_stage import (
    FOR_LIQUIDATE,
    FOR_OPEN,
    PI_AT,
    TERMS,
    dollars,
    resolution_of,
)
from tests.harness.perp import BACKSTOP, ETH, LOT, PRICES_E8, deploy_perp
from tests.unit.perp_engine.scene import (
    NO_SAMPLE,
    RESOLUTION_KIND,
    RESOLUTION_ROLE,
    in_lock,
    module,
    refusal_of,
    set_market,
    told,
)

INDEX_E8 = PRICES_E8[ETH]
HI = 300_030 * 10**16
"""The favourable edge of the band: 1 / 10,000 above the index, wad."""


@pytest.fixture
def marked():
    """A rig with OP Sepolia's terms, and a function that lets two accounts meet at 3,000 USD."""
    rig = deploy_perp()
    set_market(rig, ETH, **TERMS, impactNotional=1_000, skewScale=2_000)
    by = module(rig, RESOLUTION_ROLE)

    def meet(long, short, units):
        size, quote = units * LOT, units * 3_000 * 10**12
        legs = [(long, size, -quote, 0, 0, False), (short, -size, quote, 0, 0, False)]
        in_lock(rig, by, ("book", (ETH, legs, NO_SAMPLE, RESOLUTION_KIND)))

    return rig, meet


def push(rig, pusher):
    """Sell 30 ETH to the vault; a second later the mark has moved by half of premCap."""
    rig.trade(*pusher, ETH, -30 * LOT)
    rig.wait(1)
    rig.say(ETH, INDEX_E8)
    assert rig.engine.read("peekContext", 0, ETH)[PI_AT] < -3_700 * 10**6


def test_mark__pushed_a_second_before__liquidates_nobody_who_is_healthy_at_the_index(marked):
    """[PERP-20] 100 ETH with 3.3 % of margin, of which 3 % are needed."""
    rig, meet = marked
    victim, other = rig.trader("victim", 9_900), rig.trader("other", 100_000)
    taker, pusher = rig.trader("taker", 100_000), rig.trader("pusher", 100_000)
    meet(victim[0], other[0], 100)

    def take():
        return rig.risk.send("liquidate", victim[0], ETH, taker[0], sender=taker[1].address)

    with rig.chain.isolated():
        # what the mark says, said by the index
        rig.wait(60)
        rig.set_price(ETH, INDEX_E8 * 99_625 // 100_000)
        take()
    health = rig.engine.read("healthOf", victim[0], FOR_LIQUIDATE)
    at_open = rig.engine.read("healthOf", victim[0], FOR_OPEN)[0]

    push(rig, pusher)

    assert refusal_of(take)[0] == "NotLiquidatable"
    assert rig.engine.read("healthOf", victim[0], FOR_LIQUIDATE) == health
    # it may be held against him where he would open, or take out
    assert rig.engine.read("healthOf", victim[0], FOR_OPEN)[0] < at_open - 1_000 * 10**18


def test_mark__pushed_a_second_before__buys_from_the_backstop_no_cheaper(marked):
    """100 ETH at the band's upper edge, pushed or not; who pushes pays for it."""
    rig, meet = marked
    other = rig.trader("other", 100_000)
    taker, pusher = rig.trader("taker", 100_000), rig.trader("pusher", 100_000)
    rig.fund(BACKSTOP, 50_000)
    meet(BACKSTOP, other[0], 100)
    resolution = resolution_of(rig)
    mine, theirs = dollars(rig, taker[0]), dollars(rig, BACKSTOP)

    def take():
        """Return the price that was paid, and what taker and backstop have won."""
        args = (ETH, 100 * LOT, taker[0])
        receipt = resolution.send("takeBackstop", *args, sender=taker[1].address)
        ((name, (*_, price, _)),) = told(receipt, resolution)
        assert name == "TakenBack"
        return price, dollars(rig, taker[0]) - mine, dollars(rig, BACKSTOP) - theirs

    with rig.chain.isolated():
        honest = take()
    start = dollars(rig, pusher[0])

    push(rig, pusher)
    pushed = take()
    rig.trade(*pusher, ETH, 30 * LOT)

    assert honest == pushed
    assert pushed[0] == HI
    assert dollars(rig, pusher[0]) < start
