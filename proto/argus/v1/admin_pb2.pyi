from argus.v1 import ingest_pb2 as _ingest_pb2
from argus.v1 import metrics_pb2 as _metrics_pb2
from argus.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "contract_version", "instance_id", "started_at_ms", "capabilities", "limits", "max_message_bytes", "clock", "max_request_bytes", "thresholds")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_VERSION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    version: str
    contract_version: str
    instance_id: str
    started_at_ms: int
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    limits: _ingest_pb2.IngestLimits
    max_message_bytes: int
    clock: str
    max_request_bytes: int
    thresholds: _containers.RepeatedCompositeFieldContainer[MetricThreshold]
    def __init__(self, version: _Optional[str] = ..., contract_version: _Optional[str] = ..., instance_id: _Optional[str] = ..., started_at_ms: _Optional[int] = ..., capabilities: _Optional[_Iterable[str]] = ..., limits: _Optional[_Union[_ingest_pb2.IngestLimits, _Mapping]] = ..., max_message_bytes: _Optional[int] = ..., clock: _Optional[str] = ..., max_request_bytes: _Optional[int] = ..., thresholds: _Optional[_Iterable[_Union[MetricThreshold, _Mapping]]] = ...) -> None: ...

class MetricThreshold(_message.Message):
    __slots__ = ("metric", "profile", "warning", "critical", "unit", "low_is_bad", "per_core")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    LOW_IS_BAD_FIELD_NUMBER: _ClassVar[int]
    PER_CORE_FIELD_NUMBER: _ClassVar[int]
    metric: _metrics_pb2.Metric
    profile: str
    warning: float
    critical: float
    unit: str
    low_is_bad: bool
    per_core: bool
    def __init__(self, metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., profile: _Optional[str] = ..., warning: _Optional[float] = ..., critical: _Optional[float] = ..., unit: _Optional[str] = ..., low_is_bad: bool = ..., per_core: bool = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("serving", "degraded", "degraded_reason", "model", "servers", "warm_servers", "required_steps", "revision", "subscribers", "ingest_streams", "accepted_rows", "rejected_rows", "duplicate_rows", "uptime_seconds", "clock_ms")
    SERVING_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_REASON_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    WARM_SERVERS_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_STEPS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBERS_FIELD_NUMBER: _ClassVar[int]
    INGEST_STREAMS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_ROWS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ROWS_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_ROWS_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CLOCK_MS_FIELD_NUMBER: _ClassVar[int]
    serving: bool
    degraded: bool
    degraded_reason: str
    model: _snapshot_pb2.ModelInfo
    servers: int
    warm_servers: int
    required_steps: int
    revision: int
    subscribers: int
    ingest_streams: int
    accepted_rows: int
    rejected_rows: int
    duplicate_rows: int
    uptime_seconds: float
    clock_ms: int
    def __init__(self, serving: bool = ..., degraded: bool = ..., degraded_reason: _Optional[str] = ..., model: _Optional[_Union[_snapshot_pb2.ModelInfo, _Mapping]] = ..., servers: _Optional[int] = ..., warm_servers: _Optional[int] = ..., required_steps: _Optional[int] = ..., revision: _Optional[int] = ..., subscribers: _Optional[int] = ..., ingest_streams: _Optional[int] = ..., accepted_rows: _Optional[int] = ..., rejected_rows: _Optional[int] = ..., duplicate_rows: _Optional[int] = ..., uptime_seconds: _Optional[float] = ..., clock_ms: _Optional[int] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelArtifact]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelArtifact, _Mapping]]] = ...) -> None: ...

class ModelArtifact(_message.Message):
    __slots__ = ("name", "revision", "running", "defect", "parameters", "trained_at_ms", "wql")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    DEFECT_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    TRAINED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    WQL_FIELD_NUMBER: _ClassVar[int]
    name: str
    revision: str
    running: bool
    defect: str
    parameters: int
    trained_at_ms: int
    wql: float
    def __init__(self, name: _Optional[str] = ..., revision: _Optional[str] = ..., running: bool = ..., defect: _Optional[str] = ..., parameters: _Optional[int] = ..., trained_at_ms: _Optional[int] = ..., wql: _Optional[float] = ...) -> None: ...

class LoadModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class LoadModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: _snapshot_pb2.ModelInfo
    def __init__(self, model: _Optional[_Union[_snapshot_pb2.ModelInfo, _Mapping]] = ...) -> None: ...

class ReloadModelRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReloadModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: _snapshot_pb2.ModelInfo
    def __init__(self, model: _Optional[_Union[_snapshot_pb2.ModelInfo, _Mapping]] = ...) -> None: ...

class RollBackModelRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RollBackModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: _snapshot_pb2.ModelInfo
    def __init__(self, model: _Optional[_Union[_snapshot_pb2.ModelInfo, _Mapping]] = ...) -> None: ...
