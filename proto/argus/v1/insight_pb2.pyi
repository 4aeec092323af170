from argus.v1 import metrics_pb2 as _metrics_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetDriftRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetDriftResponse(_message.Message):
    __slots__ = ("error_ratio", "distribution_distance", "outside_band_ratio", "retraining_advised", "metrics")
    ERROR_RATIO_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_DISTANCE_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_BAND_RATIO_FIELD_NUMBER: _ClassVar[int]
    RETRAINING_ADVISED_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    error_ratio: float
    distribution_distance: float
    outside_band_ratio: float
    retraining_advised: bool
    metrics: _containers.RepeatedCompositeFieldContainer[MetricDrift]
    def __init__(self, error_ratio: _Optional[float] = ..., distribution_distance: _Optional[float] = ..., outside_band_ratio: _Optional[float] = ..., retraining_advised: bool = ..., metrics: _Optional[_Iterable[_Union[MetricDrift, _Mapping]]] = ...) -> None: ...

class MetricDrift(_message.Message):
    __slots__ = ("metric", "error_ratio", "distribution_distance", "outside_band_ratio")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATIO_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_DISTANCE_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_BAND_RATIO_FIELD_NUMBER: _ClassVar[int]
    metric: _metrics_pb2.Metric
    error_ratio: float
    distribution_distance: float
    outside_band_ratio: float
    def __init__(self, metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., error_ratio: _Optional[float] = ..., distribution_distance: _Optional[float] = ..., outside_band_ratio: _Optional[float] = ...) -> None: ...

class GetCascadeRequest(_message.Message):
    __slots__ = ("minutes",)
    MINUTES_FIELD_NUMBER: _ClassVar[int]
    minutes: int
    def __init__(self, minutes: _Optional[int] = ...) -> None: ...

class GetCascadeResponse(_message.Message):
    __slots__ = ("events", "fleet_correlation")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    FLEET_CORRELATION_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[CascadeEvent]
    fleet_correlation: float
    def __init__(self, events: _Optional[_Iterable[_Union[CascadeEvent, _Mapping]]] = ..., fleet_correlation: _Optional[float] = ...) -> None: ...

class CascadeEvent(_message.Message):
    __slots__ = ("started_at_ms", "metric", "servers", "affected_ratio")
    STARTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    AFFECTED_RATIO_FIELD_NUMBER: _ClassVar[int]
    started_at_ms: int
    metric: _metrics_pb2.Metric
    servers: _containers.RepeatedScalarFieldContainer[str]
    affected_ratio: float
    def __init__(self, started_at_ms: _Optional[int] = ..., metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., servers: _Optional[_Iterable[str]] = ..., affected_ratio: _Optional[float] = ...) -> None: ...
