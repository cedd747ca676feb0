"""Perpetual Protocol v1, 2022: trades at bad prices left one account bankrupt and another rich.

The loser's debt was everybody's. Here a trader may lose to himself within the band of signed
prices, at most what the losing account has: its gate asks for equity at the index, after the trade.
"""

from __future__ import annotations

from itertools import product

import pytest

from clearing.spec.units import div_ceil
from tests.attacks.perp_stage import BAND_PPM, Market, price_of
from tests.harness.match import Trader
from tests.harness.perp import BTC, ETH, FEES, INSURANCE, LOT, TRADE, VAULT, usd

UNITS = 100
HELD = UNITS * LOT
SHIFTS = (-BAND_PPM, -30_000, -10_000, 0, 10_000, 30_000, BAND_PPM)
CASH = (30_500, 40_000, 46_000, 60_000)
"""USD, from just above initial margin on."""


def others(market: Market) -> int:
    """Return what belongs to everybody else, wad: the vault, insurance and the fees."""
    fees = sum(
        market.rig.engine.read("peekContext", 0, m)[3] >> 144 & 2**88 - 1 for m in (ETH, BTC)
    )
    cash = sum(market.rig.cash(account) for account in (VAULT, INSURANCE, FEES))
    return cash + fees * 10**6


def fees_of(*prices: int) -> int:
    """Return what trades of the whole size at these prices cost both sides, wad."""
    rate = TRADE["takerFee"] + TRADE["makerFee"]
    return sum(div_ceil(UNITS * price * rate, 10**6) for price in prices)


def trade(market: Market, loser: Trader, winner: Trader, lots: int, price: int) -> str:
    """Let the loser buy (sell) from (to) the winner; return why not, if not."""
    pair = (loser, winner) if lots > 0 else (winner, loser)
    reasons = market.cross(*pair, abs(lots), price)
    return reasons[0].name if reasons else ""


@pytest.mark.parametrize("cash", CASH)
@pytest.mark.parametrize("side", [1, -1])
def test_perp_v1__every_price_within_the_band__leaves_no_debt(
    market: Market, cash: int, side: int
) -> None:
    """Opening at one price, closing at another: seven by seven of them, by accounts of one owner.

    Whatever passes, neither account is below zero at the index, all others have the fees more, and
    he has the fees less, to the wei.
    """
    loser, winner = market.match.trader("loser", cash), market.match.trader("winner", 1_000_000)
    before, theirs = market.wealth((loser, winner)), others(market)
    verdicts = set()
    for first, second in product(SHIFTS, SHIFTS):
        prices = (price_of(first), price_of(second))
        with market.rig.chain.isolated():
            paid = 0
            for lots, price in zip((side * HELD, -side * HELD), prices, strict=True):
                verdict = trade(market, loser, winner, lots, price)
                verdicts.add(verdict)
                paid += fees_of(price) if not verdict else 0
                assert market.equity(loser) >= 0
                assert market.equity(winner) >= 0
                assert market.wealth((loser, winner)) == before - paid
                assert others(market) == theirs + paid
                if verdict:
                    break

    # who has less than 10 % and the band cannot lose it all: 5 % to open, 5 % to close
    wanted = {"", "UnderInitialMargin"} if cash < 46_000 else {""}
    assert verdicts - {"UnderInitialMargin"} == {""}
    assert wanted <= verdicts


def test_perp_v1__closing_beyond_what_there_is__is_skipped(market: Market) -> None:
    """At the index the same close passes. At the band's edge the loser would owe 3,703 USD."""
    cash = 30_500
    loser, winner = market.match.trader("loser", cash), market.match.trader("winner", 1_000_000)
    assert trade(market, loser, winner, HELD, price_of(0)) == ""
    market.fade(2_800 * 10**8)
    now, edge = (price_of(shift, 2_800 * 10**18) for shift in (0, -BAND_PPM))
    left = market.equity(loser)
    assert 0 < left < (now - edge) * UNITS
    with market.rig.chain.isolated():
        assert trade(market, loser, winner, -HELD, now) == ""
        assert market.equity(loser) > 0
    wealth, theirs = market.wealth((loser, winner)), others(market)

    assert trade(market, loser, winner, -HELD, edge) == "UnderInitialMargin"

    assert market.rig.size(loser.account, ETH) == HELD
    assert (market.wealth((loser, winner)), others(market)) == (wealth, theirs)
    assert market.rig.cash(INSURANCE) == 0


def test_perp_v1__in_many_small_steps__loses_no_more_than_all(market: Market) -> None:
    """To hand an account's last wei to another by ever smaller bad trades ends at zero."""
    loser, winner = market.match.trader("loser", 31_000), market.match.trader("winner", 1_000_000)
    assert trade(market, loser, winner, HELD, price_of(0)) == ""
    before, theirs = market.wealth((loser, winner)), others(market)
    lots, passed = HELD, 0
    while lots >= LOT // 10:
        held = market.rig.size(loser.account, ETH)
        if held >= lots and trade(market, loser, winner, -lots, price_of(-BAND_PPM)) == "":
            passed += 1
        else:
            lots //= 2

    assert passed > 0
    assert 0 <= market.equity(loser) < usd(20_000), "much of it has gone over"
    assert market.wealth((loser, winner)) < before
    assert market.wealth((loser, winner)) + others(market) == before + theirs
