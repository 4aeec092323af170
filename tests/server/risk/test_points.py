"""Every row of the point tables: just below it and at it."""

from __future__ import annotations

import numpy as np
import pytest

from argus_server.profiles import PROFILES
from argus_server.risk.scoring import RiskInputs, score
from argus_server.risk.signals import SignalValues, signal_values
from argus_server.risk.table_file import load_tables
from tests.server.risk.fleets import server

NEAR_STEPS = 6

MEMORY = [(85, 10), (90, 15), (95, 30), (98, 50)]

CURRENT = [
    ("cpu", "cpu_idle_pct", [(80, 15), (90, 25), (95, 40), (98, 60)], {}),
    *[
        ("memory", "mem_used_pct", MEMORY, {"profile": profile})
        for profile in PROFILES
        if profile != "database"
    ],
    ("memory", "mem_used_pct", [(95, 15), (98, 30), (99, 50)], {"profile": "database"}),
    ("iowait", "cpu_iowait_pct", [(10, 15), (20, 25), (30, 40)], {}),
    ("swap", "swap_used_pct", [(10, 10), (25, 20), (50, 30)], {}),
    ("load", "load_average", [(8, 10), (12, 20)], {}),
    ("load", "load_average", [(8, 10), (12, 20)], {"cores": 0.0}),
    ("load", "load_average", [(24, 10), (48, 20)], {"cores": 16.0}),
    ("disk", "disk_usage_pct", [(85, 10), (90, 20), (95, 40), (98, 60)], {}),
    ("back_close_wait", "back_close_wait", [(100, 10), (300, 25)], {}),
    ("front_close_wait", "front_close_wait", [(100, 10), (300, 25)], {}),
]
PREDICTED = [
    ("cpu", "cpu_idle_pct", [(90, 15), (95, 25), (98, 40)], {}),
    ("memory", "mem_used_pct", [(95, 20), (98, 30)], {}),
    ("memory", "mem_used_pct", [(95, 20), (98, 30)], {"profile": "database"}),
    ("iowait", "cpu_iowait_pct", [(20, 15), (30, 25)], {}),
    ("swap", "swap_used_pct", [], {}),
    ("load", "load_average", [], {}),
    ("disk", "disk_usage_pct", [(90, 10), (95, 25), (98, 40)], {}),
    ("back_close_wait", "back_close_wait", [(100, 5), (300, 15)], {}),
    ("front_close_wait", "front_close_wait", [(100, 5), (300, 15)], {}),
]


def values_of(name: str, inputs: RiskInputs) -> SignalValues:
    signal = next(signal for signal in load_tables().signals if signal.name == name)
    return signal_values(signal, inputs.current, inputs.quantiles, inputs.profiles, inputs.cores, NEAR_STEPS)


def as_metric(name: str, value: float) -> float:
    return 100 - value if name == "cpu" else value


def probes(rows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Values with the points they must have: just below and at each row, and far above the last."""
    found, before = [(0.0, 0.0)], 0.0
    for value, points in rows:
        found += [(value - 0.01, before), (value, points)]
        before = points
    return [*found, (rows[-1][0] + 1.5, before)] if rows else [(99.0, 0.0)]


@pytest.mark.parametrize(("name", "metric", "rows", "options"), CURRENT)
def test_present_points(
    name: str, metric: str, rows: list[tuple[float, float]], options: dict[str, object]
) -> None:
    for value, points in probes(rows):
        inputs = server({metric: as_metric(name, value)}, **options)  # type: ignore[arg-type]
        assert values_of(name, inputs).current_points.tolist() == [points], value


@pytest.mark.parametrize(("name", "metric", "rows", "options"), PREDICTED)
def test_predicted_points(
    name: str, metric: str, rows: list[tuple[float, float]], options: dict[str, object]
) -> None:
    for value, points in probes(rows):
        # Median and optimistic quantile are far from the row: only the pessimistic one may count.
        pessimistic, rest = as_metric(name, value), as_metric(name, 0.0)
        band = sorted([rest, rest, pessimistic])
        inputs = server(quantiles={metric: band}, **options)  # type: ignore[arg-type]
        assert values_of(name, inputs).predicted_points.tolist() == [points], value


def test_every_signal_is_probed() -> None:
    names = {signal.name for signal in load_tables().signals}
    assert {name for name, *_ in CURRENT} == {name for name, *_ in PREDICTED} == names


def test_predicted_is_the_mean_of_the_first_six_steps() -> None:
    band = np.tile(np.array([50, 60, 94], dtype=np.float32), (96, 1))
    band[5, 2] = 100  # mean of the six: 95
    band[6:, 2] = 70
    assert values_of("memory", server(quantiles={"mem_used_pct": band})).predicted.tolist() == [95]
    assert values_of("memory", server(quantiles={"mem_used_pct": band})).predicted_points.tolist() == [20]


def test_cpu_in_use_is_what_idle_leaves_whatever_user_says() -> None:
    values = values_of("cpu", server({"cpu_idle_pct": 1.0, "cpu_user_pct": 5.0}))
    assert values.current.tolist() == [99]
    assert values.metrics.tolist() == [4]
    assert values.metric_thresholds.tolist() == [5]


def test_pessimistic_cpu_is_the_low_quantile_of_idle() -> None:
    values = values_of("cpu", server(quantiles={"cpu_idle_pct": [2, 30, 80]}))
    np.testing.assert_array_equal(values.quantiles[0, 0], [20, 70, 98])
    assert values.predicted_points.tolist() == [40]


def test_without_idle_cpu_in_use_is_the_sum_of_its_parts() -> None:
    parts = {"cpu_user_pct": 60.0, "cpu_sys_pct": 20.0, "cpu_iowait_pct": 10.0}
    bands = {"cpu_user_pct": [40, 60, 80], "cpu_sys_pct": [5, 10, 15], "cpu_iowait_pct": [1, 2, 30]}
    values = values_of("cpu", server(parts, bands))
    assert values.current.tolist() == [90]
    np.testing.assert_array_equal(values.quantiles[0, 0], [46, 72, 100])  # 80 + 15 + 30 is cut at 100
    assert values.metrics.tolist() == [1]
    assert values.metric_thresholds.tolist() == [95]


def test_system_time_alone_does_not_tell_the_cpu_in_use() -> None:
    values = values_of("cpu", server({"cpu_sys_pct": 3.0, "cpu_iowait_pct": 1.0}))
    assert np.isnan(values.current).all()


def test_load_has_a_critical_threshold_only_per_core() -> None:
    assert np.isnan(values_of("load", server({"load_average": 500})).critical).all()
    values = values_of("load", server({"load_average": 64}, cores=16.0))
    assert values.current.tolist() == [4]
    assert values.critical.tolist() == [4]
    assert values.metric_thresholds.tolist() == [64]


def test_sides_are_capped_before_weighting() -> None:
    everything = {
        "cpu_iowait_pct": 29.99,
        "mem_used_pct": 97.99,
        "disk_usage_pct": 94.99,
        "cpu_idle_pct": 5.01,
    }
    more = {**everything, "swap_used_pct": 49.99, "back_close_wait": 299.0, "front_close_wait": 299.0}
    # 25 + 30 + 20 + 25 = 100, none of them critical.
    assert score(server(everything), load_tables()).scores.tolist() == [70]
    assert score(server(more), load_tables()).scores.tolist() == [70]
