"""The fallback: honest from the first step on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.forecast import fallback
from argus_server.metrics import METRIC_INDEX, METRICS, P10, P50, P90

CPU = METRIC_INDEX["cpu_user_pct"]


def window(steps: int = 288, servers: int = 1) -> np.ndarray:
    return np.full((servers, steps, len(METRICS)), np.nan, dtype=np.float32)


@settings(max_examples=40, deadline=None)
@given(
    observed=st.integers(1, 288),
    missing=st.floats(0.0, 0.95),
    level=st.floats(0.0, 100.0),
    noise=st.floats(0.0, 30.0),
    seed=st.integers(0, 2**31),
)
def test_always_complete_ordered_and_in_range(
    observed: int, missing: float, level: float, noise: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = window(servers=2)
    values[:, -observed:] = rng.normal(level, noise, (2, observed, len(METRICS))).clip(0, 100)
    values[rng.random(values.shape) < missing] = np.nan
    known = ~np.isnan(values).all(axis=1)
    quantiles = fallback.forecast(values, 300, 96)
    assert quantiles.shape == (2, len(METRICS), 96, 3)
    assert np.isfinite(quantiles[known]).all()
    assert np.isnan(quantiles[~known]).all()
    assert (np.diff(quantiles[known], axis=-1) >= 0).all()
    assert (quantiles[known] >= 0).all()
    percentages = np.array([name.endswith("_pct") for name in METRICS])
    assert (quantiles[:, percentages][known[:, percentages]] <= 100).all()


def test_one_reading_gives_that_level_and_a_wide_band() -> None:
    values = window()
    values[0, -1, CPU] = 40.0
    cpu = fallback.forecast(values, 300, 96)[0, CPU]
    np.testing.assert_allclose(cpu[:, P50], 40.0)
    assert cpu[11, P90] - cpu[11, P10] > 15.0
    assert (np.diff(cpu[:, P90]) >= 0).all()


def test_a_leak_is_followed_but_damped() -> None:
    values = window()
    steps = np.arange(72)
    values[0, -72:, METRIC_INDEX["mem_used_pct"]] = 40.0 + 0.2 * steps
    memory = fallback.forecast(values, 300, 96)[0, METRIC_INDEX["mem_used_pct"]]
    last = 40.0 + 0.2 * 71
    assert memory[24, P50] > last
    assert memory[95, P50] < last + 0.2 * 96


def test_noise_is_not_taken_for_a_trend() -> None:
    rng = np.random.default_rng(4)
    values = window(servers=50)
    values[:, -72:, CPU] = rng.normal(50.0, 5.0, (50, 72))
    cpu = fallback.forecast(values, 300, 96)[:, CPU]
    assert np.abs(cpu[:, 95, P50] - cpu[:, 0, P50]).mean() < 2.5


def test_bands_follow_the_servers_own_changes_once_known() -> None:
    rng = np.random.default_rng(4)
    values = window(servers=2)
    values[0, :, CPU] = rng.normal(50.0, 0.5, 288)
    values[1, :, CPU] = rng.normal(50.0, 8.0, 288)
    cpu = fallback.forecast(values, 300, 96)[:, CPU]
    width = cpu[:, 47, P90] - cpu[:, 47, P10]
    assert width[0] < 10.0
    assert width[1] > 3.0 * width[0]


@pytest.mark.parametrize("observed", [12, 60, 288])
def test_the_band_covers_a_stationary_series(observed: int) -> None:
    rng = np.random.default_rng(9)
    values = window(servers=200)
    values[:, -observed:, CPU] = rng.normal(50.0, 5.0, (200, observed))
    cpu = fallback.forecast(values, 300, 96)[:, CPU]
    future = rng.normal(50.0, 5.0, (200, 96))
    covered = (cpu[..., P10] <= future) & (future <= cpu[..., P90])
    assert covered.mean() > 0.75
