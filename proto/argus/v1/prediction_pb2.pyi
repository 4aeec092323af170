import datetime

from argus.v1 import metrics_pb2 as _metrics_pb2
from argus.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubscribeRequest(_message.Message):
    __slots__ = ("filter", "min_interval", "resume_revision", "resume_instance_id")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    MIN_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    RESUME_REVISION_FIELD_NUMBER: _ClassVar[int]
    RESUME_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    filter: _snapshot_pb2.SnapshotFilter
    min_interval: _duration_pb2.Duration
    resume_revision: int
    resume_instance_id: str
    def __init__(self, filter: _Optional[_Union[_snapshot_pb2.SnapshotFilter, _Mapping]] = ..., min_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., resume_revision: _Optional[int] = ..., resume_instance_id: _Optional[str] = ...) -> None: ...

class SubscribeResponse(_message.Message):
    __slots__ = ("snapshot", "delta", "heartbeat", "resync_required", "draining")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    RESYNC_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    snapshot: SnapshotPart
    delta: SnapshotPart
    heartbeat: Heartbeat
    resync_required: ResyncRequired
    draining: Draining
    def __init__(self, snapshot: _Optional[_Union[SnapshotPart, _Mapping]] = ..., delta: _Optional[_Union[SnapshotPart, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., resync_required: _Optional[_Union[ResyncRequired, _Mapping]] = ..., draining: _Optional[_Union[Draining, _Mapping]] = ...) -> None: ...

class SnapshotPart(_message.Message):
    __slots__ = ("header", "summary", "environment", "servers", "removed_servers", "base_revision", "part", "last", "skipped_revisions")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_SERVERS_FIELD_NUMBER: _ClassVar[int]
    BASE_REVISION_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_REVISIONS_FIELD_NUMBER: _ClassVar[int]
    header: _snapshot_pb2.SnapshotHeader
    summary: _snapshot_pb2.FleetSummary
    environment: _snapshot_pb2.Environment
    servers: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.ServerPrediction]
    removed_servers: _containers.RepeatedScalarFieldContainer[str]
    base_revision: int
    part: int
    last: bool
    skipped_revisions: int
    def __init__(self, header: _Optional[_Union[_snapshot_pb2.SnapshotHeader, _Mapping]] = ..., summary: _Optional[_Union[_snapshot_pb2.FleetSummary, _Mapping]] = ..., environment: _Optional[_Union[_snapshot_pb2.Environment, _Mapping]] = ..., servers: _Optional[_Iterable[_Union[_snapshot_pb2.ServerPrediction, _Mapping]]] = ..., removed_servers: _Optional[_Iterable[str]] = ..., base_revision: _Optional[int] = ..., part: _Optional[int] = ..., last: bool = ..., skipped_revisions: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("revision", "server_time_ms")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    server_time_ms: int
    def __init__(self, revision: _Optional[int] = ..., server_time_ms: _Optional[int] = ...) -> None: ...

class ResyncRequired(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Draining(_message.Message):
    __slots__ = ("reason", "reconnect_after")
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECONNECT_AFTER_FIELD_NUMBER: _ClassVar[int]
    reason: str
    reconnect_after: _duration_pb2.Duration
    def __init__(self, reason: _Optional[str] = ..., reconnect_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GetSnapshotRequest(_message.Message):
    __slots__ = ("filter", "as_published")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AS_PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    filter: _snapshot_pb2.SnapshotFilter
    as_published: bool
    def __init__(self, filter: _Optional[_Union[_snapshot_pb2.SnapshotFilter, _Mapping]] = ..., as_published: bool = ...) -> None: ...

class GetSnapshotResponse(_message.Message):
    __slots__ = ("snapshot",)
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    snapshot: _snapshot_pb2.Snapshot
    def __init__(self, snapshot: _Optional[_Union[_snapshot_pb2.Snapshot, _Mapping]] = ...) -> None: ...

class GetForecastRequest(_message.Message):
    __slots__ = ("servers", "metrics", "horizon_steps", "history_steps", "as_published")
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    HORIZON_STEPS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_STEPS_FIELD_NUMBER: _ClassVar[int]
    AS_PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    servers: _containers.RepeatedScalarFieldContainer[str]
    metrics: _containers.RepeatedScalarFieldContainer[_metrics_pb2.Metric]
    horizon_steps: int
    history_steps: int
    as_published: bool
    def __init__(self, servers: _Optional[_Iterable[str]] = ..., metrics: _Optional[_Iterable[_Union[_metrics_pb2.Metric, str]]] = ..., horizon_steps: _Optional[int] = ..., history_steps: _Optional[int] = ..., as_published: bool = ...) -> None: ...

class GetForecastResponse(_message.Message):
    __slots__ = ("header", "servers")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    header: _snapshot_pb2.SnapshotHeader
    servers: _containers.RepeatedCompositeFieldContainer[ServerForecast]
    def __init__(self, header: _Optional[_Union[_snapshot_pb2.SnapshotHeader, _Mapping]] = ..., servers: _Optional[_Iterable[_Union[ServerForecast, _Mapping]]] = ...) -> None: ...

class ServerForecast(_message.Message):
    __slots__ = ("server_name", "source", "forecasts")
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FORECASTS_FIELD_NUMBER: _ClassVar[int]
    server_name: str
    source: _snapshot_pb2.ForecastSource
    forecasts: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.MetricForecast]
    def __init__(self, server_name: _Optional[str] = ..., source: _Optional[_Union[_snapshot_pb2.ForecastSource, str]] = ..., forecasts: _Optional[_Iterable[_Union[_snapshot_pb2.MetricForecast, _Mapping]]] = ...) -> None: ...
