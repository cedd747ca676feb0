"""Read what PerpLens answers: tuples of the ABI as named values, in the contract's units.

Lots 1e-8 units, pico 1e-12 USD, wad 1e-18 USD; contracts/interfaces/IPerpLens.sol tells them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from clearing.spec.oracle_types import Gate, PriceState, Quote
from clearing.spec.perp_ledger import HealthView
from clearing.spec.perp_margin import NO_RATIO
from clearing.spec.perp_types import (
    LimitParams,
    MarketStatus,
    Pause,
    RiskNow,
    RiskParams,
    TradeParams,
)
from clearing.spec.units import Address

__all__ = [
    "AccountNow",
    "MarketNow",
    "PositionNow",
    "TradePreview",
    "account_from",
    "market_from",
    "position_from",
    "preview_from",
]


@dataclass(frozen=True, slots=True)
class MarketNow:
    """A market: `rate`, `premium` and `fees` pico, indices pico per unit, prices wad, sizes lots.

    `pauses` are the timelock's; the guardian's pause of all markets is not among them.
    """

    market: int
    status: MarketStatus
    pauses: Pause
    open_interest: int
    fees: int
    f_long: int
    f_short: int
    rate: int
    funded_at: int
    premium: int
    mark: int
    quote: Quote
    vault_size: int
    in_force: RiskNow
    risk: RiskParams
    trade: TradeParams
    limit: LimitParams

    @property
    def name(self) -> str:
        """The feed's name, such as ETH/USD."""
        return self.trade.feed.rstrip(b"\0").decode("ascii", "replace")

    @property
    def unit(self) -> str:
        """What a size counts, such as ETH."""
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class PositionNow:
    """A position: `size` lots, `quote` pico, prices, `owed`, `notional` and `pnl` wad."""

    market: int
    size: int
    quote: int
    funding_index: int
    owed: int
    mark: int
    notional: int
    pnl: int
    break_even: int
    liquidation_price: int
    bankruptcy_price: int


@dataclass(frozen=True, slots=True)
class AccountNow:
    """An account; `margin_ratio` wad, None without positions; `withdrawable` raw token units."""

    account: int
    owner: Address
    cash: int
    open: HealthView
    liquidate: HealthView
    mid: HealthView
    margin_ratio: int | None
    is_liquidatable: bool
    withdrawable: int


@dataclass(frozen=True, slots=True)
class TradePreview:
    """What a trade against the vault would come to; `quote` and `fee` pico, the rest wad and lots.

    `passes`: whether the account's margin allows it.
    """

    quote: int
    fee: int
    price: int
    size: int
    cash: int
    open: HealthView
    liquidate: HealthView
    liquidation_price: int
    passes: bool


def market_from(values: Sequence[Any]) -> MarketNow:
    """Return the market that a MarketView says."""
    market, feed, state, quote, vault_size, in_force, risk, trade, limit = values
    status, pauses, interest, fees, f_long, f_short, rate, funded_at, premium, _, _, mark = state
    prices = replace(Quote(*quote), state=PriceState(quote[-2]), gates=Gate(quote[-1]))
    return MarketNow(
        market=market,
        status=MarketStatus(status),
        pauses=Pause(pauses),
        open_interest=interest,
        fees=fees,
        f_long=f_long,
        f_short=f_short,
        rate=rate,
        funded_at=funded_at,
        premium=premium,
        mark=mark,
        quote=prices,
        vault_size=vault_size,
        in_force=RiskNow(*in_force),
        risk=RiskParams(*risk),
        trade=TradeParams(feed, *trade),
        limit=LimitParams(*limit),
    )


def position_from(values: Sequence[Any]) -> PositionNow:
    """Return the position that a PositionView says."""
    market, state, *rest = values
    return PositionNow(market, *state, *rest)


def account_from(account: int, values: Sequence[Any]) -> AccountNow:
    """Return the account that an AccountView says."""
    (owner, cash, _), opening, liquidate, mid, ratio, is_liquidatable, withdrawable = values
    return AccountNow(
        account,
        Address(owner),
        cash,
        HealthView(*opening),
        HealthView(*liquidate),
        HealthView(*mid),
        None if ratio == NO_RATIO else ratio,
        is_liquidatable,
        withdrawable,
    )


def preview_from(values: Sequence[Any]) -> TradePreview:
    """Return the preview that a TradeView says."""
    quote, fee, price, size, cash, opening, liquidate, liquidation_price, passes = values
    return TradePreview(
        quote=quote,
        fee=fee,
        price=price,
        size=size,
        cash=cash,
        open=HealthView(*opening),
        liquidate=HealthView(*liquidate),
        liquidation_price=liquidation_price,
        passes=passes,
    )
