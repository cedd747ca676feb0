"""What an audit of the swaps found and is not mended yet: KI-97 to KI-101, each with its figure.

Each test plays the attack and holds it to what it brings now, from both sides, so that nothing
makes it larger unseen. Whoever mends one turns its test around.
"""

import pytest

from tests.attacks.perp_stage import TERMS, dollars, resolution_of
from tests.attacks.test_jelly_2025 import Jelly
from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, FAR, LOT, VAULT, deploy_perp
from tests.unit.perp_engine.scene import (
    set_market,
    with_changed,
)
from tests.unit.perp_resolution.scene import absorbing
from tests.unit.perp_resolution.settle_scene import settling

HOUR = 3_600


@pytest.mark.parametrize(
    ("is_bought", "gain", "loss"), [(False, 15_020, 0), (True, 26_840, 11_950)]
)
def test_vault__made_the_winner_before_an_absorption__pays_instead_of_the_listed(
    is_bought, gain, loss
):
    """KI-97: the vault closes first, at the bankruptcy price, whatever it has won."""
    with absorbing() as twin:
        rig, third, by = twin.rig, twin.trader("third", 60_000), key_of("third").address
        twin.set_terms(ETH, skewScale=2_000)
        jelly = Jelly(twin)
        twin.give(VAULT, 10_000_000)
        rig.vault.send("takeNav", sender=rig.roles.outsider)
        mine = (jelly.long, jelly.short, third)
        start, vault = dollars(rig, *mine), dollars(rig, VAULT)
        jelly.crash(2_700, 2_400)

        if is_bought:
            rig.vault.send("trade", third, ETH, 50 * LOT, 2**127, FAR, sender=by)
        lists = [(ETH, [jelly.short])]
        twin.module.send("absorb", jelly.long, jelly.keeper, lists, sender=rig.roles.outsider)
        if is_bought:
            rig.vault.send("trade", third, ETH, -50 * LOT, 0, FAR, sender=by)

        assert gain - 20 <= dollars(rig, *mine) - start <= gain
        assert loss - 20 <= vault - dollars(rig, VAULT) <= loss


@pytest.mark.parametrize(
    ("is_absorbed", "gain", "loss"), [(False, 5_000, 0), (True, 30_000, 25_000)]
)
def test_settled__loser_absorbed_before_he_is_closed__is_paid_for_by_the_vault(
    is_absorbed, gain, loss
):
    """KI-98: closed, his loss is a debt that the winners' claims carry."""
    with settling() as twin:
        rig, ending, by = twin.rig, twin.module, twin.rig.roles.outsider
        poor, winner = twin.trader("poor", 5_000), twin.trader("winner", 50_000)
        keeper = twin.trader("keeper", 0)
        twin.meet(winner, poor, 100)
        resolution = resolution_of(rig)
        ending.send("windDown", ETH, sender=rig.roles.timelock)
        for seconds in (23 * HOUR, HOUR):
            rig.wait(seconds)
            rig.set_price(ETH, 3_300 * 10**8)
        ending.send("settle", ETH, sender=by)
        vault = dollars(rig, VAULT)

        if is_absorbed:
            resolution.send("absorb", poor, keeper, [], sender=by)
        ending.send("closeAt", ETH, [poor, winner], sender=by)
        ending.send("finalise", ETH, sender=by)
        ending.send("payClaims", ETH, [winner], sender=by)

        assert gain - 1 <= dollars(rig, winner) - 50_000 <= gain
        assert loss - 1 <= vault - dollars(rig, VAULT) <= loss


