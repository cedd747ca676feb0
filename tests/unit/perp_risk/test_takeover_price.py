"""liquidate, where trades have pushed the mark: no price lies on the worse side of the index.

10 ETH at an index of 2,900, the premium at 1.25 % or so below it or above it: pushed against the
account it moves nothing, in its favour the LIQUIDATE value is about 36 USD away from the index.
Below zero a takeover at that value would leave a debt, and absorption is left to do it (PERP-48).
"""

import pytest

from tests.harness.errors import Refused
from tests.harness.perp import BTC, ETH, INSURANCE, LOT, usd
from tests.unit.perp_engine.scene import (
    FOR_LIQUIDATE,
    MATCH_KIND,
    PICO,
    WAD,
    deaf,
    in_lock,
    set_cash,
    told,
)

INDEX = 2_900 * WAD
HI, LO = 290_029 * 10**16, 289_971 * 10**16
"""The favourable band at the index: 1 / 10,000 on either side."""
TEN = 10 * LOT
PI_AT = 7
"""Place of the premium in a context."""
CAP = 25 * 10**9
"""Pico: the greatest sample."""
TICK = 10**14
SIDES = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


@pytest.fixture
def keeper(rig):
    return rig.trader("keeper", 1_000_000)


@pytest.fixture
def pushed(rig, trader):
    """Return a function: ten ETH of a side, with an equity at the LIQUIDATE value p; and p."""
    account, owner = trader
    pair = rig.trader("maker", 1_000_000)[0], rig.trader("taker", 1_000_000)[0]

    def push(side, equity, premium):
        rig.trade(account, owner, ETH, side * TEN)
        rig.wait(300)
        rig.set_price(ETH, INDEX // 10**10)
        quote = LOT * INDEX // TICK
        sides = [(pair[0], LOT, -quote, 0, 0, True), (pair[1], -LOT, quote, 0, 0, True)]
        sample = (premium, usd(10_000_000))
        in_lock(rig, rig.settler, ("book", (ETH, sides, sample, MATCH_KIND)))
        # from the next second on
        rig.wait(1)
        rig.set_price(ETH, INDEX // 10**10)
        have = rig.engine.read("healthOf", account, FOR_LIQUIDATE)[0]
        set_cash(rig, account, rig.cash(account) - have + equity)
        assert rig.engine.read("healthOf", account, FOR_LIQUIDATE)[0] == equity
        return account, value_of(rig, side)

    return push


def value_of(rig, side):
    """Return what one ETH counts at: liqHi · max(1, 1 + π) up, or liqLo · min(1, 1 + π) down."""
    pi = rig.engine.read("peekContext", 0, ETH)[PI_AT]
    return -(-HI * (PICO + max(0, pi)) // PICO) if side > 0 else LO * (PICO + min(0, pi)) // PICO


def liquidated(rig, account, keeper, side):
    """Liquidate; return the price that was said, of which the view spoke, and the pico paid."""
    id_, owner = keeper
    lots, price, penalty = rig.risk.read("preview", account, ETH)
    assert (lots, penalty) == (side * TEN, 0)
    before = rig.cash(INSURANCE)

    receipt = rig.risk.send("liquidate", account, ETH, id_, sender=owner.address)

    expected = ("Liquidated", (account, ETH, id_, side * TEN, price, 0))
    assert told(receipt, rig.risk) == (expected,)
    assert (rig.size(account, ETH), rig.size(id_, ETH)) == (0, side * TEN)
    assert rig.cash(INSURANCE) == before
    booked = {values[1]: values for name, values in told(receipt, rig.engine) if name == "Booked"}
    assert booked[account][3] == -booked[id_][3]
    return price, booked[account][3]


def up(lots, price):
    """Return what lots are worth in pico, up: in favour of the account on both sides."""
    return -(-lots * price // TICK)


def must_be_absorbed(rig, account, keeper):
    """Say whether it is refused alone and left out of a batch, and the view speaks of nothing."""
    id_, owner = keeper
    equity = rig.engine.read("healthOf", account, FOR_LIQUIDATE)[0]
    with pytest.raises(Refused) as caught:
        rig.risk.send("liquidate", account, ETH, id_, sender=owner.address)
    receipt = rig.risk.send("liquidateBatch", [account], ETH, id_, sender=owner.address)
    return (
        (caught.value.name, caught.value.args_) == ("MustBeAbsorbed", (account, ETH, equity))
        and told(receipt, rig.risk) == (("LiquidationSkipped", (account, ETH)),)
        and rig.risk.read("preview", account, ETH) == (0, 0, 0)
    )


@SIDES
def test_liquidate__mark_pushed_against_it__is_taken_over_at_the_bands_edge(
    rig, pushed, keeper, side
):
    """With nothing left, at the index and what is in doubt about it: the premium does not count."""
    account, p = pushed(side, 0, -side * CAP)
    assert rig.engine.read("peekContext", 0, ETH)[PI_AT] * side < -12 * 10**9
    assert p == (HI if side > 0 else LO)

    price, quote = liquidated(rig, account, keeper, side)

    assert price == p
    assert quote == up(side * TEN, price)
    assert 0 <= rig.cash(account) < 10**6


@SIDES
def test_liquidate__mark_pushed_in_its_favour__is_taken_over_at_the_mark(rig, pushed, keeper, side):
    """Rounded for the account; nothing is owed."""
    account, p = pushed(side, 0, side * CAP)
    assert side * (p - INDEX) > usd(36)

    price, quote = liquidated(rig, account, keeper, side)

    assert price == p
    assert quote == up(side * TEN, price)
    assert 0 <= rig.cash(account) < 10**6


@SIDES
@pytest.mark.parametrize("premium", [-CAP, 0, CAP])
def test_liquidate__a_wei_below_zero__is_left_to_absorption(rig, pushed, keeper, side, premium):
    """The bankruptcy price lies beyond p, wherever the mark is; a wei more, and p is paid."""
    account, p = pushed(side, -1, premium)
    assert rig.risk.read("bankruptcyPrice", account, ETH) == p + side
    assert must_be_absorbed(rig, account, keeper)

    set_cash(rig, account, rig.cash(account) + 1)
    assert liquidated(rig, account, keeper, side)[0] == p


@pytest.mark.parametrize(("lots", "is_absorbed"), [(58_005_800, True), (58_005_801, False)])
def test_liquidate__bankrupt__is_left_to_absorption_from_half_of_the_margin_priced_on(
    rig, trader, keeper, lots, is_absorbed
):
    """11 ETH at 2,900.29 are 0.580058 BTC at 55,000, what a frozen BTC counts at: 31,903.19 USD.

    A lot more of BTC, and absorption is shut: who would take the position may.
    """
    account, owner = trader
    rig.trade(account, owner, ETH, 11 * LOT)
    rig.trade(account, owner, BTC, lots)
    rig.wait(300)
    deaf(rig, BTC)
    rig.set_price(ETH, INDEX // 10**10)
    equity, *_ = rig.engine.read("healthOf", account, FOR_LIQUIDATE)
    set_cash(rig, account, rig.cash(account) - equity - usd(1))
    _, _, _, mm, _, _, priced = rig.engine.read("healthOf", account, FOR_LIQUIDATE)
    assert (2 * priced == mm) == is_absorbed
    assert abs(2 * priced - mm) < 10**14

    if is_absorbed:
        assert must_be_absorbed(rig, account, keeper)
    else:
        id_, owner = keeper
        rig.risk.send("liquidate", account, ETH, id_, sender=owner.address)
        assert rig.size(account, ETH) == 0
