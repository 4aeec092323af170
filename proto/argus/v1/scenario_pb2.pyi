from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Scenario(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCENARIO_UNSPECIFIED: _ClassVar[Scenario]
    SCENARIO_HEALTHY: _ClassVar[Scenario]
    SCENARIO_DEGRADING: _ClassVar[Scenario]
    SCENARIO_CRITICAL: _ClassVar[Scenario]
    SCENARIO_CASCADE: _ClassVar[Scenario]
SCENARIO_UNSPECIFIED: Scenario
SCENARIO_HEALTHY: Scenario
SCENARIO_DEGRADING: Scenario
SCENARIO_CRITICAL: Scenario
SCENARIO_CASCADE: Scenario

class GetScenarioRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetScenarioResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: ScenarioStatus
    def __init__(self, status: _Optional[_Union[ScenarioStatus, _Mapping]] = ...) -> None: ...

class SetScenarioRequest(_message.Message):
    __slots__ = ("scenario",)
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    scenario: Scenario
    def __init__(self, scenario: _Optional[_Union[Scenario, str]] = ...) -> None: ...

class SetScenarioResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: ScenarioStatus
    def __init__(self, status: _Optional[_Union[ScenarioStatus, _Mapping]] = ...) -> None: ...

class ScenarioStatus(_message.Message):
    __slots__ = ("scenario", "since_ms", "affected_servers", "total_servers")
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    AFFECTED_SERVERS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SERVERS_FIELD_NUMBER: _ClassVar[int]
    scenario: Scenario
    since_ms: int
    affected_servers: _containers.RepeatedScalarFieldContainer[str]
    total_servers: int
    def __init__(self, scenario: _Optional[_Union[Scenario, str]] = ..., since_ms: _Optional[int] = ..., affected_servers: _Optional[_Iterable[str]] = ..., total_servers: _Optional[int] = ...) -> None: ...
