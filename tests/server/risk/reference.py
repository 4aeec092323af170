"""Risk of one server, slow and obvious: plain floats, the tables written out, no array operation.

It shares no code and no table with `argus_server.risk`, so that either finds the other's mistakes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from argus_server.metrics import METRIC_INDEX
from argus_server.profiles import PROFILE_INDEX
from argus_server.risk.scoring import RiskInputs

NEAR = 6

Rows = list[tuple[float, float]]

CURRENT: dict[str, Rows] = {
    "cpu": [(98, 60), (95, 40), (90, 25), (80, 15)],
    "memory": [(98, 50), (95, 30), (90, 15), (85, 10)],
    "iowait": [(30, 40), (20, 25), (10, 15)],
    "swap": [(50, 30), (25, 20), (10, 10)],
    "load": [(12, 20), (8, 10)],
    "disk": [(98, 60), (95, 40), (90, 20), (85, 10)],
    "back": [(300, 25), (100, 10)],
    "front": [(300, 25), (100, 10)],
}
PREDICTED: dict[str, Rows] = {
    "cpu": [(98, 40), (95, 25), (90, 15)],
    "memory": [(98, 30), (95, 20)],
    "iowait": [(30, 25), (20, 15)],
    "swap": [],
    "load": [],
    "disk": [(98, 40), (95, 25), (90, 10)],
    "back": [(300, 15), (100, 5)],
    "front": [(300, 15), (100, 5)],
}
DATABASE_MEMORY: Rows = [(99, 50), (98, 30), (95, 15)]
LOAD_PER_CORE: Rows = [(3, 20), (1.5, 10)]
CRITICAL = {
    "cpu": 95.0,
    "memory": 98.0,
    "iowait": 30.0,
    "swap": 50.0,
    "disk": 95.0,
    "back": 300.0,
    "front": 300.0,
}
METRIC = {
    "memory": "mem_used_pct",
    "iowait": "cpu_iowait_pct",
    "swap": "swap_used_pct",
    "load": "load_average",
    "disk": "disk_usage_pct",
    "back": "back_close_wait",
    "front": "front_close_wait",
}
GROUPS = [("cpu", "load"), ("memory", "swap"), ("iowait",), ("disk",), ("back", "front")]

Band = tuple[float, float, float]


@dataclass(frozen=True)
class Expected:
    """What the reference says about one server."""

    score: float
    probability_near: float
    probability_horizon: float
    breach_metric: int
    breach_threshold: float
    breach_minutes: float
    breach_probability: float


def expected_risk(inputs: RiskInputs, row: int) -> Expected:
    """Risk of one server of the inputs."""
    horizon = inputs.quantiles.shape[2]
    minutes_per_step = inputs.step_seconds / 60
    database = int(inputs.profiles[row]) == PROFILE_INDEX["database"]
    silent = bool(inputs.silent[row])
    cores = float(inputs.cores[row])

    current_points = predicted_points = 0.0
    chance: dict[str, list[float]] = {}
    candidates = []
    for name in CURRENT:
        now = _current(inputs, row, name)
        path = [_band(inputs, row, name, step) for step in range(horizon)]
        critical = CRITICAL.get(name, math.nan)
        now_rows, soon_rows = CURRENT[name], PREDICTED[name]
        if name == "memory" and database:
            critical, now_rows = 99.0, DATABASE_MEMORY
        if name == "load" and not math.isnan(cores):
            now, path = now / cores, [(a / cores, b / cores, c / cores) for a, b, c in path]
            critical, now_rows = 4.0, LOAD_PER_CORE
        current_points += _points(now_rows, now)
        predicted_points += _points(soon_rows, sum(p90 for _, _, p90 in path[:NEAR]) / NEAR)
        chance[name] = _chances(now, path, critical)
        minutes, by_median = _minutes(now, path, critical, chance[name][-1], minutes_per_step)
        metric, threshold = _named(inputs, row, name, critical, cores)
        if not math.isnan(minutes):
            candidates.append((not by_median, minutes, metric, threshold, chance[name][-1]))

    any_group = [
        1 - math.prod(1 - max(chance[name][step] for name in group) for group in GROUPS)
        for step in range(horizon)
    ]
    urgency, before = 0.0, 0.0
    for step, probability in enumerate(any_group):
        urgency += (probability - before) * _urgency((step + 1) * minutes_per_step)
        before = probability
    base = 0.7 * min(current_points, 100) + 0.3 * min(predicted_points, 100)
    score = base + (100 - base) * urgency / 100
    if silent:
        return Expected(max(score, 90.0), 1.0, 1.0, 0, math.nan, math.nan, 0.0)
    first = min(candidates, key=lambda candidate: candidate[:2], default=None)
    breach = (*first[2:4], first[1], first[4]) if first else (0, math.nan, math.nan, 0.0)
    return Expected(score, any_group[NEAR - 1], any_group[-1], *breach)


def _current(inputs: RiskInputs, row: int, name: str) -> float:
    def value(metric: str) -> float:
        return float(inputs.current[row, METRIC_INDEX[metric]])

    if name != "cpu":
        return value(METRIC[name])
    if not math.isnan(value("cpu_idle_pct")):
        return 100 - value("cpu_idle_pct")
    others = [value("cpu_sys_pct"), value("cpu_iowait_pct")]
    total = value("cpu_user_pct") + sum(0.0 if math.isnan(other) else other for other in others)
    return total if math.isnan(total) else min(100.0, total)


def _band(inputs: RiskInputs, row: int, name: str, step: int) -> Band:
    def value(metric: str, quantile: int) -> float:
        return float(inputs.quantiles[row, METRIC_INDEX[metric], step, quantile])

    if name != "cpu":
        return (value(METRIC[name], 0), value(METRIC[name], 1), value(METRIC[name], 2))
    if not math.isnan(value("cpu_idle_pct", 1)):
        return (
            100 - value("cpu_idle_pct", 2),
            100 - value("cpu_idle_pct", 1),
            100 - value("cpu_idle_pct", 0),
        )
    sums = []
    for quantile in range(3):
        others = [value("cpu_sys_pct", quantile), value("cpu_iowait_pct", quantile)]
        total = value("cpu_user_pct", quantile) + sum(0.0 if math.isnan(other) else other for other in others)
        sums.append(total if math.isnan(total) else min(100.0, total))
    return (sums[0], sums[1], sums[2])


def _named(inputs: RiskInputs, row: int, name: str, critical: float, cores: float) -> tuple[int, float]:
    """The metric's number and the threshold in its unit."""
    if name == "cpu":
        idle = METRIC_INDEX["cpu_idle_pct"]
        measured = not math.isnan(inputs.current[row, idle]) or not math.isnan(
            inputs.quantiles[row, idle, 0, 1]
        )
        return (idle + 1, 5.0) if measured else (METRIC_INDEX["cpu_user_pct"] + 1, 95.0)
    return METRIC_INDEX[METRIC[name]] + 1, critical * cores if name == "load" else critical


