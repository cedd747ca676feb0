"""Mango, October 2022: a trader bought from himself, pumped the price, and borrowed on the gain.

Here his own trades move the mark, by at most premCap, and the mark counts for nothing that brings
money: openings and withdrawals value a long at the index times min(1, 1 + premium), a short at
max(1, 1 + premium), and only cash leaves.
"""

from collections.abc import Sequence

import pytest

from clearing.spec.units import WAD
from tests.attacks.perp_stage import FOR_LIQUIDATE, FOR_OPEN, Market, price_of
from tests.harness.errors import Refused
from tests.harness.match import Trader
from tests.harness.perp import ETH, LOT, RAW, TRADE, usd

RAW_TO_WAD = 10**12
HELD = 300 * LOT
CASH = 120_000
SIDES = (1, -1)


def people(market: Market) -> list[Trader]:
    """The trader's four accounts: two hold the position, two pump."""
    money = (CASH, CASH, 3_000_000, 3_000_000)
    return [market.match.trader(f"trader {i}", dollars) for i, dollars in enumerate(money)]


def withdrawable(market: Market, trader: Trader) -> int:
    """Return the raw units that an account can take out, found by trying."""
    low, high = 0, market.rig.cash(trader.account) // RAW_TO_WAD + 1
    while high - low > 1:
        middle = (low + high) // 2
        with market.rig.chain.isolated():
            try:
                withdraw(market, trader, middle)
            except Refused:
                high = middle
            else:
                low = middle
    return low


def withdraw(market: Market, trader: Trader, amount_raw: int) -> None:
    args = (trader.account, amount_raw, trader.owner)
    market.rig.engine.send("withdraw", *args, sender=trader.owner)


def hold(market: Market, crew: Sequence[Trader], side: int) -> Trader:
    """Let the first account take a position from the second; return it."""
    long, short = (crew[0], crew[1]) if side > 0 else (crew[1], crew[0])
    assert market.cross(long, short, HELD, price_of(0)) == ()
    market.fade()
    return crew[0]


@pytest.mark.parametrize("side", SIDES)
def test_mango__the_mark_is_pumped__frees_no_money_for_the_gain(market: Market, side: int) -> None:
    """The mark moves by more than 1.5 % of 900,000 USD, which is worth nothing.

    What can be withdrawn from all four accounts is less than before, at least by the fees.
    """
    crew = people(market)
    winner = hold(market, crew, side)
    before = [withdrawable(market, trader) for trader in crew]
    at_open, for_liquidation = market.equity(winner), market.equity(winner, FOR_LIQUIDATE)

    market.pump(crew[2], crew[3], 100 * LOT, shift_ppm=side * 45_000, rounds=8)

    assert market.premium() * side > 15_000 * 10**6, "the mark is pumped"
    gain = market.equity(winner, FOR_LIQUIDATE) - for_liquidation
    assert gain > usd(13_000), "who looks at the mark sees a gain"
    assert market.equity(winner, FOR_OPEN) < at_open
    after = [withdrawable(market, trader) for trader in crew]
    assert after[0] <= before[0], "the winner's gain frees nothing"
    assert after[1] < before[1], "and the loser may take out less"
    fees = 16 * 100 * 3_000 * (TRADE["takerFee"] + TRADE["makerFee"]) // 10**6
    assert sum(before) - sum(after) >= fees * RAW


def test_mango__the_mark_is_pumped__opens_nothing_more(market: Market) -> None:
    """What could be bought before is all that can be bought afterwards."""
    crew = people(market)
    winner = hold(market, crew, 1)
    market.rig.trade(winner.account, winner.key, ETH, -HELD)
    market.fade()
    held = market.rig.size(winner.account, ETH)
    assert held == 0
    assert market.cross(winner, crew[2], HELD, price_of(0)) == ()
    market.fade()
    more = most(market, winner)
    assert more > 0, "before, there is room"

    market.pump(crew[2], crew[3], 100 * LOT, shift_ppm=45_000, rounds=8)

    assert most(market, winner) <= more


def most(market: Market, trader: Trader) -> int:
    """Return the lots that an account can still buy from the vault, found by trying."""
    low, high = 0, 2_000 * LOT
    while high - low > LOT // 100:
        middle = (low + high) // 2
        with market.rig.chain.isolated():
            try:
                market.rig.trade(trader.account, trader.key, ETH, middle)
            except Refused:
                high = middle
            else:
                low = middle
    return low


def test_mango__the_index_itself_rises__lets_out_cash_and_no_more(market: Market) -> None:
    """A real gain counts, and is no cash until it is closed: then it is the other account's."""
    crew = people(market)
    winner = hold(market, crew, 1)
    before = withdrawable(market, winner)
    market.rig.wait(60)
    market.say(3_400 * 10**8)
    cash = market.rig.cash(winner.account)
    assert market.equity(winner, FOR_OPEN) > usd(200_000)
    assert withdrawable(market, winner) > before, "a real gain does free margin"
    with market.rig.chain.isolated():
        withdraw(market, winner, cash // RAW_TO_WAD)

    with pytest.raises(Refused) as caught:
        withdraw(market, winner, cash // RAW_TO_WAD + 1)

    want = (cash // RAW_TO_WAD + 1) * RAW_TO_WAD
    assert (caught.value.name, caught.value.args_) == ("CashTooLow", (winner.account, cash, want))
    assert want < usd(CASH) + WAD


def test_mango__to_sell_at_the_pumped_mark__finds_only_himself(market: Market) -> None:
    """The vault pays the index less its spread; at the mark only his own account buys."""
    crew = people(market)
    winner = hold(market, crew, 1)
    before = market.wealth(crew)

    market.pump(crew[2], crew[3], 100 * LOT, shift_ppm=45_000, rounds=8)
    pumped = market.wealth(crew)
    with market.rig.chain.isolated():
        market.rig.trade(winner.account, winner.key, ETH, -HELD)
        to_vault = market.wealth(crew)
    assert market.cross(crew[2], winner, HELD, price_of(25_000)) == ()

    assert pumped < before
    assert to_vault < pumped
    assert market.wealth(crew) < pumped
