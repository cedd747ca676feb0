"""Average what trades say about the premium, and make the crowded side pay for it.

The premium decays to nothing within DECAY_S of the last sample. What it gathers over an interval is
charged at the interval's end, whenever someone ticks: early, late and often make no difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from clearing.spec.perp_types import Funding, Premium, Risk, TradeParams
from clearing.spec.perp_units import PICO, PICO_TO_WAD, PPM_TO_PICO, PPM_TO_WAD
from clearing.spec.units import WAD, div_ceil, div_floor, div_trunc

__all__ = [
    "DECAY_S",
    "MAX_INTERVALS",
    "MAX_PENDING_WEIGHT",
    "MAX_SAMPLE_WEIGHT",
    "ONE_WEIGHT",
    "FundingTerms",
    "capped",
    "folded",
    "gathered_by",
    "index_of",
    "premium",
    "sample_of",
    "sample_of_skew",
    "sampled",
    "shifted",
    "ticked",
    "weight_of",
]

HOUR_S: Final = 3_600
DECAY_S: Final = 300
"""Age at which a premium is nothing, and the greatest age of an anchor."""
SLOWNESS_S: Final = 150
"""A first sample after so long moves the average half of the way."""
ONE_WEIGHT: Final = 10**6
"""Weight of a sample that moves the average by itself."""
MAX_SAMPLE_WEIGHT: Final = 10**9
MAX_PENDING_WEIGHT: Final = 4 * 10**9
"""Beyond it the samples of one timestamp are dropped."""
MAX_INTERVALS: Final = 24
"""What one tick charges at most; a premium has long decayed then."""


@dataclass(frozen=True, slots=True)
class FundingTerms:
    """What a tick works with.

    `index` is mid while `live`, else the last good price, wad. `paused`: intervals pass unpaid.
    """

    index: int
    live: bool
    paused: bool
    coefficient_inverse: int
    max_rate_ppm: int
    interval: int


# PREMIUM


def premium(word: Premium, now: int) -> int:
    """Return the premium, pico, towards zero. The word is folded."""
    return _decayed(word.ema, now - word.ema_at)


def folded(word: Premium, now: int) -> Premium:
    """Return the word with the samples of an earlier timestamp in the average.

    Δt runs from the anchor: if it ran from the last fold, dust every two seconds would hold both
    Δt and the weight near zero, and with them the funding.
    """
    if word.weight == 0 or word.pending_at >= now:
        return word
    at = word.pending_at
    elapsed = min(DECAY_S, at - (word.ema_at - word.anchor_age))
    weight = min(ONE_WEIGHT, word.weight)
    base = _decayed(word.ema, at - word.ema_at)
    slow = elapsed + SLOWNESS_S
    part, whole = (1, 2) if 2 * elapsed >= slow else (elapsed, slow)
    return Premium(
        ema=base + div_trunc(weight * part * (word.mean - base), ONE_WEIGHT * whole),
        ema_at=at,
        anchor_age=elapsed - div_floor(weight * elapsed, ONE_WEIGHT),
        pending_at=at,
        mean=0,
        weight=0,
        integral=gathered_by(word, at),
    )


def sampled(word: Premium, sample: int, weight: int, now: int) -> Premium:
    """Return a folded word with one more sample in the weighted mean of this timestamp."""
    total = word.weight + weight
    if weight == 0 or total > MAX_PENDING_WEIGHT:
        return word
    mean = div_trunc(word.mean * word.weight + sample * weight, total)
    return replace(word, mean=mean, weight=total, pending_at=now)


def sample_of(px: int, mid: int, prem_cap_ppm: int) -> int:
    """Return how far a price stands from mid, pico, towards zero, within the cap."""
    return capped(div_trunc((px - mid) * PICO, mid), prem_cap_ppm)


def sample_of_skew(skew_lots: int, trade: TradeParams) -> int:
    """Return what a trade against the vault says: the traders' net size as a part of the scale."""
    return capped(div_trunc(skew_lots * PICO, trade.skew_lots), trade.prem_cap)


