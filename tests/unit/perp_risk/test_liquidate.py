"""liquidate: whoever is under maintenance margin loses a part, or all, to who stays covered."""

from fractions import Fraction
from functools import partial

import pytest

from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, INSURANCE, LOT, VAULT, usd
from tests.unit.perp_engine.scene import (
    AT_MID,
    FOR_LIQUIDATE,
    FOR_OPEN,
    LIQUIDATE,
    LIQUIDATION_KIND,
    WAD,
    assert_only_fails_for,
    deaf,
    refusal_of,
    set_cash,
    set_market,
    told,
)
from tests.unit.perp_risk.scene import COST, ceil

PRICE_E8 = 2_900 * 10**8
HI = 290_029 * 10**16
"""Favourable to a long: 2,900 + its confidence, 1 / 10,000."""
COST_WAD = COST * 10**6
F = Fraction(25, 1_000)
R = Fraction(8, 100)
"""6 % maintenance and half of the gap of 4 % to initial margin."""


def equity_to_cash(equity, price=HI, lots=10 * LOT):
    """Return the cash that gives 10 ETH long this equity at a price."""
    return equity + COST_WAD - lots * price // LOT


def taken_of(equity, price=HI, lots=10 * LOT):
    """Return lots and penalty of a partial liquidation: derivatives.md, by fractions."""
    n = Fraction(lots * price, LOT)
    x = ceil((R * n - equity) / (R - F))
    part = ceil(Fraction(x * LOT, price))
    sold = Fraction(part * price, LOT)
    share = int(int(equity) * sold / n)
    return part, min(ceil(F * sold), share)


@pytest.fixture
def keeper(rig):
    """Whoever liquidates: an account with 1,000,000 USD."""
    return rig.trader("keeper", 1_000_000)


@pytest.fixture
def weak(rig, trader, keeper):
    """Return a function: 10 ETH long at 2,900, with this equity at the LIQUIDATE value."""
    account, owner = trader

    def fall(equity):
        rig.trade(account, owner, ETH, 10 * LOT)
        rig.wait(300)
        rig.set_price(ETH, PRICE_E8)
        set_cash(rig, account, equity_to_cash(equity))
        return account

    return fall


def liquidate(rig, account, keeper, market=ETH):
    id_, owner = keeper
    return partial(rig.risk.send, "liquidate", account, market, id_, sender=owner.address)


MM = 1_740_174 * 10**15
"""6 % of 29,002.90 USD."""


def test_liquidate__a_part__leaves_the_account_at_its_target(rig, weak, keeper):
    """[PERP-17] E = 1,600, r = 8 %: x = (2,320.232 - 1,600) / 5.5 % = 13,095.127..."""
    account = weak(usd(1_600))
    part, penalty = taken_of(usd(1_600))
    assert 4_515 * 10**5 < part < 4_516 * 10**5
    assert penalty == ceil(F * Fraction(part * HI, LOT))
    cash, reward, insured = (rig.cash(i) for i in (account, keeper[0], INSURANCE))

    receipt = liquidate(rig, account, keeper)()

    assert receipt.output == part
    assert rig.size(account, ETH) == 10 * LOT - part
    assert rig.size(keeper[0], ETH) == part
    assert rig.cash(account) == cash - penalty
    assert rig.cash(keeper[0]) == reward + penalty // 2
    assert rig.cash(INSURANCE) == insured + penalty - penalty // 2
    equity, _, im, mm, *_ = rig.engine.read("healthOf", account, FOR_LIQUIDATE)
    # what is left stands at 8 %, and above it by less than one lot's worth
    left = Fraction((10 * LOT - part) * HI, LOT)
    assert 0 <= equity - R * left < 4 * 10**13, "PERP-17: neither under nor over the target"
    assert mm < equity < im, "PERP-17: healthy afterwards, no overshoot above IM"


def test_liquidate__a_part__emits_what_it_did(rig, weak, keeper):
    account = weak(usd(1_600))
    part, penalty = taken_of(usd(1_600))
    quote = part * HI // 10**14
    half = penalty // 2

    receipt = liquidate(rig, account, keeper)()

    kind = LIQUIDATION_KIND
    assert told(receipt, rig.engine, rig.risk) == (
        ("Liquidated", (account, ETH, keeper[0], part, HI, penalty)),
        ("Booked", (ETH, account, -part, quote, 0, -penalty, kind)),
        ("Booked", (ETH, keeper[0], part, -quote, 0, half, kind)),
        ("Booked", (ETH, INSURANCE, 0, 0, 0, penalty - half, kind)),
    )


