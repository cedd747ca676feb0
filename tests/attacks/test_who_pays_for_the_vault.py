"""Nobody chooses which market pays for what the vault has lost, nor lets one pay twice."""

from functools import partial

import pytest

from clearing.spec.perp_types import MarketStatus
from clearing.spec.perp_waterfall import Covered
from tests.attacks.perp_stage import dollars, resolution_of, walk
from tests.harness.actors import key_of
from tests.harness.perp import BACKSTOP, BTC, ETH, FAR, INSURANCE, LOT, VAULT, usd
from tests.harness.puppet import Manner
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import MATCH_KIND, NO_SAMPLE, in_lock, refusal_of, set_cash
from tests.unit.perp_resolution.scene import absorbing
from tests.unit.perp_resolution.settle_scene import settling

ANY = 2**127
Q = 10 * LOT * 50_000 * 10**4
"""Pico: what 10 BTC cost."""


def fund_vault(twin, amount):
    lender = twin.trader("lender", amount)
    owner = key_of("lender").address
    twin.rig.vault.send("addLiquidity", lender, usd(amount), 0, sender=owner)


def deal(twin, name, account, market, lots):
    limit = ANY if lots > 0 else 0
    owner = key_of(name).address
    twin.rig.vault.send("trade", account, market, lots, limit, FAR, sender=owner)


def test_absorbed_in_a_settled_market__loss_elsewhere__is_paid_by_the_market_it_was_lost_in():
    """[PERP-50] The vault lost 30,000 USD in ETH, which is over, then 40,000 in BTC, by steps.

    Before, each step was a debt of ETH: 23,022 USD stayed unpaid there, and BTC's insurance whole.
    """
    with absorbing() as twin:
        winner, later = twin.trader("winner", 100_000), twin.trader("later", 100_000)
        twin.give(VAULT, 15_000)
        twin.give(INSURANCE, 1_000_000)
        twin.limit(1_000_000, 0, BTC)
        twin.meet(winner, VAULT, 100)
        twin.meet(later, VAULT, 1, market=BTC, at=50_000)
        twin.at(3_300)
        assert twin.absorb_protocol(VAULT) == ACCEPTED
        assert (twin.status(), twin.status(BTC)) == (MarketStatus.SETTLED, MarketStatus.LIVE)
        # it was ended at mid, and absorbed at LIQUIDATE: a difference that is still its own
        assert twin.absorb_protocol(VAULT) == ACCEPTED
        assert [told.market for told in twin.events(Covered)] == [ETH]
        owed = twin.debt()
        assert usd(5_000) < owed < usd(5_200)

        for price in range(54_000, 90_001, 4_000):
            walk(twin, BTC, [price])
            assert twin.absorb_protocol(VAULT) == ACCEPTED
            (told,) = twin.events(Covered)
            assert (told.market, told.debt, told.shared) == (BTC, 0, 0), "PERP-50"
            assert 3_990 * usd(1) < told.insurance < 4_010 * usd(1)
        assert (twin.debt(), twin.debt(BTC)) == (owed, 0)


@pytest.mark.parametrize("is_loaded", [False, True])
def test_vault_loaded_before_its_absorption__loss__is_still_paid_by_who_was_in_the_market(
    is_loaded,
):
    """[PERP-50] All of 9,790 USD was lost in ETH; `x` and `y` are in BTC, against each other alone.

    Before, 20 BTC bought and sold around the absorption took 3,198 USD from each of the two, and
    spared who was in ETH 7,435.
    """
    with absorbing() as twin:
        x, y = twin.trader("x", 1_000_000), twin.trader("y", 1_000_000)
        long, helper = twin.trader("long", 300_000), twin.trader("helper", 300_000)
        twin.meet(x, y, 100, market=BTC, at=50_000)
        fund_vault(twin, 1_100_000)
        deal(twin, "long", long, ETH, 100 * LOT)
        twin.at(3_300)
        twin.at(50_000, BTC)
        rig, by = twin.rig, twin.rig.roles.outsider
        rig.engine.send("setModule", 4, twin.stand_in.address, sender=rig.roles.timelock)
        set_cash(rig, VAULT, usd(20_000))
        rig.engine.send("setModule", 4, twin.module.address, sender=rig.roles.timelock)
        before = [dollars(rig, each) for each in (long, helper, x, y)]

        if is_loaded:
            deal(twin, "helper", helper, BTC, 20 * LOT)
        twin.module.send("absorbProtocol", VAULT, sender=by)
        if is_loaded:
            deal(twin, "helper", helper, BTC, -20 * LOT)

        paid = [
            had - dollars(rig, each) for had, each in zip(before, (long, helper, x, y), strict=True)
        ]
        assert paid[2:] == [0, 0], "PERP-50"
        # what helping cost, fees and spread, is what the loss fell by
        low, high = (9_350, 9_360) if is_loaded else (9_755, 9_760)
        assert low <= paid[0] <= high
        assert (1_395 if is_loaded else 0) <= paid[1] <= 1_405
        assert rig.engine.read("debtOf", BTC) == rig.engine.read("debtOf", ETH) == 0


