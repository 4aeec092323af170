"""Which model scores which server, what is compared with what, and the figures that come of it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from argus_server.evaluation.backtest import backtest
from argus_server.evaluation.baselines import Task
from argus_server.evaluation.harness import evaluate
from argus_server.evaluation.protocol import EvaluationError, Protocol
from argus_server.evaluation.summary import buckets, summary, worse_servers
from argus_server.metrics import METRICS
from argus_server.training.corpus import History
from tests.server.evaluation.conftest import CPU, NET, candidate, history

A, B = history("a", seed=1), history("b", seed=2)


def test_each_server_is_scored_by_the_first_model_that_never_saw_it() -> None:
    models = [candidate({"a"}, revision="without-b"), candidate({"b"}, revision="without-a", seed=1)]
    report = evaluate(models, [A, B])
    assert [(one.history.name, one.candidate.revision, one.seen) for one in report.scored] == [
        ("a", "without-a", False),
        ("b", "without-b", False),
    ]
    figures = report.to_json()
    assert figures["servers_seen_in_training"] == []
    assert figures["models"] == [
        {"revision": "without-a", "servers": 1},
        {"revision": "without-b", "servers": 1},
    ]


def test_servers_that_every_model_has_seen_are_told_or_left_out() -> None:
    models = [candidate({"a", "b"}, revision="one"), candidate({"a"}, revision="two")]
    figures = evaluate(models, [A, B]).to_json()
    assert figures["servers"] == ["a", "b"]
    assert figures["servers_seen_in_training"] == ["a"]
    assert figures["models"][0] == {"revision": "one", "servers": 1}
    figures = evaluate(models, [A, B], unseen_only=True).to_json()
    assert figures["servers"] == ["b"]
    assert figures["servers_left_out_as_seen"] == ["a"]
    with pytest.raises(EvaluationError, match="names of all 1 servers"):
        evaluate(models, [A], unseen_only=True)


def test_figures_of_a_perfect_and_of_a_foolish_baseline() -> None:
    """A forecaster that knows the future has no loss; one that says nothing is right is never inside its band."""

    def oracle(task: Task) -> np.ndarray:
        known = task.rows(0, task.horizon).transpose(0, 2, 1)
        return np.repeat(known[..., None], 3, axis=-1)

    def fool(task: Task) -> np.ndarray:
        return oracle(task) + np.array([1.0, 2.0, 3.0], dtype=np.float32)

    figures = evaluate([candidate()], [A, B], baselines={"oracle": oracle, "fool": fool}).to_json()
    perfect, foolish = figures["baselines"]["oracle"], figures["baselines"]["fool"]
    assert (perfect["wql"], perfect["mase_mean"], perfect["coverage"]) == (0.0, 0.0, 1.0)
    assert foolish["coverage"] == 0.0
    # Pinball of an overshoot e at level q is (1 - q) e: 0.9, 1.0 and 0.3, doubled, mean of three.
    rows = Protocol().origins(A)[:, None] + np.arange(96)
    expected = [
        2 * (0.9 + 1.0 + 0.3) / 3 / np.nanmean(np.concatenate([one.values[rows, metric] for one in (A, B)]))
        for metric in (CPU, NET)
    ]
    assert foolish["wql"] == pytest.approx(np.mean(expected), rel=1e-3)


def test_all_are_scored_on_the_same_steps() -> None:
    report = evaluate([candidate()], [A, B])
    for table in report.baselines.values():
        np.testing.assert_array_equal(table.sums.count, report.model.sums.count)
    # CPU has holes, network has none after the first origin, and the others were never measured.
    counted = report.model.sums.count.sum(axis=2)
    assert (counted[:, CPU] < 3 * 96).all()
    assert (counted[:, NET] == 3 * 96).all()
    assert counted.sum() == counted[:, [CPU, NET]].sum() > 0
    assert report.partial == {}


def test_a_baseline_that_forecast_a_part_is_compared_on_that_part() -> None:
    def lazy(task: Task) -> np.ndarray:
        result = np.repeat(task.rows(0, task.horizon).transpose(0, 2, 1)[..., None], 3, axis=-1)
        result[1:] = np.nan
        return result

    report = evaluate([candidate()], [A], baselines={"lazy": lazy})
    same = report.partial["lazy"].sums.count
    np.testing.assert_array_equal(same, report.baselines["lazy"].sums.count)
    assert 0 < same.sum() < report.model.sums.count.sum()
    assert "model_on_the_same_steps" in report.to_json()["baselines"]["lazy"]


def test_the_figures_are_json_and_hold_what_is_promised() -> None:
    other = replace(B, source="elsewhere")
    figures = json.loads(json.dumps(evaluate([candidate()], [A, other]).to_json(), allow_nan=False))
    promised = {"wql", "mase_mean", "mase_median", "coverage", "per_metric", "baselines", "events"}
    assert promised | {"series_beating_seasonal_naive", "protocol", "models", "seconds"} <= figures.keys()
    assert {"wql", "mase_mean"} <= figures["baselines"]["seasonal_naive"].keys()
    assert (figures["series"], figures["origins"]) == (4, 6)
    assert set(figures["per_metric"]) == {METRICS[CPU], METRICS[NET]}
    assert sorted(figures["datasets"]) == ["elsewhere", "fleet"]
    assert figures["datasets"]["elsewhere"]["servers"] == ["b"]
    assert figures["datasets"]["elsewhere"]["wql"] != figures["wql"]


def test_servers_that_are_worse_than_seasonal_naive() -> None:
    """A tenth more is worse, a hundredth more is not."""
    naive = evaluate([candidate()], [A, B]).baselines["seasonal_naive"]
    for factor, worse in ((1.01, [False, False]), (1.1, [True, True])):
        sums = replace(naive.sums, loss=naive.sums.loss * factor)
        assert worse_servers(replace(naive, sums=sums), naive).tolist() == worse
    figures = summary(naive, Protocol(), naive)
    assert figures["servers_worse_than_seasonal_naive_by_5pct"] == 0.0
    assert figures["series_beating_seasonal_naive"] == 0.0
    assert figures["wql_ratio_to_seasonal_naive"] == figures["mase_ratio_to_seasonal_naive"] == 1.0


def test_a_constant_is_no_merit_of_a_band() -> None:
    values = A.values.copy()
    values[:, METRICS.index("mem_used_pct")] = 50.0
    figures = evaluate([candidate()], [replace(A, values=values)]).to_json()
    assert figures["per_metric"]["mem_used_pct"]["coverage_moving"] is None
    assert figures["per_metric"]["mem_used_pct"]["coverage"] is not None
    assert figures["coverage_moving"] != figures["coverage"]


def test_what_cannot_be_scored_is_named() -> None:
    short = history("short", steps=1000, boundary=900)
    with pytest.raises(EvaluationError, match="384 steps of 300 s are needed, the longest has 100"):
        evaluate([candidate()], [short])
    assert evaluate([candidate()], [A, short]).to_json()["servers_too_short"] == ["short"]
    with pytest.raises(EvaluationError, match="there is no server"):
        evaluate([candidate()], [])
    gone = A.values.copy()
    gone[A.boundary + 288 :] = np.nan
    with pytest.raises(EvaluationError, match="shares no metric"):
        evaluate([candidate()], [replace(A, values=gone)])


def test_progress_only_grows_and_ends_at_one() -> None:
    told: list[float] = []
    evaluate([candidate()], [A, B], on_progress=told.append)
    assert all(before <= after for before, after in pairwise(told))
    assert told[-1] == pytest.approx(1.0)


def test_every_other_origin() -> None:
    figures = evaluate([candidate()], [A], protocol=Protocol(origin_stride=2)).to_json()
    assert figures["origins"] == 2
    assert figures["protocol"]["origin_every_steps"] == 192


def test_a_training_run_is_not_lost_to_a_short_test_part() -> None:
    short: History = history(steps=1000, boundary=900)
    figures = backtest(candidate(), [short])
    assert figures["wql"] is None
    assert "too short" in figures["not_scored_because"]
    assert backtest(candidate(), [A])["servers"] == ["a"]


def test_parts_of_the_horizon() -> None:
    names = {"5-30 min": 6, "30-60 min": 6, "1-2 h": 12, "2-4 h": 24, "4-8 h": 48}
    assert {name: len(range(96)[steps]) for name, steps in buckets(Protocol()).items()} == names
    short = buckets(Protocol(step_seconds=900, horizon=4))
    assert {name: len(range(4)[steps]) for name, steps in short.items()} == {"15-30 min": 2, "30-60 min": 2}
