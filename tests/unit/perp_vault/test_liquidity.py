"""addLiquidity, requestClaim, claim, takeNav: shares of the vault."""

from functools import partial

import pytest

from tests.harness.perp import BTC, ETH, LOT, VAULT, deploy_perp, usd
from tests.unit.perp_engine.scene import (
    VAULT_ROLE,
    assert_only_fails_for,
    deaf,
    fresh,
    refusal_of,
    set_cash,
    told,
)

DAY = 86_400
A_SHARE = 10**6
"""Shares of the first wei."""


@pytest.fixture(scope="module")
def bare_stage():
    return deploy_perp(vault_usd=0)


@pytest.fixture
def bare(bare_stage):
    """A vault with nothing in it."""
    with bare_stage.chain.isolated():
        yield bare_stage


@pytest.fixture
def provider(bare):
    """An account with 100,000 USD, and its owner."""
    return bare.trader("provider", 100_000)


@pytest.fixture
def provided(bare, provider):
    """The provider has put 60,000 USD into the empty vault."""
    adding(bare, provider, usd(60_000))()
    return provider


def adding(rig, provider, wad, least=0):
    account, owner = provider
    return partial(rig.vault.send, "addLiquidity", account, wad, least, sender=owner.address)


def asking(rig, provider, shares):
    account, owner = provider
    return partial(rig.vault.send, "requestClaim", account, shares, sender=owner.address)


def claiming(rig, provider):
    account, owner = provider
    return partial(rig.vault.send, "claim", account, sender=owner.address)


# ADD


def test_add_liquidity__the_first__gets_a_million_shares_a_wei(bare, provider):
    account, _ = provider

    receipt = adding(bare, provider, usd(60_000))()

    shares = usd(60_000) * A_SHARE
    assert receipt.output == shares
    assert bare.vault.read("sharesOf", account) == bare.vault.read("totalShares") == shares
    assert (bare.cash(account), bare.cash(VAULT)) == (usd(40_000), usd(60_000))
    assert told(receipt) == (
        ("LiquidityAdded", (account, usd(60_000), shares)),
        ("CashMoved", (account, VAULT, usd(60_000), VAULT_ROLE)),
        ("NavTaken", (usd(60_000),)),
    )
    assert bare.vault.read("navTaken") == (usd(60_000), bare.chain.now)


def test_add_liquidity__a_second__gets_shares_by_the_value(bare, provided):
    """The vault has gained 30,000: a share is worth half as much again."""
    set_cash(bare, VAULT, usd(90_000))
    other = bare.trader("other", 30_000)

    receipt = adding(bare, other, usd(30_000))()

    supply = usd(60_000) * A_SHARE
    assert receipt.output == usd(30_000) * (supply + A_SHARE) // (usd(90_000) + 1)


def test_add_liquidity__the_vault_short__is_minted_at_its_best_case(bare, provided):
    """[PERP-18] 1 ETH short at 3,000.615...: best at 2,999.7, worst at 3,000.3; no premium."""
    trader, owner = bare.trader("trader", 10_000)
    bare.trade(trader, owner, ETH, LOT)
    bare.wait(300)
    fresh(bare)
    worst, best = bare.vault.read("nav")
    assert best - worst == 6 * 10**17
    supply = usd(60_000) * A_SHARE

    receipt = adding(bare, provided, usd(100))()

    assert receipt.output == usd(100) * (supply + A_SHARE) // (best + 1), "PERP-18"


def test_add_liquidity__nothing__is_refused(bare, provider):
    assert_only_fails_for(
        bare,
        lambda wad: adding(bare, provider, wad),
        broken=0,
        fixed=1,
        error=("ZeroAmount", ()),
    )


def test_add_liquidity__more_than_the_cash__is_refused(bare, provider):
    account, _ = provider
    assert_only_fails_for(
        bare,
        lambda wad: adding(bare, provider, wad),
        broken=usd(100_000) + 1,
        fixed=usd(100_000),
        error=("CashTooLow", (account, usd(100_000), usd(100_000) + 1)),
    )