def _points(table: Rows, value: float) -> float:
    return next((points for least, points in table if value >= least), 0.0)


def _chances(now: float, path: list[Band], critical: float) -> list[float]:
    """Of having crossed by each step."""
    chances = []
    largest, spared = 0.0, 1.0
    first_width = path[0][2] - path[0][0]
    for p10, p50, p90 in path:
        single = _exceedance(p10, p50, p90, critical)
        width = p90 - p10
        weight = min(1.0, first_width / width) ** 1.6 if width > 0 else 1.0
        largest = max(largest, single)
        spared *= (1 - single) ** weight
        chances.append(max(largest, 1 - spared))
    return [1.0] * len(path) if now >= critical else chances


def _exceedance(p10: float, p50: float, p90: float, critical: float) -> float:
    if math.isnan(p50) or math.isnan(critical):
        return 0.0
    width = p90 - p50 if critical > p50 else p50 - p10
    if width <= 0:
        return 1.0 if p50 >= critical else 0.0
    return 1 - NormalDist(p50, width / NormalDist().inv_cdf(0.9)).cdf(critical)


def _minutes(
    now: float, path: list[Band], critical: float, probability: float, minutes_per_step: float
) -> tuple[float, bool]:
    if now >= critical:
        return 0.0, True
    for quantile, by_median in ((1, True), (2, False)):
        if not by_median and probability < 0.2:
            continue
        before = now
        for step, band in enumerate(path):
            if band[quantile] >= critical:
                share = 1.0 if math.isnan(before) else (critical - before) / (band[quantile] - before)
                return (step + min(1.0, max(0.0, share))) * minutes_per_step, by_median
            before = band[quantile]
    return math.nan, False


def _urgency(minutes: float) -> float:
    share = min(1.0, max(0.0, (minutes - 30) / 450))
    return 65 - 10 * share
