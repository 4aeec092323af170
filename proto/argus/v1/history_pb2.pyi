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
    HISTORY_TABLE_RISK: _ClassVar[HistoryTable]
    HISTORY_TABLE_FORECASTS: _ClassVar[HistoryTable]
    HISTORY_TABLE_ALERT_EVENTS: _ClassVar[HistoryTable]

class ExportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_FORMAT_UNSPECIFIED: _ClassVar[ExportFormat]
    EXPORT_FORMAT_ARROW: _ClassVar[ExportFormat]
    EXPORT_FORMAT_CSV: _ClassVar[ExportFormat]
HISTORY_TABLE_UNSPECIFIED: HistoryTable
HISTORY_TABLE_METRICS: HistoryTable
HISTORY_TABLE_RISK: HistoryTable
HISTORY_TABLE_FORECASTS: HistoryTable
HISTORY_TABLE_ALERT_EVENTS: HistoryTable
EXPORT_FORMAT_UNSPECIFIED: ExportFormat
EXPORT_FORMAT_ARROW: ExportFormat
EXPORT_FORMAT_CSV: ExportFormat

class TimeRange(_message.Message):
    __slots__ = ("start_ms", "end_ms")
    START_MS_FIELD_NUMBER: _ClassVar[int]
    END_MS_FIELD_NUMBER: _ClassVar[int]
    start_ms: int
    end_ms: int
    def __init__(self, start_ms: _Optional[int] = ..., end_ms: _Optional[int] = ...) -> None: ...

class GetHistorySummaryRequest(_message.Message):
    __slots__ = ("range",)
    RANGE_FIELD_NUMBER: _ClassVar[int]
    range: TimeRange
    def __init__(self, range: _Optional[_Union[TimeRange, _Mapping]] = ...) -> None: ...

class GetHistorySummaryResponse(_message.Message):
    __slots__ = ("alerts", "critical_alerts", "resolution_ratio", "mean_time_to_resolve_seconds", "incidents")
    ALERTS_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_ALERTS_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_RATIO_FIELD_NUMBER: _ClassVar[int]
    MEAN_TIME_TO_RESOLVE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    INCIDENTS_FIELD_NUMBER: _ClassVar[int]
    alerts: int
    critical_alerts: int
    resolution_ratio: float
    mean_time_to_resolve_seconds: float
    incidents: int
    def __init__(self, alerts: _Optional[int] = ..., critical_alerts: _Optional[int] = ..., resolution_ratio: _Optional[float] = ..., mean_time_to_resolve_seconds: _Optional[float] = ..., incidents: _Optional[int] = ...) -> None: ...

class ListAlertEventsRequest(_message.Message):
    __slots__ = ("range", "servers")
    RANGE_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    range: TimeRange
    servers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, range: _Optional[_Union[TimeRange, _Mapping]] = ..., servers: _Optional[_Iterable[str]] = ...) -> None: ...

class ListAlertEventsResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[AlertEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[AlertEvent, _Mapping]]] = ...) -> None: ...

class AlertEvent(_message.Message):
    __slots__ = ("alert_id", "server_name", "metric", "at_ms", "event", "level")
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    server_name: str
    metric: _metrics_pb2.Metric
    at_ms: int
    event: str
    level: _snapshot_pb2.AlertLevel
    def __init__(self, alert_id: _Optional[str] = ..., server_name: _Optional[str] = ..., metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., at_ms: _Optional[int] = ..., event: _Optional[str] = ..., level: _Optional[_Union[_snapshot_pb2.AlertLevel, str]] = ...) -> None: ...

class GetServerHistoryRequest(_message.Message):
    __slots__ = ("server_name", "range", "metrics")
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    server_name: str
    range: TimeRange
    metrics: _containers.RepeatedScalarFieldContainer[_metrics_pb2.Metric]
    def __init__(self, server_name: _Optional[str] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., metrics: _Optional[_Iterable[_Union[_metrics_pb2.Metric, str]]] = ...) -> None: ...

class GetServerHistoryResponse(_message.Message):
    __slots__ = ("metrics",)
    METRICS_FIELD_NUMBER: _ClassVar[int]
    metrics: _containers.RepeatedCompositeFieldContainer[MetricHistory]
    def __init__(self, metrics: _Optional[_Iterable[_Union[MetricHistory, _Mapping]]] = ...) -> None: ...

class MetricHistory(_message.Message):
    __slots__ = ("metric", "timestamp", "actual", "p10", "p50", "p90")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ACTUAL_FIELD_NUMBER: _ClassVar[int]
    P10_FIELD_NUMBER: _ClassVar[int]
    P50_FIELD_NUMBER: _ClassVar[int]
    P90_FIELD_NUMBER: _ClassVar[int]
    metric: _metrics_pb2.Metric
    timestamp: _containers.RepeatedScalarFieldContainer[int]
    actual: _containers.RepeatedScalarFieldContainer[float]
    p10: _containers.RepeatedScalarFieldContainer[float]
    p50: _containers.RepeatedScalarFieldContainer[float]
    p90: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., timestamp: _Optional[_Iterable[int]] = ..., actual: _Optional[_Iterable[float]] = ..., p10: _Optional[_Iterable[float]] = ..., p50: _Optional[_Iterable[float]] = ..., p90: _Optional[_Iterable[float]] = ...) -> None: ...

class GetFleetHistoryRequest(_message.Message):
    __slots__ = ("range",)
    RANGE_FIELD_NUMBER: _ClassVar[int]
    range: TimeRange
    def __init__(self, range: _Optional[_Union[TimeRange, _Mapping]] = ...) -> None: ...

class GetFleetHistoryResponse(_message.Message):
    __slots__ = ("points",)
    POINTS_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[FleetHistoryPoint]
    def __init__(self, points: _Optional[_Iterable[_Union[FleetHistoryPoint, _Mapping]]] = ...) -> None: ...

class FleetHistoryPoint(_message.Message):
    __slots__ = ("at_ms", "summary", "environment")
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    summary: _snapshot_pb2.FleetSummary
    environment: _snapshot_pb2.Environment
    def __init__(self, at_ms: _Optional[int] = ..., summary: _Optional[_Union[_snapshot_pb2.FleetSummary, _Mapping]] = ..., environment: _Optional[_Union[_snapshot_pb2.Environment, _Mapping]] = ...) -> None: ...

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