def weight_of(notional_wad: int, oi_notional_wad: int, trade: TradeParams, risk: Risk) -> int:
    """Return how much a trade's sample weighs; nothing under the least notional.

    The notional that weighs 1 grows with the open interest, so that whoever moves the premium pays
    more in fees than all the funding that it brings: a premium at its cap that decays lasts
    SLOWNESS_S on average.
    """
    if notional_wad < trade.min_notional * WAD:
        return 0
    earned = oi_notional_wad * trade.prem_cap * SLOWNESS_S
    # a match is charged both fees, a trade with the vault the taker's and the spread
    fees = trade.taker_fee + min(trade.maker_fee, trade.vault_spread)
    per_fee = HOUR_S * trade.coefficient_inverse * fees
    impact = max(risk.impact_notional * WAD, div_ceil(earned, per_fee))
    return min(MAX_SAMPLE_WEIGHT, div_floor(notional_wad * ONE_WEIGHT, impact))


def gathered_by(word: Premium, time: int) -> int:
    """Return 600 times the integral of the premium from the interval's start to a time.

    For a time before `ema_at`, which only a shortened interval can ask for, it is what was
    gathered by then: that is charged with the first interval.
    """
    return word.integral + word.ema * _area(time - word.ema_at)


def _area(age: int) -> int:
    """Return 600 · ∫ max(0, 300 − t) / 300 dt over the age: a triangle less what is left of it."""
    left = max(0, DECAY_S - max(0, age))
    return DECAY_S * DECAY_S - left * left


def _decayed(ema: int, age: int) -> int:
    return div_trunc(ema * max(0, DECAY_S - age), DECAY_S)


def capped(sample: int, prem_cap_ppm: int) -> int:
    """Return a sample within the cap, pico."""
    cap = prem_cap_ppm * PPM_TO_PICO
    return max(-cap, min(cap, sample))


# FUNDING


def index_of(funding: Funding, lots: int) -> int:
    """Return the index of the side that a size is on."""
    return funding.f_long if lots > 0 else funding.f_short


def shifted(funding: Funding, long: int, short: int) -> Funding:
    """Return the indices moved by so many pico per unit."""
    return replace(funding, f_long=funding.f_long + long, f_short=funding.f_short + short)


def ticked(
    funding: Funding, word: Premium, terms: FundingTerms, now: int
) -> tuple[Funding, Premium, int]:
    """Charge the intervals that have passed; return also how many. The premium is folded.

    Without a live price the last rate goes on: with zero the payers would choose when to tick.
    """
    intervals = div_floor(now - funding.funded_at, terms.interval)
    if intervals == 0:
        return funding, word, 0
    rates_wad = _rates(funding, word, terms, intervals)
    delta = sum(div_trunc(rate * terms.index, PICO * PICO) for rate in rates_wad)
    if terms.paused:
        newest = 0
    elif not terms.live:
        newest = funding.rate
    else:
        # beyond the cap the newest interval is one that nothing is charged for
        newest = div_trunc(rates_wad[-1], PICO_TO_WAD) if intervals <= MAX_INTERVALS else 0
    end = funding.funded_at + intervals * terms.interval
    after = Funding(funding.f_long + delta, funding.f_short + delta, end, newest)
    # what lies before the new interval is none of its own
    tail = gathered_by(word, end) - word.integral
    return after, replace(word, integral=-tail), intervals


def _rates(funding: Funding, word: Premium, terms: FundingTerms, intervals: int) -> list[int]:
    """Return the rate of each interval that is charged, wad, oldest first."""
    charged = min(intervals, MAX_INTERVALS)
    if terms.paused:
        return []
    if not terms.live:
        return [funding.rate * PICO_TO_WAD] * charged
    ends = [funding.funded_at + k * terms.interval for k in range(1, charged + 1)]
    totals = [0, *(gathered_by(word, end) for end in ends)]
    return [_rate_wad(after - before, terms) for before, after in pairwise(totals)]


def _rate_wad(gathered: int, terms: FundingTerms) -> int:
    limit = terms.max_rate_ppm * PPM_TO_WAD
    per_hour = 2 * DECAY_S * HOUR_S * terms.coefficient_inverse
    return max(-limit, min(limit, div_trunc(gathered * PICO_TO_WAD, per_hour)))
