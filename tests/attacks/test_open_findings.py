"""What an audit of the swaps found: KI-96 to KI-101, mended or not, each with its figure.

Each test plays the attack and holds it to what it brings now, from both sides, so that nothing
makes it larger unseen. Whoever mends one turns its test around.
"""

import pytest

from tests.attacks.test_jelly_2025 import Jelly
from tests.harness.actors import key_of
from tests.harness.perp import BACKSTOP, BTC, ETH, FAR, LOT, PRICES_E8, VAULT, deploy_perp
from tests.unit.perp_engine.scene import (
    AT_MID,
    NO_SAMPLE,
    RESOLUTION_KIND,
    RESOLUTION_ROLE,
    in_lock,
    module,
    refusal_of,
    set_market,
    with_changed,
)
from tests.unit.perp_resolution.scene import absorbing
from tests.unit.perp_resolution.settle_scene import settling

HOUR = 3_600
TERMS = {
    "im": 50_000,
    "imMax": 50_000,
    "penalty": 12_500,
    "premCap": 7_500,
    "maxRate": 5_000,
    "coefficientInverse": 8,
    "minFee": 10,
}
"""Of deployments/params/optimism-sepolia.yaml, where they differ from the harness's."""


def dollars(rig, *accounts):
    """Return what accounts are worth at mid together, USD, down."""
    return sum(rig.engine.read("healthOf", each, AT_MID)[0] for each in accounts) // 10**18


def resolution_of(rig):
    """Return a resolution module with an insurance fund, named by the engine from now on."""
    deployer = rig.roles.deployer
    fund = rig.chain.deploy("InsuranceFund", rig.engine.address, sender=deployer)
    backing = (rig.engine.address, fund.address)
    made = rig.chain.deploy("ResolutionModule", *backing, sender=deployer)
    role = (RESOLUTION_ROLE, made.address)
    rig.engine.send("setModule", *role, sender=rig.roles.timelock)
    return made


@pytest.fixture
def marked():
    """A rig with OP Sepolia's terms, and a function that lets two accounts meet at 3,000 USD."""
    rig = deploy_perp()
    set_market(rig, ETH, **TERMS, impactNotional=1_000, skewScale=2_000)
    by = module(rig, RESOLUTION_ROLE)

    def meet(long, short, units):
        size, quote = units * LOT, units * 3_000 * 10**12
        legs = [(long, size, -quote, 0, 0, False), (short, -size, quote, 0, 0, False)]
        in_lock(rig, by, ("book", (ETH, legs, NO_SAMPLE, RESOLUTION_KIND)))

    return rig, meet


def push(rig, pusher):
    """Sell 30 ETH to the vault; a second later the mark has moved by half of premCap."""
    rig.trade(*pusher, ETH, -30 * LOT)
    rig.wait(1)
    rig.say(ETH, PRICES_E8[ETH])


def test_mark__pushed_a_second_before__liquidates_who_is_healthy_at_the_index(marked):
    """KI-96: 100 ETH with 3.3 % of margin; 38 are taken 0.375 % below the index."""
    rig, meet = marked
    victim, other = rig.trader("victim", 9_900), rig.trader("other", 100_000)
    taker, pusher = rig.trader("taker", 100_000), rig.trader("pusher", 100_000)
    meet(victim[0], other[0], 100)
    mine, his = dollars(rig, taker[0], pusher[0]), dollars(rig, victim[0])

    def take():
        return rig.risk.send("liquidate", victim[0], ETH, taker[0], sender=taker[1].address)

    assert refusal_of(take)[0] == "NotLiquidatable"
    push(rig, pusher)
    take()
    rig.trade(*pusher, ETH, 30 * LOT)

    assert 1_000 < dollars(rig, taker[0], pusher[0]) - mine <= 1_010
    assert 1_840 < his - dollars(rig, victim[0]) <= 1_850


def test_mark__pushed_a_second_before__buys_from_the_backstop_below_the_index(marked):
    """KI-96: 100 ETH at 0.375 % below the index, and the reward."""
    rig, meet = marked
    other = rig.trader("other", 100_000)
    taker, pusher = rig.trader("taker", 100_000), rig.trader("pusher", 100_000)
    rig.fund(BACKSTOP, 50_000)
    meet(BACKSTOP, other[0], 100)
    resolution = resolution_of(rig)
    mine, theirs = dollars(rig, taker[0], pusher[0]), dollars(rig, BACKSTOP)

    push(rig, pusher)
    resolution.send("takeBackstop", ETH, 100 * LOT, taker[0], sender=taker[1].address)
    rig.trade(*pusher, ETH, 30 * LOT)

    assert 2_830 < dollars(rig, taker[0], pusher[0]) - mine <= 2_840
    assert 2_950 < theirs - dollars(rig, BACKSTOP) <= 2_970


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
def test_settled__loser_who_is_in_a_live_market__may_be_absorbed_first(is_absorbed):
    """KI-98: then BTC carries 3,000 of 22,800 of his loss, as margin splits it."""
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

        shared, paid = (1_500, 1_790) if is_absorbed else (0, 0)
        assert before[0] - dollars(rig, other) == shared
        assert before[1] - dollars(rig, VAULT) == paid
        rest = rig.engine.read("debtOf", ETH) // 10**18 + shared + paid
        assert 24_994 <= rest <= 24_995


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