def test_add_liquidity__fewer_shares_than_wanted__is_refused(bare, provider):
    shares = usd(1) * A_SHARE
    assert_only_fails_for(
        bare,
        lambda least: adding(bare, provider, usd(1), least),
        broken=shares + 1,
        fixed=shares,
        error=("TooFewShares", (shares, shares + 1)),
    )


def test_add_liquidity__by_another__is_refused(bare, provider):
    account, owner = provider
    other = bare.trader("other")[1]
    assert_only_fails_for(
        bare,
        lambda by: adding(bare, (account, by), usd(1)),
        broken=other,
        fixed=owner,
        error=("NotOwner", (account, other.address)),
    )


def test_add_liquidity__an_account_with_positions__is_refused(bare, provided):
    """Its cash is margin."""
    trader = bare.trader("trader", 10_000)

    def arrange(size):
        if size:
            bare.trade(*trader, ETH, size)
        return adding(bare, trader, usd(1))

    assert_only_fails_for(bare, arrange, broken=LOT, fixed=0, error=("HasPositions", (trader[0],)))


def test_add_liquidity__a_market_of_the_vault_without_a_price__is_refused(bare, provided):
    """[PERP-18] A market that the vault is not in does not matter."""
    bare.trade(*bare.trader("trader", 10_000), ETH, LOT)

    def arrange(market):
        deaf(bare, market)
        return adding(bare, provided, usd(1))

    assert_only_fails_for(bare, arrange, broken=ETH, fixed=BTC, error=("VaultNotPriced", (ETH, 0)))


def test_add_liquidity__a_bankrupt_vault__is_refused(bare, provided):
    def arrange(nav):
        set_cash(bare, VAULT, nav)
        return adding(bare, provided, usd(1))

    assert_only_fails_for(bare, arrange, broken=-1, fixed=usd(1), error=("VaultEmpty", (-1,)))


def test_add_liquidity__a_share_worth_next_to_nothing__waits_for_a_gift(bare, provided):
    """A vault that lost nearly all: a million times the shares of a first wei, and no more."""
    total = bare.vault.read("totalShares")
    edge = (total + A_SHARE) // (10**6 * A_SHARE)

    def arrange(nav):
        set_cash(bare, VAULT, nav)
        return adding(bare, provided, usd(1))

    error = ("VaultDiluted", (edge - 2, total))
    assert_only_fails_for(bare, arrange, broken=edge - 2, fixed=edge, error=error)
    bare.fund(VAULT, 1)
    adding(bare, provided, usd(1))()


def test_add_liquidity__after_a_gift_by_the_first__loses_the_second_next_to_nothing(bare):
    """[PERP-25] A wei, then 10,000 USD given: the classic way to round another's shares away."""
    attacker, victim = (bare.trader(name, 20_000) for name in ("attacker", "victim"))
    adding(bare, attacker, 1)()
    bare.fund(VAULT, 10_000)

    adding(bare, victim, usd(10_000))()

    shares = bare.vault.read("sharesOf", victim[0])
    total = bare.vault.read("totalShares")
    nav, _ = bare.vault.read("nav")
    worth = shares * (nav + 1) // (total + A_SHARE)
    assert usd(10_000) - worth <= usd(10_000) // 10**6, "PERP-25: the victim keeps his money"
    mine = bare.vault.read("sharesOf", attacker[0]) * (nav + 1) // (total + A_SHARE)
    assert mine <= usd(5_001), "PERP-25: half of the gift is the attacker's loss"


# ASK


def test_request_claim__shares__may_be_claimed_a_day_later_for_a_day(bare, provided):
    account, _ = provided
    now = bare.chain.now

    receipt = asking(bare, provided, 5)()

    assert bare.vault.read("claimOf", account) == (5, now + DAY, now + 2 * DAY)
    assert told(receipt) == (("ClaimRequested", (account, 5, now + DAY, now + 2 * DAY)),)


