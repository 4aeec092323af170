"""The fleet in probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from argus.v1 import snapshot_pb2
from argus_server.risk.calibration import Calibrator, HorizonMap
from argus_server.risk.dependence import Dependence
from argus_server.risk.environment import environment
from argus_server.risk.frame import Environment
from argus_server.risk.scoring import score
from argus_server.risk.table_file import load_tables
from tests.server.risk.fleets import rows, server, steady


def fleet(near: list[float], horizon: list[float] | None = None, judged: bool = True) -> Environment:
    return environment(
        np.array(near, dtype=np.float32),
        np.array(horizon if horizon is not None else near, dtype=np.float32),
        np.full(len(near), judged),
        load_tables().environment,
    )


def test_incidents_are_chances_of_at_least_one_and_expected_counts() -> None:
    found = fleet([0.1, 0.2, 0.5], [0.2, 0.4, 0.75])
    assert found.incident_probability_30m == pytest.approx(1 - 0.9 * 0.8 * 0.5)
    assert found.incident_probability_8h == pytest.approx(1 - 0.8 * 0.6 * 0.25)
    assert found.expected_incidents_30m == pytest.approx(0.8)
    assert found.expected_incidents_8h == pytest.approx(1.35)


def test_one_certain_failure_is_a_certain_incident_in_a_large_fleet() -> None:
    found = fleet([1.0] + [0.0] * 499)
    assert found.incident_probability_30m == 1
    assert found.high_risk_servers == 1


def test_high_risk_is_above_a_half() -> None:
    assert fleet([0.5, 0.51]).high_risk_servers == 1


@pytest.mark.parametrize(
    ("probability", "health"),
    [
        (0.0, snapshot_pb2.FLEET_HEALTH_HEALTHY),
        (0.29, snapshot_pb2.FLEET_HEALTH_HEALTHY),
        (0.31, snapshot_pb2.FLEET_HEALTH_WARNING),
        (0.59, snapshot_pb2.FLEET_HEALTH_WARNING),
        (0.61, snapshot_pb2.FLEET_HEALTH_CRITICAL),
        (1.0, snapshot_pb2.FLEET_HEALTH_CRITICAL),
    ],
)
def test_fleet_health_turns_above_its_boundaries(probability: float, health: int) -> None:
    assert fleet([probability]).fleet_health == health


def test_health_is_unspecified_with_nothing_to_judge_by() -> None:
    assert fleet([]).fleet_health == snapshot_pb2.FLEET_HEALTH_UNSPECIFIED
    assert score(server(), load_tables()).environment.fleet_health == snapshot_pb2.FLEET_HEALTH_UNSPECIFIED
    calm = score(steady({"mem_used_pct": 40}), load_tables()).environment
    assert calm.fleet_health == snapshot_pb2.FLEET_HEALTH_HEALTHY
    assert calm.incident_probability_8h == 0


def test_silent_server_is_an_incident() -> None:
    found = score(server(silent_minutes=20), load_tables()).environment
    assert found.incident_probability_30m == 1
    assert found.high_risk_servers == 1
    assert found.fleet_health == snapshot_pb2.FLEET_HEALTH_CRITICAL


def test_what_the_fleet_states_counts_servers_as_the_calibration_says() -> None:
    inputs = rows(server({"mem_used_pct": 80.0}, {"mem_used_pct": [70.0, 80.0, 90.0]}), [0] * 6)
    maps = (HorizonMap(30.0, 0.0, 1.0),)
    tables = load_tables()
    apart = score(replace(inputs, calibrator=Calibrator(maps)), tables).environment
    bound = Calibrator(maps, (Dependence(30.0, 0.5), Dependence(480.0, 0.25)))
    together = score(replace(inputs, calibrator=bound), tables).environment
    for horizon, exponent in (("30m", 0.5), ("8h", 0.25)):
        alone = getattr(apart, f"incident_probability_{horizon}")
        assert 0.01 < alone < 0.999
        assert getattr(together, f"incident_probability_{horizon}") == pytest.approx(
            1 - (1 - alone) ** exponent, rel=1e-4
        )
