"""One server as plain values for JSON: how it stands, every metric's past and forecast, its history."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus_client import (
    ActiveAlert,
    AlertEvent,
    FleetForecast,
    Forecast,
    MetricHistory,
    ServerHistory,
    ServerInfo,
    ServerPrediction,
    SnapshotHeader,
)
from argus_ui.columns import LEVEL_NUMBERS, alert_state, minutes_left

_DECIMALS = 3


def server_document(
    header: SnapshotHeader, row: ServerPrediction, forecast: FleetForecast, info: ServerInfo | None
) -> dict[str, Any]:
    """How a server stands, and its metrics, that of the first expected breach first.

    Args:
        header: Of the snapshot that `row` is from.
        row: The server.
        forecast: Its forecasts with their past.
        info: What the server says of itself, for thresholds; None while it is not known.
    """
    breach = row.first_breach
    urgent = breach.metric if breach is not None else next((c.metric for c in row.causes if c.metric), "")
    metrics = list(forecast.servers[row.server_name].forecasts.values())
    metrics.sort(key=lambda one: one.metric != urgent)
    return {
        "name": row.server_name,
        "profile": row.profile,
        "state": row.state,
        "state_derived": row.state_derived,
        "level": LEVEL_NUMBERS.get(row.alert.level, 0),
        "label": row.alert.label,
        "risk": row.risk_score,
        "source": str(row.source),
        "sampled_at_ms": row.last_sample_ms,
        "age": row.data_age_seconds if math.isfinite(row.data_age_seconds) else None,
        "chance_30m": row.breach_probability_30m,
        "chance_8h": row.breach_probability_8h,
        "breach": None
        if breach is None
        else {
            "metric": breach.metric,
            "threshold": breach.threshold,
            **_crossing(breach.minutes, header.clock_ms),
            "probability": breach.probability,
        },
        "causes": [{"text": one.text, "points": one.points, "metric": one.metric} for one in row.causes],
        "alerts": [_alert(alert) for alert in row.active_alerts],
        "origin_ms": forecast.header.forecast_origin_ms,
        "step_seconds": forecast.header.step_seconds,
        "metrics": [_metric(one, row, info) for one in metrics],
    }


def history_document(history: ServerHistory) -> dict[str, Any]:
    """A server's past, in buckets."""
    return {
        "bucket_seconds": history.bucket_seconds,
        "times_ms": history.times_ms,
        "risk": _rounded(history.risk_score),
        "metrics": {name: _past(one) for name, one in history.metrics.items()},
    }


def event_document(event: AlertEvent) -> dict[str, Any]:
    """Something that happened to an alert."""
    return {
        "at_ms": event.at_ms,
        "event": event.event,
        "alert_id": event.alert_id,
        "subject": str(event.subject),
        "metric": event.metric,
        "level": LEVEL_NUMBERS.get(event.level, 0),
        "probability": event.probability if math.isfinite(event.probability) else None,
        "author": event.author,
        "detail": event.detail,
    }


def _metric(one: Forecast, row: ServerPrediction, info: ServerInfo | None) -> dict[str, Any]:
    """A metric with the thresholds that hold on this server: its outlook has them, else those of its profile do."""
    limits = info.threshold(one.metric, row.profile) if info is not None else None
    warning = critical = None
    if row.outlook is not None and row.outlook.metric == one.metric:
        warning, critical = row.outlook.warning, row.outlook.critical
    elif limits is not None and not limits.per_core:
        warning, critical = limits.warning, limits.critical
    return {
        "name": one.metric,
        "warning": warning,
        "critical": critical,
        "low_is_bad": limits is not None and limits.low_is_bad,
        **{part: _rounded(getattr(one, part)) for part in ("history", "p10", "p50", "p90")},
    }


def _past(one: MetricHistory) -> dict[str, Any]:
    return {part: _rounded(getattr(one, part)) for part in ("actual", "minimum", "maximum")}


def _alert(alert: ActiveAlert) -> dict[str, Any]:
    return {
        "id": alert.alert_id,
        "subject": str(alert.subject),
        "metric": alert.metric,
        "level": LEVEL_NUMBERS.get(alert.level, 0),
        "state": alert_state(alert),
    }


def _crossing(minutes: float, clock_ms: int) -> dict[str, Any]:
    """When a threshold is crossed, Unix milliseconds, and whether it is by now."""
    left = minutes_left(minutes)
    return {"at_ms": None if left is None else clock_ms + round(60_000 * left), "crossed": left == 0}


def _rounded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same, short as text; NaN becomes null in JSON."""
    return np.round(values, _DECIMALS)
