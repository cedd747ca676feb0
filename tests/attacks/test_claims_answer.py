"""Nobody takes a gain out of an account and leaves its loss to others, nor before it is cut."""

import pytest

from clearing.chain.artifacts import abi_of
from clearing.spec.perp_types import Role
from tests.attacks.perp_stage import FOR_LIQUIDATE, TERMS, dollars, resolution_of, walk
from tests.harness.actors import key_of
from tests.harness.perp import BACKSTOP, BTC, ETH, INSURANCE, LOT, VAULT, usd
from tests.harness.puppet import Manner
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import set_cash, with_changed
from tests.unit.perp_resolution.scene import absorbing
from tests.unit.perp_resolution.settle_scene import DAY, HOUR, settling


def say(rig, eth=3_600, btc=50_000):
    rig.set_price(ETH, eth * 10**8)
    rig.set_price(BTC, btc * 10**8)


def settle_at_3600(rig, ending, by, before_it):
    """Wind ETH down and settle it there, with prices that trip nothing."""
    ending.send("windDown", ETH, sender=rig.roles.timelock)
    for hours, price in ((20, 3_300), (3, 3_600)):
        rig.wait(hours * HOUR)
        say(rig, price)
    before_it()
    rig.wait(HOUR)
    say(rig)
    ending.send("settle", ETH, sender=by)


@pytest.mark.parametrize("is_stripped", [False, True])
def test_claim__of_an_account_that_is_absorbed__pays_what_others_covered(is_stripped):
    """[PERP-51] Against 60,000 USD won in ETH he is long 11 BTC, with his own second account.

    A day after ETH was settled, and while BTC's feed was silent, he had himself closed in ETH; then
    BTC fell to 42,000. Before, he kept the claim of 60,000, and lenders paid 66,163 instead of
    6,163.
    """
    with settling() as twin:
        rig, ending, by = twin.rig, twin.module, twin.rig.roles.outsider
        mine, own, loser = (
            twin.trader(name, has)
            for name, has in (("mine", 1_000), ("own", 200_000), ("loser", 300_000))
        )
        u, v, keeper = (twin.trader(name, 200_000) for name in ("u", "v", "keeper"))
        twin.meet(mine, loser, 100)
        for market in (ETH, BTC):
            rig.admin.send("setMarket", market, *with_changed(**TERMS), sender=rig.roles.timelock)
        rig.wait(8 * DAY)  # the new terms are in force
        say(rig, 3_000)
        resolution = resolution_of(rig)

        def lean():
            twin.meet(mine, own, 11, market=BTC, at=50_000)
            twin.meet(u, v, 11, market=BTC, at=50_000)

        settle_at_3600(rig, ending, by, lean)
        ending.send("closeAt", ETH, [mine], sender=by)
        assert rig.size(mine, ETH) == 100 * LOT, "he leans on it"
        rig.wait(DAY)
        rig.set_price(BTC, 50_000 * 10**8)
        rig.aggregators[BTC].says("latestRoundData()", b"", Manner.REVERT)
        rig.wait(100)
        if is_stripped:
            ending.send("closeAt", ETH, [mine], sender=by)
            assert ending.read("claimOf", ETH, mine) == usd(60_000)
        rig.wait(3 * HOUR)
        for _ in range(3):
            rig.wait(95)
            rig.set_price(BTC, 42_000 * 10**8)
            rig.calm(BTC)
        lenders, insured = rig.cash(VAULT), rig.cash(INSURANCE)

        resolution.send("absorb", mine, keeper, [], sender=by)
        covered = ending.read("coveredFor", mine)
        ending.send("closeAt", ETH, [loser, mine], sender=by)
        ending.send("payClaims", ETH, [mine], sender=by)

        if is_stripped:
            assert usd(86_900) < covered < usd(87_000)
            assert ending.read("coveredFor", mine) == covered - usd(60_000)
            assert rig.cash(INSURANCE) - insured == usd(60_000), "PERP-51: it answered"
        # what he lost to himself beyond his cash and his gain, 26,954, is all that others lack
        assert rig.cash(mine) == 0, "PERP-51"
        taken = lenders + insured - rig.cash(VAULT) - rig.cash(INSURANCE)
        assert usd(6_100) < taken < usd(6_200)
        assert usd(80_000) < usd(dollars(rig, mine, own) - 201_000) < usd(80_100)


