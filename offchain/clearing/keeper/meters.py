"""Count what the jobs do: plain numbers, read by Prometheus and by `clearing keeper status`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Meters"]


@dataclass(slots=True)
class Meters:
    """Of one job since the process began; durations in seconds, amounts in USD as floats.

    `counts`: turns, failures, stood_still, candidates, sent, won, lost, reverted, skipped, and what
    the job adds. `gauges`: lag_blocks, scan_s, under_water, bad_debt_usd, protocol_below_zero,
    vault_equity_usd, backstop_equity_usd, balance_wei, open_offers.
    """

    job: str
    counts: Counter[str] = field(default_factory=Counter)
    gauges: dict[str, float] = field(default_factory=dict)
    profit_usd: float = 0.0
    spent_wei: int = 0
    last_error: str = ""
    last_turn_s: float = 0.0
