"""Bound what governance may set: no proposal can make a market that bankrupts by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.perp_margin import BPS, in_force, target_rules
from clearing.spec.perp_types import LimitParams, Pause, Risk, RiskNow, RiskParams, TradeParams
from clearing.spec.units import PPM, div_ceil, div_floor

__all__ = [
    "prem_cap_limit",
    "require_limit",
    "require_market",
    "require_pause",
    "require_risk",
    "require_trade",
]

PERCENT: Final = 10_000
"""Ppm."""
MINUTE_S: Final = 60
HOUR_S: Final = 3_600
PPM_IN_A_BP: Final = 100

Bounds = tuple[str, int, int, int]
"""Name, value, least, greatest."""


def require_risk(params: RiskParams) -> None:
    """Raise BadParameter with the first margin rule that no market may have."""
    p = params
    mm = div_floor(p.im * p.kappa, BPS)
    bounds: list[Bounds] = [
        ("im", p.im, PERCENT, PPM),
        ("kappa", p.kappa, 5_000, 6_000 if p.slope else 9_000),
        ("slope", p.slope, 0, PPM),
        ("imMax", p.im_max, p.im, PPM),
        ("penalty", p.penalty, 1, div_floor(2 * mm, 3)),
        ("impactNotional", p.impact_notional, 1, 2**32 - 1),
    ]
    if p.slope:
        # The derivative of maintenance by notional, at its greatest: above 1 a winning position
        # would be liquidated for its gain. 99 %, because on the way from one set of rules to
        # another the product can be 0.84 % above its two ends.
        steepest = p.kappa * (2 * p.im_max - p.im)
        bounds.insert(4, ("imMax", steepest, 0, 99 * PERCENT * BPS))
    _require(bounds)


def require_trade(params: TradeParams) -> None:
    """Raise BadParameter with the first term of trade that no market may have."""
    p = params
    if not any(p.feed):
        raise SpecError("BadParameter", "feed")
    _require(
        [
            ("takerFee", p.taker_fee, 0, PERCENT),
            ("makerFee", p.maker_fee, 0, PERCENT),
            ("takerFee", p.taker_fee + p.maker_fee, 1, 2 * PERCENT),
            ("vaultSpread", p.vault_spread, 0, PERCENT),
            ("premCap", p.prem_cap, 1, 2**17 - 1),
            ("minNotional", p.min_notional, 1, 2**20 - 1),
            ("skewScale", p.skew_scale, 1, 2**36 - 1),
            ("coefficientInverse", p.coefficient_inverse, 1, 1_000),
        ]
    )


def require_limit(params: LimitParams) -> None:
    """Raise BadParameter with the first limit that no market may have."""
    p = params
    _require(
        [
            ("maxRate", p.max_rate, 1, 2**17 - 1),
            ("interval", p.interval, 15 * MINUTE_S, 8 * HOUR_S),
            ("band", p.band, 1, 5 * PERCENT),
            ("vaultShare", p.vault_share, 0, PPM),
        ]
    )


def require_market(
    risk: Risk, trade: TradeParams, limits: LimitParams, max_conf_bps: int, now: int
) -> None:
    """Raise BadParameter with the first parameter that does not suit the others.

    Looked at right after a change and once it has phased in: in between im and kappa only rise, so
    mm = κ·im rises, and im − mm = (1 − κ)·im is concave.
    """
    for r in (in_force(risk, now), target_rules(risk)):
        mm = div_floor(r.im * r.kappa, BPS)
        gap = r.im - div_ceil(r.im * r.kappa, BPS)
        # twice the cents / 100 against USD · ppm / 10^6
        most_fee = div_floor(trade.min_notional * mm, 2 * BPS)
        _require(
            [
                ("penalty", r.penalty, 1, div_floor(2 * mm, 3)),
                ("premCap", trade.prem_cap, 1, prem_cap_limit(r, max_conf_bps)),
                ("maxRate", limits.max_rate, 1, div_floor(gap, 4)),
                ("minFee", limits.min_fee, 0, most_fee),
            ]
        )


def require_pause(mask: int) -> None:
    """Raise BadParameter unless the mask is one; who cannot reduce is not liquidated."""
    is_known = 0 <= mask <= int(~Pause.NOTHING)
    if not is_known or (mask & Pause.REDUCE and not mask & Pause.LIQUIDATE):
        raise SpecError("BadParameter", "pause")


def prem_cap_limit(r: RiskNow, max_conf_bps: int) -> int:
    """Return the greatest premium, ppm, down; 0 where there is none.

    By (im − mm) / (1 + mm) mark games alone cannot liquidate an account that was opened at IM. By
    mm − penalty − maxConf what is taken over at its trigger closes at the bound without bad debt.
    """
    mm_up = div_ceil(r.im * r.kappa, BPS)
    by_mark = div_floor((r.im - mm_up) * PPM, PPM + mm_up)
    by_price = div_floor(r.im * r.kappa, BPS) - r.penalty - max_conf_bps * PPM_IN_A_BP
    return max(0, min(by_mark, by_price))


def _require(bounds: Iterable[Bounds]) -> None:
    for name, value, least, greatest in bounds:
        if not least <= value <= greatest:
            raise SpecError("BadParameter", name)