def test_liquidate__under_two_thirds_of_maintenance__takes_all(rig, weak, keeper):
    """[PERP-17] E = 600 < ⅔ · 1,740.174: everything, at 29,002.90; 2.5 % would be 725.07."""
    account = weak(usd(600))
    cash = rig.cash(account)

    receipt = liquidate(rig, account, keeper)()

    assert receipt.output == 10 * LOT
    assert rig.size(account, ETH) == 0
    assert rig.size(keeper[0], ETH) == 10 * LOT
    assert rig.cash(account) == cash - COST_WAD + 29_002_900 * 10**15 - usd(600) == 0, (
        "PERP-17: the penalty is what there was"
    )
    assert rig.cash(INSURANCE) == usd(300)
    assert rig.engine.read("accountOf", account)[2] == 0


@pytest.mark.parametrize("above", [0, 1])
def test_liquidate__at_two_thirds_of_maintenance__takes_a_part(rig, weak, keeper, above):
    """⅔ · 1,740.174 = 1,160.116 exactly; a wei less and all goes."""
    account = weak(2 * MM // 3 - 1 + above)

    liquidate(rig, account, keeper)()

    assert (rig.size(account, ETH) == 0) == (above == 0)


def test_liquidate__nothing_left__pays_no_penalty_and_needs_no_insurance(rig, weak, keeper):
    """[PERP-19] A liquidation never waits for insurance; penalty <= max(E, 0)."""
    account = weak(0)
    assert rig.cash(INSURANCE) == 0
    before = rig.cash(keeper[0])

    liquidate(rig, account, keeper)()

    assert rig.size(account, ETH) == 0, "PERP-19: insurance at 0 blocks nothing"
    assert rig.cash(account) == 0, "PERP-19: no penalty beyond equity"
    assert rig.cash(keeper[0]) == before
    assert rig.cash(INSURANCE) == 0


def test_liquidate__equity_equal_to_maintenance__is_safe(rig, trader, keeper):
    """[PERP-20] Strict: a wei less and it is not."""
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)

    def arrange(equity):
        set_cash(rig, account, equity_to_cash(equity))
        rig.wait(300)
        rig.set_price(ETH, PRICE_E8)
        assert rig.risk.read("isLiquidatable", account) == (equity < MM), "PERP-20: E = MM is safe"
        return liquidate(rig, account, keeper)

    assert_only_fails_for(
        rig,
        arrange,
        broken=MM,
        fixed=MM - 1,
        error=("NotLiquidatable", (account, ETH, MM, MM)),
    )


def test_liquidate__a_short__is_taken_over_at_the_lower_edge(rig, trader, keeper):
    """At 3,100 a short counts at 3,099.69: the side of the band that favours it."""
    account, owner = trader
    rig.trade(account, owner, ETH, -10 * LOT)
    got = 29_992_500_599_985 * 10**9
    lo = 309_969 * 10**16
    set_cash(rig, account, usd(600) - got + 10 * lo)
    rig.wait(300)
    rig.set_price(ETH, 3_100 * 10**8)
    assert rig.engine.read("healthOf", account, FOR_LIQUIDATE)[0] == usd(600)

    receipt = liquidate(rig, account, keeper)()

    assert receipt.output == -10 * LOT
    assert rig.size(keeper[0], ETH) == -10 * LOT
    assert rig.cash(account) == 0
    expected = ("Liquidated", (account, ETH, keeper[0], -10 * LOT, lo, usd(600)))
    assert told(receipt, rig.risk) == (expected,)


