import datetime

from argus.v1 import metrics_pb2 as _metrics_pb2
from argus.v1 import prediction_pb2 as _prediction_pb2
from argus.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DayOfWeek(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DAY_OF_WEEK_UNSPECIFIED: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_MONDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_TUESDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_WEDNESDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_THURSDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_FRIDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_SATURDAY: _ClassVar[DayOfWeek]
    DAY_OF_WEEK_SUNDAY: _ClassVar[DayOfWeek]
DAY_OF_WEEK_UNSPECIFIED: DayOfWeek
DAY_OF_WEEK_MONDAY: DayOfWeek
DAY_OF_WEEK_TUESDAY: DayOfWeek
DAY_OF_WEEK_WEDNESDAY: DayOfWeek
DAY_OF_WEEK_THURSDAY: DayOfWeek
DAY_OF_WEEK_FRIDAY: DayOfWeek
DAY_OF_WEEK_SATURDAY: DayOfWeek
DAY_OF_WEEK_SUNDAY: DayOfWeek

class AlertRecord(_message.Message):
    __slots__ = ("alert_id", "server_name", "metric", "state", "level", "started_at_ms", "fired_at_ms", "resolved_at_ms", "probability", "minutes_to_breach", "cause", "acknowledged_by", "acknowledged_at_ms", "silence_id", "notes", "subject", "maintenance_window_id", "profile", "risk_score", "updated_at_ms", "fired_count", "resolution")
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
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    MAINTENANCE_WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    RISK_SCORE_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    FIRED_COUNT_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    server_name: str
    metric: _metrics_pb2.Metric
    state: _snapshot_pb2.AlertState
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
    subject: _snapshot_pb2.AlertSubject
    maintenance_window_id: str
    profile: str
    risk_score: float
    updated_at_ms: int
    fired_count: int
    resolution: str
    def __init__(self, alert_id: _Optional[str] = ..., server_name: _Optional[str] = ..., metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., state: _Optional[_Union[_snapshot_pb2.AlertState, str]] = ..., level: _Optional[_Union[_snapshot_pb2.AlertLevel, str]] = ..., started_at_ms: _Optional[int] = ..., fired_at_ms: _Optional[int] = ..., resolved_at_ms: _Optional[int] = ..., probability: _Optional[float] = ..., minutes_to_breach: _Optional[float] = ..., cause: _Optional[str] = ..., acknowledged_by: _Optional[str] = ..., acknowledged_at_ms: _Optional[int] = ..., silence_id: _Optional[str] = ..., notes: _Optional[_Iterable[_Union[AlertNote, _Mapping]]] = ..., subject: _Optional[_Union[_snapshot_pb2.AlertSubject, str]] = ..., maintenance_window_id: _Optional[str] = ..., profile: _Optional[str] = ..., risk_score: _Optional[float] = ..., updated_at_ms: _Optional[int] = ..., fired_count: _Optional[int] = ..., resolution: _Optional[str] = ...) -> None: ...

class AlertNote(_message.Message):
    __slots__ = ("author", "written_at_ms", "text", "request_id")
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_AT_MS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    author: str
    written_at_ms: int
    text: str
    request_id: str
    def __init__(self, author: _Optional[str] = ..., written_at_ms: _Optional[int] = ..., text: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class AlertMatcher(_message.Message):
    __slots__ = ("servers", "metrics", "subjects")
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    servers: _containers.RepeatedScalarFieldContainer[str]
    metrics: _containers.RepeatedScalarFieldContainer[_metrics_pb2.Metric]
    subjects: _containers.RepeatedScalarFieldContainer[_snapshot_pb2.AlertSubject]
    def __init__(self, servers: _Optional[_Iterable[str]] = ..., metrics: _Optional[_Iterable[_Union[_metrics_pb2.Metric, str]]] = ..., subjects: _Optional[_Iterable[_Union[_snapshot_pb2.AlertSubject, str]]] = ...) -> None: ...

class Silence(_message.Message):
    __slots__ = ("silence_id", "matcher", "starts_at_ms", "ends_at_ms", "author", "comment", "active")
    SILENCE_ID_FIELD_NUMBER: _ClassVar[int]
    MATCHER_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_MS_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    silence_id: str
    matcher: AlertMatcher
    starts_at_ms: int
    ends_at_ms: int
    author: str
    comment: str
    active: bool
    def __init__(self, silence_id: _Optional[str] = ..., matcher: _Optional[_Union[AlertMatcher, _Mapping]] = ..., starts_at_ms: _Optional[int] = ..., ends_at_ms: _Optional[int] = ..., author: _Optional[str] = ..., comment: _Optional[str] = ..., active: bool = ...) -> None: ...

class MaintenanceWindow(_message.Message):
    __slots__ = ("window_id", "matcher", "days", "start_time", "time_zone", "duration", "expires_at_ms", "author", "comment", "active", "next_start_ms")
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    MATCHER_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    NEXT_START_MS_FIELD_NUMBER: _ClassVar[int]
    window_id: str
    matcher: AlertMatcher
    days: _containers.RepeatedScalarFieldContainer[DayOfWeek]
    start_time: str
    time_zone: str
    duration: _duration_pb2.Duration
    expires_at_ms: int
    author: str
    comment: str
    active: bool
    next_start_ms: int
    def __init__(self, window_id: _Optional[str] = ..., matcher: _Optional[_Union[AlertMatcher, _Mapping]] = ..., days: _Optional[_Iterable[_Union[DayOfWeek, str]]] = ..., start_time: _Optional[str] = ..., time_zone: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expires_at_ms: _Optional[int] = ..., author: _Optional[str] = ..., comment: _Optional[str] = ..., active: bool = ..., next_start_ms: _Optional[int] = ...) -> None: ...

class ListAlertsRequest(_message.Message):
    __slots__ = ("states", "servers", "min_level", "unacknowledged_only", "unmuted_only", "max_resolved")
    STATES_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    MIN_LEVEL_FIELD_NUMBER: _ClassVar[int]
    UNACKNOWLEDGED_ONLY_FIELD_NUMBER: _ClassVar[int]
    UNMUTED_ONLY_FIELD_NUMBER: _ClassVar[int]
    MAX_RESOLVED_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[_snapshot_pb2.AlertState]
    servers: _containers.RepeatedScalarFieldContainer[str]
    min_level: _snapshot_pb2.AlertLevel
    unacknowledged_only: bool
    unmuted_only: bool
    max_resolved: int
    def __init__(self, states: _Optional[_Iterable[_Union[_snapshot_pb2.AlertState, str]]] = ..., servers: _Optional[_Iterable[str]] = ..., min_level: _Optional[_Union[_snapshot_pb2.AlertLevel, str]] = ..., unacknowledged_only: bool = ..., unmuted_only: bool = ..., max_resolved: _Optional[int] = ...) -> None: ...

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
    __slots__ = ("snapshot", "change", "heartbeat", "draining")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    snapshot: AlertPart
    change: AlertPart
    heartbeat: _prediction_pb2.Heartbeat
    draining: _prediction_pb2.Draining
    def __init__(self, snapshot: _Optional[_Union[AlertPart, _Mapping]] = ..., change: _Optional[_Union[AlertPart, _Mapping]] = ..., heartbeat: _Optional[_Union[_prediction_pb2.Heartbeat, _Mapping]] = ..., draining: _Optional[_Union[_prediction_pb2.Draining, _Mapping]] = ...) -> None: ...

class AlertPart(_message.Message):
    __slots__ = ("alerts", "withdrawn", "last")
    ALERTS_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    alerts: _containers.RepeatedCompositeFieldContainer[AlertRecord]
    withdrawn: _containers.RepeatedScalarFieldContainer[str]
    last: bool
    def __init__(self, alerts: _Optional[_Iterable[_Union[AlertRecord, _Mapping]]] = ..., withdrawn: _Optional[_Iterable[str]] = ..., last: bool = ...) -> None: ...

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
    __slots__ = ("matcher", "duration", "starts_at_ms", "author", "comment", "request_id")
    MATCHER_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_MS_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    matcher: AlertMatcher
    duration: _duration_pb2.Duration
    starts_at_ms: int
    author: str
    comment: str
    request_id: str
    def __init__(self, matcher: _Optional[_Union[AlertMatcher, _Mapping]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., starts_at_ms: _Optional[int] = ..., author: _Optional[str] = ..., comment: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateSilenceResponse(_message.Message):
    __slots__ = ("silence",)
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    silence: Silence
    def __init__(self, silence: _Optional[_Union[Silence, _Mapping]] = ...) -> None: ...

class ExpireSilenceRequest(_message.Message):
    __slots__ = ("silence_id", "author")
    SILENCE_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    silence_id: str
    author: str
    def __init__(self, silence_id: _Optional[str] = ..., author: _Optional[str] = ...) -> None: ...

class ExpireSilenceResponse(_message.Message):
    __slots__ = ("silence",)
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    silence: Silence
    def __init__(self, silence: _Optional[_Union[Silence, _Mapping]] = ...) -> None: ...

class ListSilencesRequest(_message.Message):
    __slots__ = ("include_expired",)
    INCLUDE_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    include_expired: bool
    def __init__(self, include_expired: bool = ...) -> None: ...

class ListSilencesResponse(_message.Message):
    __slots__ = ("silences",)
    SILENCES_FIELD_NUMBER: _ClassVar[int]
    silences: _containers.RepeatedCompositeFieldContainer[Silence]
    def __init__(self, silences: _Optional[_Iterable[_Union[Silence, _Mapping]]] = ...) -> None: ...

class PutMaintenanceWindowRequest(_message.Message):
    __slots__ = ("window",)
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    window: MaintenanceWindow
    def __init__(self, window: _Optional[_Union[MaintenanceWindow, _Mapping]] = ...) -> None: ...

class PutMaintenanceWindowResponse(_message.Message):
    __slots__ = ("window",)
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    window: MaintenanceWindow
    def __init__(self, window: _Optional[_Union[MaintenanceWindow, _Mapping]] = ...) -> None: ...

class DeleteMaintenanceWindowRequest(_message.Message):
    __slots__ = ("window_id", "author")
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    window_id: str
    author: str
    def __init__(self, window_id: _Optional[str] = ..., author: _Optional[str] = ...) -> None: ...

class DeleteMaintenanceWindowResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListMaintenanceWindowsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListMaintenanceWindowsResponse(_message.Message):
    __slots__ = ("windows",)
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    windows: _containers.RepeatedCompositeFieldContainer[MaintenanceWindow]
    def __init__(self, windows: _Optional[_Iterable[_Union[MaintenanceWindow, _Mapping]]] = ...) -> None: ...

class AddAlertNoteRequest(_message.Message):
    __slots__ = ("alert_id", "author", "text", "request_id")
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    author: str
    text: str
    request_id: str
    def __init__(self, alert_id: _Optional[str] = ..., author: _Optional[str] = ..., text: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class AddAlertNoteResponse(_message.Message):
    __slots__ = ("alert",)
    ALERT_FIELD_NUMBER: _ClassVar[int]
    alert: AlertRecord
    def __init__(self, alert: _Optional[_Union[AlertRecord, _Mapping]] = ...) -> None: ...
