"""`argus.v1.ScenarioService`: steer a running simulator from another process on this machine."""

from __future__ import annotations

import ipaddress
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Never

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2

from argus.v1 import scenario_pb2, scenario_pb2_grpc
from argus_client.simulator.fleet import FleetSimulator
from argus_client.simulator.scenario import ScenarioStatus

_NAMES: Final[dict[scenario_pb2.Scenario, str]] = {
    scenario_pb2.SCENARIO_HEALTHY: "healthy",
    scenario_pb2.SCENARIO_DEGRADING: "degrading",
    scenario_pb2.SCENARIO_CRITICAL: "critical",
    scenario_pb2.SCENARIO_CASCADE: "cascade",
}
_NUMBERS: Final = {name: number for number, name in _NAMES.items()}


class ScenarioServicer(scenario_pb2_grpc.ScenarioServiceServicer):
    """Answers for one simulator; the simulator does its own locking."""

    def __init__(self, fleet: FleetSimulator) -> None:
        self._fleet = fleet

    def GetScenario(
        self, request: scenario_pb2.GetScenarioRequest, context: grpc.ServicerContext
    ) -> scenario_pb2.GetScenarioResponse:
        """The running scenario."""
        return scenario_pb2.GetScenarioResponse(status=self._status(self._fleet.scenario_status()))

    def SetScenario(
        self, request: scenario_pb2.SetScenarioRequest, context: grpc.ServicerContext
    ) -> scenario_pb2.SetScenarioResponse:
        """Switch; INVALID_ARGUMENT with a field violation for anything but a known scenario."""
        name = _NAMES.get(request.scenario)
        if name is None:
            _refuse(context, f"scenario must be one of {', '.join(_NUMBERS)}; got number {request.scenario}.")
        return scenario_pb2.SetScenarioResponse(status=self._status(self._fleet.set_scenario(name)))

    def _status(self, status: ScenarioStatus) -> scenario_pb2.ScenarioStatus:
        return scenario_pb2.ScenarioStatus(
            scenario=_NUMBERS[status.name],
            since_ms=status.since_ms,
            affected_servers=status.affected,
            total_servers=len(self._fleet.server_names),
        )


class ScenarioServer:
    """A running gRPC server with the scenario service of one simulator; a context manager that stops it.

    Args:
        fleet: the simulator to steer.
        listen: host and port on the loopback interface; port 0 picks a free one.

    Attributes:
        address: host and port it listens on.

    Raises:
        ValueError: `listen` is not a loopback address: the service asks no one for a key.
        RuntimeError: the port cannot be bound.
    """

    def __init__(self, fleet: FleetSimulator, listen: str = "127.0.0.1:0") -> None:
        host = listen.rpartition(":")[0]
        if not _is_loopback(host):
            raise ValueError(f"The scenario service listens on this machine only; got {listen!r}.")
        self._server = grpc.server(ThreadPoolExecutor(max_workers=2, thread_name_prefix="scenario"))
        scenario_pb2_grpc.add_ScenarioServiceServicer_to_server(ScenarioServicer(fleet), self._server)
        self.address = f"{host}:{self._server.add_insecure_port(listen)}"
        self._server.start()

    def close(self) -> None:
        """Stop listening, and wait until that is done."""
        self._server.stop(grace=0.5).wait()

    def __enter__(self) -> ScenarioServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _refuse(context: grpc.ServicerContext, message: str) -> Never:
    """End the call with INVALID_ARGUMENT and a `google.rpc.BadRequest` that names the field."""
    bad_request = error_details_pb2.BadRequest()
    bad_request.field_violations.add(field="scenario", description=message)
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=message)
    status.details.add().Pack(bad_request)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
