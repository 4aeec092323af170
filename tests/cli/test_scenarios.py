from __future__ import annotations

from collections.abc import Iterator

import pytest

from argus_client.simulator import FleetSimulator
from argus_client.simulator.service import ScenarioServer
from tests.cli.conftest import Command


@pytest.fixture
def simulator() -> Iterator[str]:
    with ScenarioServer(FleetSimulator(20, seed=1, start_ms=0)) as server:
        yield server.address


def test_a_scenario_is_shown_and_switched(argus: Command, simulator: str) -> None:
    before = argus("scenario", "get", "--target", simulator, "--json").json()
    assert set(before) == {"scenario", "since_ms", "affected_servers", "total_servers"}
    assert (before["scenario"], before["affected_servers"], before["total_servers"]) == ("healthy", [], 20)

    switched = argus("scenario", "set", "critical", "--target", simulator, "--json").json()

    assert switched["scenario"] == "critical"
    assert switched["affected_servers"]
    assert argus("scenario", "get", "--json", ARGUS_SCENARIO_TARGET=simulator).json() == switched
    in_words = argus("scenario", "get", "--target", simulator).out
    assert in_words.startswith(f"critical: {switched['affected_servers'][0]}")


@pytest.mark.parametrize("name", ["unspecified", "sunny"])
def test_an_unknown_scenario_is_wrong_usage(argus: Command, simulator: str, name: str) -> None:
    done = argus("scenario", "set", name, "--target", simulator)
    assert done.code == 2
    assert "known are healthy, degrading, critical, cascade" in done.err
    assert argus("scenario", "get", "--target", simulator, "--json").json()["scenario"] == "healthy"


def test_a_server_of_forecasts_has_no_scenario(argus: Command, fleet: str) -> None:
    assert "GetScenario" in argus("scenario", "get", "--target", fleet).error()