@pytest.mark.parametrize("is_first", [False, True])
def test_gain_of_the_backstop__all_closed_that_it_is_against__is_cut_as_others(is_first):
    """[PERP-37] 60,000 USD of it and 60,000 of `winner` stand against a loser of 5,000 USD.

    Before, who had its counterparty closed alone made its gain cash, which an absorption in BTC
    spent: `winner` got 16,026 of his claim instead of 32,500.
    """
    with settling() as twin:
        rig, ending, by = twin.rig, twin.module, twin.rig.roles.outsider
        against, winner, own = (twin.trader(n, 100_000) for n in ("against", "winner", "own"))
        loser, mine, keeper = (twin.trader(name, 5_000) for name in ("loser", "mine", "keeper"))
        twin.meet(BACKSTOP, against, 100)
        twin.meet(winner, loser, 100)
        resolution = resolution_of(rig)
        fund = rig.chain.at(resolution.read("FUND"), abi_of("InsuranceFund"))
        fund.send("setLimits", BTC, 0, usd(45_000), sender=rig.roles.timelock)
        settle_at_3600(rig, ending, by, lambda: twin.meet(mine, own, 10, market=BTC, at=50_000))
        walk(twin, BTC, (49_000, 48_000, 47_000, 46_000, 45_000))

        if is_first:
            ending.send("closeAt", ETH, [against], sender=by)
            assert rig.size(BACKSTOP, ETH) == 0
        resolution.send("absorb", mine, keeper, [], sender=by)
        ending.send("closeAt", ETH, [against, loser, winner], sender=by)
        ending.send("payClaims", ETH, [winner], sender=by)

        # claims of 120,000 but for half the spread of 10 BTC, a debt of 55,000: 65 / 120 of each
        assert usd(132_480) < rig.cash(winner) <= usd(132_500), "PERP-37"
        assert rig.cash(BACKSTOP) >= usd(32_500)


@pytest.mark.parametrize("is_later", [False, True])
def test_backstop_that_won_in_one_end__loses_in_another__pays_from_it(is_later):
    """[PERP-37] 60,000 USD won in ETH, 50,000 lost in BTC before or after ETH is settled.

    A gain that is taken away when a market is settled would leave the second to BTC's winner.
    """
    with settling() as twin:
        rig = twin.rig
        against, winner = twin.trader("against", 200_000), twin.trader("winner", 100_000)
        twin.meet(BACKSTOP, against, 200)
        twin.meet(winner, BACKSTOP, 10, market=BTC, at=50_000)
        for market in (ETH, BTC):
            twin.wind_down(market=market)
        rig.wait(DAY - HOUR)
        for _ in range(2):
            say(rig, 3_300, 50_000 if is_later else 55_000)
            rig.wait(HOUR)
        say(rig, 3_300, 50_000 if is_later else 55_000)
        assert twin.settle(ETH) == ACCEPTED
        assert twin.module.read("unreckoned") == usd(60_000)
        if is_later:
            for _ in range(2):
                rig.wait(HOUR)
                twin.at(55_000, BTC)
                rig.calm(BTC)
        assert twin.settle(BTC) == ACCEPTED

        twin.close_at([winner], BTC)
        twin.pay([winner], BTC)
        twin.close_at([against], ETH)

        assert (twin.debt(BTC), twin.debt(ETH)) == (0, 0)
        assert twin.cash(winner) == usd(150_000)
        assert twin.cash(BACKSTOP) == usd(10_000)
        assert twin.module.read("unreckoned") == 0


