"""Share a loss, let a market owe, end a market: what the resolution module may do to the ledger.

Models `contracts/derivatives/perp/PerpResolve.sol`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event
from clearing.spec.perp_ledger import (
    Ledger,
    Quotes,
    account_of,
    market_of,
    put_account,
    put_market,
    tick,
)
from clearing.spec.perp_types import BACKSTOP, MarketStatus
from clearing.spec.units import div_floor

__all__ = ["DebtMoved", "LossShared", "StatusChanged", "move_debt", "set_status", "share_loss"]

CHARGE_UNIT: Final = 100
"""Lots times pico per unit in one wad."""


@dataclass(frozen=True, slots=True)
class LossShared(Event):
    """Every position owes `delta` more, pico per unit; what the account and the backstop got."""

    market: int
    account: int
    delta: int
    amount: int
    backstop: int


@dataclass(frozen=True, slots=True)
class DebtMoved(Event):
    """A market owes `amount` more (or less), `debt` in all, wad."""

    market: int
    account: int
    amount: int
    debt: int


@dataclass(frozen=True, slots=True)
class StatusChanged(Event):
    """A market went on; `price`, wad, once it is settled."""

    market: int
    status: MarketStatus
    price: int


def share_loss(
    ledger: Ledger,
    market: int,
    delta: int,
    account: int,
    amount: int,
    backstop: int,
    quotes: Quotes,
    now: int,
) -> tuple[Ledger, Effects]:
    """Let longs owe `delta` and shorts `delta` more per unit, and credit no more than that.

    Raises UnknownMarket, UnknownAccount, CreditTooHigh.
    """
    ledger, look, ticked = tick(ledger, market, quotes, now)
    charge = div_floor(delta * 2 * look.market.oi.open_interest, CHARGE_UNIT)
    if amount + backstop > charge:
        raise SpecError("CreditTooHigh", market, amount + backstop, charge)
    funding = look.market.funding
    funding = replace(funding, f_long=funding.f_long + delta, f_short=funding.f_short - delta)
    # without an interval that is over, what the look folded is not written down
    ledger = put_market(ledger, market, replace(ledger.markets[market], funding=funding))
    ledger = _pay(_pay(ledger, account, amount), BACKSTOP, backstop)
    return ledger, (*ticked, LossShared(market, account, delta, amount, backstop))


def move_debt(ledger: Ledger, market: int, account: int, amount: int) -> tuple[Ledger, Effects]:
    """Let a market owe what an account lacks (+), or repay it from an account (-), wad.

    Raises UnknownMarket, UnknownAccount; OverflowError for more than is owed.
    """
    stored = market_of(ledger, market)
    if stored.debt + amount < 0:
        raise OverflowError("more than the debt")
    ledger = put_market(ledger, market, replace(stored, debt=stored.debt + amount))
    event = DebtMoved(market, account, amount, stored.debt + amount)
    return _pay(ledger, account, amount), (event,)


def set_status(
    ledger: Ledger, market: int, status: MarketStatus, price: int, quotes: Quotes, now: int
) -> tuple[Ledger, Effects]:
    """Take a market further along LIVE, WIND_DOWN, SETTLED.

    Raises UnknownMarket, MarketNotLive, BadParameter.
    """
    ledger, look, ticked = tick(ledger, market, quotes, now)
    if status <= look.market.risk.status:
        raise SpecError("MarketNotLive", market, look.market.risk.status)
    if (status is MarketStatus.SETTLED) != (price != 0):
        raise SpecError("BadParameter", "price")
    stored = ledger.markets[market]
    after = replace(stored, risk=replace(stored.risk, status=status), price=price)
    return put_market(ledger, market, after), (*ticked, StatusChanged(market, status, price))


def _pay(ledger: Ledger, account: int, amount: int) -> Ledger:
    found = account_of(ledger, account)
    return put_account(ledger, account, replace(found, cash=found.cash + amount))
