"""What an audit of the swaps found, mended or not, each with its figure: KI-97 to KI-101.

Each test plays the attack and holds it to what it brings now, from both sides, so that nothing
makes it larger unseen. Whoever mends one turns its test around.
"""

import pytest

from tests.attacks.perp_stage import dollars, resolution_of
from tests.attacks.test_jelly_2025 import Jelly
from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, FAR, LOT, VAULT, deploy_perp
from tests.unit.perp_engine.scene import set_market
from tests.unit.perp_resolution.scene import absorbing
from tests.unit.perp_resolution.settle_scene import settling

HOUR = 3_600


@pytest.mark.parametrize("is_bought", [False, True])
def test_vault__made_the_other_side_before_an_absorption__pays_no_more_than_it_won(is_bought):
    """It closes first, but from its own gain: what its buyer paid for the skew is none."""
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

        gain, loss = (14_870, 0) if is_bought else (15_020, 0)
        assert gain - 20 <= dollars(rig, *mine) - start <= gain
        assert loss - 30 <= vault - dollars(rig, VAULT) <= loss


@pytest.mark.parametrize("is_absorbed", [False, True])
def test_settled__loser_absorbed_before_he_is_closed__is_carried_by_the_claims_as_well(
    is_absorbed,
):
    """Closed or absorbed, his loss is a debt of the market, and the vault pays nothing."""
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

        assert 4_999 <= dollars(rig, winner) - 50_000 <= 5_000
        assert dollars(rig, VAULT) == vault


@pytest.mark.parametrize("is_absorbed", [False, True])
def test_settled__loser_who_is_in_a_live_market__may_be_absorbed_or_closed_first(is_absorbed):
    """All of it was lost in ETH, so BTC, where his margin is, carries nothing."""
    with settling() as twin:
        rig, ending, by = twin.rig, twin.module, twin.rig.roles.outsider
        poor, winner = twin.trader("poor", 5_000), twin.trader("winner", 50_000)
        other, keeper = twin.trader("other", 50_000), twin.trader("keeper", 0)
        twin.meet(winner, poor, 100)
        twin.meet(poor, other, 1, market=BTC, at=50_000)
        resolution = resolution_of(rig)
        ending.send("windDown", ETH, sender=rig.roles.timelock)
        for seconds in (23 * HOUR, HOUR):
            rig.wait(seconds)
            rig.set_price(ETH, 3_300 * 10**8)
            rig.set_price(BTC, 50_000 * 10**8)
        ending.send("settle", ETH, sender=by)
        before = dollars(rig, other), dollars(rig, VAULT)

        if is_absorbed:
            resolution.send("absorb", poor, keeper, [], sender=by)
        ending.send("closeAt", ETH, [poor], sender=by)
        if not is_absorbed:
            resolution.send("absorb", poor, keeper, [], sender=by)

        assert before == (dollars(rig, other), dollars(rig, VAULT))
        assert 24_994 <= rig.engine.read("debtOf", ETH) // 10**18 <= 24_995
        assert rig.engine.read("debtOf", BTC) == 0


@pytest.mark.parametrize("parts", [1, 5])
def test_shared__the_same_loss_of_several_accounts__is_capped_for_all_of_them(parts):
    """Half the maintenance margin of 20 ETH is 1,440 USD; what exceeds it the vault pays."""
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
        assert 1_438 <= min(lost) <= max(lost) <= 1_440


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


@pytest.mark.parametrize("units", [100, 150, 196])
def test_scale__lowered_by_a_fiftieth_between_a_purchase_and_a_sale__brings_nothing(units):
    """KI-101: what the step brings, two fees of 0.05 % take."""
    rig = deploy_perp()
    set_market(rig, ETH, skewScale=2_000)
    account, owner = rig.trader("trader", 200_000)
    start = dollars(rig, account)

    rig.trade(account, owner, ETH, units * LOT)
    set_market(rig, ETH, skewScale=1_960)
    rig.trade(account, owner, ETH, -units * LOT)

    assert dollars(rig, account) < start
