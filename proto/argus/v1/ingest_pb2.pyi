import datetime

from argus.v1 import metrics_pb2 as _metrics_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RowRejectionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROW_REJECTION_REASON_UNSPECIFIED: _ClassVar[RowRejectionReason]
    ROW_REJECTION_REASON_NOT_FINITE: _ClassVar[RowRejectionReason]
    ROW_REJECTION_REASON_OUT_OF_RANGE: _ClassVar[RowRejectionReason]
    ROW_REJECTION_REASON_UNKNOWN_STATE: _ClassVar[RowRejectionReason]
    ROW_REJECTION_REASON_EMPTY_NAME: _ClassVar[RowRejectionReason]
    ROW_REJECTION_REASON_NAME_TOO_LONG: _ClassVar[RowRejectionReason]
    ROW_REJECTION_REASON_INVALID_NAME: _ClassVar[RowRejectionReason]
    ROW_REJECTION_REASON_INVALID_TIMESTAMP: _ClassVar[RowRejectionReason]
    ROW_REJECTION_REASON_IN_FUTURE: _ClassVar[RowRejectionReason]
    ROW_REJECTION_REASON_TOO_OLD: _ClassVar[RowRejectionReason]
    ROW_REJECTION_REASON_TOO_MANY_SERVERS: _ClassVar[RowRejectionReason]

class BatchRejectionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BATCH_REJECTION_REASON_UNSPECIFIED: _ClassVar[BatchRejectionReason]
    BATCH_REJECTION_REASON_HELLO_REQUIRED: _ClassVar[BatchRejectionReason]
    BATCH_REJECTION_REASON_HELLO_REPEATED: _ClassVar[BatchRejectionReason]
    BATCH_REJECTION_REASON_INVALID_HELLO: _ClassVar[BatchRejectionReason]
    BATCH_REJECTION_REASON_MALFORMED_MESSAGE: _ClassVar[BatchRejectionReason]
    BATCH_REJECTION_REASON_COLUMN_LENGTH_MISMATCH: _ClassVar[BatchRejectionReason]
    BATCH_REJECTION_REASON_BATCH_TOO_LARGE: _ClassVar[BatchRejectionReason]
    BATCH_REJECTION_REASON_SEQUENCE_GAP: _ClassVar[BatchRejectionReason]
    BATCH_REJECTION_REASON_INVALID_SEQUENCE: _ClassVar[BatchRejectionReason]
    BATCH_REJECTION_REASON_STORAGE_UNAVAILABLE: _ClassVar[BatchRejectionReason]
ROW_REJECTION_REASON_UNSPECIFIED: RowRejectionReason
ROW_REJECTION_REASON_NOT_FINITE: RowRejectionReason
ROW_REJECTION_REASON_OUT_OF_RANGE: RowRejectionReason
ROW_REJECTION_REASON_UNKNOWN_STATE: RowRejectionReason
ROW_REJECTION_REASON_EMPTY_NAME: RowRejectionReason
ROW_REJECTION_REASON_NAME_TOO_LONG: RowRejectionReason
ROW_REJECTION_REASON_INVALID_NAME: RowRejectionReason
ROW_REJECTION_REASON_INVALID_TIMESTAMP: RowRejectionReason
ROW_REJECTION_REASON_IN_FUTURE: RowRejectionReason
ROW_REJECTION_REASON_TOO_OLD: RowRejectionReason
ROW_REJECTION_REASON_TOO_MANY_SERVERS: RowRejectionReason
BATCH_REJECTION_REASON_UNSPECIFIED: BatchRejectionReason
BATCH_REJECTION_REASON_HELLO_REQUIRED: BatchRejectionReason
BATCH_REJECTION_REASON_HELLO_REPEATED: BatchRejectionReason
BATCH_REJECTION_REASON_INVALID_HELLO: BatchRejectionReason
BATCH_REJECTION_REASON_MALFORMED_MESSAGE: BatchRejectionReason
BATCH_REJECTION_REASON_COLUMN_LENGTH_MISMATCH: BatchRejectionReason
BATCH_REJECTION_REASON_BATCH_TOO_LARGE: BatchRejectionReason
BATCH_REJECTION_REASON_SEQUENCE_GAP: BatchRejectionReason
BATCH_REJECTION_REASON_INVALID_SEQUENCE: BatchRejectionReason
BATCH_REJECTION_REASON_STORAGE_UNAVAILABLE: BatchRejectionReason