@pytest.mark.parametrize("is_loaded", [False, True])
def test_vault_that_cannot_pay_the_skew_back__last_close__leaves_the_loss_where_it_is(is_loaded):
    """[PERP-50] Closing 200 ETH would leave the vault 57,388 USD below zero: the skew gives back.

    Before, the last of them was closed, and 0.001 BTC opened against the vault, before or after,
    let an absorption lay 57,388 USD to BTC: 7,500 to each of two who had never dealt with it, and a
    debt that ended their market.
    """
    with absorbing() as twin:
        x, y, other = (twin.trader(n, 100_000) for n in ("x", "y", "other"))
        closer = twin.trader("closer", 5_000_000)
        twin.set_terms(ETH, skewScale=2_000)
        twin.meet(x, y, 5, market=BTC, at=50_000)
        fund_vault(twin, 610_000)
        deal(twin, "closer", closer, ETH, 200 * LOT)
        rig, by = twin.rig, twin.rig.roles.outsider
        walk(twin, ETH, range(3_100, 6_101, 100))
        walk(twin, ETH, [6_180])
        rig.set_price(BTC, 50_000 * 10**8)
        if is_loaded:
            deal(twin, "other", other, BTC, LOT // 1_000)
        assert dollars(rig, VAULT) > 4_000
        before = dollars(rig, x), dollars(rig, y)

        name, (lacks,) = refusal_of(lambda: deal(twin, "closer", closer, ETH, -200 * LOT))
        assert name == "VaultWouldOwe"
        assert -usd(57_400) < lacks < -usd(57_300)
        deal(twin, "closer", closer, ETH, LOT // 100 - 200 * LOT)
        twin.module.send("absorbProtocol", VAULT, sender=by)

        assert twin.status(ETH) == MarketStatus.SETTLED
        assert usd(57_300) < rig.engine.read("debtOf", ETH) < usd(57_400)
        assert (twin.status(BTC), rig.engine.read("debtOf", BTC)) == (MarketStatus.LIVE, 0)
        assert all(had - dollars(rig, each) <= 1 for had, each in zip(before, (x, y), strict=True))


def test_vault_that_won_elsewhere__gives_it_back__is_paid_for_by_that_market():
    """[PERP-50] 60,000 USD lost in ETH and 50,000 won in BTC, absorbed; then BTC goes back.

    Before, what went back there was split by margin: ETH's insurance paid 11,680 of 20,000.
    """
    with absorbing() as twin:
        eth, btc = twin.trader("eth", 1_000_000), twin.trader("btc", 1_000_000)
        twin.give(VAULT, 5_000)
        twin.give(INSURANCE, 1_000_000)
        twin.limit(1_000_000, 0, ETH)
        twin.meet(eth, VAULT, 200)
        twin.meet(btc, VAULT, 10, market=BTC, at=50_000)
        walk(twin, BTC, (47_500, 45_000))
        twin.at(3_300)
        assert twin.absorb_protocol(VAULT) == ACCEPTED
        (told,) = twin.events(Covered)
        assert told.market == ETH
        assert usd(4_000) < told.insurance < usd(6_000)

        walk(twin, BTC, (47_000,))
        twin.at(3_300)
        assert twin.absorb_protocol(VAULT) == ACCEPTED

        (told,) = twin.events(Covered)
        assert (told.market, told.insurance) == (BTC, 0), "PERP-50"
        assert usd(19_900) < told.shared + told.debt < usd(20_000)


def test_backstop_below_zero__position_taken_back__waits_for_its_absorption():
    """[PERP-50] It lost 20,000 USD in BTC; its winner took the position to close his own with.

    Before, he kept 19,948 of 20,000, and two in ETH paid 9,000 each of what the backstop lacked.
    """
    with absorbing() as twin:
        winner, second = twin.trader("winner", 200_000), twin.trader("second", 200_000)
        e, f = twin.trader("e", 100_000), twin.trader("f", 100_000)
        twin.meet(e, f, 100)
        twin.meet(e, BACKSTOP, 0.1)
        twin.meet(winner, BACKSTOP, 10, market=BTC, at=50_000)
        twin.give(BACKSTOP, 1_000)
        walk(twin, BTC, (51_000, 52_000))
        twin.at(3_000)
        take = partial(twin.take_backstop, key_of("second").address, -LOT, second, BTC)
        with twin.isolated():
            twin.give(BACKSTOP, 20_000)
            assert take() == ACCEPTED

        assert take() == "BackstopMustBeAbsorbed"
        assert twin.absorb_protocol(BACKSTOP) == ACCEPTED

        (told,) = twin.events(Covered)
        assert (told.market, told.shared) == (BTC, usd(15_600)), "PERP-50"
        assert (twin.debt(ETH), twin.status(ETH)) == (0, MarketStatus.LIVE)


def test_absorb__would_close_the_backstop_below_zero__waits_for_its_absorption():
    """[PERP-50] It is short 10 BTC and lost 20,000 USD; who is absorbed is long as much.

    Before, its loss was of no market then: the next one that it was in paid, and ended.
    """
    with absorbing() as twin:
        winner, second, keeper = (twin.trader(n, 100_000) for n in ("winner", "second", "keeper"))
        loser = twin.trader("loser", 2_000)
        twin.meet(winner, BACKSTOP, 10, market=BTC, at=50_000)
        twin.meet(loser, second, 10, market=BTC, at=52_000)
        twin.give(BACKSTOP, 1_000)
        walk(twin, BTC, (51_000, 52_000))
        with twin.isolated():
            twin.give(BACKSTOP, 20_000)
            assert twin.absorb(loser, keeper) == ACCEPTED

        assert twin.absorb(loser, keeper) == "BackstopMustBeAbsorbed"
        assert twin.absorb_protocol(BACKSTOP) == ACCEPTED
        (told,) = twin.events(Covered)
        assert told.market == BTC, "PERP-50"
        assert usd(18_900) < told.shared + told.debt < usd(19_000)
        assert twin.absorb(loser, keeper) == ACCEPTED
        assert twin.size(BACKSTOP, BTC) == 0


@pytest.mark.parametrize("is_absorbed", [False, True])
def test_backstop_of_a_settled_market__loses_elsewhere__its_winners_pay_once(is_absorbed):
    """[PERP-50] 30,000 USD lost in ETH, 29,000 of them unpaid, then 20,000 in BTC, insured there.

    Before, who closed the last in ETH before an absorption laid what was lost in BTC to ETH too,
    and its winner's claim of 30,000 paid nothing.
    """
    with settling() as twin:
        rig, ending, by = twin.rig, twin.module, twin.rig.roles.outsider
        winner, later = twin.trader("winner", 100_000), twin.trader("later", 1_000_000)
        twin.meet(winner, BACKSTOP, 100)
        rig.fund(BACKSTOP, 1_000)
        rig.fund(INSURANCE, 1_000_000)
        resolution = resolution_of(rig)
        ending.send("windDown", ETH, sender=rig.roles.timelock)
        rig.wait(86_400)
        for _ in range(80):
            rig.wait(60)
            rig.set_price(ETH, 3_300 * 10**8)
            rig.calm(ETH)
        ending.send("settle", ETH, sender=by)
        assert 28_900 < rig.engine.read("debtOf", ETH) // usd(1) < 29_100
        legs = [(later, 10 * LOT, -Q, 0, 0, False), (BACKSTOP, -10 * LOT, Q, 0, 0, False)]
        rig.set_price(BTC, 50_000 * 10**8)
        rig.calm(BTC)
        in_lock(rig, rig.settler, ("book", (BTC, legs, NO_SAMPLE, MATCH_KIND)))
        walk(twin, BTC, (51_000, 52_000))

        if is_absorbed:
            resolution.send("absorbProtocol", BACKSTOP, sender=by)
        ending.send("closeAt", ETH, [winner], sender=by)
        ending.send("payClaims", ETH, [winner], sender=by)

        paid = rig.cash(winner) - usd(100_000)
        assert usd(900) < paid < usd(1_100), "PERP-50: his claim, cut by what ETH lost alone"
        assert rig.engine.read("debtOf", ETH) == 0


@pytest.mark.parametrize("carrier", [VAULT, BACKSTOP])
@pytest.mark.parametrize("is_silent", [False, True])
def test_absorbed_while_another_feed_is_silent__loss__stays_where_it_was_lost(carrier, is_silent):
    """[PERP-50] All of 40,000 USD was lost in BTC; in ETH the price of its entry never moved.

    Before, a moment's silence of ETH's feed counted 10 % in the vault's favour there, and as a loss
    of ETH once it was back: three paid 9,000 each, and the market ended.
    """
    with absorbing() as twin:
        rig = twin.rig
        held, won, x, y = (twin.trader(name, 300_000) for name in ("held", "won", "x", "y"))
        twin.meet(carrier, held, 100)
        twin.meet(won, carrier, 10, market=BTC, at=50_000)
        twin.meet(x, y, 100)
        twin.give(INSURANCE, 1_000_000)
        twin.limit(1_000_000, 0, BTC)
        walk(twin, BTC, (52_000, 54_000))
        if is_silent:
            rig.aggregators[ETH].says("latestRoundData()", b"", Manner.REVERT)
            rig.wait(100)
        else:
            twin.at(3_000)
        twin.at(54_000, BTC)
        assert twin.absorb_protocol(carrier) == ACCEPTED

        (told,) = twin.events(Covered)
        assert told.market == BTC, "PERP-50"
        assert usd(39_800) < told.insurance < usd(40_000)
        walk(twin, ETH, (3_000,))
        assert twin.health(carrier).equity > -usd(100)
        assert twin.status() == MarketStatus.LIVE


@pytest.mark.parametrize("entry", [2_690, 2_710])
def test_absorbed_while_a_feed_is_silent__gain_at_its_edge_alone__charges_that_market_nothing(
    entry,
):
    """[PERP-50] The vault is short 100 ETH; the last price is 3,000, the edge of its band 2,700.

    Counted at mid, an entry of 2,710 would be a loss of 29,000 USD: 17,640 of insurance and
    12,806 of three in ETH would cover what an entry of 2,690 leaves to its own market.
    """
    with absorbing() as twin:
        rig = twin.rig
        held, won, x, y = (twin.trader(name, 300_000) for name in ("held", "won", "x", "y"))
        twin.meet(held, VAULT, 100, at=entry)
        twin.meet(won, VAULT, 10, market=BTC, at=50_000)
        twin.meet(x, y, 100)
        twin.give(INSURANCE, 1_000_000)
        twin.limit(1_000_000, 0, BTC)
        twin.give(VAULT, 40_000 - (entry - 2_700) * 100 - 500)
        walk(twin, BTC, (52_000, 54_000))
        rig.aggregators[ETH].says("latestRoundData()", b"", Manner.REVERT)
        rig.wait(100)
        twin.at(54_000, BTC)
        before = [dollars(rig, each) for each in (held, x, y)]
        assert -usd(600) < twin.health(VAULT).equity < -usd(400)
        assert twin.absorb_protocol(VAULT) == ACCEPTED

        covered = {told.market: told for told in twin.events(Covered)}
        gain = max(0, (entry - 2_700) * 100)
        assert usd(350) < covered[BTC].insurance - usd(gain) < usd(460)
        assert all(told.debt == 0 for told in covered.values())
        paid = [had - dollars(rig, each) for had, each in zip(before, (held, x, y), strict=True)]
        assert max(paid) <= (0 if gain else 5), "PERP-50"


@pytest.mark.parametrize("is_loaded", [False, True])
def test_vault_that_won_elsewhere__last_close__leaves_the_loss_where_it_is(is_loaded):
    """[PERP-50] 40,000 USD lost in ETH, 50,000 won in BTC and not closed; then BTC goes back.

    Before, the last of ETH was closed, its loss of no market then; 100 ETH bought from the vault
    before its absorption laid 7,146 of 17,446 to ETH, and saved the one who was long in BTC 6,118.
    """
    with absorbing() as twin:
        rig, by = twin.rig, twin.rig.roles.outsider
        won, long, helper = (twin.trader(name, 1_000_000) for name in ("won", "long", "helper"))
        x, y = (twin.trader(name, 1_000_000) for name in ("x", "y"))
        twin.meet(x, y, 1, market=BTC, at=50_000)
        fund_vault(twin, 1_100_000)
        deal(twin, "won", won, ETH, 100 * LOT)
        deal(twin, "long", long, BTC, 10 * LOT)
        rig.engine.send("setModule", 4, twin.stand_in.address, sender=rig.roles.timelock)
        set_cash(rig, VAULT, usd(12_000))
        rig.engine.send("setModule", 4, twin.module.address, sender=rig.roles.timelock)
        walk(twin, BTC, (48_000, 46_500, 45_000))
        walk(twin, ETH, (3_100, 3_200, 3_300, 3_400))
        twin.at(45_000, BTC)
        assert dollars(rig, VAULT) > 22_000
        with twin.isolated():
            rig.fund(VAULT, 29_000)
            deal(twin, "won", won, ETH, -100 * LOT)

        name, (lacks,) = refusal_of(lambda: deal(twin, "won", won, ETH, -100 * LOT))
        assert (name, lacks // usd(1)) == ("VaultWouldOwe", -27_892)
        deal(twin, "won", won, ETH, LOT // 100 - 100 * LOT)
        walk(twin, BTC, (46_000, 47_000))
        twin.at(3_400)
        if is_loaded:
            deal(twin, "helper", helper, BTC, 5 * LOT)
        walk(twin, BTC, (48_000, 49_000))
        twin.at(3_400)
        twin.at(49_000, BTC)
        before = [dollars(rig, each) for each in (long, x, y)]
        twin.module.send("absorbProtocol", VAULT, sender=by)

        assert [dollars(rig, each) for each in (long, x, y)] == before, "PERP-50"
