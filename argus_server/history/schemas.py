"""Tables of the history store beside the samples themselves, as Arrow schemas.

Every table has a `timestamp` by the server's clock, which says what day a row belongs to. Numbers that people know by
name, such as levels, are stored as these names, so that the files can be read without Argus.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from argus_server.metrics import METRICS

SERVER_RISK: Final = "server_risk"
FLEET_RISK: Final = "fleet_risk"
FORECASTS: Final = "forecasts"
ALERT_EVENTS: Final = "alert_events"

PERCENTILES: Final = ("p10", "p50", "p90")

_TIME: Final = pa.field("timestamp", pa.timestamp("ms", tz="UTC"), nullable=False)
_SERVER: Final = pa.field("server_name", pa.string(), nullable=False)


def _columns(kind: pa.DataType, *names: str) -> list[pa.Field]:
    return [pa.field(name, kind, nullable=False) for name in names]


SCHEMAS: Final[dict[str, pa.Schema]] = {
    SERVER_RISK: pa.schema(
        [
            _TIME,
            _SERVER,
            *_columns(pa.float32(), "risk_score", "probability_30m", "probability_8h"),
            *_columns(pa.string(), "level", "priority", "source", "state"),
            # The first critical threshold expected to be crossed: "" and NaN when none is.
            *_columns(pa.string(), "breach_metric"),
            *_columns(pa.float32(), "breach_minutes", "breach_probability"),
            *_columns(pa.string(), "cause"),
        ]
    ),
    FLEET_RISK: pa.schema(
        [
            _TIME,
            *_columns(
                pa.int32(),
                "total_servers",
                "critical_count",
                "warning_count",
                "degrading_count",
                "healthy_count",
                "silent_count",
                "warm_servers",
                "tft_servers",
                "high_risk_servers",
            ),
            *_columns(
                pa.float32(),
                "average_risk",
                "maximum_risk",
                "incident_probability_30m",
                "incident_probability_8h",
                "expected_incidents_30m",
                "expected_incidents_8h",
            ),
            *_columns(pa.string(), "fleet_health", "riskiest_server", "model_revision"),
            *_columns(pa.bool_(), "degraded"),
        ]
    ),
    # The timestamp is the forecast's origin; the value forecast lies at that plus the horizon.
    FORECASTS: pa.schema(
        [
            _TIME,
            _SERVER,
            *_columns(pa.int16(), "horizon_minutes"),
            *_columns(pa.string(), "source"),
            *_columns(pa.float32(), *(f"{metric}_{name}" for metric in METRICS for name in PERCENTILES)),
        ]
    ),
    # The sequence numbers events in the order in which they happened; the server's name is empty for what happened to a
    # silence or a maintenance window.
    ALERT_EVENTS: pa.schema(
        [
            _TIME,
            _SERVER,
            *_columns(pa.int64(), "sequence"),
            *_columns(pa.string(), "alert_id", "subject", "metric", "event", "level"),
            *_columns(pa.float32(), "probability"),
            *_columns(pa.string(), "author", "detail"),
        ]
    ),
}