def test_liquidate__two_markets__takes_the_penalty_by_the_markets_share(rig, trader, keeper):
    """10 ETH at 2,900 and 0.1 BTC at 50,000, E = 100: MM 1,740.174 + 300.03 = 2,040.204.

    The ETH share of 100 USD is 85.294...; 2.5 % of 29,002.90 is more.
    """
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    rig.trade(account, owner, BTC, LOT // 10)
    rig.wait(300)
    rig.set_price(BTC, 50_000 * 10**8)
    rig.set_price(ETH, PRICE_E8)
    equity = rig.engine.read("healthOf", account, FOR_LIQUIDATE)[0]
    set_cash(rig, account, rig.cash(account) - equity + usd(100))
    mm_btc = 300_030 * 10**15
    assert rig.engine.read("healthOf", account, FOR_LIQUIDATE)[3] == MM + mm_btc
    share = usd(100) * MM // (MM + mm_btc)
    cash = rig.cash(account)

    receipt = liquidate(rig, account, keeper)()

    penalty = told(receipt, rig.risk)[0][1][5]
    assert penalty == share
    assert rig.cash(account) == cash - COST_WAD + 29_002_900 * 10**15 - share
    assert rig.size(account, BTC) == LOT // 10


# WHO MAY


def test_liquidate__with_anothers_account__is_refused(rig, weak, keeper):
    account = weak(usd(600))
    stranger = rig.trader("stranger", 1_000_000)[1]
    assert_only_fails_for(
        rig,
        lambda by: liquidate(rig, account, (keeper[0], by)),
        broken=stranger,
        fixed=keeper[1],
        error=("NotOwner", (keeper[0], stranger.address)),
    )


def test_liquidate__with_a_session_key__is_refused(rig, weak, keeper):
    """[PERP-14] A session trades, and does nothing else."""
    account = weak(usd(600))
    key = key_of("session")
    id_, owner = keeper
    rig.engine.send("setSession", id_, key.address, 2**40 - 1, sender=owner.address)
    rig.trade(id_, key, ETH, LOT)
    assert_only_fails_for(
        rig,
        lambda by: liquidate(rig, account, (id_, by)),
        broken=key,
        fixed=owner,
        error=("NotOwner", (id_, key.address)),
    )


def test_liquidate__its_own_account__is_refused(rig, weak, keeper, trader):
    account = weak(usd(600))
    assert_only_fails_for(
        rig,
        lambda by: liquidate(rig, account, by),
        broken=trader,
        fixed=keeper,
        error=("OwnLiquidation", (account,)),
    )


def test_liquidate__a_healthy_account__is_refused(rig, weak, keeper):
    account = weak(usd(600))
    other, owner = rig.trader("other", 100_000)
    rig.trade(other, owner, ETH, LOT)
    equity, _, _, mm, *_ = rig.engine.read("healthOf", other, FOR_LIQUIDATE)
    assert_only_fails_for(
        rig,
        lambda id_: liquidate(rig, id_, keeper),
        broken=other,
        fixed=account,
        error=("NotLiquidatable", (other, ETH, equity, mm)),
    )


def test_liquidate__a_market_that_it_is_not_in__is_refused(rig, weak, keeper):
    account = weak(usd(600))
    assert_only_fails_for(
        rig,
        lambda market: liquidate(rig, account, keeper, market),
        broken=BTC,
        fixed=ETH,
        error=("NotLiquidatable", (account, BTC, usd(600), MM)),
    )


def test_liquidate__the_vault__is_refused_however_poor(rig, weak, keeper):
    """[PERP-20] The protocol's accounts are never liquidated."""
    account = weak(usd(600))
    # the vault is short: its 10,000,000 USD leave, and it stands at 0
    set_cash(rig, VAULT, 0)
    equity, _, _, mm, *_ = rig.engine.read("healthOf", VAULT, FOR_LIQUIDATE)
    assert equity < mm
    assert not rig.risk.read("isLiquidatable", VAULT)
    assert_only_fails_for(
        rig,
        lambda id_: liquidate(rig, id_, keeper),
        broken=VAULT,
        fixed=account,
        error=("NotLiquidatable", (VAULT, ETH, equity, mm)),
    )


def test_liquidate__a_liquidator_who_would_not_be_covered__is_refused(rig, weak, keeper):
    """[PERP-31] He takes over 10 ETH at 2,900.29 and needs 10 % of 28,997.10; his reward is 300."""
    account = weak(usd(600))
    value, cost = 28_997_100 * 10**15, 29_002_900 * 10**15
    im = value // 10
    enough = im + cost - value - usd(300)
    poor, owner = rig.trader("poor", 10_000)

    def arrange(cash):
        set_cash(rig, poor, cash)
        return liquidate(rig, account, (poor, owner))

    assert_only_fails_for(
        rig,
        arrange,
        broken=enough - 1,
        fixed=enough,
        error=("UnderInitialMargin", (poor, im - 1, im)),
    )


# WHEN


def test_liquidate__a_paused_market__is_refused(rig, weak, keeper):
    account = weak(usd(600))

    def arrange(mask):
        rig.admin.send("setPause", ETH, mask, sender=rig.roles.timelock)
        return liquidate(rig, account, keeper)

    assert_only_fails_for(
        rig,
        arrange,
        broken=LIQUIDATE,
        fixed=63 & ~LIQUIDATE & ~2,
        error=("Paused", (ETH, LIQUIDATE)),
    )


def test_liquidate__a_frozen_feed__is_refused(rig, weak, keeper):
    """[PERP-46] A frozen market counts at 3,190, the last good price and a tenth: even so E < 0."""
    account = weak(-usd(5_000))

    def arrange(market):
        deaf(rig, market)
        if market != ETH:  # at 2,900 it would have to be absorbed
            set_cash(rig, account, rig.cash(account) + usd(5_500))
        return liquidate(rig, account, keeper)

    assert_only_fails_for(rig, arrange, broken=ETH, fixed=BTC, error=("FeedForbids", (ETH, 0, 0)))


def test_liquidate__another_markets_feed_frozen__does_not_block(rig, trader, keeper):
    """[PERP-23] 0.1 BTC count at the last good price, favourably; the ETH goes."""
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    rig.trade(account, owner, BTC, LOT // 10)
    set_cash(rig, account, usd(4_500))
    rig.wait(300)
    rig.set_price(ETH, 2_650 * 10**8)
    deaf(rig, BTC)
    rig.set_price(ETH, 2_650 * 10**8)
    assert rig.risk.read("isLiquidatable", account)

    liquidate(rig, account, keeper)()

    assert rig.size(account, ETH) < 10 * LOT, "PERP-23: a frozen feed elsewhere blocks nothing"
    assert rig.size(account, BTC) == LOT // 10
    assert rig.engine.read("healthOf", account, AT_MID)[1] > 0
    assert refusal_of(liquidate(rig, account, keeper, BTC))[0] in {"FeedForbids", "NotLiquidatable"}


def test_liquidate__the_rest_would_be_under_the_least_position__takes_all(rig, weak, keeper):
    """13,095 of 29,002.90 would go: with a least position of 16,000 the rest is too small."""
    account = weak(usd(1_600))
    with rig.chain.isolated():
        set_market(rig, ETH, minNotional=15_900)
        liquidate(rig, account, keeper)()
        assert rig.size(account, ETH) > 0
    set_market(rig, ETH, minNotional=16_000)

    liquidate(rig, account, keeper)()

    assert rig.size(account, ETH) == 0


@pytest.mark.parametrize("dollars", [10, 20])
def test_liquidate__a_least_position__goes_to_who_has_none(rig, keeper, dollars):
    """[PERP-23] 10.5 or 20.5 USD long, a tenth less worth; nobody need hold 10 USD beforehand.

    10.5 goes whole, worth 9.45; of 20.5, worth 18.45, less than 10 goes.
    """
    account, owner = rig.trader("small", 10_000)
    lots = (dollars * 2 + 1) * LOT // 6_000
    rig.trade(account, owner, ETH, lots)
    rig.wait(300)
    rig.set_price(ETH, 2_700 * 10**8)
    health = rig.engine.read("healthOf", account, FOR_LIQUIDATE)
    kept = health[3] * (99 if dollars > 10 else 50) // 100
    set_cash(rig, account, rig.cash(account) - health[0] + kept)

    receipt = liquidate(rig, account, keeper)()

    taken = rig.size(keeper[0], ETH)
    assert receipt.output == taken > 0, "PERP-23: dust is liquidated like anything else"
    assert taken * 2_700 < 10 * LOT
    assert (taken == lots) == (dollars == 10)


def test_liquidate__position_at_open_value__is_not_what_counts(rig, weak, keeper):
    """[PERP-20] Under maintenance at OPEN, above it at LIQUIDATE: nobody may touch it."""
    account = weak(MM)
    equity, _, _, mm, *_ = rig.engine.read("healthOf", account, FOR_OPEN)
    assert equity < mm

    assert refusal_of(liquidate(rig, account, keeper))[0] == "NotLiquidatable"
    assert rig.risk.read("marginRatio", account) == MM * WAD // (29_002_900 * 10**15)
