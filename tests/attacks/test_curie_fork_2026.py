"""A fork of Perp Curie on Optimism, July 2026: a bankrupt account closed against its owner's other.

At the best price that the venue allowed him he kept the difference, and insurance the debt. Here an
account whose equity is below zero at the index trades neither with others nor with the vault; only
liquidation and resolution move it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.attacks.perp_stage import BAND_PPM, FOR_LIQUIDATE, Market, price_of
from tests.harness.errors import Refused
from tests.harness.match import Trader
from tests.harness.perp import ETH, FAR, INSURANCE, LOT, VAULT, usd

UNITS = 100
HELD = UNITS * LOT
CASH = 31_000
DOWN_E8 = 2_680 * 10**8
"""10.7 % lower: 1,150 USD below zero."""
JUST_E8 = 2_700 * 10**8
"""850 USD above zero."""


def at(index_e8: int, shift_ppm: int = 0) -> int:
    """Return a signed price so far from an index, wad."""
    return price_of(shift_ppm, index_e8 * 10**10)


@pytest.fixture
def crew(market: Market) -> tuple[Trader, Trader]:
    """Two accounts of one owner; the first has bought 100 ETH from somebody else."""
    first, second = market.match.trader("first", CASH), market.match.trader("second", 1_000_000)
    honest = market.match.trader("honest", 1_000_000)
    assert market.cross(first, honest, HELD, price_of(0)) == ()
    market.fade()
    return first, second


def ways(market: Market, crew: tuple[Trader, Trader]) -> dict[str, Callable[[int], str]]:
    """Return how a long can be given up, by price (wad): each returns why not, if not."""
    rig, (first, second) = market.rig, crew

    def signed(price: int) -> str:
        reasons = market.cross(second, first, HELD, price)
        return reasons[0].name if reasons else ""

    def part(price: int) -> str:
        reasons = market.cross(second, first, HELD // 10, price)
        return reasons[0].name if reasons else ""

    def taking(price: int) -> str:
        reasons = market.cross(first, second, HELD, price)
        return reasons[0].name if reasons else ""

    def vault(function: str, *args: int) -> str:
        try:
            rig.vault.send(function, first.account, ETH, *args, FAR, sender=first.owner)
        except Refused as refusal:
            return refusal.name
        return ""

    return {
        "signed": signed,
        "a part": part,
        "more": taking,
        "vault": lambda _: vault("close", 0),
        "vault, a part": lambda _: vault("trade", -HELD // 10, 0),
    }


CLOSING = ("signed", "a part", "vault", "vault, a part")


def payers(market: Market) -> int:
    """Return what insurance and the vault have, wad: who would pay."""
    return market.rig.cash(INSURANCE) + market.equity(Trader(VAULT, market.founder.key))


@pytest.mark.parametrize("way", CLOSING)
def test_curie_fork__a_bankrupt_account__is_closed_by_no_trade(
    market: Market, crew: tuple[Trader, Trader], way: str
) -> None:
    """850 USD above zero it may close, at the index; 1,150 below it may not, at any price."""
    market.rig.wait(60)
    with market.rig.chain.isolated():
        market.say(JUST_E8)
        assert market.equity(crew[0]) == usd(850)
        assert ways(market, crew)[way](at(JUST_E8)) == ""
        assert market.equity(crew[0]) >= 0
    market.say(DOWN_E8)
    assert market.equity(crew[0]) == -usd(1_150)
    wealth, theirs = market.wealth(crew), payers(market)

    for shift in (-BAND_PPM, -10_000, 0, 10_000, BAND_PPM):
        assert ways(market, crew)[way](at(DOWN_E8, shift)) == "Bankrupt"

    assert market.rig.size(crew[0].account, ETH) == HELD
    assert (market.wealth(crew), payers(market)) == (wealth, theirs)


def test_curie_fork__a_bankrupt_account__takes_no_more_either(
    market: Market, crew: tuple[Trader, Trader]
) -> None:
    """Nor may it double its bet at a price that heals it: a gift by its owner is a deposit."""
    market.rig.wait(60)
    market.say(DOWN_E8)
    cheap = at(DOWN_E8, -BAND_PPM)
    assert ways(market, crew)["more"](cheap) == "Bankrupt"

    market.rig.fund(crew[0].account, 1_160)

    assert ways(market, crew)["signed"](at(DOWN_E8)) == "UnderInitialMargin"
    market.rig.fund(crew[0].account, 200)
    assert ways(market, crew)["signed"](at(DOWN_E8)) == ""
    assert market.equity(crew[0]) >= 0


def liquidated(market: Market, crew: tuple[Trader, Trader]) -> int:
    """Let the second account take the first over; return what their owner gains, wad."""
    first, second = crew
    before = market.wealth(crew)
    args = (first.account, ETH, second.account)
    market.rig.risk.send("liquidate", *args, sender=second.owner)
    assert market.rig.size(first.account, ETH) == 0
    return market.wealth(crew) - before


@pytest.mark.parametrize("price_e8", [2_750 * 10**8, 2_700 * 10**8])
def test_curie_fork__he_liquidates_himself__gains_nothing(
    market: Market, crew: tuple[Trader, Trader], price_e8: int
) -> None:
    """The one way that is left: his other account pays the price that favours the first.

    The first one loses the penalty, half of it to insurance.
    """
    market.rig.wait(60)
    market.say(price_e8)
    assert market.equity(crew[0], FOR_LIQUIDATE) >= market.equity(crew[0])
    insured = market.rig.cash(INSURANCE)

    gain = liquidated(market, crew)

    assert gain < 0
    assert market.rig.cash(INSURANCE) >= insured


@pytest.mark.parametrize("price_e8", [DOWN_E8, 2_500 * 10**8])
def test_curie_fork__he_liquidates_himself_when_bankrupt__is_refused(
    market: Market, crew: tuple[Trader, Trader], price_e8: int
) -> None:
    """His debt is not left behind, where no waterfall reaches it: the account must be absorbed."""
    market.rig.wait(60)
    with market.rig.chain.isolated():
        market.say(JUST_E8)
        assert liquidated(market, crew) < 0
    market.say(price_e8)

    with pytest.raises(Refused, match="MustBeAbsorbed"):
        liquidated(market, crew)


def test_curie_fork__he_pushes_the_mark_and_liquidates_himself__gains_nothing(
    market: Market, crew: tuple[Trader, Trader]
) -> None:
    """Two rounds of trades with himself push the mark by 1.4 %, for 321 USD.

    Then the index falls by 10 % at once: 850 USD are left at the index. The mark, 3,800 USD below
    it for 100 ETH, counts for nothing: his other account pays the edge of the band, which favours
    the first, and no debt remains.
    """
    pushing = [market.match.trader(name, 1_000_000) for name in ("one", "other")]
    everything = (*crew, *pushing)
    before = market.wealth(everything)
    market.pump(pushing[0], pushing[1], 40 * LOT, shift_ppm=-45_000, rounds=2)
    cost = before - market.wealth(everything)
    assert usd(320) < cost < usd(322)
    market.rig.wait(1)
    market.say(JUST_E8)
    assert market.equity(crew[0]) == usd(850)

    gain = liquidated(market, crew)

    assert gain <= cost
    assert market.equity(crew[0]) >= 0, "solvent at the index, so no debt"
