"""Scores against figures worked out by hand, and against slow loops."""

from __future__ import annotations

import numpy as np
import pytest

from argus_server.evaluation.scores import Scoreboard, Series, Sums, Table, score
from argus_server.metrics import METRICS

NAN = np.float32(np.nan)
CPU, SYS = 0, 1


def table(targets: np.ndarray, quantiles: np.ndarray, scale: float = 2.0) -> Table:
    """Scores of one server of which only the first metric was forecast."""
    board = Scoreboard()
    series = Series(np.full(len(METRICS), scale), np.ones(len(METRICS), dtype=bool))
    board.add("a", series, sums(targets, quantiles))
    return board.table()


def sums(targets: np.ndarray, quantiles: np.ndarray) -> Sums:
    """Sums of [horizon] targets and [horizon, 3] quantiles of the first metric."""
    steps = len(targets)
    all_targets = np.full((1, len(METRICS), steps), NAN, dtype=np.float32)
    all_quantiles = np.full((1, len(METRICS), steps, 3), NAN, dtype=np.float32)
    all_targets[0, CPU], all_quantiles[0, CPU] = targets, quantiles
    return score(all_targets, all_quantiles)


BY_HAND = np.array([10.0, 20.0, NAN]), np.array([(8, 9, 12), (21, 22, 23), (0, 0, 0)])


def test_weighted_quantile_loss_by_hand() -> None:
    # Pinball at 10: 0.1 * 2, 0.5 * 1, 0.1 * 2; at 20: 0.9 * 1, 0.5 * 2, 0.1 * 3; doubled, mean of three.
    expected = 2 * ((0.2 + 0.5 + 0.2) + (0.9 + 1.0 + 0.3)) / 3 / 30
    wql = table(*BY_HAND).wql()
    assert wql[CPU] == pytest.approx(expected)
    assert np.isnan(wql[SYS])


def test_error_coverage_and_interval_score_by_hand() -> None:
    scored = table(*BY_HAND)
    assert scored.mase_of_series()[0, CPU] == pytest.approx((1 + 2) / 2 / 2.0)
    assert np.isnan(scored.mase_of_series()[0, SYS])
    assert scored.coverage(np.ones_like(scored.moving)) == pytest.approx(0.5)
    assert scored.sums.width[0, CPU].sum() == pytest.approx(4 + 2)
    # The band 21 to 23 is missed by 1, which costs ten times the distance.
    assert scored.sums.interval_score[0, CPU].sum() == pytest.approx(4 + 2 + 10)
    assert scored.sums.below[0, CPU].sum(axis=0).tolist() == [1, 1, 2]


def test_a_series_that_never_changed_has_no_scaled_error() -> None:
    assert np.isnan(table(*BY_HAND, scale=0.0).mase_of_series()).all()


def test_vectorised_sums_equal_a_loop() -> None:
    rng = np.random.default_rng(5)
    targets = rng.normal(0, 3, (4, len(METRICS), 6)).astype(np.float32)
    quantiles = np.sort(rng.normal(0, 3, (4, len(METRICS), 6, 3)).astype(np.float32), axis=-1)
    targets[rng.random(targets.shape) < 0.2] = NAN
    quantiles[rng.random(targets.shape) < 0.2] = NAN
    found = score(targets, quantiles)
    for metric in range(len(METRICS)):
        for step in range(6):
            loss = magnitude = covered = count = 0.0
            for origin in range(4):
                y, q = float(targets[origin, metric, step]), quantiles[origin, metric, step].astype(float)
                if np.isnan(y) or np.isnan(q).any():
                    continue
                count += 1
                magnitude += abs(y)
                covered += q[0] <= y <= q[2]
                for level, value in zip((0.1, 0.5, 0.9), q, strict=True):
                    loss += 2 * (level * (y - value) if y >= value else (1 - level) * (value - y)) / 3
            assert found.count[metric, step] == count
            assert found.covered[metric, step] == covered
            assert found.magnitude[metric, step] == pytest.approx(magnitude)
            assert found.loss[metric, step] == pytest.approx(loss)


def test_facts_of_a_series() -> None:
    values = np.full((8, len(METRICS)), NAN, dtype=np.float32)
    values[:, CPU] = [0, 0, 1, -3, NAN, 5, 5, 5]
    values[:, SYS] = [1, 1, 1, 1, 1, 1, NAN, 2]
    series = Series.of(values, boundary=5, season=2)
    assert series.scale[CPU] == pytest.approx((1 + 3) / 2)
    assert series.scale[SYS] == 0.0
    assert series.moving.tolist() == [False, True] + [False] * (len(METRICS) - 2)


def test_a_chosen_part_of_a_table() -> None:
    board = Scoreboard()
    series = Series(np.ones(len(METRICS)), np.ones(len(METRICS), dtype=bool))
    for name, middle in (("a", 1.0), ("b", 2.0)):
        board.add(name, series, sums(np.array([1.0]), np.array([(middle, middle, middle)])))
    part = board.table().of(np.array([False, True]))
    assert part.servers == ("b",)
    assert part.mase_of_series()[0, CPU] == pytest.approx(1.0)
