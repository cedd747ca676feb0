"""Say what an account would be worth with more or less cash, by the specification's formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from clearing.perp.answers import AccountNow, MarketNow, PositionNow
from clearing.spec.perp_ledger import HealthView
from clearing.spec.perp_liquidation import liquidation_price
from clearing.spec.perp_margin import requirement, value_liquidate
from clearing.spec.perp_units import notional, value

__all__ = ["CashPreview", "liquidation_price_with", "with_cash"]


@dataclass(frozen=True, slots=True)
class CashPreview:
    """An account after its cash moved; `liquidation_prices` by market, wad, 0 for none."""

    cash: int
    open: HealthView
    liquidate: HealthView
    liquidation_prices: Mapping[int, int]


def with_cash(
    account: AccountNow,
    positions: Sequence[PositionNow],
    markets: Sequence[MarketNow],
    more: int,
) -> CashPreview:
    """Return the account with `more` cash, wad, or less; nothing else moves."""
    after = replace(account.liquidate, equity=account.liquidate.equity + more)
    return CashPreview(
        cash=account.cash + more,
        open=replace(account.open, equity=account.open.equity + more),
        liquidate=after,
        liquidation_prices={
            p.market: liquidation_price_with(after, p, markets[p.market]) for p in positions
        },
    )


def liquidation_price_with(health: HealthView, position: PositionNow, market: MarketNow) -> int:
    """Return the price, wad, at which an account of this health (LIQUIDATE) is at maintenance.

    A long's up, a short's down; 0 for none.
    """
    lots, quote = position.size, market.quote
    price = value_liquidate(quote.liq_lo, quote.liq_hi, market.premium, is_long=lots > 0)
    _, mm = requirement(notional(lots, price), market.in_force)
    rest = health.equity - value(lots, price) - (health.mm - mm)
    return liquidation_price(lots, rest, market.in_force)