def test_request_claim__again__replaces_the_first_and_waits_anew(bare, provided):
    account, _ = provided
    asking(bare, provided, 5)()
    bare.wait(DAY)
    now = bare.chain.now

    asking(bare, provided, 6)()

    assert bare.vault.read("claimOf", account) == (6, now + DAY, now + 2 * DAY)
    assert refusal_of(claiming(bare, provided)) == ("TooSoon", (now + DAY,))


def test_request_claim__nothing__withdraws_the_request(bare, provided):
    account, _ = provided
    asking(bare, provided, 5)()

    receipt = asking(bare, provided, 0)()

    assert bare.vault.read("claimOf", account) == (0, 0, 0)
    assert told(receipt) == (("ClaimRequested", (account, 0, 0, 0)),)
    bare.wait(DAY)
    assert refusal_of(claiming(bare, provided)) == ("ZeroAmount", ())


def test_request_claim__more_than_it_has__is_refused(bare, provided):
    have = usd(60_000) * A_SHARE
    assert_only_fails_for(
        bare,
        lambda shares: asking(bare, provided, shares),
        broken=have + 1,
        fixed=have,
        error=("TooFewShares", (have, have + 1)),
    )


def test_request_claim__by_another__is_refused(bare, provided):
    account, owner = provided
    other = bare.trader("other")[1]
    assert_only_fails_for(
        bare,
        lambda by: asking(bare, (account, by), 1),
        broken=other,
        fixed=owner,
        error=("NotOwner", (account, other.address)),
    )


# CLAIM


