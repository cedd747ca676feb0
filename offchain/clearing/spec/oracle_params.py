"""Bound what governance may set: no proposal can make a feed blind or its breaker deaf."""

from __future__ import annotations

from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.oracle_ring import MAX_WINDOW_S, SPACING_S
from clearing.spec.oracle_types import MAX_DECIMALS, FeedParams, FeedSources
from clearing.spec.types import ZERO_ADDRESS, ZERO_WORD
from clearing.spec.units import mul_div_down

__all__ = ["MAX_SANITY_E8", "bounds_of", "require_params", "require_sources"]

HOUR_S: Final = 3_600
MAX_SOFT_DEV_BPS: Final = 499
"""Beyond it sources do not agree; so no aggregator that speaks more seldom is of use."""
MAX_SANITY_E8: Final = 7 * 10**18
"""70 billion USD: in WAD it still fits the 96 bits of an observation."""

Bounds = tuple[str, int, int, int]
"""Name, value, least, greatest."""


def bounds_of(params: FeedParams) -> tuple[Bounds, ...]:
    """Return every limit with its bounds in code, in the order of the fields."""
    p = params
    return (
        ("clMaxStale", p.cl_max_stale, 60, 25 * HOUR_S),
        ("clDeviation", p.cl_deviation, 1, MAX_SOFT_DEV_BPS),
        ("softDev", p.soft_dev, p.cl_deviation, MAX_SOFT_DEV_BPS),
        ("hardDev", p.hard_dev, p.soft_dev + 1, 1_000),
        ("resetDev", p.reset_dev, 1, p.soft_dev),
        ("pyMaxStale", p.py_max_stale, 1, HOUR_S),
        ("pyOpenStale", p.py_open_stale, 0, p.py_max_stale),
        ("pyMaxAhead", p.py_max_ahead, 0, 60),
        ("maxConf", p.max_conf, 1, 500),
        ("maxConfOpen", p.max_conf_open, 1, p.max_conf),
        ("jumpBase", p.jump_base, p.cl_deviation + p.soft_dev, 2_500),
        ("jumpSlope", p.jump_slope, 0, 100),
        ("jumpCap", p.jump_cap, p.jump_base, 5_000),
        ("twapWindow", p.twap_window, 60, MAX_WINDOW_S),
        ("twapMaxGap", p.twap_max_gap, SPACING_S, p.twap_window),
        ("twapDev", p.twap_dev, 1, 2_000),
        ("twapMinObs", p.twap_min_obs, 2, mul_div_down(p.twap_window, 1, SPACING_S)),
        ("seqGraceOpen", p.seq_grace_open, 0, 12 * HOUR_S),
        ("seqGraceLiquidate", p.seq_grace_liquidate, 0, min(HOUR_S, p.seq_grace_open)),
        ("cooldown", p.cooldown, 60, 12 * HOUR_S),
        ("sanityMinE8", p.sanity_min_e8, 1, MAX_SANITY_E8),
        ("sanityMaxE8", p.sanity_max_e8, p.sanity_min_e8 + 1, MAX_SANITY_E8),
    )


def require_params(params: FeedParams) -> None:
    """Raise BadParameter with the name of the first limit out of its bounds."""
    for name, value, least, greatest in bounds_of(params):
        if not least <= value <= greatest:
            raise SpecError("BadParameter", name)


def require_sources(sources: FeedSources) -> None:
    """Raise BadParameter with the name of the first source that cannot be one."""
    if sources.cl_feed == ZERO_ADDRESS:
        raise SpecError("BadParameter", "clFeed")
    if sources.cl_decimals > MAX_DECIMALS:
        raise SpecError("BadParameter", "clDecimals")
    if sources.pyth_id == ZERO_WORD:
        raise SpecError("BadParameter", "pythId")
