"""Bound what governance may set: no proposal can make a market that bankrupts by itself.

Models `contracts/derivatives/MarketBounds.sol`, and who of `perp/PerpAdmin.sol` asks it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.perp_margin import BPS, in_force, phased
from clearing.spec.perp_types import LimitParams, Pause, Risk, RiskParams, TradeParams
from clearing.spec.units import PPM, div_ceil, div_floor

__all__ = ["prem_cap_limit", "require_all", "require_change", "require_pause"]

PERCENT: Final = 10_000
"""Ppm."""
MINUTE_S: Final = 60
HOUR_S: Final = 3_600
PPM_IN_A_BP: Final = 100
MAX_STORED: Final = 2**17 - 1
"""Ppm that the words hold of a penalty, a premium and a rate."""

Bound = tuple[str, int, int, int]
"""Name, value, least, greatest."""


def require_all(
    risk: RiskParams, trade: TradeParams, limit: LimitParams, max_conf_bps: int
) -> None:
    """Raise BadParameter with the first parameter that no market may have."""
    bounds = (
        *_risk_bounds(risk),
        *_trade_bounds(risk, trade, max_conf_bps),
        *_limit_bounds(risk, trade, limit),
    )
    _require(bounds)


def require_change(
    risk: Risk,
    params: RiskParams,
    trade: TradeParams,
    limit: LimitParams,
    max_conf_bps: int,
    now: int,
) -> None:
    """Raise BadParameter with the first that a market may not have, once changed or right away.

    In between im and kappa only rise, so mm = κ·im rises, and im − mm = (1 − κ)·im is concave.
    """
    require_all(params, trade, limit, max_conf_bps)
    r = in_force(phased(risk, params, now), now)
    first = RiskParams(r.im, r.kappa, r.slope, r.im_max, params.penalty, params.impact_notional)
    require_all(first, trade, limit, max_conf_bps)


def require_pause(mask: int) -> None:
    """Raise BadParameter if who cannot reduce could be liquidated."""
    if mask & Pause.REDUCE and not mask & Pause.LIQUIDATE:
        raise SpecError("BadParameter", "mask")


def prem_cap_limit(p: RiskParams, max_conf_bps: int) -> int:
    """Return the greatest premium, ppm, down; 0 where there is none.

    By (im − mm) / (1 + mm) mark games alone cannot liquidate an account that was opened at IM. By
    mm − penalty − maxConf what is taken over at its trigger closes at the bound without bad debt.
    """
    mm_up = div_ceil(p.im * p.kappa, BPS)
    by_mark = div_floor((p.im - mm_up) * PPM, PPM + mm_up)
    by_price = _mm(p) - p.penalty - max_conf_bps * PPM_IN_A_BP
    return max(0, min(by_mark, by_price, MAX_STORED))


def _mm(p: RiskParams) -> int:
    """Return the share of a small notional that is its maintenance margin, ppm, down."""
    return div_floor(p.im * p.kappa, BPS)


def _risk_bounds(p: RiskParams) -> Iterable[Bound]:
    yield "im", p.im, PERCENT, PPM
    yield "kappa", p.kappa, 5_000, 6_000 if p.slope else 9_000
    yield "slope", p.slope, 0, PPM
    yield "imMax", p.im_max, p.im, PPM
    if p.slope:
        # The derivative of maintenance by notional, at its greatest: above 1 a winning position
        # would be liquidated for its gain. 99 %, because on the way from one set of rules to
        # another the product can be 0.84 % above its two ends.
        yield "imMax", p.kappa * (2 * p.im_max - p.im), 0, 99 * PERCENT * BPS
    yield "penalty", p.penalty, 1, min(div_floor(2 * _mm(p), 3), MAX_STORED)
    yield "impactNotional", p.impact_notional, 1, 2**32 - 1


def _trade_bounds(risk: RiskParams, p: TradeParams, max_conf_bps: int) -> Iterable[Bound]:
    yield "takerFee", p.taker_fee, 0, PERCENT
    yield "makerFee", p.maker_fee, 0, PERCENT
    yield "takerFee", p.taker_fee + min(p.maker_fee, p.vault_spread), 1, 2 * PERCENT
    yield "vaultSpread", p.vault_spread, 0, PERCENT
    yield "premCap", p.prem_cap, 1, prem_cap_limit(risk, max_conf_bps)
    yield "minNotional", p.min_notional, 1, 10**6
    yield "skewScale", p.skew_scale, 1, 2**36 - 1
    yield "coefficientInverse", p.coefficient_inverse, 1, 1_000


def _limit_bounds(risk: RiskParams, trade: TradeParams, p: LimitParams) -> Iterable[Bound]:
    gap = risk.im - div_ceil(risk.im * risk.kappa, BPS)
    yield "maxRate", p.max_rate, 1, min(div_floor(gap, 4), MAX_STORED)
    yield "interval", p.interval, 15 * MINUTE_S, 8 * HOUR_S
    yield "band", p.band, 1, 5 * PERCENT
    # twice the cents / 100 against USD · ppm / 10^6
    yield "minFee", p.min_fee, 0, div_floor(trade.min_notional * _mm(risk), 2 * BPS)
    yield "vaultShare", p.vault_share, 0, PPM


def _require(bounds: Iterable[Bound]) -> None:
    for name, value, least, greatest in bounds:
        if not least <= value <= greatest:
            raise SpecError("BadParameter", name)