def test_claim__half_of_the_shares__are_paid_and_burnt(bare, provided):
    """[PERP-18] floor(s · (nav + 1) / (supply + 10^6)) of 60,000 USD: a hair less than half."""
    account, _ = provided
    supply = usd(60_000) * A_SHARE
    asking(bare, provided, supply // 2)()
    bare.wait(DAY)
    amount = supply // 2 * (usd(60_000) + 1) // (supply + A_SHARE)
    assert amount <= usd(30_000)

    receipt = claiming(bare, provided)()

    assert receipt.output == amount
    assert bare.cash(account) == usd(40_000) + amount
    assert bare.cash(VAULT) == usd(60_000) - amount
    assert bare.vault.read("sharesOf", account) == supply // 2
    assert bare.vault.read("totalShares") == supply // 2
    assert bare.vault.read("claimOf", account) == (0, 0, 0)
    assert told(receipt) == (
        ("LiquidityClaimed", (account, supply // 2, amount)),
        ("CashMoved", (VAULT, account, amount, VAULT_ROLE)),
        ("NavTaken", (usd(60_000) - amount,)),
    )


@pytest.mark.parametrize("amount", [1, 7, usd(1), usd(33_333) + 1])
def test_claim__in_and_out_again__gains_nothing(bare, provided, amount):
    """[PERP-18]."""
    set_cash(bare, VAULT, usd(77_777) + 3)
    other = bare.trader("other", 50_000)
    adding(bare, other, amount)()
    asking(bare, other, bare.vault.read("sharesOf", other[0]))()
    bare.wait(DAY)

    claiming(bare, other)()

    assert usd(50_000) - 2 <= bare.cash(other[0]) <= usd(50_000), "PERP-18: no gain, no loss"


def test_claim__in_and_out_with_positions__costs_the_band(bare, provided):
    """[PERP-18] In at the best case, out at the worst: who knows the next price gains no edge."""
    bare.trade(*bare.trader("trader", 10_000), ETH, LOT)
    bare.wait(300)
    fresh(bare)
    other = bare.trader("other", 60_000)
    adding(bare, other, usd(60_000))()
    asking(bare, other, bare.vault.read("sharesOf", other[0]))()
    bare.wait(DAY)
    fresh(bare)
    claiming(bare, other)()

    lost = usd(60_000) - bare.cash(other[0])

    # 0.60 USD of width, of which half of the vault bears the half
    assert 25 * 10**16 < lost < 35 * 10**16, "PERP-18: stepping in and out pays the width"


@pytest.mark.parametrize(
    ("wait", "error", "at"), [(DAY - 1, "TooSoon", DAY), (2 * DAY, "TooLate", 2 * DAY)]
)
def test_claim__outside_of_its_day__is_refused(bare, provided, wait, error, at):
    asking(bare, provided, 5)()
    now = bare.chain.now

    def arrange(seconds):
        bare.wait(seconds)
        return claiming(bare, provided)

    fixed = DAY if error == "TooSoon" else 2 * DAY - 1
    assert_only_fails_for(bare, arrange, broken=wait, fixed=fixed, error=(error, (now + at,)))


def test_claim__without_a_request__is_refused(bare, provided):
    def arrange(shares):
        if shares:
            asking(bare, provided, shares)()
        bare.wait(DAY)
        return claiming(bare, provided)

    assert_only_fails_for(bare, arrange, broken=0, fixed=1, error=("ZeroAmount", ()))


def test_claim__a_market_of_the_vault_without_a_price__is_refused(bare, provided):
    bare.trade(*bare.trader("trader", 10_000), ETH, LOT)
    asking(bare, provided, 5)()
    bare.wait(DAY)
    fresh(bare)

    def arrange(market):
        deaf(bare, market)
        return claiming(bare, provided)

    def arranged(market):
        call = arrange(market)
        if market == BTC:
            bare.set_price(ETH, 3_000 * 10**8)
        return call

    assert_only_fails_for(bare, arranged, broken=ETH, fixed=BTC, error=("VaultNotPriced", (ETH, 0)))


def test_claim__by_another__is_refused(bare, provided):
    account, owner = provided
    other = bare.trader("other")[1]
    asking(bare, provided, 5)()
    bare.wait(DAY)
    assert_only_fails_for(
        bare,
        lambda by: claiming(bare, (account, by)),
        broken=other,
        fixed=owner,
        error=("NotOwner", (account, other.address)),
    )


# VALUE


def test_take_nav__an_hour_later__is_the_worst_case(bare, provided):
    trader = bare.trader("trader", 10_000)
    bare.trade(*trader, ETH, LOT)
    bare.wait(3_600)
    fresh(bare)
    # short 1 ETH at 3,000.615...: worth least at 3,000.3; an hour's funding is the vault's
    health = bare.engine.read("healthOf", VAULT, 0)

    receipt = bare.vault.send("takeNav", sender=bare.roles.outsider)

    assert told(receipt) == (("NavTaken", (health[0],)),)
    assert bare.vault.read("navTaken") == (health[0], bare.chain.now)
    assert usd(60_000) < health[0] < usd(60_001)


def test_take_nav__within_an_hour__is_refused(bare, provided):
    now = bare.chain.now

    def arrange(seconds):
        bare.wait(seconds)
        return partial(bare.vault.send, "takeNav", sender=bare.roles.outsider)

    assert_only_fails_for(
        bare, arrange, broken=3_599, fixed=3_600, error=("TooSoon", (now + 3_600,))
    )


def test_take_nav__a_bankrupt_vault__is_zero(bare, provided):
    set_cash(bare, VAULT, -usd(1))
    bare.wait(3_600)

    bare.vault.send("takeNav", sender=bare.roles.outsider)

    assert bare.vault.read("navTaken")[0] == 0


def test_quote_trade__a_trade__is_what_it_costs(rig, trader):
    """[PERP-26] Views = effects."""
    account, owner = trader
    for size in (LOT, -3 * LOT, 2 * LOT + LOT // 10):
        quote, fee = rig.vault.read("quoteTrade", account, ETH, size)

        receipt = rig.trade(account, owner, ETH, size)

        expected = ("Traded", (account, ETH, size, quote, fee))
        assert told(receipt, rig.vault) == (expected,), "PERP-26: the quote is the trade"
