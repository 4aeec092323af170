"""Snapshots and samples with as few words as a test wants to spend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from argus.v1 import admin_pb2, alert_pb2, snapshot_pb2
from argus_client._enums import (
    AlertLevel,
    AlertPriority,
    AlertState,
    AlertSubject,
    metric_number,
    to_number,
)
from argus_client.samples import METRICS, Samples

# Least risk, priority, level, label, colour, emoji, seconds to act: the ladder of the contract.
_LADDER: Final = (
    (90.0, AlertPriority.IMMINENT_FAILURE, AlertLevel.CRITICAL, "Imminent Failure", "#b30000", "🔴", 300),
    (80.0, AlertPriority.CRITICAL, AlertLevel.CRITICAL, "Critical", "#ff4444", "🔴", 900),
    (70.0, AlertPriority.DANGER, AlertLevel.WARNING, "Danger", "#ff8800", "🟠", 1800),
    (60.0, AlertPriority.WARNING, AlertLevel.WARNING, "Warning", "#ffb020", "🟡", 3600),
    (50.0, AlertPriority.DEGRADING, AlertLevel.DEGRADING, "Degrading", "#ffe066", "🟡", 7200),
    (30.0, AlertPriority.WATCH, AlertLevel.HEALTHY, "Watch", "#66ccff", "🟢", 0),
    (0.0, AlertPriority.HEALTHY, AlertLevel.HEALTHY, "Healthy", "#44cc44", "🟢", 0),
)

THRESHOLDS: Final = (
    admin_pb2.MetricThreshold(
        metric=metric_number("cpu_idle_pct"), warning=15.0, critical=5.0, unit="%", low_is_bad=True
    ),
    admin_pb2.MetricThreshold(metric=metric_number("mem_used_pct"), warning=90.0, critical=98.0, unit="%"),
    admin_pb2.MetricThreshold(
        metric=metric_number("mem_used_pct"), profile="database", warning=98.0, critical=99.0, unit="%"
    ),
    admin_pb2.MetricThreshold(metric=metric_number("load_average"), warning=1.5, critical=4.0, per_core=True),
)
"""What the fake server names: a metric of each kind."""


def make_samples(
    servers: Sequence[str] = ("web-1",), *, timestamp_ms: int = 1_750_000_000_000, value: float = 50.0
) -> Samples:
    """One healthy row per server, every metric at `value`."""
    names = np.empty(len(servers), np.object_)
    names[:] = list(servers)
    return Samples(
        np.full(len(servers), timestamp_ms, np.int64),
        names,
        np.full(len(servers), 2, np.int8),
        np.full((len(servers), len(METRICS)), value, np.float32),
    )


def make_forecasts(
    metrics: Sequence[str] = METRICS, *, steps: int = 96, value: float = 50.0, band: float = 5.0
) -> list[snapshot_pb2.MetricForecast]:
    """Flat forecasts with a band around them; with band 0 they are certain, and have no quantiles but the median."""
    return [
        snapshot_pb2.MetricForecast(
            metric=metric_number(metric),
            p10=[value - band] * steps if band else [],
            p50=[value] * steps,
            p90=[value + band] * steps if band else [],
        )
        for metric in metrics
    ]


def make_outlook(
    metric: str = "cpu_user_pct",
    *,
    value: float = 50.0,
    band: float = 5.0,
    critical: float | None = None,
    warning: float | None = None,
) -> snapshot_pb2.Outlook:
    """Three flat hours and a flat band of eight."""
    return snapshot_pb2.Outlook(
        metric=metric_number(metric),
        history_step_seconds=300,
        history=[value] * 36,
        band_step_seconds=900,
        p10=[value - band] * 32,
        p50=[value] * 32,
        p90=[value + band] * 32,
        warning=warning,
        critical=critical,
    )


def make_snapshot(
    risks: Mapping[str, float],
    *,
    forecasts: Sequence[snapshot_pb2.MetricForecast] = (),
    outlook: snapshot_pb2.Outlook | None = None,
    profile: str = "generic",
    forecast_origin_ms: int = 1_750_000_000_000,
) -> snapshot_pb2.Snapshot:
    """A snapshot of servers with these risk scores; `FakeServer.publish` numbers it.

    The message is the contract's own, so anything in it can be changed before it is published.
    """
    snapshot = snapshot_pb2.Snapshot(
        header=snapshot_pb2.SnapshotHeader(
            published_at_ms=forecast_origin_ms + 300_000,
            forecast_origin_ms=forecast_origin_ms,
            clock_ms=forecast_origin_ms + 300_000,
            step_seconds=300,
            horizon_steps=96,
            model=snapshot_pb2.ModelInfo(name="fake", revision="fake@0", kind="TFT", device="cpu"),
        )
    )
    for name, risk in sorted(risks.items(), key=lambda item: (-item[1], item[0])):
        _, priority, level, label, color, emoji, sla = next(step for step in _LADDER if risk >= step[0])
        server = snapshot.servers.add(
            server_name=name,
            risk_score=risk,
            profile=profile,
            state=2,
            source=snapshot_pb2.FORECAST_SOURCE_TFT,
            last_sample_ms=forecast_origin_ms + 299_000,
            data_age_seconds=1.0,
            observed_steps=288,
            forecasts=forecasts,
            outlook=outlook,
        )
        server.alert.CopyFrom(
            snapshot_pb2.Alert(
                level=to_number(level),
                priority=to_number(priority),
                label=label,
                color=color,
                emoji=emoji,
                sla_seconds=sla,
            )
        )
        server.display_metrics.cpu.CopyFrom(
            snapshot_pb2.DisplayMetric(
                current=risk, predicted=risk + 1, delta=1, unit="%", trend=snapshot_pb2.TREND_STABLE
            )
        )
        field = f"{level.value}_count"
        setattr(snapshot.summary, field, getattr(snapshot.summary, field) + 1)
    summary = snapshot.summary
    summary.total_servers = summary.warm_servers = summary.tft_servers = len(risks)
    summary.average_risk = sum(risks.values()) / len(risks) if risks else 0.0
    summary.maximum_risk = max(risks.values(), default=0.0)
    summary.top_risks.extend(server.server_name for server in snapshot.servers[:20])
    snapshot.environment.fleet_health = snapshot_pb2.FLEET_HEALTH_HEALTHY
    return snapshot


def make_alert(
    server_name: str = "web-1",
    *,
    metric: str = "mem_used_pct",
    state: AlertState | str = AlertState.FIRING,
    level: AlertLevel | str = AlertLevel.WARNING,
    alert_id: str = "",
) -> alert_pb2.AlertRecord:
    """An alert on a metric; `FakeServer.put_alerts` shows it.

    The message is the contract's own, so anything in it can be changed before.
    """
    now_ms = 1_750_000_000_000
    state = AlertState(state)
    return alert_pb2.AlertRecord(
        alert_id=alert_id or f"{server_name}-{metric}",
        server_name=server_name,
        profile="generic",
        subject=to_number(AlertSubject.METRIC),
        metric=metric_number(metric),
        state=to_number(state),
        level=to_number(AlertLevel(level)),
        risk_score=65.0,
        probability=0.9,
        minutes_to_breach=42.0,
        cause="memory 90 % → 98 % in 42 min",
        started_at_ms=now_ms,
        fired_at_ms=now_ms + 300_000 if state is not AlertState.PENDING else 0,
        resolved_at_ms=now_ms + 900_000 if state is AlertState.RESOLVED else 0,
        updated_at_ms=now_ms + 300_000,
        fired_count=int(state is not AlertState.PENDING),
    )
