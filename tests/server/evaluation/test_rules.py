"""The linear rule against a naive transcription of what Prometheus computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.evaluation.regression import Lines
from argus_server.evaluation.rules import LinearRule, fires
from argus_server.evaluation.truth import Truth
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.profiles import PROFILE_INDEX
from argus_server.risk.table_file import load_tables

STEP_SECONDS = 300
HOUR = 12
TABLES = load_tables()


def linear_regression(samples: Sequence[tuple[float, float]], evaluated_at: float) -> tuple[float, float]:
    """Slope and intercept as Prometheus computes them: raw sums, time relative to the evaluation."""
    n = sum_x = sum_y = sum_xy = sum_x2 = 0.0
    for time, value in samples:
        x = time - evaluated_at
        n += 1
        sum_x += x
        sum_y += value
        sum_xy += x * value
        sum_x2 += x * x
    covariance = sum_xy - sum_x * sum_y / n
    variance = sum_x2 - sum_x * sum_x / n
    slope = covariance / variance
    return slope, sum_y / n - slope * sum_x / n


def naive_predict_linear(values: np.ndarray, window: int, ahead: int) -> list[float]:
    result = []
    for row in range(len(values)):
        samples = [
            (STEP_SECONDS * at, float(values[at]))
            for at in range(max(0, row - window + 1), row + 1)
            if not np.isnan(values[at])
        ]
        if len(samples) < 2:
            result.append(np.nan)
            continue
        slope, intercept = linear_regression(samples, STEP_SECONDS * row)
        result.append(slope * ahead * STEP_SECONDS + intercept)
    return result


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(st.floats(0, 100, width=32), st.just(np.nan)), min_size=1, max_size=40),
    st.integers(2, 15),
    st.integers(0, 60),
)
def test_the_line_is_that_of_prometheus(points: list[float], window: int, ahead: int) -> None:
    values = np.array(points, dtype=np.float32)
    expected = naive_predict_linear(values, window, ahead)
    found = Lines.through(values[:, None], window).ahead(ahead)[:, 0]
    assert found == pytest.approx(np.array(expected), rel=1e-9, abs=1e-6, nan_ok=True)


def test_the_line_stays_exact_at_the_end_of_a_long_history() -> None:
    """Sums over months are large; a line through an hour at their end must not feel that."""
    rng = np.random.default_rng(1)
    values = (5000 + rng.normal(0, 1, 40_000)).astype(np.float32)
    found = Lines.through(values[:, None], HOUR).ahead(24 * HOUR)[-50:, 0]
    assert found == pytest.approx(naive_predict_linear(values[-100:], HOUR, 24 * HOUR)[-50:], abs=1e-3)


def fired(metric: str, values: np.ndarray, rule: LinearRule, profile: str = "generic") -> np.ndarray:
    history = np.full((len(values), len(METRICS)), np.nan, dtype=np.float32)
    history[:, METRIC_INDEX[metric]] = values
    index = PROFILE_INDEX[profile]
    found = fires({"rule": rule}, Truth.of(history, index, TABLES), index, STEP_SECONDS, TABLES)
    return np.any(list(found["rule"].values()), axis=0)


def test_a_steady_fill_fires_an_hour_after_it_passes_the_warning_level() -> None:
    disk = np.minimum(60 + 0.1 * np.arange(360), 94.9).astype(np.float32)  # 1.2 points an hour
    rows = np.flatnonzero(fired("disk_usage_pct", disk, LinearRule(horizon_hours=24)))
    assert disk[rows[0] - HOUR - 1] < 85 <= disk[rows[0] - HOUR]
    assert (np.diff(rows) == 1).all()


def test_the_shorter_horizon_waits_until_the_line_crosses_within_it() -> None:
    disk = (84 + 0.02 * np.arange(540)).astype(np.float32)  # 0.24 points an hour, 1.92 in 8 hours
    rows = np.flatnonzero(fired("disk_usage_pct", disk, LinearRule(horizon_hours=8)))
    assert disk[rows[0]] == pytest.approx(95 - 1.92 + 0.24, abs=0.05)


def test_a_level_alone_and_a_slope_alone_do_not_fire() -> None:
    flat = np.full(200, 92.0, dtype=np.float32)
    assert not fired("disk_usage_pct", flat, LinearRule()).any()
    steep = np.linspace(5, 80, 200, dtype=np.float32)
    assert not fired("disk_usage_pct", steep, LinearRule()).any()


def test_a_break_in_the_conditions_starts_the_hour_anew() -> None:
    disk = (86 + 0.05 * np.arange(60)).astype(np.float32)
    unbroken = np.flatnonzero(fired("disk_usage_pct", disk, LinearRule()))
    disk[unbroken[0] - 1] = np.nan
    broken = np.flatnonzero(fired("disk_usage_pct", disk, LinearRule()))
    assert broken[0] == unbroken[0] + HOUR


def test_idle_cpu_is_guarded_from_above() -> None:
    idle = (16 - 0.1 * np.arange(60)).astype(np.float32)
    assert fired("cpu_idle_pct", idle, LinearRule(horizon_hours=8)).any()
    assert not fired("cpu_idle_pct", 100 - idle, LinearRule(horizon_hours=8)).any()


def test_a_database_has_its_own_memory_limits() -> None:
    memory = np.minimum(88 + 0.1 * np.arange(90), 97.5).astype(np.float32)
    assert fired("mem_used_pct", memory, LinearRule()).any()
    assert not fired("mem_used_pct", memory, LinearRule(), "database").any()


def test_load_without_known_cores_has_no_rule() -> None:
    assert not fired("load_average", np.arange(200, dtype=np.float32), LinearRule()).any()


def test_without_a_guard_the_slope_alone_fires() -> None:
    steep = np.linspace(5, 80, 200, dtype=np.float32)
    assert fired("disk_usage_pct", steep, LinearRule(guarded=False)).any()


def test_a_rule_may_keep_firing_for_a_while() -> None:
    disk = (86 + 0.05 * np.arange(60)).astype(np.float32)
    disk[40:] = 20.0
    rule = LinearRule(window_hours=1, hold_minutes=0, keep_minutes=30)
    bare = fired("disk_usage_pct", disk, LinearRule(window_hours=1, hold_minutes=0))
    kept = fired("disk_usage_pct", disk, rule)
    off = int(np.flatnonzero(~bare[10:])[0]) + 10
    assert off == 40
    assert kept[off : off + 6].all()
    assert not kept[off + 6]
