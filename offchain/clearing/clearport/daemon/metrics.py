"""Answer Prometheus: what `meters` counted and what can be looked up, read when it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from clearing.clearport.daemon.meters import BUCKETS_S, Histogram, Meters
from clearing.clearport.errors import ConfigError

__all__ = ["Gauges", "MetricsServer", "registry_of"]


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is so now, by name; each is asked when somebody looks."""

    values: Mapping[str, tuple[str, Callable[[], float]]]
    labelled: Mapping[str, tuple[str, str, Callable[[], Mapping[str, float]]]]


class _Daemon(Collector):
    def __init__(self, meters: Meters, gauges: Gauges) -> None:
        self._meters = meters
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        meters = self._meters
        counts = (
            ("updates_agreed", "Versions that both have signed.", meters.agreed),
            ("trades_booked", "Trades that a version has made liabilities of.", meters.booked),
            ("transitions", "Transitions of the core.", meters.transitions),
            ("commits", "Records handed to the store.", meters.commits),
            ("signatures", "States signed by our key.", meters.signatures),
        )
        for name, help_, count in counts:
            yield CounterMetricFamily(f"clearport_{name}", help_, value=count)
        by_reason = (
            ("messages_dropped", "Messages that a peer did not take.", meters.dropped),
            ("alarms", "Channels that needed a person.", meters.alarms),
            ("messages_refused", "Peers' messages for no channel of ours.", meters.refused),
        )
        for name, help_, counter in by_reason:
            family = CounterMetricFamily(f"clearport_{name}", help_, labels=["code"])
            for code, count in sorted(counter.items()):
                family.add_metric([code], count)
            yield family
        yield _histogram("clearport_commit_seconds", "Until a record was durable.", meters.commit_s)
        help_ = "From our decision to sign a version until both have, durable here."
        yield _histogram("clearport_agree_seconds", help_, meters.agree_s)
        help_ = "When the last version was agreed."
        yield GaugeMetricFamily("clearport_last_agreed_timestamp_seconds", help_, meters.agreed_at)
        for name, (help_, read) in self._gauges.values.items():
            yield GaugeMetricFamily(f"clearport_{name}", help_, value=read())
        for name, (help_, label, read_all) in self._gauges.labelled.items():
            gauge = GaugeMetricFamily(f"clearport_{name}", help_, labels=[label])
            for key, value in sorted(read_all().items()):
                gauge.add_metric([key], value)
            yield gauge


def registry_of(meters: Meters, gauges: Gauges) -> CollectorRegistry:
    """Return a registry of the daemon's own numbers alone."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Daemon(meters, gauges))
    return registry


class MetricsServer:
    """Serves a registry over HTTP, in a thread of its own."""

    def __init__(self, listen: str, registry: CollectorRegistry) -> None:
        """Listen on host:port. Raises ConfigError."""
        host, _, port = listen.rpartition(":")
        try:
            self._server: WSGIServer
            self._thread: Thread
            self._server, self._thread = start_http_server(
                int(port), host.strip("[]"), registry=registry
            )
        except OSError as error:
            problem = f"cannot listen on {listen} ({error.strerror})"
            raise ConfigError(problem, "take a free port", field="metrics.listen") from error

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=1)


def _histogram(name: str, help_: str, histogram: Histogram) -> HistogramMetricFamily:
    bounds = [*map(str, BUCKETS_S), "+Inf"]
    buckets = list(zip(bounds, map(float, accumulate(histogram.counts)), strict=True))
    return HistogramMetricFamily(name, help_, buckets=buckets, sum_value=histogram.sum_s)
