"""What history counts as it goes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from argus_server.history.schemas import SCHEMAS

QUERIES = ("summary", "events", "server", "fleet", "export")

_QUERY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class HistoryCounters:
    """Counters and histograms of recording and queries.

    Args:
        registry: Where they are exported from.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rows = Counter(
            "argus_history_rows_total", "Rows recorded, by table.", ("table",), registry=registry
        )
        self.dropped_rows = Counter(
            "argus_history_dropped_rows_total",
            "Rows the store did not take, by table.",
            ("table",),
            registry=registry,
        )
        self.dropped_ticks = Counter(
            "argus_history_dropped_ticks_total",
            "Ticks not recorded because the recorder was behind or failed.",
            registry=registry,
        )
        self.query_duration = Histogram(
            "argus_history_query_duration_seconds",
            "Time to answer a question about history.",
            ("query",),
            buckets=_QUERY_BUCKETS,
            registry=registry,
        )
        for table in SCHEMAS:
            self.rows.labels(table)
            self.dropped_rows.labels(table)
        for query in QUERIES:
            self.query_duration.labels(query)
