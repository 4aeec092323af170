"""A span of time in a few numbers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from argus_server.history.alert_lives import AlertLife, alert_lives
from argus_server.history.batches import Cancelled
from argus_server.history.incidents import LOOK_AHEAD_MS, LOOK_BACK_MS, Incident, IncidentFinder
from argus_server.history.span import Span
from argus_server.history.steps import step_means
from argus_server.history.store import RowSource
from argus_server.metrics import METRICS
from argus_server.risk.tables import RiskTables

RISK_SUBJECT = "risk"


@dataclass(frozen=True, slots=True)
class Summary:
    """As `argus.v1.GetHistorySummaryResponse` describes it; NaN where there is nothing to share or average."""

    alerts: int
    critical_alerts: int
    acknowledged_alerts: int
    resolved_alerts: int
    resolution_ratio: float
    mean_time_to_resolve_seconds: float
    mean_time_to_acknowledge_seconds: float
    incidents: int
    predicted_incidents: int
    predicted_ratio: float
    mean_lead_seconds: float
    servers_with_incidents: int
    servers: int


@dataclass(frozen=True, slots=True)
class Judge:
    """What tells trouble from none.

    Attributes:
        tables: Signals and thresholds.
        cores: CPU cores by server name, where known.
        step_seconds: Length of a step.
    """

    tables: RiskTables
    cores: Mapping[str, int]
    step_seconds: int


def summarise(store: RowSource, span: Span, judge: Judge, cancelled: Cancelled) -> Summary:
    """Sums up alerts and incidents of a span.

    Raises:
        QueryCancelled: It was called off.
    """
    lives = alert_lives(store, span, cancelled)
    fired = [life for life in lives if life.fired_ms is not None and life.fired_ms >= span.start_ms]
    resolving = [_seconds(life.fired_ms, life.resolved_ms) for life in fired]
    acknowledging = [_seconds(life.fired_ms, life.acknowledged_ms) for life in fired]
    resolved = [seconds for seconds in resolving if seconds is not None]
    acknowledged = [seconds for seconds in acknowledging if seconds is not None]
    incidents, servers = incidents_of(store, span, judge, cancelled)
    leads = [lead for one in incidents if (lead := _lead_seconds(one, lives, judge.tables)) is not None]
    return Summary(
        alerts=len(fired),
        critical_alerts=sum(life.critical_ms is not None for life in fired),
        acknowledged_alerts=len(acknowledged),
        resolved_alerts=len(resolved),
        resolution_ratio=_ratio(len(resolved), len(fired)),
        mean_time_to_resolve_seconds=_mean(resolved),
        mean_time_to_acknowledge_seconds=_mean(acknowledged),
        incidents=len(incidents),
        predicted_incidents=len(leads),
        predicted_ratio=_ratio(len(leads), len(incidents)),
        mean_lead_seconds=_mean(leads),
        servers_with_incidents=len({one.server_name for one in incidents}),
        servers=servers,
    )


def incidents_of(
    store: RowSource, span: Span, judge: Judge, cancelled: Cancelled
) -> tuple[list[Incident], int]:
    """Incidents that began within a span, and how many servers measured anything in it."""
    finder = IncidentFinder(judge.tables, judge.cores, step_ms := 1000 * judge.step_seconds)
    servers: set[str] = set()
    wider = Span(max(span.start_ms - LOOK_BACK_MS, 0), span.end_ms + LOOK_AHEAD_MS)
    for means in step_means(store, wider, step_ms, METRICS, cancelled):
        finder.add(means)
        starts_ms = step_ms * (means.first_step + np.arange(means.values.shape[1]))
        inside = (starts_ms > span.start_ms - step_ms) & (starts_ms < span.end_ms)
        measured = ~np.isnan(means.values[:, inside]).all(axis=(1, 2))
        servers.update(means.server_names[place] for place in np.flatnonzero(measured).tolist())
    return [one for one in finder.incidents() if span.start_ms <= one.start_ms < span.end_ms], len(servers)


def _lead_seconds(incident: Incident, lives: Sequence[AlertLife], tables: RiskTables) -> float | None:
    """How long before an incident the first alert that told of it had fired; None when none had."""
    groups = _groups(tables)
    since = [
        fired
        for life in lives
        if life.server_name == incident.server_name
        and (life.subject == RISK_SUBJECT or incident.group in groups[life.metric])
        and (fired := life.firing_since(incident.start_ms)) is not None
    ]
    return (incident.start_ms - min(since)) / 1000 if since else None


def _groups(tables: RiskTables) -> dict[str, set[str]]:
    """Groups of signals that a metric, or what stands in for it, belongs to."""
    groups: dict[str, set[str]] = defaultdict(set)
    for signal in tables.signals:
        for metric in (signal.metric, *signal.substitutes[:1]):
            groups[METRICS[metric]].add(signal.group)
    return groups


def _seconds(start_ms: int | None, end_ms: int | None) -> float | None:
    return None if start_ms is None or end_ms is None else (end_ms - start_ms) / 1000


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
