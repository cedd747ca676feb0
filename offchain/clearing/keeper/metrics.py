"""Answer Prometheus about the jobs: read when it asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from clearing.keeper.meters import Meters

__all__ = ["registry_of"]


class _Keeper(Collector):
    def __init__(self, meters: Sequence[Meters]) -> None:
        self._meters = tuple(meters)

    def collect(self) -> Iterable[Metric]:
        """Return what is so now."""
        counts = CounterMetricFamily(
            "keeper_events", "What a job did, by its kind.", labels=["job", "kind"]
        )
        gauges = GaugeMetricFamily("keeper_state", "What is so now.", labels=["job", "name"])
        profit = GaugeMetricFamily("keeper_profit_usd", "Rewards and fees won.", labels=["job"])
        spent = CounterMetricFamily("keeper_spent_wei", "Paid for gas.", labels=["job"])
        turn = GaugeMetricFamily("keeper_turn_seconds", "Of the last turn.", labels=["job"])
        healthy = GaugeMetricFamily("keeper_healthy", "Whether the last turn was.", labels=["job"])
        for each in self._meters:
            for kind, count in sorted(each.counts.copy().items()):
                counts.add_metric([each.job, kind], count)
            for name, value in sorted(each.gauges.copy().items()):
                gauges.add_metric([each.job, name], value)
            profit.add_metric([each.job], each.profit_usd)
            spent.add_metric([each.job], each.spent_wei)
            turn.add_metric([each.job], each.last_turn_s)
            healthy.add_metric([each.job], 0.0 if each.last_error else 1.0)
        yield from (counts, gauges, profit, spent, turn, healthy)


def registry_of(meters: Sequence[Meters]) -> CollectorRegistry:
    """Return the metrics of some jobs alone."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Keeper(meters))
    return registry
