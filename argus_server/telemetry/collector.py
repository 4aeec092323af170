"""Gauges of the fleet, read off the newest snapshot at scrape time.

A custom collector keeps no child per server: a server that has left the fleet is gone from the next scrape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from argus.v1 import admin_pb2, snapshot_pb2
from argus_server.forecast.frame import Source
from argus_server.metrics import METRICS, P50
from argus_server.snapshot.hub import Hub
from argus_server.snapshot.snapshot import Snapshot

# In the order of `QUANTILES`. Prometheus keeps the label "quantile" for summaries.
PERCENTILES: Final = ("p10", "p50", "p90")

# Horizons at which forecasts are exported, by label.
HORIZONS_SECONDS: Final = {"30m": 1800, "8h": 28800}


@dataclass(frozen=True, slots=True)
class FleetGauges:
    """A `prometheus_client` collector over the newest snapshot.

    Attributes:
        hub: Where the newest snapshot is.
        status: Says how the server does.
        max_servers: Servers exported, riskiest first; the rest is cut and the cut is visible.
    """

    hub: Hub
    status: Callable[[], admin_pb2.GetStatusResponse]
    max_servers: int

    def collect(self) -> Iterator[Metric]:
        """Yields every gauge."""
        status = self.status()
        yield from self._server(status)
        yield from self._subscribers(status)
        snapshot = self.hub.current
        if snapshot is not None:
            yield from _fleet(snapshot, self.hub.now_ms())
            yield from _per_server(snapshot, self.max_servers)

    def _server(self, status: admin_pb2.GetStatusResponse) -> Iterator[Metric]:
        model = InfoMetricFamily("argus_model", "The running model.")
        model.add_metric(
            (),
            {
                "name": status.model.name,
                "revision": status.model.revision,
                "kind": status.model.kind,
                "device": status.model.device,
            },
        )
        yield model
        yield GaugeMetricFamily(
            "argus_degraded", "1 while the server cannot do what it is meant to.", value=int(status.degraded)
        )
        yield GaugeMetricFamily("argus_ingest_streams", "Ingest streams open.", value=status.ingest_streams)

    def _subscribers(self, status: admin_pb2.GetStatusResponse) -> Iterator[Metric]:
        hub = self.hub
        yield GaugeMetricFamily("argus_subscribers", "Subscriptions open.", value=status.subscribers)
        yield GaugeMetricFamily(
            "argus_subscriber_lag_revisions",
            "Revisions the slowest subscriber is behind.",
            value=hub.max_lag(),
        )
        yield CounterMetricFamily(
            "argus_subscriber_skipped_revisions",
            "Revisions that readers were too slow to get.",
            value=hub.counters.skipped_revisions,
        )
        yield CounterMetricFamily(
            "argus_subscriber_resyncs", "Times a reader had to start afresh.", value=hub.counters.resyncs
        )
        yield CounterMetricFamily(
            "argus_snapshot_sent_bytes", "Bytes of updates handed to readers.", value=hub.counters.sent_bytes
        )


def _fleet(snapshot: Snapshot, now_ms: int) -> Iterator[Metric]:
    header, summary, environment = snapshot.header, snapshot.summary, snapshot.environment
    sizes = GaugeMetricFamily(
        "argus_snapshot_bytes",
        "Size of the newest snapshot, for the views that are being read.",
        labels=("view",),
    )
    for view, size in snapshot.sizes().items():
        sizes.add_metric((view,), size)
    yield sizes
    yield GaugeMetricFamily("argus_snapshot_revision", "Newest revision published.", value=header.revision)
    yield GaugeMetricFamily(
        "argus_forecast_age_seconds",
        "Age of the newest snapshot, by the server's clock.",
        value=max(now_ms - header.published_at_ms, 0) / 1000,
    )
    sources = GaugeMetricFamily("argus_forecast_servers", "Servers, by forecast source.", labels=("source",))
    for source in (Source.TFT, Source.FALLBACK, Source.STALE):
        sources.add_metric((source.name.lower(),), int((snapshot.columns.sources == source).sum()))
    yield sources
    levels = GaugeMetricFamily("argus_fleet_servers", "Servers, by alert level.", labels=("level",))
    for level, count in (
        ("critical", summary.critical_count),
        ("warning", summary.warning_count),
        ("degrading", summary.degrading_count),
        ("healthy", summary.healthy_count),
    ):
        levels.add_metric((level,), count)
    yield levels
    yield GaugeMetricFamily(
        "argus_fleet_silent_servers", "Servers that stopped sending.", value=summary.silent_count
    )
    yield GaugeMetricFamily(
        "argus_fleet_warm_servers", "Servers with enough history for the model.", value=summary.warm_servers
    )
    incidents = GaugeMetricFamily(
        "argus_fleet_incident_probability_ratio",
        "Probability that at least one server crosses a critical threshold.",
        labels=("horizon",),
    )
    incidents.add_metric(("30m",), environment.incident_probability_30m)
    incidents.add_metric(("8h",), environment.incident_probability_8h)
    yield incidents


def _per_server(snapshot: Snapshot, max_servers: int) -> Iterator[Metric]:
    names = snapshot.index.names[:max_servers]
    risk = GaugeMetricFamily("argus_server_risk_ratio", "Risk score of a server, 0 to 1.", labels=("server",))
    alert = GaugeMetricFamily(
        "argus_server_alert", "1 for the alert level a server is at.", labels=("server", "severity")
    )
    age = GaugeMetricFamily(
        "argus_server_data_age_seconds", "Age of a server's newest sample when published.", labels=("server",)
    )
    breach = GaugeMetricFamily(
        "argus_server_breach_probability_ratio",
        "Probability that a server crosses any critical threshold.",
        labels=("server", "horizon"),
    )
    minutes = GaugeMetricFamily(
        "argus_server_threshold_breach_seconds",
        "Time until the first expected threshold breach; absent when none is expected.",
        labels=("server", "metric"),
    )
    columns = snapshot.columns
    levels = {
        number: level.removeprefix("ALERT_LEVEL_").lower()
        for level, number in snapshot_pb2.AlertLevel.items()
    }
    for place, name in enumerate(names):
        risk.add_metric((name,), float(snapshot.index.scores[place]) / 100)
        alert.add_metric((name, levels[int(columns.levels[place])]), 1)
        age.add_metric((name,), float(snapshot.data_age_seconds[place]))
        breach.add_metric((name, "30m"), float(columns.probability_30m[place]))
        breach.add_metric((name, "8h"), float(columns.probability_8h[place]))
        if number := int(columns.breach_metrics[place]):
            minutes.add_metric((name, METRICS[number - 1]), 60 * float(columns.breach_minutes[place]))
    yield from (risk, alert, age, breach, minutes, _forecasts(snapshot, len(names)))
    yield GaugeMetricFamily(
        "argus_fleet_gauges_truncated",
        "Servers left out of the per-server gauges because of the cap.",
        value=len(snapshot.index.names) - len(names),
    )


def _forecasts(snapshot: Snapshot, servers: int) -> Metric:
    family = GaugeMetricFamily(
        "argus_forecast",
        "Forecast of a server's metric in the metric's own unit.",
        labels=("server", "metric", "horizon", "percentile"),
    )
    for label, seconds in HORIZONS_SECONDS.items():
        step = min(seconds // max(snapshot.header.step_seconds, 1), snapshot.quantiles.shape[2]) - 1
        if step < 0:
            continue
        at_step = snapshot.quantiles[:servers, :, step]  # [servers, metrics, 3]
        for place, metric in zip(*(~(at_step[..., P50] != at_step[..., P50])).nonzero(), strict=True):
            for percentile, value in zip(PERCENTILES, at_step[place, metric].tolist(), strict=True):
                family.add_metric((snapshot.index.names[place], METRICS[metric], label, percentile), value)
    return family
