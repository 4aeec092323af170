"""What a server says of the past, as frozen values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from argus.v1 import history_pb2
from argus_client._enums import AlertLevel, AlertSubject, from_number, metric_name
from argus_client._json import numbers
from argus_client._server_prediction import copy_fields

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HistorySummary:
    """A span of time in a few numbers. Alerts are those that fired within it; NaN where there is nothing to average.

    Attributes:
        start_ms: Unix milliseconds UTC.
        end_ms: The same; excluded.
        alerts: Alerts that fired.
        critical_alerts: Of these, those that reached level critical.
        acknowledged_alerts: Of these, those that were acknowledged.
        resolved_alerts: Of these, those that resolved.
        resolution_ratio: Share of them that resolved, 0 to 1.
        mean_time_to_resolve_seconds: From firing to resolved.
        mean_time_to_acknowledge_seconds: From firing to the first acknowledgement.
        incidents: Critical thresholds that were really crossed, for 10 minutes or more, since `watched_since_ms`.
        predicted_incidents: Of these, those for which an alert was firing when they began.
        predicted_ratio: Share of them, 0 to 1.
        mean_lead_seconds: From such an alert to its incident.
        servers_with_incidents: Servers that had one.
        servers: Servers that measured anything.
        watched_since_ms: From when on incidents count, Unix milliseconds UTC: the start, or when the server began to
            watch if that was later; 0 when it has not watched at all.
    """

    start_ms: int
    end_ms: int
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

    @staticmethod
    def from_proto(message: history_pb2.GetHistorySummaryResponse) -> HistorySummary:
        """Reads a message."""
        return copy_fields(HistorySummary, message)


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """Something that happened to an alert, a silence or a maintenance window.

    Attributes:
        at_ms: When: Unix milliseconds UTC.
        event: What, such as `"fired"` or `"acknowledged"`.
        alert_id: The alert; empty for what happened to a silence or a maintenance window.
        server_name: Its server; empty likewise. Untrusted text: escape it.
        subject: What the alert is about.
        metric: Name of the metric; empty if the subject is another.
        level: Its level after the event.
        probability: 0 to 1, as the alert states it.
        author: Who did it; empty when the server did.
        detail: The cause, note, comment, target or reason.
    """

    at_ms: int
    event: str
    alert_id: str
    server_name: str
    subject: AlertSubject
    metric: str
    level: AlertLevel
    probability: float
    author: str
    detail: str

    @staticmethod
    def from_proto(message: history_pb2.AlertEvent) -> AlertEvent:
        """Reads a message."""
        return copy_fields(
            AlertEvent,
            message,
            subject=from_number(AlertSubject, message.subject),
            metric=metric_name(message.metric),
            level=from_number(AlertLevel, message.level),
        )


@dataclass(frozen=True, slots=True)
class AlertEvents:
    """Alert events of a span; iterates over them.

    Attributes:
        events: Oldest first; the newest ones when there are more than the limit.
        total: Events of the span, listed or not.
    """

    events: tuple[AlertEvent, ...]
    total: int

    @staticmethod
    def from_proto(message: history_pb2.ListAlertEventsResponse) -> AlertEvents:
        """Reads a message."""
        return AlertEvents(tuple(AlertEvent.from_proto(event) for event in message.events), message.total)

    def __iter__(self) -> Iterator[AlertEvent]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def to_pandas(self) -> pd.DataFrame:
        """See `argus_client.frames.to_pandas`."""
        from argus_client import frames

        return frames.to_pandas(self)

    def to_arrow(self) -> pa.Table:
        """See `argus_client.frames.to_arrow`."""
        from argus_client import frames

        return frames.to_arrow(self)


@dataclass(frozen=True, slots=True, eq=False)
class MetricHistory:
    """One metric of a server's past: float32 [buckets] each, read-only; NaN where there is nothing.

    Attributes:
        metric: Name of the metric.
        actual: Mean of what was measured.
        minimum: Least value measured.
        maximum: Greatest value measured.
        p10: What had been forecast: tenth percentile.
        p50: Median.
        p90: Ninetieth percentile.
    """

    metric: str
    actual: _Floats
    minimum: _Floats
    maximum: _Floats
    p10: _Floats
    p50: _Floats
    p90: _Floats


@dataclass(frozen=True, slots=True, eq=False)
class ServerHistory:
    """The past of a server, in buckets of equal width. Arrays are float32 [buckets] and read-only; NaN where there is
    nothing.

    Attributes:
        server_name: Untrusted text: escape it.
        bucket_seconds: Width of a bucket.
        times_ms: Start of each, Unix milliseconds UTC, int64 [buckets].
        risk_score: Mean score, 0 to 100.
        risk_score_maximum: Highest score.
        breach_probability_30m: Highest probability of crossing a critical threshold within 30 minutes.
        breach_probability_8h: The same within 8 hours.
        horizon_minutes: How long before each time the forecast for it was made.
        metrics: By name.
    """

    server_name: str
    bucket_seconds: int
    times_ms: NDArray[np.int64]
    risk_score: _Floats
    risk_score_maximum: _Floats
    breach_probability_30m: _Floats
    breach_probability_8h: _Floats
    horizon_minutes: int
    metrics: Mapping[str, MetricHistory]

    @staticmethod
    def from_proto(message: history_pb2.GetServerHistoryResponse) -> ServerHistory:
        """Reads a message."""
        arrays = ("risk_score", "risk_score_maximum", "breach_probability_30m", "breach_probability_8h")
        parts = ("actual", "minimum", "maximum", "p10", "p50", "p90")
        named = [(metric_name(one.metric), one) for one in message.metrics]
        return copy_fields(
            ServerHistory,
            message,
            times_ms=read_only(message.timestamp, np.int64),
            **{name: read_only(getattr(message, name)) for name in arrays},
            metrics={
                name: MetricHistory(name, *(read_only(getattr(one, part)) for part in parts))
                for name, one in named
                if name
            },
        )

    def to_pandas(self) -> pd.DataFrame:
        """See `argus_client.frames.to_pandas`."""
        from argus_client import frames

        return frames.to_pandas(self)

    def to_arrow(self) -> pa.Table:
        """See `argus_client.frames.to_arrow`."""
        from argus_client import frames

        return frames.to_arrow(self)

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for strict JSON; null where there is nothing."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "metrics"}
        metrics = {
            name: {part: numbers(getattr(one, part)) for part in one.__slots__ if part != "metric"}
            for name, one in self.metrics.items()
        }
        return {**_plain(values), "metrics": metrics}


@dataclass(frozen=True, slots=True, eq=False)
class FleetHistory:
    """The past of the fleet, in buckets of equal width. Arrays are float32 [buckets], read-only and means over the
    bucket if not said otherwise; NaN where nothing was recorded.

    Attributes:
        bucket_seconds: Width of a bucket.
        times_ms: Start of each, Unix milliseconds UTC, int64 [buckets].
        total_servers: Servers known.
        critical_count: Servers at level critical.
        critical_count_maximum: The most at one time.
        warning_count: Servers at level warning.
        degrading_count: Servers at level degrading.
        healthy_count: Servers at level healthy.
        silent_count: Servers that had stopped sending.
        average_risk: Risk score over all servers.
        maximum_risk: Highest score of any server.
        incident_probability_30m: That a server crosses a critical threshold within 30 minutes.
        incident_probability_30m_maximum: The highest.
        incident_probability_8h: The same within 8 hours.
        incident_probability_8h_maximum: The highest.
        expected_incidents_8h: Servers expected to cross a critical threshold within 8 hours.
    """

    bucket_seconds: int
    times_ms: NDArray[np.int64]
    total_servers: _Floats
    critical_count: _Floats
    critical_count_maximum: _Floats
    warning_count: _Floats
    degrading_count: _Floats
    healthy_count: _Floats
    silent_count: _Floats
    average_risk: _Floats
    maximum_risk: _Floats
    incident_probability_30m: _Floats
    incident_probability_30m_maximum: _Floats
    incident_probability_8h: _Floats
    incident_probability_8h_maximum: _Floats
    expected_incidents_8h: _Floats

    @staticmethod
    def from_proto(message: history_pb2.GetFleetHistoryResponse) -> FleetHistory:
        """Reads a message."""
        arrays = [name for name in FleetHistory.__slots__ if name not in ("bucket_seconds", "times_ms")]
        return copy_fields(
            FleetHistory,
            message,
            times_ms=read_only(message.timestamp, np.int64),
            **{name: read_only(getattr(message, name)) for name in arrays},
        )

    def to_pandas(self) -> pd.DataFrame:
        """See `argus_client.frames.to_pandas`."""
        from argus_client import frames

        return frames.to_pandas(self)

    def to_arrow(self) -> pa.Table:
        """See `argus_client.frames.to_arrow`."""
        from argus_client import frames

        return frames.to_arrow(self)

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for strict JSON; null where there is nothing."""
        return _plain({name: getattr(self, name) for name in self.__slots__})


def read_only(values: Any, dtype: Any = np.float32) -> Any:
    """A repeated field as an array that cannot be changed."""
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        if not isinstance(value, np.ndarray)
        else value.tolist()
        if value.dtype == np.int64
        else numbers(value)
        for name, value in values.items()
    }
