"""positions: what an account holds, and what it comes to at the mark."""

from fractions import Fraction

import pytest

from tests.harness.perp import BTC, ETH, LOT, VAULT, usd
from tests.unit.perp_engine.scene import RISK_ROLE, assert_only_fails_for, refusal_of, set_cash
from tests.unit.perp_lens.scene import markets_of, positions_of

COST = 30_007_500_600_015_000
"""Pico that 10 ETH long cost."""
WON = 29_992_500_599_985_000
"""Pico that 10 ETH short brought."""
TEN = 10 * LOT
HOUR = 3_600


def test_positions__none__is_empty(rig, lens, trader):
    assert positions_of(lens, trader[0]) == ()


def test_positions__a_long__is_the_worked_numbers(rig, lens, trader):
    """Bought at 3,000.7500600015; at the mark of 3,000 it has lost 7.500600015 USD."""
    rig.trade(*trader, ETH, TEN)

    (p,) = positions_of(lens, trader[0])

    assert p.market == ETH
    assert p.state == (TEN, -COST, 0, 0)
    assert (p.mark, p.notional) == (usd(3_000), usd(30_000))
    assert p.pnl == usd(30_000) - COST * 10**6
    assert p.break_even == COST * 10**5  # 10 units: divided exactly


def test_positions__a_short__is_the_worked_numbers(rig, lens, trader):
    rig.trade(*trader, ETH, -TEN)

    (p,) = positions_of(lens, trader[0])

    assert p.state == (-TEN, WON, 0, 0)
    assert p.notional == usd(30_000)
    assert p.pnl == WON * 10**6 - usd(30_000)
    assert p.break_even == WON * 10**5


@pytest.mark.parametrize("size", [7 * LOT + 1, -(7 * LOT + 1)])
def test_positions__break_even__is_the_first_price_without_a_loss(rig, lens, trader, size):
    """Long up, short down, funding counted: nothing is lost at it, something a wei beyond."""
    rig.trade(*trader, ETH, size)
    rig.wait(HOUR)
    rig.set_price(ETH, 3_000 * 10**8)

    (p,) = positions_of(lens, trader[0])

    assert p.state.owed != 0, "funding is due"

    def worth(price):
        return p.state.quote * 10**6 - p.state.owed + Fraction(size * price, LOT)

    against = -1 if size > 0 else 1
    assert worth(p.break_even) >= 0
    assert worth(p.break_even + against) < 0


def test_positions__break_even_below_zero__is_zero(rig, lens, trader):
    """A long that has been paid more than it cost: there is no price at which it has lost.

    Made by half a position sold at a high price: -1,000 · 10 + 4,000 · 5 > 0.
    """
    account, owner = trader
    rig.trade(account, owner, ETH, TEN)
    assert positions_of(lens, account)[0].break_even > 0
    for price in (3_600, 4_300, 5_100, 6_200):
        rig.wait(3_600)
        rig.set_price(ETH, price * 10**8)
        rig.calm(ETH)
    rig.set_price(ETH, 6_200 * 10**8)
    rig.trade(account, owner, ETH, -5 * LOT)

    (p,) = positions_of(lens, account)

    assert p.state.quote > 0
    assert p.break_even == 0


def test_positions__two_markets__come_in_their_order_with_their_own_prices(rig, lens, trader):
    rig.trade(*trader, BTC, -LOT)
    rig.trade(*trader, ETH, TEN)

    eth, btc = positions_of(lens, trader[0])

    assert (eth.market, btc.market) == (ETH, BTC)
    assert btc.state.size == -LOT
    marks = [market.state.mark for market in markets_of(lens, 0, 2)]
    assert [eth.mark, btc.mark] == marks


def test_positions__liquidation_and_bankruptcy__are_the_risk_managers(rig, lens, trader):
    """[PERP-26] One rule, wherever it is read."""
    account, owner = trader
    rig.trade(account, owner, ETH, TEN)
    set_cash(rig, account, usd(5_000))

    (p,) = positions_of(lens, account)

    assert p.liquidation_price == rig.risk.read("liquidationPrice", account, ETH) > 0
    assert p.bankruptcy_price == rig.risk.read("bankruptcyPrice", account, ETH) > 0


def test_positions__owed__is_what_a_settlement_takes(rig, lens, trader):
    """[PERP-26] A trade of one lot settles what was owed, beside its fee."""
    account, owner = trader
    rig.trade(account, owner, ETH, 100 * LOT)
    rig.wait(HOUR)
    rig.set_price(ETH, 3_000 * 10**8)
    owed = positions_of(lens, account)[0].state.owed
    before = rig.cash(account)

    receipt = rig.trade(account, owner, ETH, 1)

    fee = next(log.args[4] for log in receipt.logs if log.event == "Traded")
    assert owed > 0
    assert before - rig.cash(account) == owed + fee * 10**6, "PERP-26: the view is the settlement"
    assert positions_of(lens, account)[0].state.owed == 0


def test_positions__of_the_vault__are_shown_too(rig, lens, trader):
    rig.trade(*trader, ETH, TEN)

    (p,) = positions_of(lens, VAULT)

    assert p.state == (-TEN, COST, 0, 0)


def test_positions__no_such_account__is_refused(rig, lens, trader):
    account, _ = trader
    assert positions_of(lens, account) == ()

    assert refusal_of(lambda: lens.read("positions", account + 1)) == (
        "UnknownAccount",
        (account + 1,),
    )


def test_positions__no_risk_manager__is_refused(rig, lens, trader):
    def asking(is_named):
        if not is_named:
            rig.engine.send("setModule", RISK_ROLE, bytes(20), sender=rig.roles.timelock)
        return lambda: lens.read("positions", trader[0])

    assert_only_fails_for(rig, asking, broken=False, fixed=True, error=("NoModule", (RISK_ROLE,)))
