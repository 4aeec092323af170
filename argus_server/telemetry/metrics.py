"""Counters and histograms of the server, one registry per server."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PHASES: Final = ("prepare", "forward", "enrich", "alert", "serialise")

# Sources beyond this many share one label, so that names from outside cannot fill the registry.
MAX_SOURCE_LABELS: Final = 100
OTHER_SOURCES: Final = "other"

_PHASE_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_AGE_BUCKETS: Final = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 21600, 86400)
_ROW_BUCKETS: Final = (1, 10, 50, 100, 500, 1000, 2500, 5000, 10000)


class ServerMetrics:
    """What the server counts as it goes. Names and units follow the Prometheus conventions."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._sources: set[str] = set()
        self.ingest_rows = Counter(
            "argus_ingest_rows_total",
            "Rows received, by source and by what became of them.",
            ("source", "outcome"),
            registry=registry,
        )
        self.ingest_rejections = Counter(
            "argus_ingest_rejections_total",
            "Rows and batches refused, by reason.",
            ("reason",),
            registry=registry,
        )
        self.ingest_batch_rows = Histogram(
            "argus_ingest_batch_rows", "Rows per batch.", buckets=_ROW_BUCKETS, registry=registry
        )
        self.ingest_throttles = Counter(
            "argus_ingest_throttles_total", "Acks that asked a source to pause.", registry=registry
        )
        self.sample_age = Histogram(
            "argus_sample_age_seconds",
            "Age of the newest sample of each batch when it arrived.",
            buckets=_AGE_BUCKETS,
            registry=registry,
        )
        self.forecast_duration = Histogram(
            "argus_forecast_duration_seconds",
            "Time per phase of a tick.",
            ("phase",),
            buckets=_PHASE_BUCKETS,
            registry=registry,
        )
        self.forecast_skipped = Counter(
            "argus_forecast_skipped_total",
            "Ticks without a new snapshot, by reason.",
            ("reason",),
            registry=registry,
        )
        self.tick_overruns = Counter(
            "argus_tick_overrun_total", "Ticks that took longer than the tick interval.", registry=registry
        )
        self.event_loop_lag = Gauge(
            "argus_event_loop_lag_seconds", "How late the event loop last woke up.", registry=registry
        )
        self.model_load_duration = Histogram(
            "argus_model_load_duration_seconds", "Time to load and check a model.", registry=registry
        )
        self.model_reloads = Counter("argus_model_reloads_total", "Models swapped in.", registry=registry)
        self.model_reload_failures = Counter(
            "argus_model_reload_failures_total",
            "Models refused; the running one was kept.",
            registry=registry,
        )
        self.notifications = Counter(
            "argus_notifications_total", "Notifications that a target took.", ("target",), registry=registry
        )
        self.notification_failures = Counter(
            "argus_notifications_failed_total",
            "Attempts to notify a target that failed; most are tried again.",
            ("target",),
            registry=registry,
        )
        self.notifications_dropped = Counter(
            "argus_notifications_dropped_total",
            "Notifications given up: refused, too old, or too many.",
            ("target",),
            registry=registry,
        )
        for phase in PHASES:
            self.forecast_duration.labels(phase)
        for reason in ("unchanged", "failed"):
            self.forecast_skipped.labels(reason)

    def source_label(self, source_id: str) -> str:
        """The label of a source: its name, or the shared one when there are too many."""
        if source_id not in self._sources:
            if len(self._sources) >= MAX_SOURCE_LABELS:
                return OTHER_SOURCES
            self._sources.add(source_id)
        return source_id
