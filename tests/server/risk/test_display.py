"""The metrics people look at."""

from __future__ import annotations

import numpy as np
import pytest

from argus.v1 import snapshot_pb2
from argus_server.risk.frame import DISPLAY_METRICS, RiskFrame
from argus_server.risk.scoring import RiskInputs, score
from argus_server.risk.table_file import load_tables
from tests.server.risk.fleets import ramp, server

STABLE = snapshot_pb2.TREND_STABLE
RISING = snapshot_pb2.TREND_INCREASING
FALLING = snapshot_pb2.TREND_DECREASING
UNKNOWN = snapshot_pb2.TREND_UNSPECIFIED


def shown(inputs: RiskInputs, name: str) -> tuple[float, float, int]:
    frame: RiskFrame = score(inputs, load_tables())
    column = DISPLAY_METRICS.index(name)
    return (
        float(frame.display_current[0, column]),
        float(frame.display_predicted[0, column]),
        int(frame.trends[0, column]),
    )


def test_every_display_metric_shows_its_own_source() -> None:
    sources = {
        "memory": "mem_used_pct",
        "iowait": "cpu_iowait_pct",
        "swap": "swap_used_pct",
        "load": "load_average",
        "disk": "disk_usage_pct",
        "net_in": "net_in_mb_s",
        "net_out": "net_out_mb_s",
    }
    for name, metric in sources.items():
        assert shown(server({metric: 7}, {metric: [1, 7, 30]}), name) == (7, 7, STABLE)
        assert shown(server({metric: 7}, {metric: [1, 20, 30]}), name) == (7, 20, RISING)
    assert set(sources) | {"cpu"} == set(DISPLAY_METRICS)


def test_predicted_is_the_mean_median_of_six_steps() -> None:
    # 1 a step from 40: the first six medians are 41 to 46.
    assert shown(server({"mem_used_pct": 40}, {"mem_used_pct": ramp(40, 136)}), "memory")[1] == 43.5


def test_cpu_is_what_idle_leaves() -> None:
    assert shown(server({"cpu_idle_pct": 70}, {"cpu_idle_pct": [10, 60, 65]}), "cpu") == (30, 40, RISING)


def test_cpu_without_idle_is_the_sum_of_its_parts() -> None:
    inputs = server(
        {"cpu_user_pct": 30, "cpu_sys_pct": 10}, {"cpu_user_pct": [5, 10, 15], "cpu_sys_pct": [1, 2, 3]}
    )
    assert shown(inputs, "cpu") == (40, 12, FALLING)


@pytest.mark.parametrize(
    ("name", "metric", "current", "predicted", "trend"),
    [
        ("memory", "mem_used_pct", 50, 51, STABLE),
        ("memory", "mem_used_pct", 50, 51.01, RISING),
        ("memory", "mem_used_pct", 50, 49, STABLE),
        ("memory", "mem_used_pct", 50, 48.99, FALLING),
        ("net_in", "net_in_mb_s", 100, 109.9, STABLE),  # a tenth of the present value
        ("net_in", "net_in_mb_s", 100, 110.1, RISING),
        ("net_in", "net_in_mb_s", 0.01, 0.1, STABLE),  # the absolute part
        ("net_in", "net_in_mb_s", 0.01, 0.2, RISING),
    ],
)
def test_trend_has_a_dead_band(name: str, metric: str, current: float, predicted: float, trend: int) -> None:
    inputs = server({metric: current}, {metric: [predicted] * 3})
    assert shown(inputs, name)[2] == trend


def test_unmeasured_is_nan_and_its_trend_unknown() -> None:
    only_now = shown(server({"mem_used_pct": 50}), "memory")
    only_soon = shown(server(quantiles={"mem_used_pct": [1, 2, 3]}), "memory")
    assert np.isnan(only_now[1])
    assert np.isnan(only_soon[0])
    assert only_now[2] == only_soon[2] == UNKNOWN
