"""What the lens answers, by the names of its structs' fields."""

from typing import Any, NamedTuple

from tests.harness.contract import Contract

__all__ = [
    "AccountView",
    "Health",
    "Market",
    "MarketState",
    "Position",
    "PositionState",
    "Trade",
    "account_of",
    "markets_of",
    "positions_of",
    "preview_of",
]


class Health(NamedTuple):
    """HealthView: wad."""

    equity: int
    notional: int
    im: int
    mm: int
    penalty: int
    target: int
    liquid_mm: int


class MarketState(NamedTuple):
    """EngineTypes.MarketState."""

    status: int
    pause_mask: int
    open_interest: int
    fees: int
    f_long: int
    f_short: int
    rate: int
    funded_at: int
    premium: int
    state: int
    mid: int
    mark: int


class Market(NamedTuple):
    """MarketView."""

    market: int
    feed: bytes
    state: MarketState
    quote: tuple[Any, ...]
    vault_size: int
    in_force: tuple[int, ...]
    risk: tuple[int, ...]
    trade: tuple[int, ...]
    limit: tuple[int, ...]


class PositionState(NamedTuple):
    """EngineTypes.PositionState."""

    size: int
    quote: int
    funding_index: int
    owed: int


class Position(NamedTuple):
    """PositionView."""

    market: int
    state: PositionState
    mark: int
    notional: int
    pnl: int
    break_even: int
    liquidation_price: int
    bankruptcy_price: int


class AccountView(NamedTuple):
    """AccountView: (owner, cash, markets), three healths, and what follows from them."""

    state: tuple[bytes, int, int]
    open: Health
    liquidate: Health
    mid: Health
    margin_ratio: int
    is_liquidatable: bool
    withdrawable_raw: int


class Trade(NamedTuple):
    """TradeView."""

    quote: int
    fee: int
    price: int
    size: int
    cash: int
    open: Health
    liquidate: Health
    liquidation_price: int
    passes: bool


def markets_of(lens: Contract, start: int, count: int) -> tuple[Market, ...]:
    """Ask for markets."""
    asked = (Market(*answer) for answer in lens.read("markets", start, count))
    return tuple(market._replace(state=MarketState(*market.state)) for market in asked)


def positions_of(lens: Contract, account: int) -> tuple[Position, ...]:
    """Ask for an account's positions."""
    asked = (Position(*answer) for answer in lens.read("positions", account))
    return tuple(position._replace(state=PositionState(*position.state)) for position in asked)


def account_of(lens: Contract, account: int) -> AccountView:
    """Ask for an account."""
    state, opening, liquidate, mid, *rest = lens.read("account", account)
    return AccountView(state, Health(*opening), Health(*liquidate), Health(*mid), *rest)


def preview_of(lens: Contract, account: int, market: int, size: int) -> Trade:
    """Ask what a trade would do."""
    *first, opening, liquidate, price, passes = lens.read("previewTrade", account, market, size)
    return Trade(*first, Health(*opening), Health(*liquidate), price, passes)
