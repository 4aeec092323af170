from argus.v1 import metrics_pb2 as _metrics_pb2
from argus.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExplainServerRequest(_message.Message):
    __slots__ = ("server_name",)
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    server_name: str
    def __init__(self, server_name: _Optional[str] = ...) -> None: ...

class ExplainServerResponse(_message.Message):
    __slots__ = ("header", "causes", "variable_weights", "attention")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    VARIABLE_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_FIELD_NUMBER: _ClassVar[int]
    header: _snapshot_pb2.SnapshotHeader
    causes: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Cause]
    variable_weights: _containers.RepeatedCompositeFieldContainer[VariableWeight]
    attention: _containers.RepeatedCompositeFieldContainer[StepAttention]
    def __init__(self, header: _Optional[_Union[_snapshot_pb2.SnapshotHeader, _Mapping]] = ..., causes: _Optional[_Iterable[_Union[_snapshot_pb2.Cause, _Mapping]]] = ..., variable_weights: _Optional[_Iterable[_Union[VariableWeight, _Mapping]]] = ..., attention: _Optional[_Iterable[_Union[StepAttention, _Mapping]]] = ...) -> None: ...

class VariableWeight(_message.Message):
    __slots__ = ("variable", "weight")
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    variable: str
    weight: float
    def __init__(self, variable: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class StepAttention(_message.Message):
    __slots__ = ("steps_back", "weight")
    STEPS_BACK_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    steps_back: int
    weight: float
    def __init__(self, steps_back: _Optional[int] = ..., weight: _Optional[float] = ...) -> None: ...

class WhatIfRequest(_message.Message):
    __slots__ = ("server_name", "changes")
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    server_name: str
    changes: _containers.RepeatedCompositeFieldContainer[MetricChange]
    def __init__(self, server_name: _Optional[str] = ..., changes: _Optional[_Iterable[_Union[MetricChange, _Mapping]]] = ...) -> None: ...

class MetricChange(_message.Message):
    __slots__ = ("metric", "delta")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    metric: _metrics_pb2.Metric
    delta: float
    def __init__(self, metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., delta: _Optional[float] = ...) -> None: ...

class WhatIfResponse(_message.Message):
    __slots__ = ("actual", "changed")
    ACTUAL_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    actual: _snapshot_pb2.ServerPrediction
    changed: _snapshot_pb2.ServerPrediction
    def __init__(self, actual: _Optional[_Union[_snapshot_pb2.ServerPrediction, _Mapping]] = ..., changed: _Optional[_Union[_snapshot_pb2.ServerPrediction, _Mapping]] = ...) -> None: ...
