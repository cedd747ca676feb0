"""account: what an account is worth and requires, and what leaves it."""

import pytest

from tests.harness.errors import Refused
from tests.harness.perp import BTC, ETH, LOT, VAULT, usd
from tests.unit.perp_engine.scene import (
    AT_MID,
    FOR_LIQUIDATE,
    FOR_OPEN,
    RESOLUTION_ROLE,
    RISK_ROLE,
    WITHDRAW,
    assert_only_fails_for,
    deaf,
    fresh,
    in_lock,
    module,
    refusal_of,
    set_cash,
)
from tests.unit.perp_lens.scene import account_of

BIG = 2**255 - 1
E8 = 10**8


def take(rig, account, owner, raw):
    return rig.engine.send("withdraw", account, raw, owner.address, sender=owner.address)


def test_account__without_positions__is_its_cash(rig, lens, trader):
    account, owner = trader

    said = account_of(lens, account)

    assert said.state == (owner.address, usd(100_000), 0)
    assert said.open == said.liquidate == said.mid == (usd(100_000), 0, 0, 0, 0, 0, 0)
    assert (said.margin_ratio, said.is_liquidatable) == (BIG, False)
    assert said.withdrawable_raw == 100_000 * 10**6


def test_account__with_positions__is_the_engines_and_the_risk_managers(rig, lens, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    rig.trade(account, owner, BTC, -LOT)

    said = account_of(lens, account)

    assert said.state == rig.engine.read("accountOf", account)
    assert said.open == rig.engine.read("healthOf", account, FOR_OPEN)
    assert said.liquidate == rig.engine.read("healthOf", account, FOR_LIQUIDATE)
    assert said.mid == rig.engine.read("healthOf", account, AT_MID)
    assert said.margin_ratio == rig.risk.read("marginRatio", account)
    # 10 % of 10 · 3,000.3 and of 50,005 and a little more: adverse values
    assert said.open.im > usd(8_000)


def test_account__below_maintenance__is_liquidatable(rig, lens, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    assert not account_of(lens, account).is_liquidatable
    short = account_of(lens, account).liquidate.equity - account_of(lens, account).liquidate.mm

    set_cash(rig, account, rig.cash(account) - short - 1)

    assert account_of(lens, account).is_liquidatable
    assert account_of(lens, account).withdrawable_raw == 0


@pytest.mark.parametrize("size", [10 * LOT, -10 * LOT, 200 * LOT])
def test_account__withdrawable__is_what_withdraw_pays(rig, lens, trader, size):
    """[PERP-26] All of it leaves, one raw unit more does not."""
    account, owner = trader
    rig.trade(account, owner, ETH, size)
    raw = account_of(lens, account).withdrawable_raw
    assert raw > 0

    with pytest.raises(Refused):
        take(rig, account, owner, raw + 1)
    take(rig, account, owner, raw)

    assert account_of(lens, account).withdrawable_raw == 0, "PERP-26: nothing is left to withdraw"


def test_account__in_profit__withdraws_no_more_than_its_cash(rig, lens, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    set_cash(rig, account, usd(4_000))
    rig.wait(600)
    rig.set_price(ETH, 3_500 * E8)
    rig.calm(ETH)
    rig.set_price(ETH, 3_500 * E8)

    said = account_of(lens, account)

    assert said.open.equity - said.open.im > said.state[1] == usd(4_000)
    assert said.withdrawable_raw == 4_000 * 10**6
    take(rig, account, owner, said.withdrawable_raw)


def test_account__a_fraction_of_a_raw_unit__stays(rig, lens, trader):
    account, _ = trader

    set_cash(rig, account, usd(5) - 1)

    assert account_of(lens, account).withdrawable_raw == 5 * 10**6 - 1


def test_account__cash_below_zero__withdraws_nothing(rig, lens, trader):
    account, _ = trader

    set_cash(rig, account, -1)

    assert account_of(lens, account).withdrawable_raw == 0


WAYS = {"pause": "Paused", "feed": "FeedForbids", "debt": "DebtUncovered"}


@pytest.mark.parametrize("way", WAYS)
def test_account__a_market_that_does_not_let_go__withdraws_nothing(rig, lens, trader, way):
    """[PERP-26] Of a debt: 0.1 % of 30,000 USD are less than the 100 that may be owed."""
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    assert account_of(lens, account).withdrawable_raw > 0

    if way == "pause":
        rig.admin.send("setPause", ETH, WITHDRAW, sender=rig.roles.timelock)
    elif way == "feed":
        deaf(rig, ETH)
    else:
        resolver = module(rig, RESOLUTION_ROLE)
        in_lock(rig, resolver, ("moveDebt", (ETH, VAULT, usd(100))))
        assert account_of(lens, account).withdrawable_raw > 0
        in_lock(rig, resolver, ("moveDebt", (ETH, VAULT, 1)))

    assert account_of(lens, account).withdrawable_raw == 0
    refusal, _ = refusal_of(lambda: take(rig, account, owner, 1))
    assert refusal == WAYS[way]


def test_account__a_debt_that_is_little_for_the_market__withdraws_the_same(rig, lens, trader):
    """[PERP-26] 40 ETH at 3,000 USD: 120 of debt is 0.1 %."""
    account, owner = trader
    rig.trade(account, owner, ETH, 40 * LOT)
    before = account_of(lens, account).withdrawable_raw
    resolver = module(rig, RESOLUTION_ROLE)
    in_lock(rig, resolver, ("moveDebt", (ETH, VAULT, usd(120))))
    assert account_of(lens, account).withdrawable_raw == before > 0

    in_lock(rig, resolver, ("moveDebt", (ETH, VAULT, 1)))

    assert account_of(lens, account).withdrawable_raw == 0


def test_account__another_market_that_does_not_let_go__holds_nothing_back(rig, lens, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    before = account_of(lens, account).withdrawable_raw
    rig.admin.send("setPause", BTC, WITHDRAW, sender=rig.roles.timelock)
    fresh(rig)

    assert before > 0
    assert account_of(lens, account).withdrawable_raw > 0


def test_account__of_the_vault__is_never_liquidatable_nor_withdrawn_from(rig, lens):
    said = account_of(lens, VAULT)

    assert said.state == (bytes(20), usd(10_000_000), 0)
    assert not said.is_liquidatable
    assert said.withdrawable_raw == 0


def test_account__no_such_account__is_refused(rig, lens, trader):
    account, _ = trader
    account_of(lens, account)

    refused = refusal_of(lambda: lens.read("account", account + 1))

    assert refused == ("UnknownAccount", (account + 1,))


def test_account__no_risk_manager__is_refused(rig, lens, trader):
    def asking(is_named):
        if not is_named:
            rig.engine.send("setModule", RISK_ROLE, bytes(20), sender=rig.roles.timelock)
        return lambda: lens.read("account", trader[0])

    assert_only_fails_for(rig, asking, broken=False, fixed=True, error=("NoModule", (RISK_ROLE,)))
