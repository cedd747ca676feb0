"""Say what an account's loss comes to in each of its markets, and what positions carry of one.

Models `contracts/derivatives/resolve/Case.sol` and `SharedLoss.sol`. All at LIQUIDATE value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects
from clearing.spec.oracle_types import Action
from clearing.spec.perp_ledger import (
    HealthView,
    Ledger,
    Quotes,
    position_of,
    tick,
    value_of,
)
from clearing.spec.perp_liquidation import bankruptcy_price
from clearing.spec.perp_margin import Health, in_force, owed_by, requirement
from clearing.spec.perp_types import CARRIERS, Pause, Purpose, RiskNow
from clearing.spec.perp_units import PICO_TO_WAD, TICK, notional, value
from clearing.spec.units import WAD, div_ceil, div_floor, mul_div_up

__all__ = [
    "Case",
    "Part",
    "Split",
    "bankruptcy_price_of",
    "delta_cap",
    "lots_to_close",
    "open_case",
    "quote_for",
    "shared",
    "split",
]

CENT: Final = div_floor(WAD, 100)
CHARGE_UNIT: Final = 100
"""Lots times pico per unit in one wad."""
CAP_UNIT: Final = 10**6 * 10**4 * 2 * 10**6
"""ppm, bps, two, and wad in a pico: half of the maintenance rate times a price, in pico."""


@dataclass(frozen=True, slots=True)
class Part:
    """One position: lots it still has, prices and margin in wad, and its part of the loss.

    `lost` is what closing the position there costs; `is_omitted`: neither gain nor loss, it stays.
    """

    market: int
    size: int
    price: int
    mid: int
    mm: int
    is_settled: bool
    lost: int
    can_deleverage: bool
    is_omitted: bool
    risk: RiskNow
    loss: int = 0
    left: int = 0
    insurance: int = 0
    backstop: int = 0

    def covered(self, amount: int) -> Part:
        """Return the part with less of its loss left."""
        return replace(self, left=max(0, self.left - amount))


@dataclass(frozen=True, slots=True)
class Case:
    """An account whose loss is resolved; `fee` is what a keeper gets at most; all wad.

    `rest` is what of the shortfall was not lost in SETTLED markets, `mm` of positions elsewhere.
    """

    account: int
    equity: int
    fee: int
    parts: tuple[Part, ...]
    rest: int = 0
    mm: int = 0


@dataclass(frozen=True, slots=True)
class Split:
    """What positions owe, pico a unit; what of the loss that pays, and who gets theirs back."""

    delta: int
    amount: int
    backstop: int
    own: int


def open_case(
    ledger: Ledger, account: int, view: HealthView, quotes: Quotes, now: int
) -> tuple[Ledger, Case, Effects]:
    """Tick an account's markets and take down its positions. Raises Paused.

    A gain of the vault or the backstop in a market whose feed does not allow LIQUIDATE counts at
    mid: the far edge of its band is no gain that pays for what was lost elsewhere. Where mid shows
    none either, it counts as neither gain nor loss.
    """
    effects: Effects = ()
    parts: list[Part] = []
    fee, equity = 0, view.equity
    for market in ledger.markets_of(account):
        ledger, look, ticked = tick(ledger, market, quotes, now)
        effects = (*effects, *ticked)
        pause = look.market.risk.pause
        if pause & Pause.LIQUIDATE:
            raise SpecError("Paused", market, pause)
        held = position_of(ledger, account, market)
        size = held.size
        price = value_of(look, Purpose.LIQUIDATE, is_long=size > 0)
        risk = in_force(look.market.risk, now)
        ended = look.market.is_settled
        fair = not ended and look.allows(Action.LIQUIDATE)
        omitted = False
        paid = held.quote * PICO_TO_WAD - owed_by(held, look.market.funding)
        gain = paid + value(size, price)
        if gain > 0 and not ended and not fair and account in CARRIERS:
            at_mid = paid + value(size, look.quote.mid)
            omitted = at_mid <= 0
            price = price if omitted else look.quote.mid
            equity += max(0, at_mid) - gain
            gain = max(0, at_mid)
        _, mm = requirement(notional(size, price), risk)
        lost = max(0, -gain)
        kind = (ended, lost, fair, omitted)
        parts.append(Part(market, size, price, look.quote.mid, mm, *kind, risk))
        fee += look.market.limit.min_fee * CENT
    return ledger, Case(account, equity, fee, tuple(parts)), effects


def shared(case: Case) -> Case:
    """Split a shortfall: what was lost in SETTLED markets there, then the rest.

    Of the rest, the vault's and the backstop's go to where they were lost; what is lost in no open
    position, and all of an owner's, is split by maintenance margin. Each part up, the last ones
    what is left: rounded as the bankruptcy price is, so that a whole position closed at it brings
    its whole part. Without others the last SETTLED market gets all.
    """
    left = max(0, -case.equity)
    losses: dict[int, int] = {}
    for part in case.parts:
        if part.is_settled:
            losses[part.market] = min(left, part.lost)
            left -= losses[part.market]
    others = [part for part in case.parts if not part.is_settled]
    rest, mm = left, sum(part.mm for part in others)
    lost = sum(part.lost for part in others) if case.account in CARRIERS else 0
    known = min(rest, lost)
    for part in others:
        asked = mul_div_up(rest - known, part.mm, mm)
        asked += mul_div_up(known, part.lost, lost) if known else 0
        losses[part.market] = min(left, asked)
        left -= losses[part.market]
    if mm == 0:
        losses[case.parts[-1].market] += left
    parts = (
        replace(part, loss=losses[part.market], left=losses[part.market]) for part in case.parts
    )
    return replace(case, parts=tuple(parts), rest=rest, mm=mm)


def quote_for(size: int, price: int) -> int:
    """Return the pico for giving a size away, up: a long receives more, a short pays less."""
    return div_ceil(size * price, TICK)


def lots_to_close(part: Part) -> int:
    """Return how much of a position must close at its bankruptcy price for what is left, up."""
    return mul_div_up(abs(part.size), part.left, part.loss)


def bankruptcy_price_of(case: Case, part: Part) -> int:
    """Return the bankruptcy price of a position of which nothing was closed yet, wad."""
    health = Health(-case.rest, mm=case.mm)
    return bankruptcy_price(part.size, part.price, part.mm, health)


def delta_cap(risk: RiskNow, mid: int) -> int:
    """Return what a unit owes at most, pico, down: half the maintenance rate, without a slope."""
    return div_floor(risk.im * risk.kappa * mid, CAP_UNIT)


def split(loss: int, everything: int, backstop: int, own: int, cap: int) -> Split:
    """Share a loss among sizes, lots: all of them, less the backstop's and the account's own."""
    payers = everything - backstop - own
    if payers == 0:
        return Split(0, 0, 0, 0)
    delta = min(mul_div_up(loss, CHARGE_UNIT, payers), cap)
    return Split(
        delta=delta,
        amount=min(loss, div_floor(delta * payers, CHARGE_UNIT)),
        backstop=div_floor(delta * backstop, CHARGE_UNIT),
        own=div_floor(delta * own, CHARGE_UNIT),
    )