class StreamMetricsRequest(_message.Message):
    __slots__ = ("hello", "batch")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    batch: SequencedBatch
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., batch: _Optional[_Union[SequencedBatch, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("source_id", "client_name", "client_version")
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    source_id: str
    client_name: str
    client_version: str
    def __init__(self, source_id: _Optional[str] = ..., client_name: _Optional[str] = ..., client_version: _Optional[str] = ...) -> None: ...

class SequencedBatch(_message.Message):
    __slots__ = ("sequence", "metrics")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    metrics: _metrics_pb2.MetricBatch
    def __init__(self, sequence: _Optional[int] = ..., metrics: _Optional[_Union[_metrics_pb2.MetricBatch, _Mapping]] = ...) -> None: ...

class StreamMetricsResponse(_message.Message):
    __slots__ = ("welcome", "ack", "rejection", "draining")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    REJECTION_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    ack: Ack
    rejection: BatchRejection
    draining: IngestDraining
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., rejection: _Optional[_Union[BatchRejection, _Mapping]] = ..., draining: _Optional[_Union[IngestDraining, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("last_sequence", "limits", "tick_interval", "step_seconds", "server_version")
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    TICK_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    STEP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    last_sequence: int
    limits: IngestLimits
    tick_interval: _duration_pb2.Duration
    step_seconds: int
    server_version: str
    def __init__(self, last_sequence: _Optional[int] = ..., limits: _Optional[_Union[IngestLimits, _Mapping]] = ..., tick_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., step_seconds: _Optional[int] = ..., server_version: _Optional[str] = ...) -> None: ...

class IngestLimits(_message.Message):
    __slots__ = ("max_batch_rows", "max_batch_bytes", "max_in_flight_batches", "max_servers")
    MAX_BATCH_ROWS_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_BATCHES_FIELD_NUMBER: _ClassVar[int]
    MAX_SERVERS_FIELD_NUMBER: _ClassVar[int]
    max_batch_rows: int
    max_batch_bytes: int
    max_in_flight_batches: int
    max_servers: int
    def __init__(self, max_batch_rows: _Optional[int] = ..., max_batch_bytes: _Optional[int] = ..., max_in_flight_batches: _Optional[int] = ..., max_servers: _Optional[int] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("sequence", "accepted_rows", "duplicate_rows", "rejected_rows", "rejections", "retry_delay", "warm_up")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_ROWS_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_ROWS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ROWS_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    RETRY_DELAY_FIELD_NUMBER: _ClassVar[int]
    WARM_UP_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    accepted_rows: int
    duplicate_rows: int
    rejected_rows: int
    rejections: _containers.RepeatedCompositeFieldContainer[RowRejection]
    retry_delay: _duration_pb2.Duration
    warm_up: WarmUp
    def __init__(self, sequence: _Optional[int] = ..., accepted_rows: _Optional[int] = ..., duplicate_rows: _Optional[int] = ..., rejected_rows: _Optional[int] = ..., rejections: _Optional[_Iterable[_Union[RowRejection, _Mapping]]] = ..., retry_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., warm_up: _Optional[_Union[WarmUp, _Mapping]] = ...) -> None: ...

class RowRejection(_message.Message):
    __slots__ = ("sequence", "row_index", "field", "reason", "message")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ROW_INDEX_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    row_index: int
    field: str
    reason: RowRejectionReason
    message: str
    def __init__(self, sequence: _Optional[int] = ..., row_index: _Optional[int] = ..., field: _Optional[str] = ..., reason: _Optional[_Union[RowRejectionReason, str]] = ..., message: _Optional[str] = ...) -> None: ...

class BatchRejection(_message.Message):
    __slots__ = ("sequence", "reason", "message", "expected_sequence", "rejected_rows", "retry_delay")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ROWS_FIELD_NUMBER: _ClassVar[int]
    RETRY_DELAY_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    reason: BatchRejectionReason
    message: str
    expected_sequence: int
    rejected_rows: int
    retry_delay: _duration_pb2.Duration
    def __init__(self, sequence: _Optional[int] = ..., reason: _Optional[_Union[BatchRejectionReason, str]] = ..., message: _Optional[str] = ..., expected_sequence: _Optional[int] = ..., rejected_rows: _Optional[int] = ..., retry_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WarmUp(_message.Message):
    __slots__ = ("servers", "warm_servers", "required_steps", "min_observed_steps")
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    WARM_SERVERS_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_STEPS_FIELD_NUMBER: _ClassVar[int]
    MIN_OBSERVED_STEPS_FIELD_NUMBER: _ClassVar[int]
    servers: int
    warm_servers: int
    required_steps: int
    min_observed_steps: int
    def __init__(self, servers: _Optional[int] = ..., warm_servers: _Optional[int] = ..., required_steps: _Optional[int] = ..., min_observed_steps: _Optional[int] = ...) -> None: ...

class IngestDraining(_message.Message):
    __slots__ = ("reconnect_after",)
    RECONNECT_AFTER_FIELD_NUMBER: _ClassVar[int]
    reconnect_after: _duration_pb2.Duration
    def __init__(self, reconnect_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
