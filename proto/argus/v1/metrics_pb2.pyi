from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ServerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SERVER_STATE_UNSPECIFIED: _ClassVar[ServerState]
    SERVER_STATE_CRITICAL_ISSUE: _ClassVar[ServerState]
    SERVER_STATE_HEALTHY: _ClassVar[ServerState]
    SERVER_STATE_HEAVY_LOAD: _ClassVar[ServerState]
    SERVER_STATE_IDLE: _ClassVar[ServerState]
    SERVER_STATE_MAINTENANCE: _ClassVar[ServerState]
    SERVER_STATE_MORNING_SPIKE: _ClassVar[ServerState]
    SERVER_STATE_OFFLINE: _ClassVar[ServerState]
    SERVER_STATE_RECOVERY: _ClassVar[ServerState]

class Metric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_UNSPECIFIED: _ClassVar[Metric]
    METRIC_CPU_USER_PCT: _ClassVar[Metric]
    METRIC_CPU_SYS_PCT: _ClassVar[Metric]
    METRIC_CPU_IOWAIT_PCT: _ClassVar[Metric]
    METRIC_CPU_IDLE_PCT: _ClassVar[Metric]
    METRIC_JAVA_CPU_PCT: _ClassVar[Metric]
    METRIC_MEM_USED_PCT: _ClassVar[Metric]
    METRIC_SWAP_USED_PCT: _ClassVar[Metric]
    METRIC_DISK_USAGE_PCT: _ClassVar[Metric]
    METRIC_NET_IN_MB_S: _ClassVar[Metric]
    METRIC_NET_OUT_MB_S: _ClassVar[Metric]
    METRIC_BACK_CLOSE_WAIT: _ClassVar[Metric]
    METRIC_FRONT_CLOSE_WAIT: _ClassVar[Metric]
    METRIC_LOAD_AVERAGE: _ClassVar[Metric]
    METRIC_UPTIME_DAYS: _ClassVar[Metric]
SERVER_STATE_UNSPECIFIED: ServerState
SERVER_STATE_CRITICAL_ISSUE: ServerState
SERVER_STATE_HEALTHY: ServerState
SERVER_STATE_HEAVY_LOAD: ServerState
SERVER_STATE_IDLE: ServerState
SERVER_STATE_MAINTENANCE: ServerState
SERVER_STATE_MORNING_SPIKE: ServerState
SERVER_STATE_OFFLINE: ServerState
SERVER_STATE_RECOVERY: ServerState
METRIC_UNSPECIFIED: Metric
METRIC_CPU_USER_PCT: Metric
METRIC_CPU_SYS_PCT: Metric
METRIC_CPU_IOWAIT_PCT: Metric
METRIC_CPU_IDLE_PCT: Metric
METRIC_JAVA_CPU_PCT: Metric
METRIC_MEM_USED_PCT: Metric
METRIC_SWAP_USED_PCT: Metric
METRIC_DISK_USAGE_PCT: Metric
METRIC_NET_IN_MB_S: Metric
METRIC_NET_OUT_MB_S: Metric
METRIC_BACK_CLOSE_WAIT: Metric
METRIC_FRONT_CLOSE_WAIT: Metric
METRIC_LOAD_AVERAGE: Metric
METRIC_UPTIME_DAYS: Metric

class MetricBatch(_message.Message):
    __slots__ = ("timestamp", "server_name", "state", "cpu_user_pct", "cpu_sys_pct", "cpu_iowait_pct", "cpu_idle_pct", "java_cpu_pct", "mem_used_pct", "swap_used_pct", "disk_usage_pct", "net_in_mb_s", "net_out_mb_s", "back_close_wait", "front_close_wait", "load_average", "uptime_days")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CPU_USER_PCT_FIELD_NUMBER: _ClassVar[int]
    CPU_SYS_PCT_FIELD_NUMBER: _ClassVar[int]
    CPU_IOWAIT_PCT_FIELD_NUMBER: _ClassVar[int]
    CPU_IDLE_PCT_FIELD_NUMBER: _ClassVar[int]
    JAVA_CPU_PCT_FIELD_NUMBER: _ClassVar[int]
    MEM_USED_PCT_FIELD_NUMBER: _ClassVar[int]
    SWAP_USED_PCT_FIELD_NUMBER: _ClassVar[int]
    DISK_USAGE_PCT_FIELD_NUMBER: _ClassVar[int]
    NET_IN_MB_S_FIELD_NUMBER: _ClassVar[int]
    NET_OUT_MB_S_FIELD_NUMBER: _ClassVar[int]
    BACK_CLOSE_WAIT_FIELD_NUMBER: _ClassVar[int]
    FRONT_CLOSE_WAIT_FIELD_NUMBER: _ClassVar[int]
    LOAD_AVERAGE_FIELD_NUMBER: _ClassVar[int]
    UPTIME_DAYS_FIELD_NUMBER: _ClassVar[int]
    timestamp: _containers.RepeatedScalarFieldContainer[int]
    server_name: _containers.RepeatedScalarFieldContainer[str]
    state: _containers.RepeatedScalarFieldContainer[ServerState]
    cpu_user_pct: _containers.RepeatedScalarFieldContainer[float]
    cpu_sys_pct: _containers.RepeatedScalarFieldContainer[float]
    cpu_iowait_pct: _containers.RepeatedScalarFieldContainer[float]
    cpu_idle_pct: _containers.RepeatedScalarFieldContainer[float]
    java_cpu_pct: _containers.RepeatedScalarFieldContainer[float]
    mem_used_pct: _containers.RepeatedScalarFieldContainer[float]
    swap_used_pct: _containers.RepeatedScalarFieldContainer[float]
    disk_usage_pct: _containers.RepeatedScalarFieldContainer[float]
    net_in_mb_s: _containers.RepeatedScalarFieldContainer[float]
    net_out_mb_s: _containers.RepeatedScalarFieldContainer[float]
    back_close_wait: _containers.RepeatedScalarFieldContainer[float]
    front_close_wait: _containers.RepeatedScalarFieldContainer[float]
    load_average: _containers.RepeatedScalarFieldContainer[float]
    uptime_days: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, timestamp: _Optional[_Iterable[int]] = ..., server_name: _Optional[_Iterable[str]] = ..., state: _Optional[_Iterable[_Union[ServerState, str]]] = ..., cpu_user_pct: _Optional[_Iterable[float]] = ..., cpu_sys_pct: _Optional[_Iterable[float]] = ..., cpu_iowait_pct: _Optional[_Iterable[float]] = ..., cpu_idle_pct: _Optional[_Iterable[float]] = ..., java_cpu_pct: _Optional[_Iterable[float]] = ..., mem_used_pct: _Optional[_Iterable[float]] = ..., swap_used_pct: _Optional[_Iterable[float]] = ..., disk_usage_pct: _Optional[_Iterable[float]] = ..., net_in_mb_s: _Optional[_Iterable[float]] = ..., net_out_mb_s: _Optional[_Iterable[float]] = ..., back_close_wait: _Optional[_Iterable[float]] = ..., front_close_wait: _Optional[_Iterable[float]] = ..., load_average: _Optional[_Iterable[float]] = ..., uptime_days: _Optional[_Iterable[float]] = ...) -> None: ...
