"""Perp Curie: ClearingHouse CH_IIC, "insufficient insurance capacity", blocked liquidations.

An account could owe more than insurance had; then its liquidation reverted, and it went on losing.
Here neither liquidation nor absorption asks what insurance has. With nothing in it every account
under maintenance margin is taken over, or absorbed if it is in debt, at any size, in any market.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.attacks.perp_stage import FOR_LIQUIDATE, Market
from tests.harness.errors import Refused
from tests.harness.match import Trader
from tests.harness.perp import BTC, ETH, INSURANCE, LOT, PRICES_E8
from tests.harness.perp_resolution_twin import deploy_resolvers

DROPS_PPM = (0, 50_000, 60_000, 90_000, 100_000, 150_000, 200_000, 400_000)
UNITS = {ETH: (LOT // 200, LOT, 50 * LOT), BTC: (LOT // 4_000, LOT // 20, 3 * LOT)}
"""Lots, from hardly more than minNotional (10 USD) on."""
Weak = tuple[Trader, dict[int, int]]


def cash_for(notional: int) -> int:
    """Return USD that are a little more than initial margin, which is 10 %."""
    return notional // 10 + notional // 200 + 1


def weak_accounts(market: Market, side: int) -> list[Weak]:
    """Return accounts of every size in each market, and one in both."""
    prices = {m: PRICES_E8[m] // 10**8 for m in (ETH, BTC)}
    holdings = [{m: side * size} for m in (ETH, BTC) for size in UNITS[m]]
    holdings.append({ETH: side * LOT, BTC: side * (LOT // 20)})
    made = []
    for i, held in enumerate(holdings):
        notional = sum(abs(size) * prices[m] // LOT for m, size in held.items())
        trader = market.match.trader(f"weak {i}", cash_for(notional))
        for m, size in held.items():
            market.rig.trade(trader.account, trader.key, m, size)
        made.append((trader, held))
    market.fade()
    return made


def shift(market: Market, side: int, ppm: int) -> None:
    """Let both indices move against a side, as both sources say."""
    market.rig.wait(60)
    for m in (ETH, BTC):
        e8 = PRICES_E8[m] - side * (PRICES_E8[m] // 10**6) * ppm
        market.rig.set_price(m, e8)
        market.rig.calm(m)
        market.rig.set_price(m, e8)


def liquidate(market: Market, account: int, m: int, keeper: Trader) -> None:
    args = (account, m, keeper.account)
    market.rig.risk.send("liquidate", *args, sender=keeper.owner)


def take_over(market: Market, weak: Sequence[Weak], keeper: Trader) -> int:
    """Liquidate until nobody is liquidatable, or absorb; return the number of calls.

    None may revert, but that a liquidation says who must be absorbed.
    """
    calls = 0
    resolution = deploy_resolvers(market.rig).resolution
    for trader, held in weak:
        for m in held:
            while is_weak(market, trader) and market.rig.size(trader.account, m):
                if market.equity(trader, FOR_LIQUIDATE) < 0:
                    with pytest.raises(Refused, match="MustBeAbsorbed"):
                        liquidate(market, trader.account, m, keeper)
                    args = (trader.account, keeper.account, [])
                    resolution.send("absorb", *args, sender=keeper.owner)
                else:
                    liquidate(market, trader.account, m, keeper)
                calls += 1
    return calls


def is_weak(market: Market, trader: Trader) -> bool:
    weak: bool = market.rig.risk.read("isLiquidatable", trader.account)
    return weak


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("drop_ppm", DROPS_PPM)
def test_ch_iic__insurance_is_empty__blocks_no_liquidation(
    market: Market, drop_ppm: int, side: int
) -> None:
    """[PERP-19] Seven accounts, long or short, 5 % to 40 % under water; at 0 nobody is."""
    keeper = market.match.trader("keeper", 5_000_000)
    weak = weak_accounts(market, side)
    assert market.rig.cash(INSURANCE) == 0
    shift(market, side, drop_ppm)
    equities = [market.equity(trader, FOR_LIQUIDATE) for trader, _ in weak]
    assert (drop_ppm >= 200_000) == (max(equities) < 0), "from 20 % on all are in debt"

    calls = take_over(market, weak, keeper)

    assert (calls > 0) == (drop_ppm > 0)
    assert not any(is_weak(market, trader) for trader, _ in weak)
    for (trader, _), equity in zip(weak, equities, strict=True):
        after = market.equity(trader, FOR_LIQUIDATE)
        if equity < 0:
            assert after == market.rig.cash(trader.account) == 0, "PERP-48: no debt is left"
        else:
            assert 0 <= after <= equity, "PERP-19: a penalty takes at most what there is"
    assert market.rig.cash(INSURANCE) >= 0


@pytest.mark.parametrize("side", [1, -1])
def test_ch_iic__insurance_is_empty__blocks_no_batch(market: Market, side: int) -> None:
    """[PERP-19] One call takes over all that are weak, and passes over the healthy."""
    keeper = market.match.trader("keeper", 5_000_000)
    weak = weak_accounts(market, side)
    healthy = market.match.trader("healthy", 500_000)
    market.rig.trade(healthy.account, healthy.key, ETH, side * LOT)
    shift(market, side, 90_000)
    accounts = sorted([trader.account for trader, held in weak if ETH in held])
    batch = market.rig.risk.call("liquidateBatch", 3)

    done = batch.send([*accounts, healthy.account], ETH, keeper.account, sender=keeper.owner).output

    assert done == len(accounts) == 4
    assert [market.rig.size(account, ETH) for account in accounts] == [0] * 4
    assert market.rig.size(healthy.account, ETH) == side * LOT


def test_ch_iic__who_cannot_afford_it__is_all_that_is_refused(market: Market) -> None:
    """What stops it is the liquidator's own margin; with a deposit the same call passes."""
    keeper = market.match.trader("keeper", 10)
    weak = weak_accounts(market, 1)
    trader, _ = weak[2]
    shift(market, 1, 90_000)
    with pytest.raises(Refused) as caught:
        liquidate(market, trader.account, ETH, keeper)
    assert caught.value.name == "UnderInitialMargin"
    assert caught.value.args_[0] == keeper.account

    market.rig.fund(keeper.account, 100_000)
    liquidate(market, trader.account, ETH, keeper)

    assert market.rig.size(trader.account, ETH) == 0
    assert market.rig.cash(trader.account) >= 0