@pytest.mark.parametrize(
    ("is_spent", "most", "others"), [(False, 32_350, 32_500), (True, 39_160, 23_030)]
)
def test_settled__gain_spent_elsewhere_before_it_is_closed__escapes_the_haircut(
    is_spent, most, others
):
    """KI-99: in BTC it goes to an account of his own, and only what is left is claimed."""
    with settling() as twin:
        rig, ending, by = twin.rig, twin.module, twin.rig.roles.outsider
        given = {"mine": 1_000, "poor": 5_000, "second": 100_000, "rich": 100_000, "own": 100_000}
        mine, poor, second, rich, own = (twin.trader(*each) for each in given.items())
        twin.meet(mine, poor, 100)
        twin.meet(second, rich, 100)
        twin.meet(mine, rich, 1, market=BTC, at=50_000)
        changed = {ETH: with_changed(**TERMS), BTC: with_changed(**TERMS, skewScale=200)}
        for market, terms in changed.items():
            rig.admin.send("setMarket", market, *terms, sender=rig.roles.timelock)
        ending.send("windDown", ETH, sender=rig.roles.timelock)
        for hours, price in ((20, 3_300), (3, 3_600), (1, 3_600)):
            rig.wait(hours * HOUR)
            rig.set_price(ETH, price * 10**8)
        rig.set_price(BTC, 50_000 * 10**8)
        ending.send("settle", ETH, sender=by)
        ending.send("closeAt", ETH, [mine, poor, second, rich], sender=by)

        def trade(account, name, units):
            limit, owner = 2**127 if units > 0 else 0, key_of(name).address
            rig.vault.send("trade", account, BTC, units * LOT, limit, FAR, sender=owner)

        units = 2
        while is_spent and units >= 2:
            units = int((dollars(rig, mine) - 18_000) / 3_700 - 1.2)
            if units >= 2:
                for sign in (1, -1):
                    trade(mine, "mine", sign * units)
                    trade(own, "own", -sign * units)
        trade(mine, "mine", -1)
        ending.send("closeAt", ETH, [mine, second, rich, poor], sender=by)
        ending.send("finalise", ETH, sender=by)
        ending.send("payClaims", ETH, [mine, second, own], sender=by)

        gained = (rig.cash(mine) + rig.cash(own)) // 10**18 - 101_000
        assert most - 20 <= gained <= most
        assert others - 5 <= rig.cash(second) // 10**18 - 100_000 <= others


@pytest.mark.parametrize(("parts", "shared"), [(1, 1_440), (5, 4_283)])
def test_shared__the_same_loss_of_several_accounts__is_capped_for_each(parts, shared):
    """KI-100: half the maintenance margin of 20 ETH is 1,440 USD."""
    with absorbing() as twin:
        rig = twin.rig
        twin.give(VAULT, 1_000_000)
        longs = [twin.trader(f"long {at}", 30_000 // parts) for at in range(parts)]
        short, keeper = twin.trader("short", 30_000), twin.trader("keeper", 0)
        for long in longs:
            twin.meet(long, short, 100 // parts)
        honest = twin.trader("buyer", 50_000), twin.trader("seller", 50_000)
        twin.meet(*honest, 20)
        for price in (2_700, 2_400):
            rig.wait(300)
            twin.at(price)
        before = [dollars(rig, each) for each in honest]

        for long in longs:
            twin.module.send("absorb", long, keeper, [], sender=rig.roles.outsider)

        lost = [was - dollars(rig, each) for each, was in zip(honest, before, strict=True)]
        assert shared - 2 <= min(lost) <= max(lost) <= shared


def test_scale__lowered_between_a_purchase_and_a_sale__pays_the_buyer():
    """KI-101: from 2,000 to 1,000 ETH, with 100 bought before."""
    rig = deploy_perp()
    set_market(rig, ETH, skewScale=2_000)
    account, owner = rig.trader("trader", 200_000)
    start, vault = dollars(rig, account), dollars(rig, VAULT)

    rig.trade(account, owner, ETH, 100 * LOT)
    set_market(rig, ETH, skewScale=1_000)
    rig.trade(account, owner, ETH, -100 * LOT)

    assert 7_060 < dollars(rig, account) - start <= 7_070
    assert 7_370 < vault - dollars(rig, VAULT) <= 7_380
