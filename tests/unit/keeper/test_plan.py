"""The decision, in numbers that can be checked by hand: 1 unit at 100 USD, margin 10 and 6 %."""

from dataclasses import replace

import pytest

from clearing.chain.fees import ASSUMED, l1_fee_wei
from clearing.keeper.costs import ENVELOPE_BYTES, GasModel, Prices, costs_of
from clearing.keeper.exact import Terms, health_at
from clearing.keeper.plan import Costs, Liquidator, PlanPolicy, Victim, plan
from clearing.spec.perp_types import Funding, Position, RiskNow
from clearing.spec.units import WAD
from tests.harness.perp import LOT

RISK = RiskNow(100_000, 6_000, 0, 100_000, 25_000)
CENT = 10**16
FREE = PlanPolicy(inventory_ppm=0)
PICO = 10**12


def terms_of(market, usd=100):
    wad = usd * WAD
    prices = (wad,) * 5
    return Terms(market, *prices, Funding(0, 0, 0, 0), RISK, 10 * WAD, True, True)


TERMS = {market: terms_of(market) for market in range(10)}


def victim(account, cash_cents, *, units=1, market=0, fee=0, more=None):
    """Somebody who bought at 100 USD a unit: his equity is his cash."""
    held = {market: Position(units * LOT, -units * 100 * PICO, 0), **(more or {})}
    view = health_at(cash_cents * CENT, held, TERMS)
    return Victim(account, view, held, fee)


def liquidator(usd=10**6, held=None):
    return Liquidator(usd * WAD, held or {}, TERMS)


def test_plan__sixty_are_due__makes_batches_of_at_most_fifty_ascending():
    victims = [victim(account, 350) for account in range(100, 160)]

    decided = plan(victims, TERMS, liquidator(), Costs(), FREE)

    assert [len(batch.accounts) for batch in decided.batches] == [50, 10]
    assert all(list(batch.accounts) == sorted(batch.accounts) for batch in decided.batches)
    assert {it for batch in decided.batches for it in batch.accounts} == set(range(100, 160))


def test_plan__the_reward_is_half_the_penalty__profit_is_that_less_gas_and_risk():
    """100 USD taken over whole: penalty 2.5 %, half of it 1.25; 0.1 % for holding; gas 7 + 2."""
    costs, policy = Costs(7 * CENT, 2 * CENT), PlanPolicy(inventory_ppm=1_000)

    decided = plan([victim(100, 350)], TERMS, liquidator(), costs, policy)

    assert decided.batches[0].profit == (125 - 10 - 7 - 2) * CENT


@pytest.mark.parametrize(("least", "batches"), [(116, 1), (117, 0)])
def test_plan__the_least_profit__is_a_bound(least, batches):
    policy = PlanPolicy(min_profit_wad=least * CENT, inventory_ppm=0)

    decided = plan([victim(100, 350)], TERMS, liquidator(), Costs(7 * CENT, 2 * CENT), policy)

    assert len(decided.batches) == batches
    assert decided.left == ({} if batches else {100: "value"})


@pytest.mark.parametrize(("cash", "taken"), [(875, 1), (874, 0)])
def test_plan__the_liquidators_margin__is_a_bound(cash, taken):
    """Initial margin 10 USD; the reward of 1.25 comes with the position."""
    mine = Liquidator(cash * CENT, {}, TERMS)

    decided = plan([victim(100, 350)], TERMS, mine, Costs(), FREE)

    assert len(decided.batches) == taken
    assert decided.left == ({} if taken else {100: "inventory"})


def test_plan__inventory_is_on_the_other_side__needs_no_margin():
    mine = Liquidator(5 * WAD, {0: Position(-LOT, 100 * PICO, 0)}, TERMS)

    decided = plan([victim(100, 350)], TERMS, mine, Costs(), FREE)

    assert len(decided.batches) == 1
    assert mine.held == {}
    assert mine.cash == (500 + 125) * CENT


