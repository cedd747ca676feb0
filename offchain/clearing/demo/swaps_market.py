"""The two markets of the swaps: their terms, and the days whose real closes move their prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from clearing.risk.daily_closes import CLOSE_DECIMALS, bundled_closes
from clearing.spec.perp_units import LOTS
from clearing.spec.units import mul_div_down

__all__ = [
    "BTC",
    "CALM",
    "CRASH",
    "DAYS",
    "E8_DECIMALS",
    "ETH",
    "HOURS",
    "MARKETS",
    "REBOUND",
    "RELAPSE",
    "Listing",
    "price_at",
]

ETH, BTC = 0, 1
HOURS = 24
E8_DECIMALS = 8

DAYS = tuple(date(2021, 5, day) for day in range(17, 22))
"""The closes that the story passes through."""
CALM, CRASH, REBOUND, RELAPSE = range(4)
"""Each day of the story begins at one of these closes and ends at the next."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A market as the timelock lists it: contracts/interfaces/PerpTypes.sol tells the units."""

    symbol: str
    skew_scale: int

    @property
    def name(self) -> str:
        """What the sources call it."""
        return f"{self.symbol} / USD"

    @property
    def feed(self) -> bytes:
        """Its feed's id in the oracle."""
        return f"{self.symbol}/USD".encode().ljust(16, b"\0")

    @property
    def pyth_id(self) -> bytes:
        """Its id at the mock of Pyth, as good as any other."""
        return self.symbol.encode().ljust(32, b"\0")

    @property
    def risk(self) -> tuple[int, ...]:
        """Initial margin 5 %, maintenance 3 %, no slope, penalty 1.25 %, impact 1,000 USD."""
        return (50_000, 6_000, 0, 50_000, 12_500, 1_000)

    @property
    def trade(self) -> tuple[int, ...]:
        """Fees 0.05 and 0.02 %, spread 0.01 %, premium at most 0.75 %, paid once in 8 hours."""
        return (500, 200, 100, 7_500, 10, self.skew_scale, 8)

    @property
    def limit(self) -> tuple[int, ...]:
        """Funding at most 0.5 % an hour, orders within 5 % of mid, 10 cents to who absorbs."""
        return (5_000, 3_600, 50_000, 10, 10_000 * LOTS, 1_000_000, 1_000_000 * LOTS)


MARKETS: Final = (Listing("ETH", skew_scale=2_000), Listing("BTC", skew_scale=200))


def price_at(market: int, day: int, hour: int) -> int:
    """Return a price on the straight line between two closes, 1e-8 USD, rounded down."""
    before, after = (_close_of(MARKETS[market].symbol, DAYS[day + step]) for step in (0, 1))
    return mul_div_down(before * (HOURS - hour) + after * hour, 1, HOURS)


@cache
def _close_of(symbol: str, day: date) -> int:
    """Return a close that comes with the package, 1e-8 USD, rounded down."""
    closes = bundled_closes()
    (asset,) = [asset for asset in closes.assets if asset.symbol == symbol]
    close = asset.closes[closes.days.index(day)]
    if close is None:
        raise LookupError(f"nobody saw a price of {symbol} on {day}")
    return mul_div_down(close, 1, 10 ** (CLOSE_DECIMALS - E8_DECIMALS))
