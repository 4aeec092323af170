from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from argus.v1 import scenario_pb2, scenario_pb2_grpc
from argus_client.simulator import FleetSimulator
from argus_client.simulator.service import ScenarioServer

from .conftest import START_MS


@pytest.fixture
def fleet() -> FleetSimulator:
    fleet = FleetSimulator(20, seed=1)
    fleet.sample(START_MS)
    return fleet


@pytest.fixture
def stub(fleet: FleetSimulator) -> Iterator[scenario_pb2_grpc.ScenarioServiceStub]:
    with ScenarioServer(fleet) as server, grpc.insecure_channel(server.address) as channel:
        yield scenario_pb2_grpc.ScenarioServiceStub(channel)


def test_scenario_can_be_read_and_switched(
    fleet: FleetSimulator, stub: scenario_pb2_grpc.ScenarioServiceStub
) -> None:
    before = stub.GetScenario(scenario_pb2.GetScenarioRequest(), timeout=5).status
    assert before.scenario == scenario_pb2.SCENARIO_HEALTHY
    assert before.total_servers == 20
    switched = stub.SetScenario(
        scenario_pb2.SetScenarioRequest(scenario=scenario_pb2.SCENARIO_CRITICAL), timeout=5
    ).status
    assert switched.scenario == scenario_pb2.SCENARIO_CRITICAL
    assert switched.since_ms == START_MS
    assert tuple(switched.affected_servers) == fleet.scenario_status().affected
    assert len(switched.affected_servers) == 5
    assert stub.GetScenario(scenario_pb2.GetScenarioRequest(), timeout=5).status == switched


@pytest.mark.parametrize("number", [0, 77])
def test_unknown_scenario_is_an_invalid_argument(
    fleet: FleetSimulator, stub: scenario_pb2_grpc.ScenarioServiceStub, number: int
) -> None:
    request = scenario_pb2.SetScenarioRequest()
    request.scenario = number  # type: ignore[assignment]
    with pytest.raises(grpc.RpcError) as caught:
        stub.SetScenario(request, timeout=5)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    trailers = dict(caught.value.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    details = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(details)
    assert details.field_violations[0].field == "scenario"
    assert fleet.scenario_status().name == "healthy"


def test_every_scenario_has_a_number(stub: scenario_pb2_grpc.ScenarioServiceStub) -> None:
    for number in scenario_pb2.Scenario.values():
        if number:
            request = scenario_pb2.SetScenarioRequest(scenario=number)
            assert stub.SetScenario(request, timeout=5).status.scenario == number


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "10.0.0.1:0", "example.org:0"])
def test_only_this_machine_may_steer(fleet: FleetSimulator, listen: str) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        ScenarioServer(fleet, listen)
