"""Scene: the crash of 19 May 2021, hour by hour; `clearing keeper`'s own job looks every hour."""

from __future__ import annotations

from clearing.chain.sender import Receipt
from clearing.demo.swaps_facts import Liquidation
from clearing.demo.swaps_market import BTC, CRASH, ETH, HOURS
from clearing.demo.swaps_stage import SwapsStage
from clearing.demo.swaps_words import fall, size, tell_positions, usd
from clearing.demo.teller import Teller
from clearing.spec.perp_types import INSURANCE
from clearing.spec.perp_units import LOTS

__all__ = ["play_crash"]

NOON = 12


def play_crash(swaps: SwapsStage, teller: Teller) -> None:
    """Let the price fall; what must be liquidated is, and insurance gets half the penalties."""
    falls = f"ETH falls by {fall(ETH, CRASH)} in a day, BTC by {fall(BTC, CRASH)}"
    teller.chapter(f"13 · The crash of 19 May: {falls}")
    keeper = swaps.traders["Keeper"]
    taken: list[Receipt] = []
    sold: list[Receipt] = []
    for hour in range(1, HOURS + 1):
        swaps.at(CRASH, hour)
        if hour == NOON:
            teller.step("Bear takes his profit in BTC at noon: close", _take_profit(swaps))
        for receipt in swaps.keepers.liquidate(keeper.account):
            taken.append(receipt)
            # no keeper sells what it took over: that is its owner's decision
            sold.append(swaps.trade(keeper, ETH, -swaps.size(keeper.account, ETH)))
            (told,) = swaps.happened("RiskManager", "Liquidated", receipt)
            teller.facts.swaps.liquidations.append(
                Liquidation(hour, told["sizeLots"], told["priceWad"], told["penaltyWad"])
            )
    teller.step(f"Keeper takes over, {len(taken)} times: liquidateBatch", *taken)
    teller.step("Keeper sells it to the vault: trade", *sold)
    _tell_liquidations(swaps, teller)
    bear = swaps.traders["Bear"]
    teller.step("Bear bets on BTC's fall again, at the close", swaps.trade(bear, BTC, -LOTS))
    tell_positions(swaps, teller)


def _take_profit(swaps: SwapsStage) -> Receipt:
    bear = swaps.traders["Bear"]
    return swaps.trade(bear, BTC, -swaps.size(bear.account, BTC))


def _tell_liquidations(swaps: SwapsStage, teller: Teller) -> None:
    teller.table(
        "Hour",
        "Bull loses, ETH",
        "at, USD",
        "penalty, USD",
        rows=[
            (str(each.hour), size(each.lots), usd(each.price_wad), usd(each.penalty_wad))
            for each in teller.facts.swaps.liquidations
        ],
    )
    teller.say(
        "  Half of each penalty is Keeper's, half insurance's, which has "
        f"{usd(swaps.cash(INSURANCE))} USD now."
    )
