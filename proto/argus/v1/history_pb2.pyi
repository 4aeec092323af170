from argus.v1 import metrics_pb2 as _metrics_pb2
from argus.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HistoryTable(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HISTORY_TABLE_UNSPECIFIED: _ClassVar[HistoryTable]
    HISTORY_TABLE_METRICS: _ClassVar[HistoryTable]
    HISTORY_TABLE_SERVER_RISK: _ClassVar[HistoryTable]
    HISTORY_TABLE_FORECASTS: _ClassVar[HistoryTable]
    HISTORY_TABLE_ALERT_EVENTS: _ClassVar[HistoryTable]
    HISTORY_TABLE_FLEET_RISK: _ClassVar[HistoryTable]

class ExportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_FORMAT_UNSPECIFIED: _ClassVar[ExportFormat]
    EXPORT_FORMAT_ARROW: _ClassVar[ExportFormat]
    EXPORT_FORMAT_CSV: _ClassVar[ExportFormat]
HISTORY_TABLE_UNSPECIFIED: HistoryTable
HISTORY_TABLE_METRICS: HistoryTable
HISTORY_TABLE_SERVER_RISK: HistoryTable
HISTORY_TABLE_FORECASTS: HistoryTable
HISTORY_TABLE_ALERT_EVENTS: HistoryTable
HISTORY_TABLE_FLEET_RISK: HistoryTable
EXPORT_FORMAT_UNSPECIFIED: ExportFormat
EXPORT_FORMAT_ARROW: ExportFormat
EXPORT_FORMAT_CSV: ExportFormat

class TimeRange(_message.Message):
    __slots__ = ("start_ms", "end_ms", "length_ms")
    START_MS_FIELD_NUMBER: _ClassVar[int]
    END_MS_FIELD_NUMBER: _ClassVar[int]
    LENGTH_MS_FIELD_NUMBER: _ClassVar[int]
    start_ms: int
    end_ms: int
    length_ms: int
    def __init__(self, start_ms: _Optional[int] = ..., end_ms: _Optional[int] = ..., length_ms: _Optional[int] = ...) -> None: ...

class GetHistorySummaryRequest(_message.Message):
    __slots__ = ("range",)
    RANGE_FIELD_NUMBER: _ClassVar[int]
    range: TimeRange
    def __init__(self, range: _Optional[_Union[TimeRange, _Mapping]] = ...) -> None: ...

class GetHistorySummaryResponse(_message.Message):
    __slots__ = ("start_ms", "end_ms", "alerts", "critical_alerts", "acknowledged_alerts", "resolved_alerts", "resolution_ratio", "mean_time_to_resolve_seconds", "mean_time_to_acknowledge_seconds", "incidents", "predicted_incidents", "predicted_ratio", "mean_lead_seconds", "servers_with_incidents", "servers", "watched_since_ms")
    START_MS_FIELD_NUMBER: _ClassVar[int]
    END_MS_FIELD_NUMBER: _ClassVar[int]
    ALERTS_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_ALERTS_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_ALERTS_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_ALERTS_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_RATIO_FIELD_NUMBER: _ClassVar[int]
    MEAN_TIME_TO_RESOLVE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEAN_TIME_TO_ACKNOWLEDGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    INCIDENTS_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_INCIDENTS_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_RATIO_FIELD_NUMBER: _ClassVar[int]
    MEAN_LEAD_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SERVERS_WITH_INCIDENTS_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    WATCHED_SINCE_MS_FIELD_NUMBER: _ClassVar[int]
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
    def __init__(self, start_ms: _Optional[int] = ..., end_ms: _Optional[int] = ..., alerts: _Optional[int] = ..., critical_alerts: _Optional[int] = ..., acknowledged_alerts: _Optional[int] = ..., resolved_alerts: _Optional[int] = ..., resolution_ratio: _Optional[float] = ..., mean_time_to_resolve_seconds: _Optional[float] = ..., mean_time_to_acknowledge_seconds: _Optional[float] = ..., incidents: _Optional[int] = ..., predicted_incidents: _Optional[int] = ..., predicted_ratio: _Optional[float] = ..., mean_lead_seconds: _Optional[float] = ..., servers_with_incidents: _Optional[int] = ..., servers: _Optional[int] = ..., watched_since_ms: _Optional[int] = ...) -> None: ...

class ListAlertEventsRequest(_message.Message):
    __slots__ = ("range", "servers", "limit")
    RANGE_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    range: TimeRange
    servers: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    def __init__(self, range: _Optional[_Union[TimeRange, _Mapping]] = ..., servers: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ...) -> None: ...

class ListAlertEventsResponse(_message.Message):
    __slots__ = ("events", "total")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[AlertEvent]
    total: int
    def __init__(self, events: _Optional[_Iterable[_Union[AlertEvent, _Mapping]]] = ..., total: _Optional[int] = ...) -> None: ...

class AlertEvent(_message.Message):
    __slots__ = ("at_ms", "event", "alert_id", "server_name", "subject", "metric", "level", "probability", "author", "detail")
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    event: str
    alert_id: str
    server_name: str
    subject: _snapshot_pb2.AlertSubject
    metric: _metrics_pb2.Metric
    level: _snapshot_pb2.AlertLevel
    probability: float
    author: str
    detail: str
    def __init__(self, at_ms: _Optional[int] = ..., event: _Optional[str] = ..., alert_id: _Optional[str] = ..., server_name: _Optional[str] = ..., subject: _Optional[_Union[_snapshot_pb2.AlertSubject, str]] = ..., metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., level: _Optional[_Union[_snapshot_pb2.AlertLevel, str]] = ..., probability: _Optional[float] = ..., author: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class GetServerHistoryRequest(_message.Message):
    __slots__ = ("server_name", "range", "metrics", "horizon_minutes", "max_points")
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    HORIZON_MINUTES_FIELD_NUMBER: _ClassVar[int]
    MAX_POINTS_FIELD_NUMBER: _ClassVar[int]
    server_name: str
    range: TimeRange
    metrics: _containers.RepeatedScalarFieldContainer[_metrics_pb2.Metric]
    horizon_minutes: int
    max_points: int
    def __init__(self, server_name: _Optional[str] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., metrics: _Optional[_Iterable[_Union[_metrics_pb2.Metric, str]]] = ..., horizon_minutes: _Optional[int] = ..., max_points: _Optional[int] = ...) -> None: ...

class GetServerHistoryResponse(_message.Message):
    __slots__ = ("server_name", "bucket_seconds", "timestamp", "risk_score", "risk_score_maximum", "breach_probability_30m", "breach_probability_8h", "horizon_minutes", "metrics")
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    BUCKET_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    RISK_SCORE_FIELD_NUMBER: _ClassVar[int]
    RISK_SCORE_MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    BREACH_PROBABILITY_30M_FIELD_NUMBER: _ClassVar[int]
    BREACH_PROBABILITY_8H_FIELD_NUMBER: _ClassVar[int]
    HORIZON_MINUTES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    server_name: str
    bucket_seconds: int
    timestamp: _containers.RepeatedScalarFieldContainer[int]
    risk_score: _containers.RepeatedScalarFieldContainer[float]
    risk_score_maximum: _containers.RepeatedScalarFieldContainer[float]
    breach_probability_30m: _containers.RepeatedScalarFieldContainer[float]
    breach_probability_8h: _containers.RepeatedScalarFieldContainer[float]
    horizon_minutes: int
    metrics: _containers.RepeatedCompositeFieldContainer[MetricHistory]
    def __init__(self, server_name: _Optional[str] = ..., bucket_seconds: _Optional[int] = ..., timestamp: _Optional[_Iterable[int]] = ..., risk_score: _Optional[_Iterable[float]] = ..., risk_score_maximum: _Optional[_Iterable[float]] = ..., breach_probability_30m: _Optional[_Iterable[float]] = ..., breach_probability_8h: _Optional[_Iterable[float]] = ..., horizon_minutes: _Optional[int] = ..., metrics: _Optional[_Iterable[_Union[MetricHistory, _Mapping]]] = ...) -> None: ...

class MetricHistory(_message.Message):
    __slots__ = ("metric", "actual", "minimum", "maximum", "p10", "p50", "p90")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    ACTUAL_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    P10_FIELD_NUMBER: _ClassVar[int]
    P50_FIELD_NUMBER: _ClassVar[int]
    P90_FIELD_NUMBER: _ClassVar[int]
    metric: _metrics_pb2.Metric
    actual: _containers.RepeatedScalarFieldContainer[float]
    minimum: _containers.RepeatedScalarFieldContainer[float]
    maximum: _containers.RepeatedScalarFieldContainer[float]
    p10: _containers.RepeatedScalarFieldContainer[float]
    p50: _containers.RepeatedScalarFieldContainer[float]
    p90: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., actual: _Optional[_Iterable[float]] = ..., minimum: _Optional[_Iterable[float]] = ..., maximum: _Optional[_Iterable[float]] = ..., p10: _Optional[_Iterable[float]] = ..., p50: _Optional[_Iterable[float]] = ..., p90: _Optional[_Iterable[float]] = ...) -> None: ...

class GetFleetHistoryRequest(_message.Message):
    __slots__ = ("range", "max_points")
    RANGE_FIELD_NUMBER: _ClassVar[int]
    MAX_POINTS_FIELD_NUMBER: _ClassVar[int]
    range: TimeRange
    max_points: int
    def __init__(self, range: _Optional[_Union[TimeRange, _Mapping]] = ..., max_points: _Optional[int] = ...) -> None: ...

class GetFleetHistoryResponse(_message.Message):
    __slots__ = ("bucket_seconds", "timestamp", "total_servers", "critical_count", "critical_count_maximum", "warning_count", "degrading_count", "healthy_count", "silent_count", "average_risk", "maximum_risk", "incident_probability_30m", "incident_probability_30m_maximum", "incident_probability_8h", "incident_probability_8h_maximum", "expected_incidents_8h")
    BUCKET_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SERVERS_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_COUNT_MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    WARNING_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEGRADING_COUNT_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_COUNT_FIELD_NUMBER: _ClassVar[int]
    SILENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_RISK_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_RISK_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_PROBABILITY_30M_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_PROBABILITY_30M_MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_PROBABILITY_8H_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_PROBABILITY_8H_MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_INCIDENTS_8H_FIELD_NUMBER: _ClassVar[int]
    bucket_seconds: int
    timestamp: _containers.RepeatedScalarFieldContainer[int]
    total_servers: _containers.RepeatedScalarFieldContainer[float]
    critical_count: _containers.RepeatedScalarFieldContainer[float]
    critical_count_maximum: _containers.RepeatedScalarFieldContainer[float]
    warning_count: _containers.RepeatedScalarFieldContainer[float]
    degrading_count: _containers.RepeatedScalarFieldContainer[float]
    healthy_count: _containers.RepeatedScalarFieldContainer[float]
    silent_count: _containers.RepeatedScalarFieldContainer[float]
    average_risk: _containers.RepeatedScalarFieldContainer[float]
    maximum_risk: _containers.RepeatedScalarFieldContainer[float]
    incident_probability_30m: _containers.RepeatedScalarFieldContainer[float]
    incident_probability_30m_maximum: _containers.RepeatedScalarFieldContainer[float]
    incident_probability_8h: _containers.RepeatedScalarFieldContainer[float]
    incident_probability_8h_maximum: _containers.RepeatedScalarFieldContainer[float]
    expected_incidents_8h: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, bucket_seconds: _Optional[int] = ..., timestamp: _Optional[_Iterable[int]] = ..., total_servers: _Optional[_Iterable[float]] = ..., critical_count: _Optional[_Iterable[float]] = ..., critical_count_maximum: _Optional[_Iterable[float]] = ..., warning_count: _Optional[_Iterable[float]] = ..., degrading_count: _Optional[_Iterable[float]] = ..., healthy_count: _Optional[_Iterable[float]] = ..., silent_count: _Optional[_Iterable[float]] = ..., average_risk: _Optional[_Iterable[float]] = ..., maximum_risk: _Optional[_Iterable[float]] = ..., incident_probability_30m: _Optional[_Iterable[float]] = ..., incident_probability_30m_maximum: _Optional[_Iterable[float]] = ..., incident_probability_8h: _Optional[_Iterable[float]] = ..., incident_probability_8h_maximum: _Optional[_Iterable[float]] = ..., expected_incidents_8h: _Optional[_Iterable[float]] = ...) -> None: ...

class ExportHistoryRequest(_message.Message):
    __slots__ = ("table", "format", "range", "servers")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    table: HistoryTable
    format: ExportFormat
    range: TimeRange
    servers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, table: _Optional[_Union[HistoryTable, str]] = ..., format: _Optional[_Union[ExportFormat, str]] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., servers: _Optional[_Iterable[str]] = ...) -> None: ...

class ExportHistoryResponse(_message.Message):
    __slots__ = ("chunk",)
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    def __init__(self, chunk: _Optional[bytes] = ...) -> None: ...
