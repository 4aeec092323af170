"""Every unary call of the clients: request in, result out. The clients only send them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from argus.v1 import admin_pb2, prediction_pb2, scenario_pb2, snapshot_pb2
from argus_client._admin import ModelArtifact, ScenarioStatus, ServerInfo, ServerStatus
from argus_client._calls import UnaryCall, method_path, parse
from argus_client._enums import Scenario, ServingStatus, View, metric_number, to_number
from argus_client._errors import InvalidArgument
from argus_client._snapshot import FleetForecast, FleetSnapshot, ModelInfo

_HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"

# The contract's limit; a larger number would come back as the same error, one round trip later.
_MAX_HISTORY_STEPS: Final = 288

T = TypeVar("T")
M = TypeVar("M", bound=Message)


def snapshot_filter(
    view: View | str,
    servers: Sequence[str],
    profiles: Sequence[str],
    metrics: Sequence[str],
    min_risk: float,
    outlook: bool = False,
) -> snapshot_pb2.SnapshotFilter:
    """The filter of a snapshot or subscription.

    Raises:
        InvalidArgument: there is no such view or metric, or a list is a single text.
    """
    for name, value in (("servers", servers), ("profiles", profiles), ("metrics", metrics)):
        if isinstance(value, str):
            raise InvalidArgument(f"{name} is the text {value!r}; it must be a list, such as [{value!r}].")
    if view not in list(View):
        raise InvalidArgument(f"There is no view {view!r}; there are {', '.join(View)}.")
    try:
        numbers = [metric_number(name) for name in metrics]
    except ValueError as error:
        raise InvalidArgument(str(error)) from error
    return snapshot_pb2.SnapshotFilter(
        servers=servers,
        profiles=profiles,
        metrics=numbers,
        min_risk=min_risk,
        view=to_number(View(view)),
        outlook=outlook,
    )


def get_snapshot(wanted: snapshot_pb2.SnapshotFilter, as_published: bool) -> UnaryCall[FleetSnapshot]:
    """Asks for the newest snapshot."""
    return UnaryCall(
        method_path(prediction_pb2, "PredictionService", "GetSnapshot"),
        prediction_pb2.GetSnapshotRequest(filter=wanted, as_published=as_published).SerializeToString(),
        lambda data: FleetSnapshot.from_proto(parse(prediction_pb2.GetSnapshotResponse, data).snapshot),
    )


def get_forecast(
    servers: Sequence[str],
    metrics: Sequence[str],
    horizon_steps: int,
    history_steps: int,
    as_published: bool,
) -> UnaryCall[FleetForecast]:
    """Asks for forecasts."""
    wanted = snapshot_filter(View.FULL, servers, (), metrics, 0.0)
    if not servers:
        raise InvalidArgument("servers is empty; name at least one server.")
    if horizon_steps < 0:
        raise InvalidArgument(
            f"horizon_steps is {horizon_steps}; it must be 0, for the whole horizon, or more."
        )
    if not 0 <= history_steps <= _MAX_HISTORY_STEPS:
        raise InvalidArgument(
            f"history_steps is {history_steps}; it must be from 0 to {_MAX_HISTORY_STEPS}. "
            "client.history reaches back further, on servers that record."
        )
    return UnaryCall(
        method_path(prediction_pb2, "PredictionService", "GetForecast"),
        prediction_pb2.GetForecastRequest(
            servers=wanted.servers,
            metrics=wanted.metrics,
            horizon_steps=horizon_steps,
            history_steps=history_steps,
            as_published=as_published,
        ).SerializeToString(),
        lambda data: FleetForecast.from_proto(parse(prediction_pb2.GetForecastResponse, data)),
    )


def get_server_info() -> UnaryCall[ServerInfo]:
    """Asks what the server is."""
    return UnaryCall(
        _admin("GetServerInfo"),
        b"",
        lambda data: ServerInfo.from_proto(parse(admin_pb2.GetServerInfoResponse, data)),
    )


def get_status() -> UnaryCall[ServerStatus]:
    """Asks how the server is doing."""
    return UnaryCall(
        _admin("GetStatus"),
        b"",
        lambda data: ServerStatus.from_proto(parse(admin_pb2.GetStatusResponse, data)),
    )


def list_models() -> UnaryCall[tuple[ModelArtifact, ...]]:
    """Asks for the model artifacts."""
    return UnaryCall(
        _admin("ListModels"),
        b"",
        lambda data: tuple(
            ModelArtifact.from_proto(model) for model in parse(admin_pb2.ListModelsResponse, data).models
        ),
    )


def load_model(name: str) -> UnaryCall[ModelInfo]:
    """Asks for another model."""
    request = admin_pb2.LoadModelRequest(name=name).SerializeToString()
    return _switch_model("LoadModel", request, admin_pb2.LoadModelResponse)


def reload_model() -> UnaryCall[ModelInfo]:
    """Asks for the same model afresh."""
    return _switch_model("ReloadModel", b"", admin_pb2.ReloadModelResponse)


def roll_back_model() -> UnaryCall[ModelInfo]:
    """Asks for the former model."""
    return _switch_model("RollBackModel", b"", admin_pb2.RollBackModelResponse)


def health(service: str) -> UnaryCall[ServingStatus]:
    """Asks whether a service is serving; the empty name asks for the server as a whole."""

    def read(data: bytes) -> ServingStatus:
        number = parse(health_pb2.HealthCheckResponse, data).status
        return ServingStatus(health_pb2.HealthCheckResponse.ServingStatus.Name(number))

    request: bytes = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    return UnaryCall(_HEALTH_CHECK, request, read)


def get_scenario() -> UnaryCall[ScenarioStatus]:
    """Asks for the running scenario."""
    return UnaryCall(
        method_path(scenario_pb2, "ScenarioService", "GetScenario"),
        b"",
        lambda data: ScenarioStatus.from_proto(parse(scenario_pb2.GetScenarioResponse, data).status),
    )


def set_scenario(scenario: Scenario | str) -> UnaryCall[ScenarioStatus]:
    """Asks for another scenario."""
    try:
        number = to_number(Scenario(scenario))
    except ValueError as error:
        raise InvalidArgument(
            f"There is no scenario {scenario!r}; there are {', '.join(list(Scenario)[1:])}."
        ) from error
    return UnaryCall(
        method_path(scenario_pb2, "ScenarioService", "SetScenario"),
        scenario_pb2.SetScenarioRequest(scenario=number).SerializeToString(),
        lambda data: ScenarioStatus.from_proto(parse(scenario_pb2.SetScenarioResponse, data).status),
    )


def _admin(method: str) -> str:
    return method_path(admin_pb2, "AdminService", method)


def _switch_model(method: str, request: bytes, response: Any) -> UnaryCall[ModelInfo]:
    return UnaryCall(
        _admin(method),
        request,
        lambda data: ModelInfo.from_proto(parse(response, data).model),
        deadline="model",
        idempotent=False,
    )
