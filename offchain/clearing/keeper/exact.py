"""Say exactly what an account is worth and what would be taken over: the specification's maths.

`Terms` is a market at one moment, of what the lens says at one block. Nothing here asks a node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clearing.perp.answers import MarketNow
from clearing.spec.oracle_types import Action
from clearing.spec.perp_ledger import HealthView
from clearing.spec.perp_liquidation import amount, penalty_of, target
from clearing.spec.perp_margin import (
    Health,
    Holding,
    requirement,
    value_liquidate,
    value_open,
)
from clearing.spec.perp_types import (
    FIRST_OWNED,
    Funding,
    MarketStatus,
    Pause,
    Position,
    Purpose,
    RiskNow,
)
from clearing.spec.perp_units import PICO_TO_WAD, notional, owed, value
from clearing.spec.perp_vault import DUST
from clearing.spec.units import PPM, WAD, div_ceil

__all__ = [
    "Takeover",
    "Terms",
    "health_at",
    "is_absorbable",
    "is_below_zero",
    "is_due",
    "standing",
    "takeover_of",
    "terms_of",
]


@dataclass(frozen=True, slots=True)
class Terms:
    """A market now: prices of a unit, wad, by purpose and side; indices with what is due.

    `liquidates`: whether neither pause nor feed nor status forbids to liquidate in it.
    `settled`: it counts at one price for ever, and a gain is no margin for opening.
    """

    market: int
    long_price: int
    short_price: int
    long_open: int
    short_open: int
    mid: int
    funding: Funding
    risk: RiskNow
    least_wad: int
    priced: bool
    liquidates: bool
    settled: bool = False

    def price(self, lots: int, purpose: Purpose = Purpose.LIQUIDATE) -> int:
        """Return what a unit of a position counts at, wad; LIQUIDATE, OPEN or MID."""
        if purpose is Purpose.MID:
            return self.mid
        if purpose is Purpose.OPEN:
            return self.long_open if lots > 0 else self.short_open
        return self.long_price if lots > 0 else self.short_price

    def side(self, lots: int) -> tuple[int, int]:
        """Return what a unit of a size counts at when liquidating, and its side's index."""
        if lots > 0:
            return self.long_price, self.funding.f_long
        return self.short_price, self.funding.f_short


@dataclass(frozen=True, slots=True)
class Takeover:
    """What a liquidator would get: lots signed as the position; price, notional, penalty, wad."""

    account: int
    market: int
    size: int
    price: int
    notional: int
    penalty: int
    equity: int

    @property
    def reward(self) -> int:
        """The liquidator's half of the penalty, wad, down."""
        return self.penalty >> 1


def terms_of(now: MarketNow, guardian_mask: int = 0) -> Terms:
    """Return a market's terms; `guardian_mask` is what the guardian has paused everywhere."""
    quote, pi = now.quote, now.premium
    paused = (now.pauses | guardian_mask) & Pause.LIQUIDATE
    priced = bool(quote.allowed >> Action.LIQUIDATE & 1)
    ended = now.status is MarketStatus.SETTLED
    return Terms(
        market=now.market,
        long_price=value_liquidate(quote.liq_lo, quote.liq_hi, pi, is_long=True),
        short_price=value_liquidate(quote.liq_lo, quote.liq_hi, pi, is_long=False),
        long_open=value_open(quote.open_lo, quote.open_hi, pi, is_long=True),
        short_open=value_open(quote.open_lo, quote.open_hi, pi, is_long=False),
        mid=quote.mid,
        funding=Funding(now.f_long, now.f_short, 0, 0),
        risk=now.in_force,
        least_wad=now.trade.min_notional * WAD,
        priced=priced,
        liquidates=priced and not paused and not ended,
        settled=ended,
    )


def standing(
    cash_wad: int, held: Mapping[int, Position], terms: Mapping[int, Terms]
) -> tuple[int, int]:
    """Return equity and maintenance margin alone, wad: what decides, at a third of the work."""
    equity, needed = cash_wad, 0
    for market, position in held.items():
        t, size = terms[market], position.size
        price, index = t.side(size)
        _, mm = requirement(notional(size, price), t.risk)
        gain = position.quote * PICO_TO_WAD + value(size, price)
        equity += gain - owed(size, index - position.index)
        needed += mm
    return equity, needed


def health_at(
    cash_wad: int,
    held: Mapping[int, Position],
    terms: Mapping[int, Terms],
    purpose: Purpose = Purpose.LIQUIDATE,
) -> HealthView:
    """Return what cash and positions are worth together; `engine.healthOf` says the same."""
    equity, sums, im, mm, penalty, targets, liquid = cash_wad, 0, 0, 0, 0, 0, 0
    for market, position in held.items():
        t = terms[market]
        price = t.price(position.size, purpose)
        worth = notional(position.size, price)
        im_, mm_ = requirement(worth, t.risk)
        gainless = purpose is Purpose.OPEN and t.settled
        equity += Holding(position, t.funding, price, t.risk, gainless).gain
        sums, im, mm = sums + worth, im + im_, mm + mm_
        penalty += div_ceil(worth * t.risk.penalty, PPM)
        targets += target(worth, mm_, t.risk)
        liquid += mm_ if t.priced else 0
    return HealthView(equity, sums, im, mm, penalty, targets, liquid)


def is_due(account: int, equity: int, mm: int) -> bool:
    """Return whether an account must be liquidated; the protocol's own never are."""
    return account >= FIRST_OWNED and mm > 0 and equity < mm


def is_absorbable(account: int, view: HealthView) -> bool:
    """Return whether the resolution module takes an account: it cannot pay all its penalties."""
    return account >= FIRST_OWNED and view.is_priced and view.equity < view.penalty


def is_below_zero(view: HealthView) -> bool:
    """Return whether the resolution module shares the loss of the vault or the backstop."""
    return view.is_priced and view.equity < -DUST


def takeover_of(
    account: int, position: Position, view: HealthView, terms: Terms
) -> Takeover | None:
    """Return what `RiskManager.liquidate` would hand over in a market, None if nothing."""
    if not terms.liquidates or position.size == 0 or not is_due(account, view.equity, view.mm):
        return None
    if view.is_priced and view.equity < 0:
        return None
    size, price = position.size, terms.price(position.size)
    health = Health(view.equity, view.notional, view.im, view.mm, view.penalty)
    whole = notional(size, price)
    _, mm = requirement(whole, terms.risk)
    lots = amount(abs(size), price, view.target, health, terms.risk, terms.least_wad)
    taken = notional(lots, price)
    penalty = penalty_of(taken, whole, mm, health, terms.risk)
    return Takeover(
        account=account,
        market=terms.market,
        size=lots if size > 0 else -lots,
        price=price,
        notional=taken,
        penalty=penalty,
        equity=view.equity,
    )
