"""Fleets to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence

from argus.v1 import metrics_pb2, snapshot_pb2
from argus_client.testing import make_outlook, make_snapshot

PROFILES = ("database", "web_api", "ml_compute", "data_ingest")
METERS = ("cpu", "memory", "iowait", "swap", "load", "disk", "net_in", "net_out")

# Names that would do something if anybody took them for code.
HOSTILE = (
    "<img src=x onerror='window.pwned=1'>",
    "</script><script>window.pwned=2</script>",
    "`${window.pwned=3}`",
    "{{ constructor.constructor('window.pwned=4')() }}",
    "\"'><svg/onload=window.pwned=5>",
    '=HYPERLINK("http://evil.example","x")',
    "‮gnp.exe",
    "a" * 200,
)


def fleet(
    names: Sequence[str] | int = 12, *, tick: int = 0, degraded: str = "", warm: bool = True
) -> snapshot_pb2.Snapshot:
    """A fleet of every level, with breaches, outlooks, alerts and meters; the riskiest server comes first.

    Of those that are expected to breach the riskiest has most time left, and the last of them none. The last server of
    all stopped sending.

    Args:
        names: Their names, riskiest first, or how many.
        tick: Moves the figures a little.
        degraded: Why the server is degraded.
        warm: Whether they have enough history.
    """
    if isinstance(names, int):
        names = [f"{PROFILES[i % 4][:3]}-{i:04d}" for i in range(names)]
    risks = {name: 96.0 * math.exp(-3.0 * i / len(names)) for i, name in enumerate(names)}
    snapshot = make_snapshot(risks, outlook=make_outlook("mem_used_pct", value=60.0, band=8.0, critical=98.0))
    snapshot.header.degraded = bool(degraded)
    snapshot.header.degraded_reason = degraded
    if not warm:
        snapshot.summary.warm_servers = 0
    breaching = min(len(names), max(3, len(names) // 5))
    for i, server in enumerate(snapshot.servers):
        server.profile = PROFILES[i % 4]
        for k, meter in enumerate(METERS):
            value = (17.0 * i + 11.0 * k + 3.0 * tick) % 100.0
            getattr(server.display_metrics, meter).CopyFrom(
                snapshot_pb2.DisplayMetric(
                    current=value, predicted=value + 5 - k, delta=5.0 - k, unit="%" if k not in (4, 6, 7) else "",
                    trend=snapshot_pb2.TREND_INCREASING if k < 4 else snapshot_pb2.TREND_STABLE,
                )
            )  # fmt: skip
        server.causes.add(
            metric=metrics_pb2.METRIC_MEM_USED_PCT,
            points=30.0,
            text=f"memory {60 + i} % → 98 % in {10 * i} min, 83 % likely",
        )
        if i < breaching:
            server.first_breach.CopyFrom(
                snapshot_pb2.ThresholdBreach(
                    metric=metrics_pb2.METRIC_MEM_USED_PCT,
                    threshold=98.0,
                    minutes=12.0 * (breaching - 1 - i),
                    probability=0.83,
                )
            )
            server.active_alerts.add(
                alert_id=f"{server.server_name}-mem_used_pct",
                subject=snapshot_pb2.ALERT_SUBJECT_METRIC,
                state=snapshot_pb2.ALERT_STATE_FIRING,
                level=server.alert.level,
            )
    last = snapshot.servers[-1]
    last.source = snapshot_pb2.FORECAST_SOURCE_STALE
    last.data_age_seconds = 1800.0
    last.state = metrics_pb2.SERVER_STATE_OFFLINE
    last.breach_probability_30m = last.breach_probability_8h = 1.0
    last.ClearField("first_breach")
    del last.causes[:], last.active_alerts[:]
    last.causes.add(points=90.0, text="no data for 30 min")
    last.active_alerts.add(
        alert_id=f"{last.server_name}-silence",
        subject=snapshot_pb2.ALERT_SUBJECT_SILENCE,
        state=snapshot_pb2.ALERT_STATE_FIRING,
        level=snapshot_pb2.ALERT_LEVEL_CRITICAL,
    )
    snapshot.summary.silent_count = 1
    snapshot.environment.incident_probability_30m = 0.42
    snapshot.environment.incident_probability_8h = 0.997
    snapshot.environment.fleet_health = snapshot_pb2.FLEET_HEALTH_WARNING
    return snapshot
