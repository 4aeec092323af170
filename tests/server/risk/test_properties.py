"""What must hold for any fleet."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.risk.frame import RiskFrame
from argus_server.risk.scoring import RiskInputs, score
from argus_server.risk.table_file import load_tables
from tests.server.risk.fleets import random_fleet, rows

TABLES = load_tables()
SERVERS = 24

# Worse when higher, each up to here; idle CPU is worse when lower. The weightless must not move a score.
RISING = {
    "cpu_user_pct": 100,
    "cpu_sys_pct": 100,
    "cpu_iowait_pct": 100,
    "mem_used_pct": 100,
    "swap_used_pct": 100,
    "disk_usage_pct": 100,
    "back_close_wait": 500,
    "front_close_wait": 500,
    "load_average": 100,
}
WEIGHTLESS = {"java_cpu_pct", "net_in_mb_s", "net_out_mb_s", "uptime_days"}

# Parts that stand in for idle CPU; their sum is cut at 100.
SUBSTITUTES = {"cpu_user_pct", "cpu_sys_pct", "cpu_iowait_pct"}

Floats = npt.NDArray[np.float32]

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 10_000)


def columns_equal(one: RiskFrame, other: RiskFrame) -> None:
    for field in fields(RiskFrame):
        if field.name != "environment":
            left, right = getattr(one, field.name), getattr(other, field.name)
            if isinstance(left, np.ndarray):
                np.testing.assert_array_equal(left, right, err_msg=field.name)
            else:
                assert left == right


def picked(frame: RiskFrame, chosen: npt.NDArray[np.intp]) -> RiskFrame:
    columns: dict[str, Any] = {}
    for field in fields(RiskFrame):
        value = getattr(frame, field.name)
        if isinstance(value, np.ndarray):
            columns[field.name] = value[chosen]
        elif field.name == "cause_texts":
            columns[field.name] = tuple(value[row] for row in chosen.tolist())
    return RiskFrame(**columns, environment=frame.environment)


@few
@given(seeds)
def test_everything_stays_in_its_range(seed: int) -> None:
    frame = score(random_fleet(seed, SERVERS, 24), TABLES)
    for values, top in (
        (frame.scores, 100),
        (frame.cause_points, 100),
        (frame.probability_30m, 1),
        (frame.probability_8h, 1),
        (frame.breach_probabilities, 1),
    ):
        assert (values >= 0).all()
        assert (values <= top).all()
    assert (frame.probability_30m <= frame.probability_8h).all()
    assert (np.isnan(frame.breach_minutes) == (frame.breach_metrics == 0)).all()
    assert frame.environment.incident_probability_30m <= frame.environment.incident_probability_8h


@few
@given(seeds)
def test_order_of_servers_only_orders_rows(seed: int) -> None:
    inputs = random_fleet(seed, SERVERS, 24)
    order = np.random.default_rng(seed).permutation(SERVERS)
    columns_equal(score(rows(inputs, order), TABLES), picked(score(inputs, TABLES), order))


@few
@given(seeds, st.integers(0, SERVERS - 1))
def test_one_server_never_changes_another(seed: int, changed: int) -> None:
    inputs = random_fleet(seed, SERVERS, 24)
    other = random_fleet(seed + 1, SERVERS, 24)
    mixed = {
        field.name: np.concatenate(
            [
                getattr(inputs, field.name)[:changed],
                getattr(other, field.name)[changed : changed + 1],
                getattr(inputs, field.name)[changed + 1 :],
            ]
        )
        for field in fields(RiskInputs)
        if isinstance(getattr(inputs, field.name), np.ndarray)
    }
    rest = np.delete(np.arange(SERVERS), changed)
    before = score(inputs, TABLES)
    after = score(replace(inputs, **mixed), TABLES)
    columns_equal(picked(after, rest), picked(before, rest))


@pytest.mark.parametrize("metric", METRICS)
@few
@given(seeds, st.floats(0.01, 40))
def test_worse_present_value_never_scores_less(metric: str, seed: int, change: float) -> None:
    inputs = random_fleet(seed, SERVERS, 24)
    current = inputs.current.copy()
    worse(current[:, METRIC_INDEX[metric]], metric, change)
    assert_not_less(inputs, replace(inputs, current=current), metric, tolerance=1e-3)


@pytest.mark.parametrize("metric", [name for name in METRICS if name not in SUBSTITUTES])
@few
@given(seeds, st.floats(0.01, 40))
def test_worse_forecast_never_scores_less(metric: str, seed: int, change: float) -> None:
    """The whole distribution shifts, within the range."""
    inputs = random_fleet(seed, SERVERS, 24)
    offset = 45 if metric == "cpu_idle_pct" else 0
    quantiles = (0.55 * inputs.quantiles + offset).astype(np.float32)
    shifted = quantiles.copy()
    worse(shifted[:, METRIC_INDEX[metric]], metric, change)
    before, after = replace(inputs, quantiles=quantiles), replace(inputs, quantiles=shifted)
    assert_not_less(before, after, metric, tolerance=1e-3)


@pytest.mark.parametrize("metric", METRICS)
@few
@given(seeds, st.floats(0.01, 40))
def test_worse_forecast_cut_at_its_range_hardly_scores_less(metric: str, seed: int, change: float) -> None:
    """Cutting narrows a band, which reads as fewer separate chances: worth less than half a point."""
    inputs = random_fleet(seed, SERVERS, 24)
    quantiles = inputs.quantiles.copy()
    worse(quantiles[:, METRIC_INDEX[metric]], metric, change)
    assert_not_less(inputs, replace(inputs, quantiles=quantiles), metric, tolerance=0.5)


def worse(values: Floats, metric: str, change: float) -> None:
    """Shift values in place, cut at the metric's range."""
    if metric == "cpu_idle_pct":
        np.clip(values - change, 0, 100, out=values)
    else:
        np.clip(values + change, 0, RISING.get(metric, 1e9), out=values)


def assert_not_less(before: RiskInputs, after: RiskInputs, metric: str, tolerance: float) -> None:
    calm, bad = score(before, TABLES).scores, score(after, TABLES).scores
    if metric in WEIGHTLESS:
        np.testing.assert_array_equal(bad, calm)
    else:
        assert (bad >= calm - tolerance).all(), (calm - bad).max()
