"""Liquidate.

Models `contracts/derivatives/RiskManager.sol`.
"""

from __future__ import annotations

from dataclasses import dataclass

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event
from clearing.spec.perp_book import Leg, Sample, book
from clearing.spec.perp_ledger import (
    HealthView,
    Ledger,
    Look,
    Quotes,
    account_of,
    health_of,
    position_of,
    tick,
    value_of,
)
from clearing.spec.perp_liquidation import amount, penalty_of, quote_of
from clearing.spec.perp_margin import Health, in_force, is_liquidatable, requirement
from clearing.spec.perp_types import FIRST_OWNED, INSURANCE, Kind, Purpose
from clearing.spec.perp_units import notional
from clearing.spec.units import WAD, Address, mul_div_down

__all__ = ["Liquidated", "liquidate"]


@dataclass(frozen=True, slots=True)
class Liquidated(Event):
    """A liquidator took over: lots signed as the position was, price and penalty in wad."""

    account: int
    market: int
    liquidator: int
    size: int
    price: int
    penalty: int


def liquidate(
    ledger: Ledger,
    sender: Address,
    account: int,
    market: int,
    liquidator: int,
    quotes: Quotes,
    now: int,
) -> tuple[Ledger, Effects]:
    """Take over what must be liquidated.

    Raises UnknownAccount, NotOwner, UnknownMarket, OwnLiquidation, NotLiquidatable, MustBeAbsorbed,
    and what `book` raises.
    """
    if account_of(ledger, liquidator).owner != sender:
        raise SpecError("NotOwner", liquidator, sender)
    ledger, look, ticked = tick(ledger, market, quotes, now)
    health = health_of(ledger, account, Purpose.LIQUIDATE, quotes, now)
    if account == liquidator:
        raise SpecError("OwnLiquidation", account)
    taken = _takeover(ledger, account, market, look, health, now)
    if taken is None:
        size = position_of(ledger, account, market).size
        if account >= FIRST_OWNED and size and health.equity < 0:
            raise SpecError("MustBeAbsorbed", account, market, health.equity)
        raise SpecError("NotLiquidatable", account, market, health.equity, health.mm)

    reward = mul_div_down(taken.penalty, 1, 2)
    legs = (
        Leg(account, -taken.size, taken.quote, cash=-taken.penalty),
        Leg(liquidator, taken.size, -taken.quote, cash=reward, judged=True),
        Leg(INSURANCE, 0, 0, cash=taken.penalty - reward),
    )
    ledger, effects = book(ledger, market, legs, Sample(), Kind.LIQUIDATION, quotes, now)
    event = Liquidated(account, market, liquidator, taken.size, taken.price, taken.penalty)
    return ledger, (*ticked, event, *effects)


@dataclass(frozen=True, slots=True)
class _Takeover:
    """Lots signed as the position, what the account receives for them (pico), price, penalty."""

    size: int
    quote: int
    price: int
    penalty: int


def _takeover(
    ledger: Ledger, account: int, market: int, look: Look, view: HealthView, now: int
) -> _Takeover | None:
    size = position_of(ledger, account, market).size
    health = Health(view.equity, view.notional, view.im, view.mm, view.penalty)
    if account < FIRST_OWNED or size == 0 or not is_liquidatable(health):
        return None
    if view.is_priced and view.equity < 0:  # absorption has a waterfall for what would be owed
        return None
    risk = in_force(look.market.risk, now)
    price = value_of(look, Purpose.LIQUIDATE, is_long=size > 0)
    least = look.market.trade.min_notional * WAD
    whole = notional(size, price)
    _, mm = requirement(whole, risk)
    lots = amount(abs(size), price, view.target, health, risk, least)
    taken = lots if size > 0 else -lots
    return _Takeover(
        size=taken,
        quote=quote_of(taken, price),
        price=price,
        penalty=penalty_of(notional(lots, price), whole, mm, health, risk),
    )
