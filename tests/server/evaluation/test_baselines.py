"""Baselines against slow implementations of what they say they do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from argus_server.evaluation import baselines
from argus_server.evaluation.baselines import FAST, Task, empirical, running_quantiles
from argus_server.metrics import METRICS
from tests.server.evaluation.conftest import CPU, NET, history

NAN = float("nan")
LEVELS = (0.1, 0.5, 0.9)


def task(steps: int = 1200, origins: tuple[int, ...] = (900, 1000)) -> Task:
    one = history(steps=steps)
    return Task(one.values, np.array(origins), horizon=96, season=288, step_seconds=300)


def last_known(values: np.ndarray, origin: int) -> float:
    for row in range(origin - 1, -1, -1):
        if not np.isnan(values[row]):
            return float(values[row])
    return NAN


@pytest.mark.parametrize("metric", [CPU, NET])
def test_seasonal_naive_equals_a_slow_one(metric: int) -> None:
    asked = task()
    found = baselines.named(["seasonal_naive"])["seasonal_naive"](asked)
    values = asked.values[:, metric].astype(float)
    for row, origin in enumerate(asked.origins.tolist()):
        changes = [values[t] - values[t - 288] for t in range(288, origin)]
        spread = np.quantile([change for change in changes if not np.isnan(change)], LEVELS)
        for step in range(96):
            yesterday = values[origin + step - 288]
            point = last_known(values, origin) if np.isnan(yesterday) else yesterday
            expected = np.clip(point + spread, 0.0, 100.0 if metric == CPU else np.inf)
            np.testing.assert_allclose(found[row, metric, step], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("hours", [1, 6, 24])
def test_predict_linear_is_the_least_squares_line(hours: int) -> None:
    asked = task()
    found = FAST[f"predict_linear_{hours}h"](asked)
    for row, origin in enumerate(asked.origins.tolist()):
        at = np.arange(origin - hours * 12, origin)
        past = asked.values[at, CPU].astype(float)
        known = ~np.isnan(past)
        slope, intercept = np.polyfit(at[known] - origin, past[known], 1)
        line = intercept + slope * np.arange(96)
        spread = np.quantile(past[known] - (intercept + slope * (at[known] - origin)), (0.1, 0.9))
        np.testing.assert_allclose(found[row, CPU, :, 1], line, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(found[row, CPU, :, 0], line + spread[0], rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(found[row, CPU, :, 2], line + spread[1], rtol=1e-4, atol=1e-3)


def test_climatology_takes_the_quantiles_of_the_past() -> None:
    asked = task(steps=2400, origins=(2200,))
    week, day = FAST["climatology_7d"](asked), FAST["climatology_24h"](asked)
    values = asked.values[:, CPU].astype(float)
    for step in (0, 50, 95):
        same_time = [values[2200 + step - 288 * back] for back in range(1, 8)]
        np.testing.assert_allclose(week[0, CPU, step], np.nanquantile(same_time, LEVELS), rtol=1e-5)
        np.testing.assert_allclose(day[0, CPU, step], np.nanquantile(values[1912:2200], LEVELS), rtol=1e-5)


def test_the_last_value_skips_holes() -> None:
    asked = task()
    asked.values[889, CPU] = 12.5
    asked.values[890:900, CPU] = np.nan
    assert FAST["last_value"](asked)[0, CPU].tolist() == [[12.5] * 3] * 96


@pytest.mark.parametrize("name", sorted(FAST))
def test_no_baseline_looks_ahead(name: str) -> None:
    """What comes at the origin and after it changes nothing."""
    asked = task(origins=(900,))
    baseline = baselines.named([name])[name]
    before = baseline(asked)
    blind = asked.values.copy()
    blind[900:] = 77.0
    after = baseline(Task(blind, asked.origins, 96, 288, 300))
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", sorted(FAST))
def test_every_baseline_answers_in_order_where_anything_was_observed(name: str) -> None:
    asked = task()
    asked.values[300:, NET] = np.nan  # silent for days
    found = baselines.named([name])[name](asked)
    assert found.shape == (2, len(METRICS), 96, 3)
    assert not np.isnan(found[:, [CPU, NET]]).any()
    assert np.isnan(np.delete(found, [CPU, NET], axis=1)).all()
    assert (np.diff(found[:, [CPU, NET]], axis=-1) >= 0).all()
    assert found[:, CPU].min() >= 0
    assert found[:, CPU].max() <= 100


floats = st.floats(-100, 100, width=32) | st.just(NAN)


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=floats))
def test_empirical_quantiles(values: np.ndarray) -> None:
    found = empirical(values, axis=1)
    for row, line in enumerate(values):
        known = line[~np.isnan(line)].astype(float)
        expected = np.quantile(known, LEVELS) if len(known) else [NAN] * 3
        np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-4)


@given(
    hnp.arrays(np.float64, st.integers(0, 30), elements=floats),
    st.lists(st.integers(-3, 35), min_size=1, max_size=5).map(sorted),
)
def test_running_quantiles(values: np.ndarray, ends: list[int]) -> None:
    found = running_quantiles(values, np.array(ends))
    for row, end in enumerate(ends):
        known = values[: max(end, 0)]
        known = known[~np.isnan(known)]
        expected = np.quantile(known, LEVELS) if len(known) else [NAN] * 3
        np.testing.assert_allclose(found[row], expected, rtol=1e-9, atol=1e-9)
