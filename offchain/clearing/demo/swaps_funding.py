"""Scene: a day of funding, hour by hour. Whoever is on the crowded side pays the other."""

from __future__ import annotations

from typing import Any

from clearing.chain.sender import Receipt
from clearing.demo.swaps_market import CALM, ETH, HOURS
from clearing.demo.swaps_stage import SwapsStage
from clearing.demo.swaps_words import percent, usd
from clearing.demo.teller import Teller
from clearing.spec.perp_types import VAULT
from clearing.spec.perp_units import LOTS, PICO_TO_WAD, owed

__all__ = ["play_funding"]

SHOWN = (1, 6, 12, 18, HOURS)
"""Hours that the table shows."""
STATE = 2
F_LONG, F_SHORT, RATE, MID = 4, 5, 6, 10
"""Where PerpLens.markets has a market's state, and what is where in it."""


def play_funding(swaps: SwapsStage, teller: Teller) -> None:
    """Let a day pass; Swing trades with the vault every hour, which tells how crowded it is."""
    teller.chapter("12 · Funding: 24 hours, from the close of 17 May to that of 18 May")
    swing = swaps.traders["Swing"]
    accounts = {"vault": int(VAULT)}
    accounts |= {name: swaps.traders[name].account for name in ("Bull", "Bear", "Swing")}
    paid = dict.fromkeys(accounts, 0)
    receipts: list[Receipt] = []
    ticked: list[Receipt] = []
    rows: list[tuple[str, ...]] = []
    state = _state(swaps)
    for hour in range(1, HOURS + 1):
        before = state
        swaps.at(CALM, hour)
        state = _state(swaps)
        for name, account in accounts.items():
            paid[name] += _charged(swaps.size(account, ETH), before, state)
        if hour in SHOWN:
            numbers = (state[F_LONG] * PICO_TO_WAD, paid["Bull"])
            told = (usd(state[MID]), percent(state[RATE]))
            rows.append((str(hour), *told, *map(usd, numbers)))
        ticked += swaps.keepers.tick()
        receipts.append(swaps.trade(swing, ETH, 3 * LOTS if hour % 2 else -3 * LOTS))
        state = _state(swaps)
    teller.step("A keeper ticks both markets every hour: tickFunding", *ticked)
    teller.step("Swing buys or sells 3 ETH every hour: trade", *receipts)
    teller.table("Hour", "ETH, USD", "rate an hour", "paid for 1 ETH", "Bull paid, USD", rows=rows)
    teller.facts.swaps.funding = paid
    teller.say("  Traders are long against the vault, so longs pay shorts:")
    teller.say("  " + ", ".join(_told(name, wad) for name, wad in paid.items()) + " USD.")


def _state(swaps: SwapsStage) -> Any:
    return swaps.call("PerpLens", "markets", ETH, 1)[0][STATE]


def _charged(lots: int, before: Any, after: Any) -> int:
    """Return what a position paid between two looks, wad; negative: it received."""
    side = F_LONG if lots > 0 else F_SHORT
    return owed(lots, after[side] - before[side])


def _told(name: str, wad: int) -> str:
    return f"{name} {'paid' if wad > 0 else 'got'} {usd(abs(wad))}"
