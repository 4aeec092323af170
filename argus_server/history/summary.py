"""A span of time in a few numbers."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from argus_server.history.alert_lives import AlertLife, alert_lives
from argus_server.history.batches import Cancelled, guarded, times_ms
from argus_server.history.incidents import (
    LOOK_AHEAD_MS,
    LOOK_BACK_MS,
    Incident,
    IncidentFinder,
    Troubles,
    troubles_of,
)
from argus_server.history.schemas import FLEET_RISK
from argus_server.history.span import DAY_MS, Span
from argus_server.history.steps import chunks_of, step_means
from argus_server.history.store import RowSource
from argus_server.metrics import METRICS
from argus_server.risk.tables import RiskTables
from argus_server.store.tables import METRICS_TABLE

RISK_SUBJECT: Final = "risk"

_REMEMBERED_DAYS: Final = 40


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
    watched_since_ms: int


class Judge:
    """Tells trouble from none, and remembers what it found on days that do not change any more.

    Thread-safe.

    Args:
        store: Where samples are.
        tables: Signals and thresholds.
        cores: CPU cores by server name, where known.
    """

    def __init__(self, store: RowSource, tables: RiskTables, cores: Mapping[str, int]) -> None:
        self._store = store
        self.tables = tables
        self._cores = cores
        self._days: OrderedDict[tuple[Span, int], tuple[Hashable, Troubles]] = OrderedDict()
        self._lock = threading.Lock()

    def incidents(self, span: Span, step_seconds: int, cancelled: Cancelled) -> tuple[list[Incident], int]:
        """Incidents that began within a span, and how many servers measured anything in it.

        Days looked at before this was called off need not be looked at again.

        Raises:
            QueryCancelled: It was called off.
        """
        step_ms = 1000 * step_seconds
        finder = IncidentFinder(self.tables, step_ms)
        servers: set[str] = set()
        for part in (
            Span(max(span.start_ms - LOOK_BACK_MS, 0), span.start_ms),
            span,
            Span(span.end_ms, span.end_ms + LOOK_AHEAD_MS),
        ):
            for chunk in chunks_of(part, step_ms):
                troubles = self._troubles(chunk, step_ms, cancelled)
                finder.add(troubles)
                if part is span:
                    servers |= troubles.measured
        found = finder.incidents()
        return [one for one in found if span.start_ms <= one.start_ms < span.end_ms], len(servers)

    def _troubles(self, chunk: Span, step_ms: int, cancelled: Cancelled) -> Troubles:
        key = (chunk, step_ms)
        # Taken before the rows are read: what comes meanwhile makes another one.
        fingerprint = self._store.fingerprint(METRICS_TABLE, chunk.start_ms, chunk.end_ms)
        with self._lock:
            known = self._days.get(key)
        if known is not None and known[0] == fingerprint:
            return known[1]
        means = step_means(self._store, chunk, step_ms, METRICS, cancelled)
        found = troubles_of(means, self.tables, self._cores)
        if chunk.length_ms == DAY_MS:
            with self._lock:
                self._days[key] = (fingerprint, found)
                self._days.move_to_end(key)
                while len(self._days) > _REMEMBERED_DAYS:
                    self._days.popitem(last=False)
        return found


def summarise(store: RowSource, span: Span, judge: Judge, step_seconds: int, cancelled: Cancelled) -> Summary:
    """Sums up alerts and incidents of a span.

    Args:
        store: Where alert events are.
        span: When.
        judge: Knows the incidents.
        step_seconds: Length of a step.
        cancelled: Says when to give up.

    Raises:
        QueryCancelled: It was called off.
    """
    lives = alert_lives(store, span, cancelled)
    fired = [life for life in lives if life.fired_ms is not None and life.fired_ms >= span.start_ms]
    resolving = [_seconds(life.fired_ms, life.resolved_ms) for life in fired]
    acknowledging = [_seconds(life.fired_ms, life.taken_ms) for life in fired]
    resolved = [seconds for seconds in resolving if seconds is not None]
    acknowledged = [seconds for seconds in acknowledging if seconds is not None]
    found, servers = judge.incidents(span, step_seconds, cancelled)
    watched_since_ms = watched_since(store, span, cancelled)
    incidents = [one for one in found if watched_since_ms is not None and one.start_ms >= watched_since_ms]
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
        watched_since_ms=watched_since_ms or 0,
    )


def watched_since(store: RowSource, span: Span, cancelled: Cancelled) -> int | None:
    """From when on within a span the server watched; None when it had not begun by its end.

    How the fleet stands is recorded while the server watches, never for a time gone by: samples from before the first
    such record were sent afterwards, and no alert could have told of them.

    Raises:
        QueryCancelled: It was called off.
    """
    columns = ["timestamp"]
    if any(True for _ in guarded(store.read(FLEET_RISK, 0, span.start_ms + 1, columns=columns), cancelled)):
        return span.start_ms
    within = guarded(store.read(FLEET_RISK, span.start_ms, span.end_ms, columns=columns), cancelled)
    return min((int(times_ms(batch).min()) for batch in within), default=None)


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
