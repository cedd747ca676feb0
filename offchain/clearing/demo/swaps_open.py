"""Scene: people come, one gives the vault its money, the others trade."""

from __future__ import annotations

from clearing.demo.bad_day import refusal_of
from clearing.demo.facts import Refused
from clearing.demo.swaps_market import BTC, CALM, ETH
from clearing.demo.swaps_orders import bring_again, last_batch, match, settle
from clearing.demo.swaps_stage import SwapsStage
from clearing.demo.swaps_words import tell_positions
from clearing.demo.teller import Teller
from clearing.spec.perp_types import BACKSTOP, INSURANCE
from clearing.spec.perp_units import LOTS
from clearing.spec.units import WAD

__all__ = ["play_opening", "play_trades"]

PEOPLE = {
    "Bull": 15_000,
    "Bear": 30_000,
    "Swing": 80_000,
    "LP": 500_000,
    "Keeper": 50_000,
    "Saver": 5_000,
}
"""What each pays in, USD."""
FUND = {INSURANCE: 500, BACKSTOP: 1_500}
LIMIT_USD = 500
"""What insurance and the backstop may each lose in a market."""


def play_opening(swaps: SwapsStage, teller: Teller) -> None:
    """Let everybody come with his money."""
    teller.chapter("10 · Perpetual swaps: one ledger, a vault, two markets")
    teller.say(
        "  ETH and BTC, up to 20 times leverage. Prices are the real daily closes of 17 to 21 May\n"
        "  2021, in a straight line from one to the next. Three trade: Bull, Bear and Swing. LP\n"
        "  funds the vault, Keeper liquidates, Saver only keeps money here."
    )
    receipts = [receipt for name, usd in PEOPLE.items() for receipt in swaps.join(name, usd)]
    teller.step(f"six open accounts, deposit {sum(PEOPLE.values()):,} USDC", *receipts)
    lp = swaps.traders["LP"]
    amount = PEOPLE["LP"] * WAD
    given = swaps.send(lp, "VaultModule", "addLiquidity", lp.account, amount, 0)
    teller.step("LP gives 500,000 for shares: addLiquidity", given)
    for account, usd in FUND.items():
        swaps.pay_in(swaps.stage.faucet, account, usd)
    for market in (ETH, BTC):
        limits = (LIMIT_USD * WAD,) * 2
        call = swaps["InsuranceFund"].transact("setLimits", market, *limits)
        swaps.stage.timelock.send(call)
    teller.say(
        "  Insurance begins with 500, the backstop with 1,500; in a market each loses at most 500."
    )


def play_trades(swaps: SwapsStage, teller: Teller) -> None:
    """Trade against the vault, and against each other in one packed batch."""
    teller.chapter("11 · Trades: against the vault, and signed orders in one packed batch")
    bull, bear, swing = (swaps.traders[name] for name in ("Bull", "Bear", "Swing"))
    swaps.at(CALM, 0)
    bought = swaps.trade(bull, ETH, 10 * LOTS)
    teller.step("Bull buys 10 ETH from the vault: trade", bought)
    batch = (
        match(swaps, ETH, bear, (bull, 10 * LOTS), (swing, 20 * LOTS)),
        match(swaps, BTC, bear, (swing, LOTS)),
    )
    teller.say(
        "  By signed orders Bear sells 10 ETH to Bull, and 20 ETH and 1 BTC to Swing, all at mid:"
    )
    receipt = settle(swaps, *batch)
    number = last_batch(swaps)
    teller.step("three fills in one batch: settlePacked", receipt)
    teller.refused(
        Refused(
            attack="the settler brings the same batch again",
            error=refusal_of(lambda: bring_again(swaps, number, *batch)),
            fixed=f"batch {number + 1}, which trades what is signed in it",
        )
    )
    tell_positions(swaps, teller)
