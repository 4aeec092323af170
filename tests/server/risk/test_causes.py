"""What drives the risk, in numbers and phrases."""

from __future__ import annotations

import numpy as np
import pytest

from argus_server.metrics import METRIC_INDEX
from argus_server.risk.frame import MAX_CAUSES, CauseKind, RiskFrame
from argus_server.risk.scoring import RiskInputs, score
from argus_server.risk.table_file import load_tables
from tests.server.risk.fleets import ramp, random_fleet, server, steady


def scored(inputs: RiskInputs) -> RiskFrame:
    return score(inputs, load_tables())


def test_strongest_three_of_many_by_points() -> None:
    frame = scored(
        steady(
            {
                "cpu_idle_pct": 9,
                "mem_used_pct": 86,
                "cpu_iowait_pct": 22,
                "swap_used_pct": 26,
                "disk_usage_pct": 91,
            }
        )
    )
    # 0.7 * 25 + 0.3 * 15 = 22 twice (CPU, I/O wait), disk 0.7 * 20 + 0.3 * 10 = 17, swap 14, memory 7
    assert frame.cause_texts == (("CPU 91 % now", "I/O wait 22 % now", "disk 91 % now"),)
    assert frame.cause_metrics[0].tolist() == [
        METRIC_INDEX[name] + 1 for name in ("cpu_idle_pct", "cpu_iowait_pct", "disk_usage_pct")
    ]
    np.testing.assert_allclose(frame.cause_points[0], [22, 22, 17], rtol=1e-6)


def test_forecast_cause() -> None:
    """CPU 75 now (no points), pessimistically 92 soon, too sharply to reach 95: 0.3 * 15 = 4.5 points."""
    frame = scored(server({"cpu_idle_pct": 25}, {"cpu_idle_pct": [8, 9, 10]}))
    assert frame.cause_texts == (("CPU up to 92 % within 30 min",),)
    assert frame.cause_kinds[0].tolist() == [CauseKind.FORECAST, 0, 0]
    assert frame.cause_points[0, 0] == pytest.approx(4.5, abs=0.1)


def test_substitute_names_the_metric_that_is_measured() -> None:
    frame = scored(steady({"cpu_user_pct": 90, "cpu_sys_pct": 8}))
    assert frame.cause_metrics[0, 0] == METRIC_INDEX["cpu_user_pct"] + 1
    assert frame.breach_metrics.tolist() == [METRIC_INDEX["cpu_user_pct"] + 1]
    assert frame.breach_thresholds.tolist() == [95]
    assert frame.cause_texts[0][0] == "CPU 98 % now"


@pytest.mark.parametrize(
    ("start", "phrase"),
    [
        (85.0, "disk 85 % → 95 % in 1 h"),
        (94.7, "disk 94.7 % → 95 % in 1 h"),
        (94.99, "disk 94.9 % → 95 % in 1 h"),
        (3.25, "disk 3.2 % → 95 % in 1 h"),
        (4.0, "disk 4 % → 95 % in 1 h"),
        (np.nan, "disk → 95 % in 1 h"),
    ],
)
def test_breach_phrase_never_rounds_up_to_the_threshold(start: float, phrase: str) -> None:
    band = np.full((96, 3), 0 if np.isnan(start) else start, dtype=np.float32)
    band[:, 2] = band[:, 1]
    band[11:] = 95  # step 12 = 60 minutes, reached exactly there
    frame = scored(server({"disk_usage_pct": start}, {"disk_usage_pct": band}))
    assert frame.cause_texts[0] == (phrase,)


def test_doubtful_breach_says_how_likely() -> None:
    band = ramp(80, 90, spread=0)
    band[:, 2] += np.linspace(0, 9, 96, dtype=np.float32)  # p90 ends at 99: P(95 crossed) is above 0.2
    frame = scored(server({"disk_usage_pct": 80}, {"disk_usage_pct": band}))
    percent = round(float(frame.breach_probabilities[0]) * 100)
    assert 20 <= percent < 50
    hours, minutes = divmod(round(float(frame.breach_minutes[0])), 60)
    assert frame.cause_texts == ((f"disk 80 % → 95 % in {hours} h {minutes} min, {percent} % likely",),)


def test_possible_breach_that_no_quantile_shows() -> None:
    band = np.tile(np.array([70, 80, 94.9], dtype=np.float32), (96, 1))
    band[1:] = [70, 80, 82]
    frame = scored(server({"disk_usage_pct": 80}, {"disk_usage_pct": band}))
    assert frame.breach_metrics.tolist() == [0]
    assert frame.cause_texts == (("disk → 95 % within 8 h, 10 % likely",),)


@pytest.mark.parametrize(
    ("minutes", "phrase"),
    [(15, "15 min"), (59.6, "1 h"), (200, "3 h 20 min"), (1440, "1 d"), (1620, "1 d 3 h"), (0.2, "1 min")],
)
def test_silence_is_told_in_minutes_hours_and_days(minutes: float, phrase: str) -> None:
    assert scored(server(silent_minutes=minutes)).cause_texts == ((f"no data for {phrase}",),)


def test_causes_are_ordered_short_and_sum_to_no_more_than_the_score() -> None:
    frame = scored(random_fleet(5, 300))
    assert (np.diff(frame.cause_points, axis=1) <= 0).all()
    assert (frame.cause_points.sum(axis=1) <= frame.scores + 1e-3).all()
    assert ((frame.cause_kinds > 0) == (frame.cause_points > 0)).all()
    for texts, kinds, score_ in zip(frame.cause_texts, frame.cause_kinds, frame.scores, strict=True):
        assert len(texts) == np.count_nonzero(kinds) <= MAX_CAUSES
        assert texts or score_ < MAX_CAUSES * 3  # whoever is at risk has a cause
        assert all(len(text) < 60 for text in texts)


def test_causes_of_a_server_with_few_signals_make_up_its_whole_score() -> None:
    frame = scored(steady({"cpu_idle_pct": 3, "mem_used_pct": 99}))
    assert frame.cause_points[0].sum() == pytest.approx(float(frame.scores[0]), rel=1e-5)
