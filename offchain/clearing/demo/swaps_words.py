"""Write the second act's numbers for people."""

from __future__ import annotations

import re

from clearing.demo.swaps_market import BTC, ETH, HOURS, price_at
from clearing.demo.swaps_stage import SwapsStage
from clearing.demo.teller import Teller
from clearing.risk.decimal_text import WAD_DECIMALS, rounded_text
from clearing.spec.units import mul_div_down

__all__ = ["fall", "percent", "plainly", "size", "tell_positions", "usd"]

LOT_DECIMALS = 8
PERCENT_OF_PICO = 10
PERCENT_PLACES = 6
WAD_NUMBER = re.compile(r"-?[0-9]{17,}")
"""From a tenth of a dollar on."""


def usd(wad: int) -> str:
    """Return USD to the cent."""
    return rounded_text(wad, WAD_DECIMALS, 2)


def size(lots: int) -> str:
    """Return a size in units to four decimals, nothing for none."""
    return rounded_text(lots, LOT_DECIMALS, 4) if lots else "–"


def percent(pico: int) -> str:
    """Return a share in percent."""
    return rounded_text(pico, PERCENT_OF_PICO, 5) + " %"


def fall(market: int, day: int) -> str:
    """Return by how much a price falls in a day of the story, to the nearest percent."""
    before, after = (price_at(market, day, hour) for hour in (0, HOURS))
    part = mul_div_down(before - after, 10**PERCENT_PLACES, before)
    return rounded_text(part, PERCENT_PLACES - 2, 0) + " %"


def plainly(error: str) -> str:
    """Return an error with USD where it has wad."""
    return WAD_NUMBER.sub(lambda found: usd(int(found[0])) + " USD", error)


def tell_positions(swaps: SwapsStage, teller: Teller) -> None:
    """Show who holds what, and what each account is worth and needs."""
    accounts = {"vault": 0, "backstop": 1}
    accounts |= {trader.name: trader.account for trader in swaps.traders.values()}
    rows = []
    for name, account in accounts.items():
        held = [swaps.size(account, market) for market in (ETH, BTC)]
        if any(held):
            _, _, favourable, mid, *_ = swaps.call("PerpLens", "account", account)
            rows.append((name, *map(size, held), usd(mid[0]), usd(favourable[3])))
    teller.table("Positions", "ETH", "BTC", "worth, USD", "must keep, USD", rows=rows)
