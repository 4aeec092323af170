import datetime

from argus.v1 import metrics_pb2 as _metrics_pb2
from argus.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AlertState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_STATE_UNSPECIFIED: _ClassVar[AlertState]
    ALERT_STATE_PENDING: _ClassVar[AlertState]
    ALERT_STATE_FIRING: _ClassVar[AlertState]
    ALERT_STATE_RESOLVED: _ClassVar[AlertState]
ALERT_STATE_UNSPECIFIED: AlertState
ALERT_STATE_PENDING: AlertState
ALERT_STATE_FIRING: AlertState
ALERT_STATE_RESOLVED: AlertState

class AlertRecord(_message.Message):
    __slots__ = ("alert_id", "server_name", "metric", "state", "level", "started_at_ms", "fired_at_ms", "resolved_at_ms", "probability", "minutes_to_breach", "cause", "acknowledged_by", "acknowledged_at_ms", "silence_id", "notes")
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    FIRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    MINUTES_TO_BREACH_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_BY_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    SILENCE_ID_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    server_name: str
    metric: _metrics_pb2.Metric
    state: AlertState
    level: _snapshot_pb2.AlertLevel
    started_at_ms: int
    fired_at_ms: int
    resolved_at_ms: int
    probability: float
    minutes_to_breach: float
    cause: str
    acknowledged_by: str
    acknowledged_at_ms: int
    silence_id: str
    notes: _containers.RepeatedCompositeFieldContainer[AlertNote]
    def __init__(self, alert_id: _Optional[str] = ..., server_name: _Optional[str] = ..., metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., state: _Optional[_Union[AlertState, str]] = ..., level: _Optional[_Union[_snapshot_pb2.AlertLevel, str]] = ..., started_at_ms: _Optional[int] = ..., fired_at_ms: _Optional[int] = ..., resolved_at_ms: _Optional[int] = ..., probability: _Optional[float] = ..., minutes_to_breach: _Optional[float] = ..., cause: _Optional[str] = ..., acknowledged_by: _Optional[str] = ..., acknowledged_at_ms: _Optional[int] = ..., silence_id: _Optional[str] = ..., notes: _Optional[_Iterable[_Union[AlertNote, _Mapping]]] = ...) -> None: ...

class AlertNote(_message.Message):
    __slots__ = ("author", "written_at_ms", "text")
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_AT_MS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    author: str
    written_at_ms: int
    text: str
    def __init__(self, author: _Optional[str] = ..., written_at_ms: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class Silence(_message.Message):
    __slots__ = ("silence_id", "servers", "metrics", "starts_at_ms", "ends_at_ms", "author", "comment")
    SILENCE_ID_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_MS_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    silence_id: str
    servers: _containers.RepeatedScalarFieldContainer[str]
    metrics: _containers.RepeatedScalarFieldContainer[_metrics_pb2.Metric]
    starts_at_ms: int
    ends_at_ms: int
    author: str
    comment: str
    def __init__(self, silence_id: _Optional[str] = ..., servers: _Optional[_Iterable[str]] = ..., metrics: _Optional[_Iterable[_Union[_metrics_pb2.Metric, str]]] = ..., starts_at_ms: _Optional[int] = ..., ends_at_ms: _Optional[int] = ..., author: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...

class ListAlertsRequest(_message.Message):
    __slots__ = ("states", "servers")
    STATES_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[AlertState]
    servers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, states: _Optional[_Iterable[_Union[AlertState, str]]] = ..., servers: _Optional[_Iterable[str]] = ...) -> None: ...

class ListAlertsResponse(_message.Message):
    __slots__ = ("alerts",)
    ALERTS_FIELD_NUMBER: _ClassVar[int]
    alerts: _containers.RepeatedCompositeFieldContainer[AlertRecord]
    def __init__(self, alerts: _Optional[_Iterable[_Union[AlertRecord, _Mapping]]] = ...) -> None: ...

class WatchAlertsRequest(_message.Message):
    __slots__ = ("servers",)
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    servers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, servers: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchAlertsResponse(_message.Message):
    __slots__ = ("alerts",)
    ALERTS_FIELD_NUMBER: _ClassVar[int]
    alerts: _containers.RepeatedCompositeFieldContainer[AlertRecord]
    def __init__(self, alerts: _Optional[_Iterable[_Union[AlertRecord, _Mapping]]] = ...) -> None: ...

class AcknowledgeAlertRequest(_message.Message):
    __slots__ = ("alert_id", "author")
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    author: str
    def __init__(self, alert_id: _Optional[str] = ..., author: _Optional[str] = ...) -> None: ...

class AcknowledgeAlertResponse(_message.Message):
    __slots__ = ("alert",)
    ALERT_FIELD_NUMBER: _ClassVar[int]
    alert: AlertRecord
    def __init__(self, alert: _Optional[_Union[AlertRecord, _Mapping]] = ...) -> None: ...

class CreateSilenceRequest(_message.Message):
    __slots__ = ("servers", "metrics", "duration", "author", "comment")
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    servers: _containers.RepeatedScalarFieldContainer[str]
    metrics: _containers.RepeatedScalarFieldContainer[_metrics_pb2.Metric]
    duration: _duration_pb2.Duration
    author: str
    comment: str
    def __init__(self, servers: _Optional[_Iterable[str]] = ..., metrics: _Optional[_Iterable[_Union[_metrics_pb2.Metric, str]]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., author: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...

class CreateSilenceResponse(_message.Message):
    __slots__ = ("silence",)
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    silence: Silence
    def __init__(self, silence: _Optional[_Union[Silence, _Mapping]] = ...) -> None: ...

class ExpireSilenceRequest(_message.Message):
    __slots__ = ("silence_id",)
    SILENCE_ID_FIELD_NUMBER: _ClassVar[int]
    silence_id: str
    def __init__(self, silence_id: _Optional[str] = ...) -> None: ...

class ExpireSilenceResponse(_message.Message):
    __slots__ = ("silence",)
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    silence: Silence
    def __init__(self, silence: _Optional[_Union[Silence, _Mapping]] = ...) -> None: ...

class AddAlertNoteRequest(_message.Message):
    __slots__ = ("alert_id", "author", "text")
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    author: str
    text: str
    def __init__(self, alert_id: _Optional[str] = ..., author: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class AddAlertNoteResponse(_message.Message):
    __slots__ = ("alert",)
    ALERT_FIELD_NUMBER: _ClassVar[int]
    alert: AlertRecord
    def __init__(self, alert: _Optional[_Union[AlertRecord, _Mapping]] = ...) -> None: ...
