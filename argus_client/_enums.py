"""The contract's enums as strings, so that they print, compare and serialise as what they mean."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, TypeVar

from argus.v1 import alert_pb2, history_pb2, metrics_pb2, scenario_pb2, snapshot_pb2
from argus_client.samples import METRICS, STATES


class AlertLevel(StrEnum):
    """Coarse step of the alert ladder."""

    UNSPECIFIED = "unspecified"
    HEALTHY = "healthy"
    DEGRADING = "degrading"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertPriority(StrEnum):
    """Fine step of the same ladder."""

    UNSPECIFIED = "unspecified"
    HEALTHY = "healthy"
    WATCH = "watch"
    DEGRADING = "degrading"
    WARNING = "warning"
    DANGER = "danger"
    CRITICAL = "critical"
    IMMINENT_FAILURE = "imminent_failure"


class AlertState(StrEnum):
    """Where an alert is in its life."""

    UNSPECIFIED = "unspecified"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class AlertSubject(StrEnum):
    """What an alert is about."""

    UNSPECIFIED = "unspecified"
    METRIC = "metric"
    RISK = "risk"
    SILENCE = "silence"


class DayOfWeek(StrEnum):
    """A day on which a maintenance window begins."""

    UNSPECIFIED = "unspecified"
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class ForecastSource(StrEnum):
    """Where a forecast comes from. Show it wherever you show the forecast."""

    UNSPECIFIED = "UNSPECIFIED"
    TFT = "TFT"
    FALLBACK = "FALLBACK"
    STALE = "STALE"


class Trend(StrEnum):
    """Where a display metric is heading."""

    UNSPECIFIED = "unspecified"
    STABLE = "stable"
    INCREASING = "increasing"
    DECREASING = "decreasing"


class CauseKind(StrEnum):
    """What about a metric drives the risk."""

    UNSPECIFIED = "unspecified"
    CURRENT_VALUE = "current_value"
    FORECAST = "forecast"
    THRESHOLD_BREACH = "threshold_breach"
    SILENT = "silent"


class FleetHealth(StrEnum):
    """Verdict on the fleet."""

    UNSPECIFIED = "unspecified"
    HEALTHY = "healthy"
    WARNING = "warning"
    CRITICAL = "critical"


class View(StrEnum):
    """How much of each forecast to send: none, the first hour, or the whole horizon."""

    SUMMARY = "summary"
    STANDARD = "standard"
    FULL = "full"


class Scenario(StrEnum):
    """What a simulator puts its fleet through."""

    UNSPECIFIED = "unspecified"
    HEALTHY = "healthy"
    DEGRADING = "degrading"
    CRITICAL = "critical"
    CASCADE = "cascade"


class HistoryTable(StrEnum):
    """A table of the history store."""

    UNSPECIFIED = "unspecified"
    METRICS = "metrics"
    SERVER_RISK = "server_risk"
    FORECASTS = "forecasts"
    ALERT_EVENTS = "alert_events"
    FLEET_RISK = "fleet_risk"


class ExportFormat(StrEnum):
    """Form of an export of history."""

    UNSPECIFIED = "unspecified"
    ARROW = "arrow"
    CSV = "csv"


class ServingStatus(StrEnum):
    """What a health check says of a service."""

    UNKNOWN = "UNKNOWN"
    SERVING = "SERVING"
    NOT_SERVING = "NOT_SERVING"
    SERVICE_UNKNOWN = "SERVICE_UNKNOWN"


E = TypeVar("E", bound=StrEnum)

_PROTO: Final[dict[type[StrEnum], tuple[Any, str]]] = {
    AlertLevel: (snapshot_pb2.AlertLevel, "ALERT_LEVEL_"),
    AlertPriority: (snapshot_pb2.AlertPriority, "ALERT_PRIORITY_"),
    AlertState: (snapshot_pb2.AlertState, "ALERT_STATE_"),
    AlertSubject: (snapshot_pb2.AlertSubject, "ALERT_SUBJECT_"),
    CauseKind: (snapshot_pb2.CauseKind, "CAUSE_KIND_"),
    DayOfWeek: (alert_pb2.DayOfWeek, "DAY_OF_WEEK_"),
    ExportFormat: (history_pb2.ExportFormat, "EXPORT_FORMAT_"),
    FleetHealth: (snapshot_pb2.FleetHealth, "FLEET_HEALTH_"),
    ForecastSource: (snapshot_pb2.ForecastSource, "FORECAST_SOURCE_"),
    HistoryTable: (history_pb2.HistoryTable, "HISTORY_TABLE_"),
    Scenario: (scenario_pb2.Scenario, "SCENARIO_"),
    Trend: (snapshot_pb2.Trend, "TREND_"),
    View: (snapshot_pb2.SnapshotView, "SNAPSHOT_VIEW_"),
}

_BY_NUMBER: Final[dict[type[StrEnum], dict[int, StrEnum]]] = {
    kind: {
        number: kind[name.removeprefix(prefix)]
        for name, number in proto.items()
        if name.removeprefix(prefix) in kind.__members__
    }
    for kind, (proto, prefix) in _PROTO.items()
}


def from_number(kind: type[E], number: int) -> E:
    """The member for a number on the wire; UNSPECIFIED for one only a newer server knows."""
    member = _BY_NUMBER[kind].get(number)
    return kind["UNSPECIFIED"] if member is None else kind(member)


def to_number(member: StrEnum) -> Any:
    """The number on the wire."""
    proto, prefix = _PROTO[type(member)]
    return proto.Value(prefix + member.name)


def metric_name(number: int) -> str:
    """Name of a metric; empty for none, or for one only a newer server knows."""
    return METRICS[number - 1] if 1 <= number <= len(METRICS) else ""


def metric_number(name: str) -> Any:
    """Number of a metric.

    Raises:
        ValueError: there is no such metric.
    """
    if name not in METRICS:
        raise ValueError(f"There is no metric {name!r}; there are {', '.join(METRICS)}.")
    return metrics_pb2.Metric.Value(f"METRIC_{name.upper()}")


def state_name(number: int) -> str:
    """Name of a server state; `"unspecified"` for one only a newer server knows."""
    return STATES[number] if 0 <= number < len(STATES) else STATES[0]
