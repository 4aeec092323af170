from argus.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrainingMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRAINING_MODE_UNSPECIFIED: _ClassVar[TrainingMode]
    TRAINING_MODE_STANDARD: _ClassVar[TrainingMode]
    TRAINING_MODE_STREAMING: _ClassVar[TrainingMode]
    TRAINING_MODE_INCREMENTAL: _ClassVar[TrainingMode]

class TrainingState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRAINING_STATE_UNSPECIFIED: _ClassVar[TrainingState]
    TRAINING_STATE_RUNNING: _ClassVar[TrainingState]
    TRAINING_STATE_COMPLETED: _ClassVar[TrainingState]
    TRAINING_STATE_FAILED: _ClassVar[TrainingState]
    TRAINING_STATE_CANCELLED: _ClassVar[TrainingState]
TRAINING_MODE_UNSPECIFIED: TrainingMode
TRAINING_MODE_STANDARD: TrainingMode
TRAINING_MODE_STREAMING: TrainingMode
TRAINING_MODE_INCREMENTAL: TrainingMode
TRAINING_STATE_UNSPECIFIED: TrainingState
TRAINING_STATE_RUNNING: TrainingState
TRAINING_STATE_COMPLETED: TrainingState
TRAINING_STATE_FAILED: TrainingState
TRAINING_STATE_CANCELLED: TrainingState

class StartTrainingRequest(_message.Message):
    __slots__ = ("mode", "days", "max_minutes")
    MODE_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    MAX_MINUTES_FIELD_NUMBER: _ClassVar[int]
    mode: TrainingMode
    days: int
    max_minutes: int
    def __init__(self, mode: _Optional[_Union[TrainingMode, str]] = ..., days: _Optional[int] = ..., max_minutes: _Optional[int] = ...) -> None: ...

class StartTrainingResponse(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class WatchTrainingRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class WatchTrainingResponse(_message.Message):
    __slots__ = ("state", "progress_ratio", "remaining_seconds", "validation_loss", "model", "error")
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_RATIO_FIELD_NUMBER: _ClassVar[int]
    REMAINING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_LOSS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    state: TrainingState
    progress_ratio: float
    remaining_seconds: int
    validation_loss: float
    model: _snapshot_pb2.ModelInfo
    error: str
    def __init__(self, state: _Optional[_Union[TrainingState, str]] = ..., progress_ratio: _Optional[float] = ..., remaining_seconds: _Optional[int] = ..., validation_loss: _Optional[float] = ..., model: _Optional[_Union[_snapshot_pb2.ModelInfo, _Mapping]] = ..., error: _Optional[str] = ...) -> None: ...

class CancelTrainingRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class CancelTrainingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
