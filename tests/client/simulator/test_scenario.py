from __future__ import annotations

import threading

import numpy as np
import pytest

from argus_client.samples import METRICS, STATES, Samples
from argus_client.simulator import SCENARIOS, FleetSimulator

from .conftest import START_MS

CRITICAL = STATES.index("critical_issue")
MINUTE_MS = 60_000


class Fleet:
    """A simulator with a clock of its own, 5 s a tick."""

    def __init__(self, servers: int = 40, speed: float = 1.0) -> None:
        self.simulator = FleetSimulator(servers, seed=4, speed=speed)
        self.simulator.backfill(START_MS, hours=1)
        self.now_ms = START_MS

    def run(self, minutes: float) -> Samples:
        """Let time pass; returns the last tick's rows."""
        for _ in range(round(minutes * 12)):
            self.now_ms += 5000
            samples = self.simulator.sample(self.now_ms)
        return samples


def rows_of(samples: Samples, names: tuple[str, ...]) -> np.ndarray:
    return samples.metrics[np.isin(samples.server_name.astype(str), names)]


def badness(metrics: np.ndarray) -> np.ndarray:
    """How near a server is to its nearest limit: CPU in use, memory, I/O wait doubled, connections halved."""
    column = {name: metrics[:, index] for index, name in enumerate(METRICS)}
    return np.max(
        [
            100 - column["cpu_idle_pct"],
            column["mem_used_pct"],
            2 * column["cpu_iowait_pct"],
            np.minimum(column["back_close_wait"] / 2, 100),
        ],
        axis=0,
    )


def test_degrading_ramps_a_fifth_of_the_servers_over_half_an_hour() -> None:
    fleet = Fleet()
    before = fleet.run(1)
    affected = fleet.simulator.set_scenario("degrading").affected
    assert len(affected) == 8
    start = badness(rows_of(before, affected)).mean()
    middle = badness(rows_of(fleet.run(15), affected)).mean()
    assert 0.4 < fleet.simulator.scenario_status().progress < 0.6
    end_samples = fleet.run(16)
    end = badness(rows_of(end_samples, affected)).mean()
    assert start + 3 < middle < end - 3
    assert fleet.simulator.scenario_status().progress == 1
    assert not (end_samples.state == CRITICAL).any()
    assert all(label.failure_ms is None for label in fleet.simulator.labels)


def test_critical_fails_a_quarter_quickly_and_silences_some() -> None:
    fleet = Fleet()
    fleet.run(1)
    affected = fleet.simulator.set_scenario("critical").affected
    assert len(affected) == 10
    halfway = fleet.run(5)
    assert len(halfway) == 40
    assert fleet.simulator.scenario_status().progress > 0.65
    samples = fleet.run(6)
    failed = set(samples.server_name[samples.state == CRITICAL])
    silent = set(fleet.simulator.server_names) - set(samples.server_name)
    assert failed
    assert silent
    assert failed | silent == set(affected)
    assert {label.server_name for label in fleet.simulator.labels if label.failure_ms} == set(affected)
    assert {label.scenario for label in fleet.simulator.labels} == {"critical"}


def test_critical_after_degrading_worsens_the_same_servers() -> None:
    fleet = Fleet()
    fleet.run(1)
    degraded = fleet.simulator.set_scenario("degrading").affected
    before = badness(rows_of(fleet.run(31), degraded))
    status = fleet.simulator.set_scenario("critical")
    assert set(degraded) < set(status.affected)
    first = badness(rows_of(fleet.run(0.1), degraded))
    assert first.mean() > before.mean() - 3  # nobody gets better first
    assert badness(rows_of(fleet.run(11), degraded)).mean() > before.mean() + 3


def test_healthy_calls_everything_off() -> None:
    fleet = Fleet(speed=10)
    calm = fleet.run(1)
    affected = fleet.simulator.set_scenario("critical").affected
    fleet.run(3)
    assert fleet.simulator.set_scenario("healthy").affected == ()
    samples = fleet.run(5)
    assert len(samples) == 40
    assert not (samples.state == CRITICAL).any()
    assert badness(rows_of(samples, affected)).mean() < badness(rows_of(calm, affected)).mean() + 5
    assert all(label.end_ms is not None for label in fleet.simulator.labels)


