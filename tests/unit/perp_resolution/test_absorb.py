"""absorb: when, by whom, what moves, and what the keeper gets."""

import pytest

from clearing.spec.perp_absorb import Absorbed
from clearing.spec.perp_types import MarketStatus, Purpose
from clearing.spec.perp_waterfall import Covered
from tests.harness.perp import BACKSTOP, BTC, ETH, FEES, INSURANCE, LOT, VAULT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import LIQUIDATE, OPEN, deaf
from tests.unit.perp_resolution.scene import Trio

PENALTY = 6_750_675 * 10**14
"""2.5 % of 27,002.7 USD."""
HOUR = 3_600


def with_equity(trio, wad):
    """Let the loser be worth so much at 2,700."""
    trio.fall()
    trio.twin.set_cash(trio.loser, usd(2_000) + Trio.SHORT + wad)
    assert trio.twin.health(trio.loser).equity == wad


# WHEN


def test_absorb__equity_of_the_penalties__is_refused_and_one_wei_less_is_not(trio):
    with_equity(trio, PENALTY)

    assert trio.absorb() == "NotAbsorbable"

    trio.twin.set_cash(trio.loser, trio.twin.cash(trio.loser) - 1)
    assert trio.absorb() == ACCEPTED


def test_absorb__no_positions__is_refused(trio):
    twin = trio.twin
    idle = twin.trader("idle", 0)
    trio.fall()
    with twin.isolated():
        assert twin.absorb(trio.loser, trio.keeper) == ACCEPTED

    assert twin.absorb(idle, trio.keeper) == "NotAbsorbable"


@pytest.mark.parametrize("account", [VAULT, BACKSTOP, INSURANCE, FEES])
def test_absorb__protocols_account__is_refused_however_poor(trio, account):
    """The same position of an owner's account is absorbed."""
    twin = trio.twin
    other = twin.trader("other", 100_000)
    poor = twin.trader("poor", 0)
    twin.meet(account, other, 3)
    twin.meet(poor, other, 3)
    trio.fall()
    with twin.isolated():
        assert twin.absorb(poor, trio.keeper) == ACCEPTED

    assert twin.absorb(account, trio.keeper) == "NotAbsorbable"


def test_absorb__keeper_is_the_account__is_refused(fallen):
    twin = fallen.twin
    with twin.isolated():
        assert twin.absorb(fallen.loser, fallen.winner) == ACCEPTED

    assert twin.absorb(fallen.loser, fallen.loser) == "OwnKeeper"


def test_absorb__keeper_that_is_not_there__is_refused(fallen):
    twin = fallen.twin
    with twin.isolated():
        assert twin.absorb(fallen.loser, fallen.keeper) == ACCEPTED

    assert twin.absorb(fallen.loser, 10_000) == "UnknownAccount"


def test_absorb__account_that_is_not_there__is_refused(fallen):
    assert fallen.twin.absorb(10_000, fallen.keeper) == "UnknownAccount"
    assert fallen.absorb() == ACCEPTED


def test_absorb__liquidations_paused_in_one_of_its_markets__is_refused(trio):
    """[PERP-30] LIQUIDATE stops it, OPEN does not."""
    twin = trio.twin
    other = twin.trader("other", 10_000)
    twin.meet(trio.loser, other, 0.01, market=BTC, at=50_000)
    trio.fall()
    twin.pause(BTC, LIQUIDATE)

    assert trio.absorb() == "Paused"

    twin.pause(BTC, OPEN)
    assert trio.absorb() == ACCEPTED


def test_absorb__most_margin_in_a_market_without_a_price__is_refused(trio):
    """BTC has no price: with 0.6 BTC it carries 1,800 USD of margin, ETH 1,620."""
    twin = trio.twin
    other = twin.trader("other", 100_000)
    twin.meet(trio.loser, other, 0.6, market=BTC, at=50_000)
    deaf(twin.rig, BTC)
    trio.fall()
    view = twin.health(trio.loser)
    assert 0 < 2 * view.liquid_mm < view.mm

    assert trio.absorb() == "NotAbsorbable"

    twin.at(50_000, BTC)
    trio.fall()
    twin.set_cash(trio.loser, twin.cash(trio.loser) - usd(2_000))
    assert trio.absorb() == ACCEPTED


