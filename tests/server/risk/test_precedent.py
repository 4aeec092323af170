"""What has a precedent in the last days raises no alert where a rule asks for more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.risk.precedent import unprecedented
from argus_server.risk.scoring import score
from argus_server.risk.table_file import load_tables
from argus_server.risk.tables import RiskTables
from tests.server.risk.fleets import STEP_SECONDS, ramp, server

STEPS, RECENT, LEAST = 2016, 72, 144


def test_unprecedented_equals_a_loop() -> None:
    rng = np.random.default_rng(3)
    past = rng.normal(30, 3, (60, STEPS + 200)).cumsum(axis=1) / 50 % 40
    past[rng.random(past.shape) < 0.1] = np.nan
    past[:5, :-RECENT] = np.nan
    past[5:9, : -RECENT - LEAST] = np.nan
    values = rng.uniform(36, 41, 60)
    values[10:13] = np.nan
    found = unprecedented(values, past, STEP_SECONDS)
    for row, value in enumerate(values.tolist()):
        measured = [one for one in past[row, -STEPS:-RECENT].tolist() if not np.isnan(one)]
        assert found[row] == (len(measured) >= LEAST and all(value > one for one in measured))
    assert 0 < found.sum() < len(found)


def test_without_a_past_nobody_knows_what_is_usual() -> None:
    assert not unprecedented(np.array([9.0]), np.ones((1, RECENT)), STEP_SECONDS).any()
    past = np.ones((1, RECENT + LEAST), np.float32)
    assert unprecedented(np.array([9.0]), past, STEP_SECONDS).all()
    past[0, 0] = np.nan
    assert not unprecedented(np.array([9.0]), past, STEP_SECONDS).any()


def beyond_the_past_only(tables: RiskTables, wanted: bool) -> RiskTables:
    rules = tuple(
        replace(rule, fire=0.8, clear=0.4, horizon_minutes=480, only_unprecedented=wanted)
        for rule in tables.alerts.signals
    )
    return replace(tables, alerts=replace(tables.alerts, signals=rules))


@pytest.mark.parametrize(
    ("highest", "now", "asked", "counts"),
    [
        (60.0, 70.0, True, True),
        (70.0, 70.0, True, False),
        (70.0, 70.0, False, True),
        (99.0, 97.0, True, True),  # the threshold itself is crossed
        (99.0, 94.0, True, False),
    ],
)
@pytest.mark.parametrize(("metric", "signal"), [("cpu_idle_pct", "cpu"), ("disk_usage_pct", "disk")])
def test_an_alert_counts_what_is_beyond_the_past(
    metric: str, signal: str, highest: float, now: float, asked: bool, counts: bool
) -> None:
    tables = beyond_the_past_only(load_tables(), asked)
    column = next(i for i, one in enumerate(tables.signals) if one.name == signal)
    turn = (lambda value: 100.0 - value) if tables.signals[column].threshold.low_is_bad else float
    past = np.full((1, 300, len(METRICS)), np.nan, dtype=np.float32)
    past[0, :, METRIC_INDEX[metric]] = turn(40.0)
    past[0, 100, METRIC_INDEX[metric]] = turn(highest)
    inputs = replace(server({metric: turn(now)}, {metric: ramp(turn(now), turn(100.0), 0.01)}), past=past)
    frame = score(inputs, tables)
    assert frame.signal_probabilities[0, column] == pytest.approx(1.0, abs=0.01)
    assert frame.signal_alert_probabilities[0, column] == (pytest.approx(1.0, abs=0.01) if counts else 0.0)