def test_cascade_starts_at_a_database_and_reaches_its_dependants_later() -> None:
    fleet = Fleet()
    fleet.run(1)
    affected = fleet.simulator.set_scenario("cascade").affected
    labels = fleet.simulator.labels
    sources = [label for label in labels if label.upstream_server is None]
    dependants = [label for label in labels if label.upstream_server is not None]
    assert {label.server_name for label in labels} == set(affected)
    assert sources
    assert all(label.server_name.startswith("ppdb") for label in sources)
    assert len(dependants) >= 4
    assert min(label.onset_ms for label in dependants) > max(label.onset_ms for label in sources)
    calm = fleet.run(0.1)
    early = fleet.run(5)
    iowait, back = METRICS.index("cpu_iowait_pct"), METRICS.index("back_close_wait")
    source_names = tuple(label.server_name for label in sources)
    names = tuple(label.server_name for label in dependants)
    assert (rows_of(early, source_names) - rows_of(calm, source_names))[:, iowait].mean() > 3
    assert abs((rows_of(early, names) - rows_of(calm, names))[:, back].mean()) < 8
    late = fleet.run(45)
    assert (rows_of(late, names) - rows_of(calm, names))[:, back].mean() > 30


def test_speed_shortens_the_ramps() -> None:
    fleet = Fleet(speed=15)
    fleet.run(1)
    affected = fleet.simulator.set_scenario("degrading").affected
    calm = badness(rows_of(fleet.run(0.1), affected)).mean()
    fleet.run(2)
    assert fleet.simulator.scenario_status().progress == 1
    assert badness(rows_of(fleet.run(1), affected)).mean() > calm + 10


def test_unaffected_servers_stay_as_they_were() -> None:
    """A scenario changes the servers it names and, byte for byte, no other."""
    calm, degraded = Fleet(), Fleet()
    affected = degraded.simulator.set_scenario("degrading").affected
    left, right = calm.run(5), degraded.run(5)
    others = ~np.isin(left.server_name.astype(str), affected)
    assert left.metrics[others].tobytes() == right.metrics[others].tobytes()
    assert left.metrics[~others].tobytes() != right.metrics[~others].tobytes()


def test_a_scenario_set_before_the_start_begins_with_the_first_live_sample() -> None:
    simulator = FleetSimulator(20, seed=1, speed=30)
    simulator.set_scenario("critical")
    simulator.backfill(START_MS, hours=2)
    assert simulator.labels == []
    assert simulator.scenario_status().name == "critical"
    simulator.sample(START_MS + 5000)
    assert len(simulator.scenario_status().affected) == 5


def test_unknown_scenario_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'chaos'; known are healthy, degrading, critical, cascade"):
        FleetSimulator(5).set_scenario("chaos")


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("servers", [1, 2])
def test_tiny_fleets_survive_every_scenario(name: str, servers: int) -> None:
    simulator = FleetSimulator(servers, speed=100)
    simulator.sample(START_MS)
    status = simulator.set_scenario(name)
    assert status.name == name
    for minute in range(1, 4):
        simulator.sample(START_MS + minute * MINUTE_MS)


def test_threads_may_change_the_scenario_while_samples_are_taken() -> None:
    simulator = FleetSimulator(30, seed=1, speed=60)
    simulator.sample(START_MS)
    done = threading.Event()
    errors: list[BaseException] = []

    def steer() -> None:
        try:
            while not done.is_set():
                for name in SCENARIOS:
                    assert simulator.set_scenario(name).name == name
                    simulator.scenario_status()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=steer)
    thread.start()
    try:
        for tick in range(1, 150):
            samples = simulator.sample(START_MS + tick * 5000)
            np.testing.assert_allclose(samples.metrics[:, :4].sum(axis=1), 100, atol=1e-3)
    finally:
        done.set()
        thread.join()
    assert not errors