@pytest.mark.parametrize(("settled", "taken"), [(False, 1), (True, 0)])
def test_plan__his_gain_in_a_settled_market__is_no_margin(settled, taken):
    """10 units bought at 50 USD: 500 gained, of which 110 are needed."""
    terms = TERMS | {1: replace(TERMS[1], settled=settled)}
    mine = Liquidator(0, {1: Position(10 * LOT, -500 * PICO, 0)}, terms)

    decided = plan([victim(100, 350)], terms, mine, Costs(), FREE)

    assert len(decided.batches) == taken


def test_plan__eight_markets_are_held__no_ninth_is_taken():
    held = {market: Position(LOT, -100 * PICO, 0) for market in range(1, 9)}

    decided = plan([victim(100, 350)], TERMS, liquidator(held=held), Costs(), FREE)

    assert decided.left == {100: "inventory"}


def test_plan__several_markets__takes_the_one_that_is_worth_most():
    """Full liquidations share the penalty by margin: the larger position brings more."""
    more = {1: Position(2 * LOT, -200 * PICO, 0)}

    decided = plan([victim(100, 900, more=more)], TERMS, liquidator(), Costs(), FREE)

    assert [batch.market for batch in decided.batches] == [1]


def test_plan__no_market_may_be_liquidated__leaves_it():
    terms = {0: replace(TERMS[0], liquidates=False)}

    decided = plan([victim(100, 350)], terms, Liquidator(WAD, {}, terms), Costs(), FREE)

    assert decided.left == {100: "market"}


def test_plan__nothing_is_left_of_the_equity__is_absorbed_for_the_fee():
    """Equity 0.10: the takeover's reward is 0.05, the fee 0.25."""
    decided = plan([victim(100, 10, fee=25 * CENT)], TERMS, liquidator(), Costs(), FREE)

    assert not decided.batches
    assert [(it.account, it.profit) for it in decided.absorbs] == [(100, 25 * CENT)]


def test_plan__the_takeover_is_worth_more__is_not_absorbed():
    """Equity 2.00 is below all penalties, 2.50: half of it is 1.00, the fee 0.25."""
    decided = plan([victim(100, 200, fee=25 * CENT)], TERMS, liquidator(), Costs(), FREE)

    assert decided.batches[0].accounts == (100,)
    assert not decided.absorbs


@pytest.mark.parametrize(("rescue", "batches"), [(0, 0), (94, 0), (95, 1)])
def test_plan__bad_debt_looms__the_rescue_pays_what_is_missing(rescue, batches):
    """Equity 0.10 earns 0.05; gas is 1.00: 0.95 is missing."""
    policy = PlanPolicy(inventory_ppm=0, rescue_wad=rescue * CENT)

    decided = plan([victim(100, 10)], TERMS, liquidator(), Costs(100 * CENT), policy)

    assert len(decided.batches) == batches
    assert decided.rescue_wad == 95 * CENT * batches


def test_plan__it_does_not_pay_and_nothing_looms__the_rescue_is_not_touched():
    policy = PlanPolicy(inventory_ppm=0, rescue_wad=10**6 * WAD)

    decided = plan([victim(100, 350)], TERMS, liquidator(), Costs(200 * CENT), policy)

    assert decided.left == {100: "value"}
    assert decided.rescue_wad == 0


def test_plan__one_is_too_large__is_left():
    policy = PlanPolicy(inventory_ppm=0, most_notional_wad=99 * WAD)

    decided = plan([victim(100, 350)], TERMS, liquidator(), Costs(), policy)

    assert decided.left == {100: "market"}


def test_costs__an_op_stack_chain__counts_the_upper_bound_of_l1_and_the_operators_fee():
    prices, model = Prices(10**9, 3_000 * WAD, ASSUMED), GasModel(operator_ppm=500_000)

    costs = costs_of(prices, model)

    execution = 130_000 * 10**9
    data = l1_fee_wei(ENVELOPE_BYTES, ASSUMED)
    assert costs.batch_wad == (execution * 3 // 2 + data) * 3_000
    assert costs.account_wad > 30_000 * 10**9 * 3 // 2 * 3_000
    assert costs_of(Prices(10**9, 3_000 * WAD, None), GasModel()).batch_wad == execution * 3_000