@pytest.mark.parametrize("is_told", [False, True])
def test_backstop_in_a_market_that_just_ended__takes_over__its_gain_is_cut_as_others(is_told):
    """[PERP-37] ETH ends in debt; who lost to the backstop is absorbed before anybody closes.

    Before, what it had won was cash at once, 119,964 USD, and the winner's claim paid nothing.
    """
    with absorbing() as twin:
        rig, by = twin.rig, twin.rig.roles.outsider
        against, loser = twin.trader("against", 5_000), twin.trader("loser", 5_000)
        other, winner = twin.trader("other", 300_000), twin.trader("winner", 100_000)
        keeper = twin.trader("keeper", 10)
        for seller in (against, other):
            twin.meet(BACKSTOP, seller, 100)
        twin.meet(winner, loser, 100)
        walk(twin, ETH, (3_150, 3_300, 3_450, 3_600))
        ending = rig.chain.deploy("SettlementModule", rig.engine.address, sender=rig.roles.deployer)
        timelock = rig.roles.timelock
        rig.engine.send("setModule", Role.SETTLEMENT, ending.address, sender=timelock)
        twin.module.send("absorb", loser, keeper, [], sender=by)
        assert usd(22_000) < rig.engine.read("debtOf", ETH) < usd(23_000)
        if is_told:
            ending.send("closeAt", ETH, [], sender=by)

        twin.module.send("absorb", against, keeper, [], sender=by)
        ending.send("closeAt", ETH, [winner, other], sender=by)
        ending.send("payClaims", ETH, [winner], sender=by)

        assert rig.engine.read("debtOf", ETH) == 0, "PERP-37"
        assert usd(121_000) < rig.cash(winner) < usd(122_000)
        assert rig.cash(BACKSTOP) < usd(60_000)


def test_backstop_with_a_gain_that_is_not_cut_yet__taken_back__pays_no_reward_from_it():
    """Half of the penalty of 0.5 BTC, 312.5 USD, as soon as it has other cash."""
    with settling() as twin:
        rig, ending, by = twin.rig, twin.module, twin.rig.roles.outsider
        against, seller, taker = (twin.trader(n, 100_000) for n in ("against", "seller", "taker"))
        twin.meet(BACKSTOP, against, 100)
        resolution = resolution_of(rig)
        settle_at_3600(
            rig, ending, by, lambda: twin.meet(BACKSTOP, seller, 1, market=BTC, at=50_000)
        )
        assert rig.cash(BACKSTOP) == ending.read("unreckoned") == usd(60_000)

        def reward():
            with rig.chain.isolated():
                owner = key_of("taker").address
                before = rig.cash(BACKSTOP)
                resolution.send("takeBackstop", BTC, LOT // 2, taker, sender=owner)
                return before - rig.cash(BACKSTOP)

        assert reward() == 0
        rig.fund(BACKSTOP, 1_000)
        assert usd(312) < reward() < usd(313)


@pytest.mark.parametrize("is_silent", [False, True])
@pytest.mark.parametrize("carrier", [BACKSTOP, VAULT])
def test_market_closed_while_another_feed_is_silent__fills_the_same_hole(carrier, is_silent):
    """[PERP-37] 60,000 USD won in ETH fill 60,000 lost in BTC, whose feed is silent for a moment.

    Before, the far edge of its band let 43,956 of them go into ETH's pot: 23,229 for ETH's winner,
    paid by three in BTC as soon as the feed was back.
    """
    with settling() as twin:
        rig, ending, by = twin.rig, twin.module, twin.rig.roles.outsider
        against, winner, seller = (twin.trader(n, 100_000) for n in ("against", "winner", "seller"))
        loser, x, y = (
            twin.trader(n, has) for n, has in (("loser", 5_000), ("x", 200_000), ("y", 200_000))
        )
        twin.meet(carrier, against, 100)
        twin.meet(winner, loser, 100)

        def lean():
            twin.meet(carrier, seller, 10, market=BTC, at=50_000)
            twin.meet(x, y, 20, market=BTC, at=50_000)

        settle_at_3600(rig, ending, by, lean)
        set_cash(rig, VAULT, 0)
        walk(twin, BTC, (49_000, 48_000, 47_000, 46_000, 45_000, 44_000))
        before = [dollars(rig, each) for each in (x, y, seller)]
        if is_silent:
            rig.aggregators[BTC].says("latestRoundData()", b"", Manner.REVERT)
            rig.wait(100)
        ending.send("closeAt", ETH, [against, loser, winner], sender=by)
        ending.send("payClaims", ETH, [winner], sender=by)
        walk(twin, BTC, (44_000,))

        assert usd(104_900) < rig.cash(winner) < usd(105_100), "PERP-37"
        assert rig.engine.read("healthOf", carrier, FOR_LIQUIDATE)[0] >= 0
        assert [dollars(rig, each) for each in (x, y, seller)] == before
