"""A snapshot as columns for browsers: one list per thing to show, one item per server, riskiest first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any, Final

import numpy as np

from argus_client import (
    METRICS,
    ActiveAlert,
    AlertLevel,
    AlertState,
    FleetSnapshot,
    Outlook,
    ServerPrediction,
)
from argus_ui.spark import ALPHABET, encode

LEVELS: Final = ("healthy", "degrading", "warning", "critical")
METERS: Final = ("cpu", "memory", "iowait", "swap", "load", "disk", "net_in", "net_out")

LEVEL_NUMBERS: Final = {AlertLevel(name): number for number, name in enumerate(LEVELS)}
# The top of the sparkline of a metric that is nothing but 0.
_LEAST_HIGH: Final = 0.01
_METRIC_NUMBERS: Final = {name: number for number, name in enumerate(METRICS)}


def fleet_document(snapshot: FleetSnapshot, limit: int | None = None) -> dict[str, Any]:
    """What browsers are told about a snapshot, as plain values for JSON.

    Args:
        snapshot: The snapshot.
        limit: Servers to tell about, riskiest first; None for all. Summary and environment are of all anyway.
    """
    header = snapshot.header
    outlook = next((row.outlook for row in snapshot.servers.values() if row.outlook is not None), None)
    return {
        "revision": header.revision,
        "published_at_ms": header.published_at_ms,
        "clock_ms": header.clock_ms,
        "origin_ms": header.forecast_origin_ms,
        "step_seconds": header.step_seconds,
        "horizon_steps": header.horizon_steps,
        "tick_ms": round(header.tick_duration_ms, 1),
        "degraded": header.degraded,
        "degraded_reason": header.degraded_reason,
        "model": asdict(header.model),
        "summary": asdict(snapshot.summary) | {"top_risks": None},
        "environment": asdict(snapshot.environment),
        "metrics": METRICS,
        "alphabet": ALPHABET,
        "history_step_seconds": 0 if outlook is None else outlook.history_step_seconds,
        "band_step_seconds": 0 if outlook is None else outlook.band_step_seconds,
        "partial": limit is not None and limit < len(snapshot.servers),
        "servers": server_columns(islice(snapshot.servers.values(), limit)),
    }


def server_columns(servers: Iterable[ServerPrediction]) -> dict[str, Any]:
    """Columns of these servers. What is not known is None."""
    rows = list(servers)
    columns: dict[str, Any] = {
        "name": [row.server_name for row in rows],
        "profile": [row.profile for row in rows],
        "state": [row.state for row in rows],
        "level": [LEVEL_NUMBERS.get(row.alert.level, 0) for row in rows],
        "label": [row.alert.label for row in rows],
        "risk": [_number(row.risk_score) for row in rows],
        "source": [str(row.source) for row in rows],
        "sampled_at_ms": [row.last_sample_ms for row in rows],
        "age": [_number(row.data_age_seconds, 0) for row in rows],
        "cause": [row.causes[0].text if row.causes else "" for row in rows],
        "chance_30m": [_number(row.breach_probability_30m, 3) for row in rows],
        "chance_8h": [_number(row.breach_probability_8h, 3) for row in rows],
        "breach": [_breach(row) for row in rows],
        "alerts": [_alerts(row.active_alerts) for row in rows],
    }
    for meter in METERS:
        shown = [row.display_metrics.get(meter) for row in rows]
        columns[meter] = [None if metric is None else _number(metric.current) for metric in shown]
        columns[f"{meter}_delta"] = [None if metric is None else _number(metric.delta) for metric in shown]
        columns[f"{meter}_trend"] = [
            0 if metric is None else _TRENDS.get(str(metric.trend), 0) for metric in shown
        ]
    return columns | outlook_columns([row.outlook for row in rows])


def outlook_columns(outlooks: Sequence[Outlook | None]) -> dict[str, Any]:
    """Sparklines: from 0 to `outlook_high`, which leaves room for the threshold; see `argus_ui.spark`."""
    columns: dict[str, list[Any]] = {
        name: []
        for name in ("outlook_metric", "outlook_high", "outlook_critical", "history", "p10", "p50", "p90")
    }
    for outlook in outlooks:
        high = 0.0 if outlook is None else _high(outlook)
        columns["outlook_high"].append(_number(high, 2))
        columns["outlook_metric"].append(None if outlook is None else _METRIC_NUMBERS[outlook.metric])
        critical = None if outlook is None else outlook.critical
        columns["outlook_critical"].append(None if critical is None else _number(critical, 2))
        for name in ("history", "p10", "p50", "p90"):
            columns[name].append("" if outlook is None else encode(getattr(outlook, name), 0.0, high))
    return columns


def _high(outlook: Outlook) -> float:
    """The top of a sparkline: above all values, and above the threshold, so that its distance can be seen."""
    reach = np.concatenate(
        (outlook.history * 1.1, outlook.p90 * 1.1, [(outlook.critical or 0.0) * 1.5, _LEAST_HIGH])
    )
    high = float(np.nanmax(reach))
    return min(high, 100.0) if outlook.metric.endswith("_pct") else high


_TRENDS: Final = {"increasing": 1, "decreasing": -1}


def _number(value: float, decimals: int = 1) -> float | None:
    return round(value, decimals) if math.isfinite(value) else None


def minutes_left(value: float) -> float | None:
    """Minutes until a crossing, to a hundredth; 0 for what is crossed, and for nothing else."""
    if not math.isfinite(value):
        return None
    return max(round(value, 2), 0.01) if value > 0 else 0.0


def _breach(row: ServerPrediction) -> list[Any] | None:
    """Minutes from the fleet's clock on, number of the metric, threshold, probability."""
    if (breach := row.first_breach) is None:
        return None
    return [
        minutes_left(breach.minutes),
        _METRIC_NUMBERS.get(breach.metric),
        _number(breach.threshold, 2),
        _number(breach.probability, 3),
    ]


def _alerts(alerts: Sequence[ActiveAlert]) -> list[list[Any]] | None:
    """Of each, most urgent first: id, whether it fires, who has acknowledged it, whether it is muted."""
    return [alert_state(alert) for alert in alerts] or None


def alert_state(alert: ActiveAlert) -> list[Any]:
    """Id of an alert, whether it fires, who has acknowledged it, whether it is muted."""
    return [alert.alert_id, alert.state is AlertState.FIRING, alert.acknowledged_by, alert.muted]
