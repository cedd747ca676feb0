"""Premium and funding of one market, second by second in exact fractions.

Written from docs/protocol/funding.md. Nothing is rounded but what the page counts in whole units:
weights in 1e-6, the anchor's age in seconds. `slack` says by how much, at most, the contract's
roundings can have moved its average away from ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

__all__ = ["SlowMarket", "Terms"]

FADE_S = 300
SLOW_S = 150
HOUR_S = 3_600
PICO = 10**12
MOST_INTERVALS = 24
MILLION = 10**6
GREATEST_WEIGHT = 10**9


@dataclass(frozen=True)
class Terms:
    """A market's terms: parts of one as fractions, USD, seconds, hours."""

    prem_cap: Fraction
    max_rate: Fraction
    interval: int
    hours: int
    impact_usd: int
    least_usd: int
    fees: Fraction


@dataclass
class SlowMarket:
    """All that the rule remembers; `at` is the second up to which everything has happened."""

    terms: Terms
    at: int
    ema: Fraction = Fraction(0)
    ema_at: int = 0
    """A new market's anchor is as old as an anchor can be."""
    anchor_age: int = 0
    samples: list[tuple[Fraction, int]] = field(default_factory=list)
    gathered: Fraction = Fraction(0)
    """∫π dt of the present interval so far, seconds."""
    gathered_slack: Fraction = Fraction(0)
    ended: list[tuple[Fraction, Fraction]] = field(default_factory=list)
    """(∫π dt, slack) of each interval that is over and not charged."""
    funded_at: int = 0
    index: Fraction = Fraction(0)
    """What a long of one unit has paid in all, USD."""
    index_slack: Fraction = Fraction(0)
    rate: Fraction = Fraction(0)
    rate_slack: Fraction = Fraction(0)
    slack: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        self.funded_at = self.at

    def premium(self, second: int) -> Fraction:
        """Return π at a second, without the samples that wait."""
        return self.ema * max(0, FADE_S - (second - self.ema_at)) / FADE_S

    def live_to(self, second: int) -> None:
        """Let the seconds pass one by one."""
        while self.at < second:
            self._join()
            if self.ema and self.at - self.ema_at < FADE_S:
                # π is a straight line within a second
                self.gathered += (self.premium(self.at) + self.premium(self.at + 1)) / 2
                self.gathered_slack += self.slack
            self.at += 1
            if (self.at - self.funded_at) % self.terms.interval == 0:
                self.ended.append((self.gathered, self.gathered_slack))
                self.gathered = self.gathered_slack = Fraction(0)

    def sample(self, premium: Fraction, notional_usd: Fraction, oi_usd: Fraction) -> None:
        """Hear a trade at the present second."""
        if notional_usd < self.terms.least_usd:
            return
        terms = self.terms
        earned = oi_usd * terms.prem_cap * SLOW_S / (HOUR_S * terms.hours * terms.fees)
        impact = max(Fraction(terms.impact_usd), Fraction(ceil(earned * PICO**2), PICO**2))
        weight = min(GREATEST_WEIGHT, floor(notional_usd / impact * MILLION))
        if weight:
            capped = max(-terms.prem_cap, min(terms.prem_cap, premium))
            self.samples.append((capped, weight))

    def tick(self, price_usd: Fraction | None, *, last_price_usd: Fraction) -> None:
        """Charge the intervals that are over; without a price the last rate goes on."""
        over, self.ended = self.ended, []
        self.funded_at += len(over) * self.terms.interval
        if not over:
            return
        charged = over[:MOST_INTERVALS]
        if price_usd is None:
            rates = [(self.rate, self.rate_slack)] * len(charged)
            price = last_price_usd
        else:
            rates = [self._rate_of(*interval) for interval in charged]
            price = price_usd
        for rate, slack in rates:
            self.index += rate * price
            # the charge is cut to a pico
            self.index_slack += slack * price + Fraction(1, PICO)
        if price_usd is not None:
            last = rates[-1] if len(over) <= MOST_INTERVALS else (Fraction(0), Fraction(0))
            # the stored rate is cut to a pico
            self.rate, self.rate_slack = last[0], last[1] + Fraction(1, PICO)

    def _rate_of(self, gathered: Fraction, slack: Fraction) -> tuple[Fraction, Fraction]:
        limit, terms = self.terms.max_rate, self.terms
        rate = gathered / HOUR_S / terms.hours
        # the rate is cut to 1e-18
        bound = slack / HOUR_S / terms.hours + Fraction(1, PICO * MILLION)
        return max(-limit, min(limit, rate)), bound

    def _join(self) -> None:
        """Let the samples of the present second into the average."""
        if not self.samples:
            return
        weight = sum(each for _, each in self.samples)
        mean = sum(premium * each for premium, each in self.samples) / weight
        count, self.samples = len(self.samples), []
        elapsed = min(FADE_S, self.at - (self.ema_at - self.anchor_age))
        share = Fraction(min(MILLION, weight), MILLION)
        base = self.premium(self.at)
        step = share * min(Fraction(1, 2), Fraction(elapsed, elapsed + SLOW_S))
        self.ema, self.ema_at = base + step * (mean - base), self.at
        self.anchor_age = elapsed - floor(share * elapsed)
        # cut to a pico: each mean on its way, the faded average, the step; averages only mix them
        self.slack = max(self.slack, Fraction(count, PICO)) + Fraction(2, PICO)
