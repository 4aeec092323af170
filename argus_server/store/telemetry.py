"""What the store counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_APPEND_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LONG_BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class StoreMetrics:
    """Counters, gauges and histograms of a store.

    Args:
        registry: Where they are registered; a registry of their own if not given.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = CollectorRegistry() if registry is None else registry
        self.append_duration = Histogram(
            "argus_store_append_duration_seconds",
            "Time from when rows were handed over until they were durable.",
            buckets=_APPEND_BUCKETS,
            registry=registry,
        )
        self.appended_rows = Counter(
            "argus_store_appended_rows_total", "Rows made durable.", ("table",), registry=registry
        )
        self.refused_appends = Counter(
            "argus_store_refused_appends_total", "Appends that were not kept.", ("table",), registry=registry
        )
        self.queue_bytes = Gauge(
            "argus_store_queue_bytes", "Bytes of rows that wait to be written.", registry=registry
        )
        self.failing = Gauge("argus_store_failing", "1 while rows cannot be written.", registry=registry)
        self.failures = Counter(
            "argus_store_failures_total", "Writes that failed, by errno name.", ("error",), registry=registry
        )
        self.log_bytes = Gauge(
            "argus_store_log_bytes", "Bytes of segments on disk.", ("table",), registry=registry
        )
        self.parquet_bytes = Gauge(
            "argus_store_parquet_bytes", "Bytes of Parquet on disk.", ("table",), registry=registry
        )
        self.rolls = Counter(
            "argus_store_rolls_total", "Segments turned into Parquet.", ("table",), registry=registry
        )
        self.compactions = Counter(
            "argus_store_compactions_total", "Times Parquet files were merged.", ("table",), registry=registry
        )
        self.expired_files = Counter(
            "argus_store_expired_files_total",
            "Parquet files removed by retention.",
            ("table",),
            registry=registry,
        )
        self.upkeep_failures = Counter(
            "argus_store_upkeep_failures_total",
            "Rolls, compactions, removals and checkpoints that failed, by task.",
            ("task",),
            registry=registry,
        )
        self.recovered_rows = Gauge(
            "argus_store_recovered_rows", "Rows replayed from the log at the start.", registry=registry
        )
        self.torn_bytes = Gauge(
            "argus_store_torn_bytes", "Bytes of unfinished frames cut off at the start.", registry=registry
        )
        self.damaged_places = Gauge(
            "argus_store_damaged_places",
            "Places in segments found damaged at the start, and Parquet files when they were to be merged.",
            registry=registry,
        )
        self.checkpoint_timestamp = Gauge(
            "argus_store_checkpoint_timestamp_seconds",
            "When the newest checkpoint was written, Unix time; 0 before the first.",
            registry=registry,
        )
        self.checkpoint_duration = Histogram(
            "argus_store_checkpoint_duration_seconds",
            "Time to write a checkpoint.",
            buckets=_LONG_BUCKETS,
            registry=registry,
        )
        self.upkeep_duration = Histogram(
            "argus_store_upkeep_duration_seconds",
            "Time of rolls and compactions, by task.",
            ("task",),
            buckets=_LONG_BUCKETS,
            registry=registry,
        )
