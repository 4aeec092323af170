"""Scores and baselines, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from argus_server.evaluation import baselines
from argus_server.evaluation.scores import Scoreboard

NAN = np.float32(np.nan)


def quantiles(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def board() -> Scoreboard:
    result = Scoreboard()
    target = np.array([10.0, 20.0, NAN], dtype=np.float32)
    result.add("a", 0, 2.0, target, quantiles((8, 9, 12), (21, 22, 23), (0, 0, 0)))
    return result


def test_weighted_quantile_loss() -> None:
    # Pinball at 10: 0.1 * 2, 0.5 * 1, 0.1 * 2; at 20: 0.9 * 1, 0.5 * 2, 0.1 * 3; doubled, mean of three.
    expected = 2 * ((0.2 + 0.5 + 0.2) + (0.9 + 1.0 + 0.3)) / 3 / 30
    assert board().wql(0) == pytest.approx(expected)
    assert np.isnan(board().wql(5))
    assert board().mean_wql(("cpu_user_pct", "mem_used_pct")) == pytest.approx(expected)


def test_mase_and_coverage() -> None:
    assert board().mase().tolist() == [pytest.approx((1 + 2) / 2 / 2.0)]
    assert board().mase(3).tolist() == []
    assert board().coverage() == pytest.approx(0.5)


def test_a_series_without_scale_has_no_mase() -> None:
    result = board()
    result.scales[("a", 0)] = 0.0
    assert result.mase().tolist() == []


def test_share_better() -> None:
    worse = Scoreboard()
    worse.add("a", 0, 2.0, np.array([10.0], dtype=np.float32), quantiles((0, 0, 0)))
    assert board().share_better_than(worse) == 1.0
    assert worse.share_better_than(board()) == 0.0


def test_last_value_skips_holes() -> None:
    past = np.array([1.0, 2.0, NAN], dtype=np.float32)
    assert baselines.last_value(past, 2).tolist() == [[2.0] * 3] * 2


def test_seasonal_naive_repeats_the_season_with_its_spread() -> None:
    past = np.array([9.0, 1.0, NAN, 3.0, 4.0], dtype=np.float32)
    forecast = baselines.seasonal_naive(past, 3, 4, (-0.5, 2.0))
    np.testing.assert_allclose(forecast, [[0.5, 1, 3], [3.5, 4, 6], [2.5, 3, 5]])


def test_seasonal_changes() -> None:
    train = np.array([0.0, 0.0, 1.0, -3.0], dtype=np.float32)
    scale, (low, high) = baselines.seasonal_changes(train, 2)
    assert scale == pytest.approx(2.0)
    assert low == pytest.approx(-2.6)
    assert high == pytest.approx(0.6)
    assert baselines.seasonal_changes(train, 4) == (0.0, (0.0, 0.0))
