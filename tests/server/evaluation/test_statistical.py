"""statsforecast's models as baselines, on a series that is short enough to fit in a moment."""

from __future__ import annotations

import numpy as np
import pytest

from argus_server.evaluation.baselines import Task
from argus_server.evaluation.statistical import STATISTICAL, Statistical
from argus_server.metrics import METRIC_INDEX
from tests.server.evaluation.conftest import CPU, NET, history

LOAD = METRIC_INDEX["load_average"]


def task() -> Task:
    values = history(steps=1200).values.copy()
    values[:, NET] = np.nan
    values[:, LOAD] = 2.0
    return Task(values, np.array([900, 1000]), horizon=12, season=24, step_seconds=3600)


@pytest.mark.parametrize("name", STATISTICAL)
def test_it_forecasts_headline_metrics_in_order_and_in_range(name: str) -> None:
    asked = task()
    found = Statistical(name, series_seconds=60.0)(asked)
    assert found.shape == (2, 14, 12, 3)
    assert not np.isnan(found[:, CPU]).any()
    assert (np.diff(found[:, CPU], axis=-1) >= 0).all()
    assert found[:, CPU].min() >= 0
    assert found[:, CPU].max() <= 100
    assert np.abs(found[0, CPU, 0, 1] - np.nanmean(asked.values[880:900, CPU])) < 20
    # A constant needs no fit, and a metric that is no headline metric gets none.
    assert (found[:, LOAD] == 2.0).all()
    assert np.isnan(found[:, METRIC_INDEX["cpu_idle_pct"]]).all()


@pytest.mark.parametrize("name", STATISTICAL)
def test_it_does_not_look_ahead(name: str) -> None:
    asked = task()
    alone = Task(asked.values[:900], asked.origins[:1], 12, 24, 3600)
    np.testing.assert_array_equal(
        Statistical(name, 60.0)(asked)[0, CPU], Statistical(name, 60.0)(alone)[0, CPU]
    )


def test_origins_beyond_the_time_limit_are_left_out_and_counted() -> None:
    baseline = Statistical("theta", series_seconds=0.0)
    assert np.isnan(baseline(task())).all()
    assert baseline.notes()["series_out_of_time"] == 5


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="allowed: auto_ets, theta, auto_arima"):
        Statistical("prophet", 1.0)
