"""Say what an account is worth and what it needs: the one formula of health.

Margin rules tighten slowly: a change starts from the values in force; what falls holds at once,
what rises does so evenly over a day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from clearing.spec.perp_funding import index_of
from clearing.spec.perp_types import (
    Funding,
    MarginRules,
    MarketStatus,
    Pause,
    Position,
    Risk,
    RiskNow,
    RiskParams,
)
from clearing.spec.perp_units import PICO, PICO_TO_WAD, PPM_TO_WAD, notional, owed, value
from clearing.spec.units import DAY_S, PPM, WAD, div_ceil, div_floor

__all__ = [
    "BPS",
    "NO_RATIO",
    "Health",
    "Holding",
    "health_of",
    "in_force",
    "is_liquidatable",
    "listed",
    "owed_by",
    "passes_reduce",
    "phased",
    "rate_of",
    "ratio",
    "requirement",
    "value_liquidate",
    "value_open",
]

BPS: Final = 10_000
NO_RATIO: Final = 2**255 - 1
"""The margin ratio of an account without positions."""
SLOPE_BASE: Final = PPM * WAD
"""Notional, wad, that `slope` is given for."""


@dataclass(frozen=True, slots=True)
class Health:
    """Equity, down, and sums over the positions, up; all wad.

    `penalty` is that of liquidating everything.
    """

    equity: int
    notional: int = 0
    im: int = 0
    mm: int = 0
    penalty: int = 0


@dataclass(frozen=True, slots=True)
class Holding:
    """One position with what its health depends on; `price` is a value of the wanted purpose.

    `gainless`: a gain counts for nothing, at OPEN in a SETTLED market, where it may be cut.
    """

    position: Position
    funding: Funding
    price: int
    risk: RiskNow
    gainless: bool = False

    @property
    def gain(self) -> int:
        """What it adds to equity, wad, down."""
        size, quote = self.position.size, self.position.quote * PICO_TO_WAD
        gain = quote + value(size, self.price) - owed_by(self.position, self.funding)
        return min(0, gain) if self.gainless else gain


# VALUES


def value_open(lo: int, hi: int, premium: int, *, is_long: bool) -> int:
    """Return what one unit counts for when opening and withdrawing: adverse to the position."""
    if is_long:
        return div_floor(lo * min(PICO, PICO + premium), PICO)
    return div_ceil(hi * max(PICO, PICO + premium), PICO)


def value_liquidate(lo: int, hi: int, premium: int, *, is_long: bool) -> int:
    """Return what one unit counts for when liquidating: in favour of the position.

    No premium makes a long worth less than the index, nor a short cost more.
    """
    if is_long:
        return div_ceil(hi * max(PICO, PICO + premium), PICO)
    return div_floor(lo * min(PICO, PICO + premium), PICO)


# RULES


def listed(params: RiskParams, status: MarketStatus, now: int) -> Risk:
    """Return the rules of a new market, which hold at once, with nothing paused."""
    return _risk(_rules(params), params, now, Pause.NOTHING, status)


def phased(risk: Risk, params: RiskParams, now: int) -> Risk:
    """Return the values in force giving way to new ones; pauses and status stay."""
    r = in_force(risk, now)
    start = MarginRules(r.im, r.kappa, r.slope, r.im_max)
    return _risk(start, params, now, risk.pause, risk.status)


def in_force(risk: Risk, now: int) -> RiskNow:
    """Return the rules at a time; the greatest rate is never below the least."""
    elapsed = min(DAY_S, now - risk.phase_start)

    def at(old: int, new: int) -> int:
        return old + div_floor((new - old) * elapsed, DAY_S) if new > old else new

    old, new = risk.old, risk.new
    im = at(old.im, new.im)
    return RiskNow(
        im=im,
        kappa=at(old.kappa, new.kappa),
        slope=at(old.slope, new.slope),
        im_max=max(im, at(old.im_max, new.im_max)),
        penalty=risk.penalty,
    )


def rate_of(notional_wad: int, r: RiskNow) -> int:
    """Return the share of a notional that is its initial margin, wad."""
    steeper = div_floor(r.slope * notional_wad * PPM_TO_WAD, SLOPE_BASE)
    return r.im * PPM_TO_WAD + min(steeper, (r.im_max - r.im) * PPM_TO_WAD)


def requirement(notional_wad: int, r: RiskNow) -> tuple[int, int]:
    """Return initial and maintenance margin of one position, both up."""
    im = div_ceil(notional_wad * rate_of(notional_wad, r), WAD)
    return im, div_ceil(r.kappa * im, BPS)


def _rules(params: RiskParams) -> MarginRules:
    return MarginRules(params.im, params.kappa, params.slope, params.im_max)


def _risk(
    old: MarginRules, params: RiskParams, now: int, pause: Pause, status: MarketStatus
) -> Risk:
    return Risk(
        old=old,
        new=_rules(params),
        phase_start=now,
        penalty=params.penalty,
        pause=pause,
        status=status,
        impact_notional=params.impact_notional,
    )


# HEALTH


def owed_by(position: Position, funding: Funding) -> int:
    """Return the funding that a position owes, wad, up."""
    return owed(position.size, index_of(funding, position.size) - position.index)


def health_of(cash_wad: int, holdings: Iterable[Holding]) -> Health:
    """Return the health of an account with so much cash."""
    health = Health(cash_wad)
    for one in holdings:
        n = notional(one.position.size, one.price)
        im, mm = requirement(n, one.risk)
        health = Health(
            equity=health.equity + one.gain,
            notional=health.notional + n,
            im=health.im + im,
            mm=health.mm + mm,
            penalty=health.penalty + div_ceil(n * one.risk.penalty, PPM),
        )
    return health


def is_liquidatable(health: Health) -> bool:
    """Return whether the equity, at LIQUIDATE value, is below maintenance; equality is safe."""
    return health.mm > 0 and health.equity < health.mm


def passes_reduce(e: int, mm: int, e_after: int, mm_after: int) -> bool:
    """Return whether a reduction made the account no worse, all valued at mid.

    The equity per unit of margin may not fall, and a bankrupt account does not move: it would
    close against its owner's other account at the edge of the band and leave the bill behind.
    """
    return e_after >= 0 and e_after * mm >= e * mm_after


def ratio(health: Health) -> int:
    """Return equity per notional, wad, down; NO_RATIO without positions."""
    return div_floor(health.equity * WAD, health.notional) if health.notional else NO_RATIO