def test_absorb__less_margin_in_a_market_without_a_price__that_market_winds_down(trio):
    """Its part of the loss is debt, but nobody knows a price to settle at."""
    twin = trio.twin
    other = twin.trader("other", 100_000)
    twin.meet(trio.loser, other, 0.3, market=BTC, at=50_000)
    deaf(twin.rig, BTC)
    trio.fall()
    twin.set_cash(trio.loser, -usd(10_000))

    assert twin.absorb(trio.loser, trio.keeper, {ETH: [trio.winner], BTC: [other]}) == ACCEPTED

    assert twin.debt(BTC) > 0
    assert twin.status(BTC) == MarketStatus.WIND_DOWN
    assert twin.size(other, BTC) == -3 * LOT // 10, "nobody is deleveraged without a price"


def test_absorb__degraded_or_not__the_backstop_takes_it(fallen):
    """Whatever forbids trades does not forbid this: openings are paused."""
    twin = fallen.twin
    twin.pause(ETH, OPEN)

    assert fallen.absorb() == ACCEPTED


# WHAT MOVES


def test_absorb__long_in_one_market_short_in_the_other__both_go_at_liquidate_value(trio):
    """Above zero: the backstop has the loser's equity, less the fee, at that value."""
    twin = trio.twin
    other = twin.trader("other", 100_000)
    twin.meet(other, trio.loser, 0.2, market=BTC, at=50_000)
    trio.fall()
    twin.at(50_100, BTC)
    trio.fall()
    view = twin.health(trio.loser)
    twin.set_cash(trio.loser, twin.cash(trio.loser) - view.equity + usd(50))

    assert trio.absorb() == ACCEPTED

    assert twin.size(BACKSTOP, ETH) == 10 * LOT
    assert twin.size(BACKSTOP, BTC) == -LOT // 5
    (event,) = twin.events(Absorbed)
    assert event == Absorbed(trio.loser, trio.keeper, usd(50), 2 * Trio.FEE)
    assert twin.rig.engine.read("accountOf", trio.loser)[1:] == (0, 0)
    assert twin.cash(trio.keeper) == 2 * Trio.FEE
    long, short = (twin.rig.engine.read("positionOf", BACKSTOP, m) >> 72 for m in (ETH, BTC))
    assert long & 2**96 - 1 == -27_002_700_000 * 10**6 & 2**96 - 1
    assert short & 2**96 - 1 == 10_018_998_000 * 10**6


