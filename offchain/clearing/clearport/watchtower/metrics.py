"""Answer Prometheus about a tower: read when it asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from clearing.clearport.watchtower.tower import Tower

__all__ = ["registry_of"]


class _TowerCollector(Collector):
    def __init__(self, tower: Tower) -> None:
        self._tower = tower

    def collect(self) -> Iterable[Metric]:
        """Return what is so now."""
        tower = self._tower
        lag = GaugeMetricFamily(
            "watchtower_lag_versions",
            "Versions that the chain enforces less than what was exported; below 0: we are behind.",
            labels=["channel"],
        )
        for channel_id, versions in tower.lags().items():
            lag.add_metric([channel_id.hex()], versions)
        yield lag
        gauges = (
            ("channels", "Channels that are guarded.", len(tower.states)),
            ("chain_lag_seconds", "Since the node showed its head.", tower.watcher.lag_s),
            ("block_number", "The block read last.", tower.watcher.block_number),
        )
        for name, help_, value in gauges:
            yield GaugeMetricFamily(f"watchtower_{name}", help_, value=value)
        yield CounterMetricFamily(
            "watchtower_answers", "Answers to challenges that were begun.", value=tower.n_answers
        )


def registry_of(tower: Tower) -> CollectorRegistry:
    """Return the metrics of one tower."""
    registry = CollectorRegistry()
    registry.register(_TowerCollector(tower))
    return registry
