"""Ticks as rows of the history tables: pure functions from frames and snapshots to record batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from argus.v1 import metrics_pb2, snapshot_pb2
from argus_server.forecast.frame import Source
from argus_server.frame import FleetFrame
from argus_server.history.schemas import FLEET_RISK, FORECASTS, PERCENTILES, SCHEMAS, SERVER_RISK
from argus_server.metrics import METRICS

HORIZONS_MINUTES: Final = (30, 60, 120, 240, 480)
"""How far ahead forecasts are recorded."""

# A forecast is not known to more than three digits; zeroing the bits beyond 10 of the mantissa (an error of at most
# 0.05 %) lets Parquet halve what a row takes.
_KEPT_BITS: Final = 10
_ROUNDING: Final = np.uint32(1 << (22 - _KEPT_BITS))
_MASK: Final = np.uint32(0xFFFFFFFF << (23 - _KEPT_BITS) & 0xFFFFFFFF)

_COUNTS: Final = (
    "total_servers",
    "critical_count",
    "warning_count",
    "degrading_count",
    "healthy_count",
    "silent_count",
    "warm_servers",
    "tft_servers",
    "average_risk",
    "maximum_risk",
)
_PROBABILITIES: Final = (
    "high_risk_servers",
    "incident_probability_30m",
    "incident_probability_8h",
    "expected_incidents_30m",
    "expected_incidents_8h",
)


def _names(enum: Any, prefix: str) -> npt.NDArray[np.object_]:
    """Names of a contract enum by number, without prefix and in small letters."""
    names = np.empty(max(enum.values()) + 1, dtype=object)
    for name, number in enum.items():
        names[number] = name.removeprefix(prefix).lower()
    return names


_LEVELS: Final = _names(snapshot_pb2.AlertLevel, "ALERT_LEVEL_")
_PRIORITIES: Final = _names(snapshot_pb2.AlertPriority, "ALERT_PRIORITY_")
_STATES: Final = _names(metrics_pb2.ServerState, "SERVER_STATE_")
_HEALTHS: Final = _names(snapshot_pb2.FleetHealth, "FLEET_HEALTH_")
_SOURCES: Final = np.array([source.name for source in Source], dtype=object)
_METRIC_NAMES: Final = np.array(("", *METRICS), dtype=object)


def server_risk(frame: FleetFrame, rows: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """How some servers stand.

    Args:
        frame: A tick.
        rows: Rows of the frame, [servers].
    """
    risk = frame.risk
    breached = risk.breach_metrics[rows]
    probability = np.where(breached > 0, risk.breach_probabilities[rows], np.float32(np.nan))
    return _batch(
        SERVER_RISK,
        [
            np.full(len(rows), frame.clock_ms),
            [frame.server_names[row] for row in rows.tolist()],
            risk.scores[rows],
            risk.probability_30m[rows],
            risk.probability_8h[rows],
            _LEVELS[risk.levels[rows]],
            _PRIORITIES[risk.priorities[rows]],
            _SOURCES[frame.forecast.sources[rows]],
            _STATES[frame.states[rows]],
            _METRIC_NAMES[breached],
            risk.breach_minutes[rows],
            probability.astype(np.float32),
            [risk.cause_texts[row][0] if risk.cause_texts[row] else "" for row in rows.tolist()],
        ],
    )


def fleet_risk(
    clock_ms: int,
    header: snapshot_pb2.SnapshotHeader,
    summary: snapshot_pb2.FleetSummary,
    environment: snapshot_pb2.Environment,
) -> pa.RecordBatch:
    """How the fleet stands: one row."""
    values = {
        "timestamp": np.array([clock_ms]),
        **{name: [getattr(summary, name)] for name in _COUNTS},
        **{name: [getattr(environment, name)] for name in _PROBABILITIES},
        "fleet_health": [_HEALTHS[environment.fleet_health]],
        "riskiest_server": [summary.top_risks[0] if summary.top_risks else ""],
        "model_revision": [header.model.revision],
        "degraded": [header.degraded],
    }
    return _batch(FLEET_RISK, [values[name] for name in SCHEMAS[FLEET_RISK].names])


def forecasts(frame: FleetFrame, rows: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """What is forecast for some servers at the recorded horizons, as far as the forecast reaches.

    Args:
        frame: A tick.
        rows: Rows of the frame, [servers].
    """
    forecast = frame.forecast
    steps = {
        minutes: minutes * 60 // forecast.step_seconds
        for minutes in HORIZONS_MINUTES
        if minutes * 60 % forecast.step_seconds == 0
        and minutes * 60 // forecast.step_seconds <= forecast.quantiles.shape[2]
    }
    places = np.array([step - 1 for step in steps.values()], dtype=np.int64)
    # [servers, metrics, horizons, 3] -> [servers * horizons, metrics * 3]
    values = rounded(forecast.quantiles[np.ix_(rows, np.arange(len(METRICS)), places)])
    flat = values.transpose(0, 2, 1, 3).reshape(-1, len(METRICS) * len(PERCENTILES))
    names = [frame.server_names[row] for row in rows.tolist() for _ in steps]
    return _batch(
        FORECASTS,
        [
            np.full(len(flat), forecast.origin_ms),
            names,
            np.tile(np.array(list(steps), dtype=np.int16), len(rows)),
            np.repeat(_SOURCES[forecast.sources[rows]], len(steps)),
            *(np.ascontiguousarray(column) for column in flat.T),
        ],
    )


def rounded(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The nearest values with 10 bits of mantissa, three significant digits: relative error at most 2**-11.

    NaN and infinities stay what they are.
    """
    finite = np.isfinite(values)
    bits = np.where(finite, values, np.float32(0)).astype(np.float32).view(np.uint32)
    cut = ((bits + _ROUNDING) & _MASK).view(np.float32)
    result: npt.NDArray[np.float32] = np.where(finite, cut, values)
    return result


def priority_number(name: str) -> int:
    """Number of a priority that was recorded by name."""
    return snapshot_pb2.AlertPriority.Value(f"ALERT_PRIORITY_{name.upper()}")


def source_number(name: str) -> int:
    """Number of a forecast source that was recorded by name."""
    return int(Source[name])


def _batch(table: str, columns: Sequence[Any]) -> pa.RecordBatch:
    schema = SCHEMAS[table]
    return pa.record_batch(
        [
            pa.array(column, pa.int64()).cast(field.type)
            if pa.types.is_timestamp(field.type)
            else pa.array(column, field.type, from_pandas=False)
            for column, field in zip(columns, schema, strict=True)
        ],
        schema=schema,
    )
