"""Buckets of a server and of the fleet against a slow computation over plain rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from argus_server.history import rows
from argus_server.history.batches import QueryCancelled
from argus_server.history.schemas import FLEET_RISK, FORECASTS, SERVER_RISK
from argus_server.history.series import FLEET_COLUMNS, ServerSeries, fleet_series, server_series
from argus_server.history.span import Span
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.store.tables import METRICS_TABLE
from tests.server.history.frames import frame, snapshot
from tests.server.history.memory_store import MemoryStore, samples

START_MS = 1_700_000_100_000 // 900_000 * 900_000
NAMES = ["web-1", "web-2", "ppdb001"]
HOUR = 3_600_000


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    """Two hours of three servers: a sample every 20 s, a tick every minute."""
    store = MemoryStore()
    rng = np.random.default_rng(1)
    for second in range(0, 7200, 20):
        columns = {metric: rng.uniform(0, 100, 3) for metric in METRICS if metric != "swap_used_pct"}
        columns["mem_used_pct"][rng.random(3) < 0.3] = np.nan
        store.append(METRICS_TABLE, samples(NAMES, [START_MS + 1000 * second] * 3, columns))
    for minute in range(120):
        tick = frame(NAMES, START_MS + 60_000 * minute, seed=minute % 7)
        made = snapshot(tick)
        if not 30 <= minute < 75:
            store.append(SERVER_RISK, rows.server_risk(tick, np.array([0, 2])))
        store.append(FLEET_RISK, rows.fleet_risk(tick.clock_ms, made.header, made.summary, made.environment))
        if minute % 15 == 0:
            store.append(FORECASTS, rows.forecasts(tick, np.arange(3)))
    return store


def ask(store: MemoryStore, server: str, span: Span, **options: Any) -> ServerSeries:
    defaults = {"metrics": (), "horizon_minutes": 60, "max_points": 500, "cancelled": lambda: False}
    return server_series(store, server, span, **{**defaults, **options})


def inside(
    table: Sequence[dict[str, Any]], server: str, start: int, end: int, ahead_ms: int = 0
) -> list[Any]:
    return [
        row
        for row in table
        if row["server_name"] == server and start <= row["timestamp"].timestamp() * 1000 + ahead_ms < end
    ]


def mean(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else np.nan


@pytest.mark.parametrize(("points", "horizon"), [(500, 60), (7, 30), (1, 60), (24, 480)])
def test_a_server_is_shown_as_it_was_measured_and_forecast(
    store: MemoryStore, points: int, horizon: int
) -> None:
    span = Span(START_MS + 7 * 60_000, START_MS + 2 * HOUR - 11_000)
    found = ask(store, "web-1", span, max_points=points, horizon_minutes=horizon)

    measured, forecast = (store.rows(name).to_pylist() for name in (METRICS_TABLE, FORECASTS))
    forecast = [row for row in forecast if row["horizon_minutes"] == horizon]
    assert len(found.buckets.starts_ms()) <= points
    assert [METRICS[one.metric] for one in found.metrics] == [m for m in METRICS if m != "swap_used_pct"]
    for place, start in enumerate(found.buckets.starts_ms().tolist()):
        lower, upper = max(start, span.start_ms), min(start + found.buckets.width_ms, span.end_ms)
        then = inside(measured, "web-1", lower, upper)
        foretold = inside(forecast, "web-1", lower, upper, 60_000 * horizon)
        for one in found.metrics[:6]:
            metric = METRICS[one.metric]
            known = [row[metric] for row in then if row[metric] == row[metric]]
            np.testing.assert_allclose(one.actual[place], mean(known), rtol=1e-5)
            np.testing.assert_allclose(one.minimum[place], min(known, default=np.nan))
            np.testing.assert_allclose(one.maximum[place], max(known, default=np.nan))
            wanted = [mean([row[f"{metric}_{name}"] for row in foretold]) for name in ("p10", "p50", "p90")]
            np.testing.assert_allclose(one.forecast[place], wanted, rtol=1e-5)


def test_a_forecast_stands_at_the_time_it_was_made_for(store: MemoryStore) -> None:
    origin = START_MS - 300_000  # of the first tick
    at = origin + 30 * 60_000
    found = ask(store, "web-2", Span(at, at + 60_000), horizon_minutes=30, metrics=[0])
    want = frame(NAMES, START_MS).forecast.quantiles[1, 0, 5]
    np.testing.assert_allclose(np.nanmean(found.metrics[0].forecast, axis=0), want, rtol=2**-10)


def test_a_score_holds_until_it_is_too_old_to(store: MemoryStore) -> None:
    found = ask(store, "web-1", Span(START_MS, START_MS + 2 * HOUR), max_points=120)
    scores = {
        int(row["timestamp"].timestamp() * 1000 - START_MS) // 60_000: row["risk_score"]
        for row in store.rows(SERVER_RISK).to_pylist()
        if row["server_name"] == "web-1"
    }
    assert found.buckets.width_ms == 60_000
    for minute, score in enumerate(found.risk_score.tolist()):
        if minute in scores:
            assert score == pytest.approx(scores[minute])
        elif minute < 40:
            assert score == pytest.approx(scores[29])
        else:
            assert np.isnan(score)


def test_metrics_asked_for_are_shown_though_never_measured(store: MemoryStore) -> None:
    swap = METRIC_INDEX["swap_used_pct"]
    found = ask(store, "web-1", Span(START_MS, START_MS + HOUR), metrics=[swap])
    assert [one.metric for one in found.metrics] == [swap]
    assert np.isnan(found.metrics[0].actual).all()


def test_nothing_is_found_of_a_server_nobody_knows(store: MemoryStore) -> None:
    found = ask(store, "nobody", Span(START_MS, START_MS + HOUR))
    assert (found.rows, found.metrics) == (0, ())
    assert ask(store, "web-1", Span(START_MS, START_MS + HOUR)).rows > 0


def test_the_fleet_is_shown_as_it_was_published(store: MemoryStore) -> None:
    span = Span(START_MS + 90_000, START_MS + 2 * HOUR)
    found = fleet_series(store, span, max_points=13, cancelled=lambda: False)

    table = store.rows(FLEET_RISK).to_pylist()
    for place, start in enumerate(found.buckets.starts_ms().tolist()):
        then = [
            row
            for row in table
            if max(start, span.start_ms)
            <= row["timestamp"].timestamp() * 1000
            < min(start + found.buckets.width_ms, span.end_ms)
        ]
        for column, name in enumerate(FLEET_COLUMNS):
            np.testing.assert_allclose(
                found.means[place, column], mean([row[name] for row in then]), rtol=1e-5
            )
            greatest = max((row[name] for row in then), default=np.nan)
            np.testing.assert_allclose(found.greatest[place, column], greatest, rtol=1e-6)


def test_a_question_that_is_called_off_stops_reading(store: MemoryStore) -> None:
    with pytest.raises(QueryCancelled):
        ask(store, "web-1", Span(START_MS, START_MS + HOUR), cancelled=lambda: True)
