"""Withdrawals of those who are in a market wait while it owes too much; nobody else's do.

Too much: more than 100 USD, and more than 0.1 % of open interest at mid.
"""

from functools import partial

import pytest

from tests.harness.perp import BTC, ETH, LOT, RAW, VAULT, usd
from tests.unit.perp_engine.scene import (
    MATCH_KIND,
    NO_SAMPLE,
    PICO,
    RESOLUTION_ROLE,
    assert_only_fails_for,
    in_lock,
    module,
    refusal_of,
)

TO = b"\x70" * 20


@pytest.fixture
def resolver(rig):
    """A module of the resolution role."""
    return module(rig, RESOLUTION_ROLE)


def holder(rig, units, price=3_000, market=ETH):
    """Return an account with 1,000,000 USD, so many units long against another, and its owner."""
    account, owner = rig.trader(f"holder {market}", 1_000_000)
    other, _ = rig.trader(f"other {market}", 1_000_000)
    quote = units * price * PICO
    legs = [(account, units * LOT, -quote, 0, 0, False), (other, -units * LOT, quote, 0, 0, False)]
    in_lock(rig, rig.settler, ("book", (market, legs, NO_SAMPLE, MATCH_KIND)))
    return account, owner


def owe(rig, resolver, wad, market=ETH):
    """Let a market owe so much in all."""
    change = wad - rig.engine.read("debtOf", market)
    if change:
        in_lock(rig, resolver, ("moveDebt", (market, VAULT, change)))


def taking(rig, function, account, owner):
    """Return the call that takes 1 USD out by one of the two ways."""
    arguments = (account, RAW, TO) if function == "withdraw" else (account, VAULT, usd(1))
    return partial(rig.engine.send, function, *arguments, sender=owner.address)


BOTH = pytest.mark.parametrize("function", ["withdraw", "transferCash"])


@BOTH
@pytest.mark.parametrize(
    ("units", "most"),
    [
        (1, usd(100)),  # 0.1 % of 3,000 USD are 3
        (33, usd(100)),  # of 99,000: 99
        (34, usd(102)),  # of 102,000
        (1_000, usd(3_000)),
    ],
)
def test_withdraw__debt_of_a_market_he_is_in__waits_above_the_greater_limit(
    rig, resolver, function, units, most
):
    account, owner = holder(rig, units)

    def arrange(debt):
        owe(rig, resolver, debt)
        return taking(rig, function, account, owner)

    assert_only_fails_for(
        rig, arrange, broken=most + 1, fixed=most, error=("DebtUncovered", (ETH, most + 1))
    )


@BOTH
def test_withdraw__debt_repaid__goes_on(rig, resolver, function):
    account, owner = holder(rig, 1)
    owe(rig, resolver, usd(500))
    assert refusal_of(taking(rig, function, account, owner))[0] == "DebtUncovered"

    owe(rig, resolver, 0)

    taking(rig, function, account, owner)()
    assert rig.cash(account) == usd(999_999)


@BOTH
def test_withdraw__open_interest_at_a_lower_price__covers_less(rig, resolver, function):
    """100 ETH: 300 USD at 3,000, 290 at 2,900."""
    account, owner = holder(rig, 100)
    owe(rig, resolver, usd(290) + 1)
    taking(rig, function, account, owner)()
    rig.wait(1)
    rig.set_price(ETH, 2_900 * 10**8)

    assert refusal_of(taking(rig, function, account, owner)) == (
        "DebtUncovered",
        (ETH, usd(290) + 1),
    )


@BOTH
def test_withdraw__debt_of_another_market__does_not_wait(rig, resolver, function):
    account, owner = holder(rig, 1, 50_000, BTC)
    owe(rig, resolver, usd(10_000))

    taking(rig, function, account, owner)()

    owe(rig, resolver, usd(10_000), BTC)
    assert refusal_of(taking(rig, function, account, owner))[0] == "DebtUncovered"


@BOTH
def test_withdraw__no_position__never_waits(rig, resolver, function):
    holder(rig, 1)
    account, owner = rig.trader("saver", 1_000)
    owe(rig, resolver, usd(10_000))

    taking(rig, function, account, owner)()

    assert rig.cash(account) == usd(999)


@BOTH
def test_withdraw__position_closed__waits_no_longer(rig, resolver, function):
    account, owner = holder(rig, 1)
    owe(rig, resolver, usd(10_000))
    assert refusal_of(taking(rig, function, account, owner))[0] == "DebtUncovered"

    rig.trade(account, owner, ETH, -LOT)

    taking(rig, function, account, owner)()


def test_deposit__debt__is_never_refused(rig, resolver):
    account, _ = holder(rig, 1)
    owe(rig, resolver, usd(10_000))

    rig.fund(account, 1)

    assert rig.cash(account) == usd(1_000_001)


@BOTH
def test_withdraw__settled_market__waits_for_who_is_in_it(rig, resolver, function):
    account, owner = holder(rig, 1)
    saver = rig.trader("saver", 1_000)

    def arrange(price):
        if price:
            in_lock(rig, resolver, ("setStatus", (ETH, 3, price)))
        return taking(rig, function, account, owner)

    assert_only_fails_for(
        rig, arrange, broken=usd(3_000), fixed=0, error=("MarketNotLive", (ETH, 3))
    )
    arrange(usd(3_000))
    taking(rig, function, *saver)()