def test_absorb__loss_over_two_markets__is_split_by_margin(trio):
    """Each market's insurance pays its own part: 6 % of 27,002.7 to 6 % of 10,001."""
    twin = trio.twin
    other = twin.trader("other", 100_000)
    twin.meet(trio.loser, other, 0.2, market=BTC, at=50_000)
    for market in (ETH, BTC):
        twin.limit(5_000, 0, market)
    twin.give(INSURANCE, 10_000)
    twin.at(50_000, BTC)
    trio.fall()
    short = -twin.health(trio.loser).equity

    assert trio.absorb() == ACCEPTED

    eth, btc = (event.insurance for event in twin.events(Covered))
    assert eth + btc == short
    assert eth == -(-short * 270_027 // (270_027 + 100_010))


def test_absorb__one_market_is_deleveraged__others_loss_is_not_counted_twice(trio):
    """BTC's part is insured and ETH's is not: the winner of ETH pays that, nobody shares."""
    twin = trio.twin
    other = twin.trader("other", 100_000)
    twin.meet(trio.loser, other, 0.2, market=BTC, at=50_000)
    twin.limit(5_000, 0, BTC)
    twin.give(INSURANCE, 10_000)
    twin.at(50_000, BTC)
    trio.fall()

    assert twin.absorb(trio.loser, trio.keeper, {ETH: [trio.winner]}) == ACCEPTED

    told = [(e.shared, e.vault, e.debt) for e in twin.events(Covered)]
    assert told == [(0, 0, 0), (0, 0, 0)]
    assert twin.size(trio.winner) == 0
    assert twin.debt(ETH) == twin.debt(BTC) == 0


def test_absorb__fraction_of_a_pico__is_never_missing(absorbed):
    """Odd sizes at odd prices: the loser ends at zero without anybody sharing."""
    twin = absorbed
    keeper, winner = twin.trader("keeper", 0), twin.trader("winner", 1_000_000)
    twin.limit(100_000, 0)
    twin.give(INSURANCE, 100_000)
    for i, units in enumerate((0.00334567, 1.23456789, 7.7777777)):
        loser = twin.trader(f"loser {i}", 100)
        twin.meet(*((loser, winner) if i % 2 else (winner, loser)), units)
        twin.rig.wait(10)
        twin.rig.set_price(ETH, 3_000 * 10**8 + (-1) ** i * 12_345_678_901)
        twin.set_cash(loser, -usd(1) - i)

        assert twin.absorb(loser, keeper) == ACCEPTED

        (event,) = twin.events(Covered)
        assert (event.shared, event.vault, event.debt) == (0, 0, 0)
        assert twin.cash(loser) == 0
        twin.at(3_000)


# FEE


def test_absorb__fee_beyond_its_cash__insurance_adds_the_rest(trio):
    twin = trio.twin
    twin.give(INSURANCE, 10)
    with_equity(trio, Trio.FEE // 5)

    assert trio.absorb() == ACCEPTED

    assert twin.cash(trio.keeper) == Trio.FEE
    assert twin.cash(INSURANCE) == usd(10) - Trio.FEE * 4 // 5
    assert twin.cash(BACKSTOP) == 0


def test_absorb__insurance_with_less_than_the_fee__gives_what_it_has(fallen):
    twin = fallen.twin
    twin.set_cash(INSURANCE, Trio.FEE // 10)

    assert fallen.absorb(fallen.winner) == ACCEPTED

    assert twin.cash(fallen.keeper) == Trio.FEE // 10
    assert twin.cash(INSURANCE) == 0


def test_absorb__insurance_below_zero__gives_nothing_and_is_not_asked(fallen):
    twin = fallen.twin
    twin.limit(1_000, 0)
    twin.set_cash(INSURANCE, -1)

    assert fallen.absorb(fallen.winner) == ACCEPTED

    assert twin.cash(fallen.keeper) == 0
    assert twin.cash(INSURANCE) == -1


def test_absorb__fees_of_an_hour__stop_at_1000_usd_and_begin_again(absorbed):
    """A keeper gets 600 USD for each: 600, 400, nothing, and an hour later 600."""
    twin = absorbed
    twin.set_terms(ETH, minNotional=20_000, minFee=60_000)
    keeper, winner = twin.trader("keeper", 0), twin.trader("winner", 1_000_000)
    twin.give(INSURANCE, 10_000)
    got = []
    for i in range(4):
        loser = twin.trader(f"loser {i}", 2_000)
        twin.meet(loser, winner, 10)
        twin.set_cash(loser, -usd(10))
        if i == 3:
            twin.rig.wait(HOUR)
            twin.at(3_000)
        before = twin.cash(keeper)
        assert twin.absorb(loser, keeper, {ETH: [winner]}) == ACCEPTED
        got.append(twin.cash(keeper) - before)

    assert got == [usd(600), usd(400), 0, usd(600)]


def test_absorb__fees_in_the_second_an_hour_ends__belong_to_the_next(absorbed):
    """600, 400, and in that second 600 and 400 again: the hour that begins counts them."""
    twin = absorbed
    twin.set_terms(ETH, minNotional=20_000, minFee=60_000)
    keeper, winner = twin.trader("keeper", 0), twin.trader("winner", 1_000_000)
    twin.give(INSURANCE, 10_000)
    losers = [twin.trader(f"loser {i}", 2_000) for i in range(4)]
    for loser in losers:
        twin.meet(loser, winner, 10)
        twin.set_cash(loser, -usd(10))
    began, got = twin.now, []
    for i, loser in enumerate(losers):
        if i == 2:
            twin.rig.wait(began + HOUR - 30 - twin.now)
            twin.at(3_000)
            assert twin.now < began + HOUR
            twin.rig.wait(began + HOUR - twin.now)
        before = twin.cash(keeper)
        assert twin.absorb(loser, keeper, {ETH: [winner]}) == ACCEPTED
        got.append(twin.cash(keeper) - before)

    assert twin.now == began + HOUR
    assert got == [usd(600), usd(400), usd(600), usd(400)]


def test_absorb__twice__finds_nothing_the_second_time(fallen):
    assert fallen.absorb(fallen.winner) == ACCEPTED

    assert fallen.absorb(fallen.winner) == "NotAbsorbable"


def test_absorb__who_lost_less_than_margin__can_be_liquidated_instead(trio):
    """Between the penalties and the margin a liquidator takes over; nobody absorbs."""
    with_equity(trio, PENALTY + usd(1))
    twin = trio.twin
    assert twin.rig.risk.read("isLiquidatable", trio.loser)

    assert trio.absorb() == "NotAbsorbable"
    assert twin.health(trio.loser, Purpose.LIQUIDATE).mm > PENALTY + usd(1)
