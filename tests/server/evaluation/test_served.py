"""Alerts as they are scored against what a server's own alerts do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from argus_server.evaluation import served
from argus_server.evaluation.probabilities import crossings_at
from argus_server.evaluation.truth import Truth, runs
from argus_server.metrics import METRIC_INDEX
from argus_server.risk.alert_rules import AlertRule
from argus_server.risk.table_file import load_tables
from tests.server.evaluation.test_events import STEP_SECONDS, forecasts, history, oracle

RULE = AlertRule(0.8, 0.4, horizon_minutes=480, hold_minutes=5, clear_hold_minutes=30)


def firing(
    disk: np.ndarray, expected: np.ndarray, *, ahead: slice = slice(None), rule: AlertRule = RULE
) -> list[tuple[int, int]]:
    """Rows at which an alert about the disk fires, when `expected` is forecast for some of the steps ahead."""
    tables = load_tables()
    rules = replace(tables.alerts, signals=(rule,) * len(tables.signals))
    tables = replace(tables, alerts=rules)
    values = history(len(disk), disk_usage_pct=disk)
    origins = np.arange(10, len(disk) - 96)
    quantiles = oracle(values, origins)
    band = quantiles[:, METRIC_INDEX["disk_usage_pct"]]
    band[:] = 50.0 + np.array([-1, 0, 1])
    band[:, ahead] = expected[origins][:, None, None] + np.array([-1, 0, 1])
    made = forecasts(values, origins, quantiles)
    notable = Truth.of(values, made.profile, tables).notable(origins, STEP_SECONDS)
    found = served.alerts(made, crossings_at(made, tables), notable, tables)
    assert not any(flags.any() for group, flags in found.items() if group != "disk")
    return [(int(origins[begin]), int(origins[end - 1]) + 1) for begin, end in runs(found["disk"])]


def test_an_alert_is_held_and_clears_as_the_tables_say() -> None:
    disk = np.full(300, 50.0)
    expected = np.full(300, 60.0)
    expected[100:120] = 99.0  # certain to cross
    # Met at 100, for five minutes at 101; over at 120, for half an hour at 126.
    assert firing(disk, expected) == [(101, 126)]


def test_what_is_forecast_once_only_raises_nothing() -> None:
    expected = np.full(300, 60.0)
    expected[100] = 99.0
    assert firing(np.full(300, 50.0), expected) == []


def test_an_alert_lives_on_through_a_short_relief() -> None:
    expected = np.full(300, 60.0)
    expected[100:120] = expected[123:140] = 99.0
    assert firing(np.full(300, 50.0), expected) == [(101, 146)]


def test_what_is_certain_hours_ahead_raises_an_alert_and_what_is_doubtful_does_not() -> None:
    """Disk full is at 95: one step of many hours ahead, certain or a matter of 60 %."""
    expected = np.full(300, 60.0)
    expected[100:120] = 99.0
    assert firing(np.full(300, 50.0), expected, ahead=slice(80, 81)) == [(101, 126)]
    expected[100:120] = 95.2
    assert firing(np.full(300, 50.0), expected, ahead=slice(80, 81)) == []


def test_a_rule_may_ask_for_values_beyond_the_past() -> None:
    expected = np.full(600, 60.0)
    expected[400:420] = 99.0
    beyond = replace(RULE, only_unprecedented=True)
    rising = np.full(600, 50.0)
    rising[399:420] = 55.0  # a forecast sees the rows before it
    assert firing(rising, expected, rule=beyond) == [(401, 426)]
    rising[200] = 56.0  # so far it went before
    assert firing(rising, expected, rule=beyond) == []
    assert firing(rising, expected) == [(401, 426)]
    rising[409:420] = 96.0  # beyond the threshold itself
    rising[200] = 97.0
    assert firing(rising, expected, rule=beyond) == [(411, 427)]


def test_a_rule_looks_as_far_ahead_as_it_says() -> None:
    expected = np.full(300, 60.0)
    expected[100:120] = 99.0
    near = replace(RULE, horizon_minutes=120)  # 24 steps
    assert firing(np.full(300, 50.0), expected, ahead=slice(23, 24), rule=near) == [(101, 126)]
    assert firing(np.full(300, 50.0), expected, ahead=slice(24, 25), rule=near) == []
