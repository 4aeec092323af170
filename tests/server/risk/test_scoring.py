"""Whole servers, computed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from argus.v1 import snapshot_pb2
from argus_server.metrics import METRIC_INDEX
from argus_server.risk.frame import CauseKind, RiskFrame
from argus_server.risk.scoring import RiskInputs, score
from argus_server.risk.table_file import load_tables
from tests.server.risk.fleets import HORIZON, ramp, random_fleet, server, steady


def scored(inputs: RiskInputs) -> RiskFrame:
    return score(inputs, load_tables())


def certain_at(step: int, before: float = 50.0, after: float = 100.0) -> npt.NDArray[np.float32]:
    """Quantiles that are certain to jump at a step."""
    band = np.full((HORIZON, 3), before, dtype=np.float32)
    band[step - 1 :] = after
    return band


def test_published_formula_where_no_threshold_is_near() -> None:
    """CPU 91 (25, predicted 15) and swap 12 (10): 0.7 * 35 + 0.3 * 15 = 29."""
    frame = scored(steady({"cpu_idle_pct": 9, "swap_used_pct": 12, "mem_used_pct": 50}))
    assert frame.scores.tolist() == [29]
    assert frame.levels.tolist() == [snapshot_pb2.ALERT_LEVEL_HEALTHY]
    assert frame.priorities.tolist() == [snapshot_pb2.ALERT_PRIORITY_HEALTHY]
    assert frame.cause_texts == (("CPU 91 % now", "swap 12 % now"),)
    np.testing.assert_allclose(frame.cause_points, [[22, 7, 0]], rtol=1e-6)  # 0.7 * 25 + 0.3 * 15, 0.7 * 10
    assert frame.breach_metrics.tolist() == [0]
    assert np.isnan(frame.breach_minutes).all()
    assert np.isnan(frame.breach_thresholds).all()


def test_database_may_fill_its_memory() -> None:
    """Memory 96: present 15 for a database and 30 for others, predicted 20 for both."""
    full = {"mem_used_pct": 96.0}
    assert scored(steady(full, profile="database")).scores.tolist() == [pytest.approx(0.7 * 15 + 0.3 * 20)]
    assert scored(steady(full, profile="web_api")).scores.tolist() == [pytest.approx(0.7 * 30 + 0.3 * 20)]
    assert scored(steady({"mem_used_pct": 98.5}, profile="database")).probability_8h.tolist() == [0]
    assert scored(steady({"mem_used_pct": 98.5}, profile="web_api")).probability_8h.tolist() == [1]


def test_crossed_threshold_takes_its_share_of_the_rest() -> None:
    """CPU 99 now and then: base 0.7 * 60 + 0.3 * 40 = 54; urgency 65 of the remaining 46: 83.9."""
    frame = scored(steady({"cpu_idle_pct": 1}))
    assert frame.scores.tolist() == [pytest.approx(54 + 46 * 0.65)]
    assert frame.levels.tolist() == [snapshot_pb2.ALERT_LEVEL_CRITICAL]
    assert frame.cause_texts == (("CPU 99 % now",),)
    assert frame.cause_kinds[0].tolist() == [CauseKind.CURRENT_VALUE, 0, 0]
    assert frame.cause_points[0].tolist() == [pytest.approx(54 + 46 * 0.65), 0, 0]
    assert frame.breach_metrics.tolist() == [METRIC_INDEX["cpu_idle_pct"] + 1]
    assert frame.breach_thresholds.tolist() == [5]
    assert frame.breach_minutes.tolist() == [0]
    assert frame.breach_probabilities.tolist() == [1]


@pytest.mark.parametrize(("elapsed", "left"), [(0.0, 200.0), (4.0, 196.0), (250.0, 1 / 60)])
def test_what_is_left_to_a_breach_counts_from_now(elapsed: float, left: float) -> None:
    filling = server({"disk_usage_pct": 84}, {"disk_usage_pct": ramp(84, 84 + 11 * 480 / 200).clip(0, 100)})
    frame = scored(replace(filling, elapsed_minutes=elapsed))
    assert frame.breach_minutes[0] == pytest.approx(left, abs=0.01)
    assert np.nanmin(frame.signal_minutes) == frame.breach_minutes[0]
    crossed = replace(steady({"cpu_idle_pct": 1}), elapsed_minutes=elapsed)
    assert scored(crossed).breach_minutes.tolist() == [0]


def test_disk_that_fills_in_hours_is_degrading_though_calm_now() -> None:
    """Disk 84 now (no points), certain to reach 95 in 200 minutes: urgency 65 - 10 * 170 / 450 = 61.2."""
    frame = scored(
        server({"disk_usage_pct": 84}, {"disk_usage_pct": ramp(84, 84 + 11 * 480 / 200).clip(0, 100)})
    )
    assert frame.scores[0] == pytest.approx(65 - 10 * 170 / 450, abs=0.02)
    assert frame.breach_minutes[0] == pytest.approx(200, abs=0.01)
    assert frame.breach_metrics.tolist() == [METRIC_INDEX["disk_usage_pct"] + 1]
    assert frame.breach_thresholds.tolist() == [95]
    assert frame.breach_probabilities.tolist() == [1]
    assert frame.probability_30m.tolist() == [0]
    assert frame.probability_8h.tolist() == [1]
    assert frame.cause_texts == (("disk 84 % → 95 % in 3 h 20 min",),)
    assert frame.cause_kinds[0].tolist() == [CauseKind.THRESHOLD_BREACH, 0, 0]


@pytest.mark.parametrize("metric", ["mem_used_pct", "disk_usage_pct", "cpu_iowait_pct", "swap_used_pct"])
@pytest.mark.parametrize(("step", "least"), [(1, 60), (6, 60), (7, 50), (50, 50), (96, 50)])
def test_purely_predicted_failure_reaches_its_rung(metric: str, step: int, least: float) -> None:
    """Certain to break within 30 minutes: at least warning. Within 8 hours: at least degrading."""
    calm = 5.0 if metric in ("cpu_iowait_pct", "swap_used_pct") else 50.0
    frame = scored(server({metric: calm}, {metric: certain_at(step, calm)}))
    assert frame.scores[0] >= least


@pytest.mark.parametrize("probability", [0.93, 0.97])
def test_near_certain_suffices(probability: float) -> None:
    """A band with the given chance of being over 98 in one single step."""
    away = {0.93: 1.4758, 0.97: 1.8808}[probability] / 1.28155
    over = np.array([97 + away, 98 + away, 98.05 + away], dtype=np.float32)
    for step, least in ((3, 60), (96, 50)):
        band = certain_at(step)
        band[step - 1 :] = over
        band[step:] = 50
        frame = scored(server({"mem_used_pct": 50}, {"mem_used_pct": band}))
        assert frame.probability_8h[0] == pytest.approx(probability, abs=0.002)
        assert frame.scores[0] >= least


def test_sooner_scores_more() -> None:
    scores = [
        float(scored(server({"disk_usage_pct": 50}, {"disk_usage_pct": certain_at(step)})).scores[0])
        for step in (6, 12, 24, 48, 96)
    ]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 5


def test_signals_of_one_group_are_one_chance_and_groups_are_several() -> None:
    def chances(*metrics: str) -> float:
        band = {"cpu_idle_pct": [4.0, 20.0, 30.0], "mem_used_pct": [60.0, 80.0, 98.0]}
        band["disk_usage_pct"] = [60.0, 80.0, 95.0]
        band["swap_used_pct"] = [5.0, 20.0, 50.0]
        return float(scored(server(None, {m: band[m] for m in metrics}, horizon=1)).probability_8h[0])

    assert chances("mem_used_pct") == pytest.approx(0.1, abs=1e-4)
    assert chances("mem_used_pct", "swap_used_pct") == pytest.approx(0.1, abs=1e-4)
    assert chances("mem_used_pct", "disk_usage_pct") == pytest.approx(0.19, abs=1e-4)


def test_silent_server_is_critical() -> None:
    frame = scored(server({"mem_used_pct": 30}, {"mem_used_pct": [30, 30, 30]}, silent_minutes=17))
    assert frame.scores.tolist() == [90]
    assert frame.levels.tolist() == [snapshot_pb2.ALERT_LEVEL_CRITICAL]
    assert frame.priorities.tolist() == [snapshot_pb2.ALERT_PRIORITY_IMMINENT_FAILURE]
    assert frame.cause_texts == (("no data for 17 min",),)
    assert frame.cause_kinds[0].tolist() == [CauseKind.SILENT, 0, 0]
    assert frame.cause_metrics[0].tolist() == [0, 0, 0]
    assert frame.cause_points[0].tolist() == [90, 0, 0]


def test_silence_never_lowers_a_score() -> None:
    dying = {"cpu_idle_pct": 0.5, "mem_used_pct": 99.5, "disk_usage_pct": 99.0, "swap_used_pct": 80.0}
    frame = scored(steady(dying, silent_minutes=17))
    assert frame.scores[0] == scored(steady(dying)).scores[0] > 90
    assert frame.breach_metrics.tolist() == [0]


def test_server_without_any_measurement_is_healthy() -> None:
    frame = scored(server())
    assert frame.scores.tolist() == [0]
    assert frame.priorities.tolist() == [snapshot_pb2.ALERT_PRIORITY_HEALTHY]
    assert frame.cause_texts == ((),)
    assert not frame.cause_kinds.any()
    assert not frame.trends.any()
    assert frame.probability_8h.tolist() == [0]


def test_empty_fleet() -> None:
    inputs = random_fleet(0, 0)
    frame = scored(inputs)
    assert frame.scores.shape == (0,)
    assert frame.cause_kinds.shape == (0, 3)
    assert frame.cause_texts == ()


def test_median_crossing_is_named_before_an_earlier_pessimistic_one() -> None:
    memory = ramp(80, 80)
    memory[:, 2] = 99  # only the pessimist crosses, at once
    frame = scored(
        server(
            {"mem_used_pct": 80, "disk_usage_pct": 90},
            {"mem_used_pct": memory, "disk_usage_pct": certain_at(12, before=90, after=96)},
        )
    )
    assert frame.breach_metrics.tolist() == [METRIC_INDEX["disk_usage_pct"] + 1]
    assert 55 <= frame.breach_minutes[0] <= 60


def test_load_per_core_breaks_where_cores_are_known() -> None:
    busy = {"load_average": 40.0}
    known, unknown = scored(steady(busy, cores=8.0)), scored(steady(busy))
    assert known.breach_metrics.tolist() == [METRIC_INDEX["load_average"] + 1]
    assert known.breach_thresholds.tolist() == [32]
    assert known.cause_texts == (("load 5 per core now",),)
    assert unknown.breach_metrics.tolist() == [0]
    assert unknown.scores.tolist() == [pytest.approx(14)]
    assert unknown.cause_texts == (("load 40 now",),)


def test_thirty_minutes_follow_the_step() -> None:
    """At one-minute steps "soon" is 30 steps."""
    inputs = replace(server({"disk_usage_pct": 50}, {"disk_usage_pct": certain_at(30)}), step_seconds=60)
    assert scored(inputs).probability_30m.tolist() == [1]
    later = replace(server({"disk_usage_pct": 50}, {"disk_usage_pct": certain_at(31)}), step_seconds=60)
    assert scored(later).probability_30m.tolist() == [0]


def test_shapes_that_do_not_go_together_are_refused() -> None:
    inputs = random_fleet(0, 4)
    for wrong, complaint in (
        ({"current": inputs.current[:, :13]}, "current must be"),
        ({"quantiles": inputs.quantiles[..., :2]}, "quantiles must be"),
        ({"quantiles": inputs.quantiles[:3]}, "quantiles must be"),
        ({"silent": inputs.silent[:3]}, "silent must be"),
        ({"cores": inputs.cores[:, None]}, "cores must be"),
        ({"step_seconds": 0}, "step_seconds must be positive"),
    ):
        with pytest.raises(ValueError, match=complaint):
            replace(inputs, **wrong)


def test_two_thousand_servers() -> None:
    frame = scored(random_fleet(9, 2000))
    assert frame.scores.shape == (2000,)
    assert np.isfinite(frame.scores).all()
    assert math.isclose(
        frame.environment.expected_incidents_30m, float(frame.probability_30m.sum()), rel_tol=1e-4
    )
