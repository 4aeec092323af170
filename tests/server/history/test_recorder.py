"""What of a tick is recorded, how often, and what becomes of what cannot be."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry

from argus_server.forecast.frame import Source
from argus_server.frame import FleetFrame
from argus_server.history import rows
from argus_server.history.counters import HistoryCounters
from argus_server.history.policy import RiskChanges
from argus_server.history.recorder import Recorder
from argus_server.history.schemas import FLEET_RISK, FORECASTS, SERVER_RISK
from argus_server.metrics import METRICS
from tests.processes import until
from tests.server.history.frames import frame, snapshot
from tests.server.history.memory_store import MemoryStore

START_MS = 1_700_000_100_000 // 900_000 * 900_000
NAMES = [f"web-{number}" for number in range(20)]


class Bench:
    """A recorder over a store in memory."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.registry = CollectorRegistry()
        self.recorder = Recorder(store, HistoryCounters(self.registry))

    def tick(self, tick: FleetFrame) -> None:
        """Offers a tick once there is room for it."""
        made = snapshot(tick)
        until(lambda: not self.recorder._ticks.full())
        self.recorder.offer(tick, made)

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def bench(store: MemoryStore) -> Iterator[Bench]:
    bench = Bench(store)
    yield bench
    bench.recorder.close()


def test_a_tick_is_recorded_as_it_was_published(bench: Bench, store: MemoryStore) -> None:
    tick = frame(NAMES, START_MS)
    made = snapshot(tick)
    bench.tick(tick)
    bench.recorder.close()

    risk = store.rows(SERVER_RISK).to_pylist()
    assert [row["server_name"] for row in risk] == NAMES
    for place, row in enumerate(risk):
        assert row["risk_score"] == tick.risk.scores[place]
        assert row["source"] == ("STALE" if tick.silent[place] else "TFT")
        assert row["state"] == "healthy"
        number = int(tick.risk.breach_metrics[place])
        assert row["breach_metric"] == (METRICS[number - 1] if number else "")
        assert (row["breach_minutes"] != row["breach_minutes"]) == (number == 0)
        assert row["cause"] == (tick.risk.cause_texts[place] or ("",))[0]
    [fleet] = store.rows(FLEET_RISK).to_pylist()
    assert fleet["total_servers"] == len(NAMES)
    assert fleet["critical_count"] == made.summary.critical_count > 0
    assert fleet["riskiest_server"] == made.index.names[0]
    assert fleet["model_revision"] == "tiny@1"
    assert bench.count("argus_history_rows_total", table=SERVER_RISK) == len(NAMES)


def test_forecasts_are_recorded_at_their_horizons_and_not_for_the_silent(
    bench: Bench, store: MemoryStore
) -> None:
    tick = frame(NAMES, START_MS)
    bench.tick(tick)
    bench.recorder.close()

    found = store.rows(FORECASTS).to_pylist()
    sending = [place for place in range(len(NAMES)) if tick.forecast.sources[place] != Source.STALE]
    assert 0 < len(sending) < len(NAMES)
    assert len(found) == 5 * len(sending)
    for row in found:
        server = NAMES.index(row["server_name"])
        step = row["horizon_minutes"] * 60 // 300
        for index, metric in enumerate(METRICS):
            recorded = [row[f"{metric}_{name}"] for name in ("p10", "p50", "p90")]
            np.testing.assert_allclose(
                recorded, tick.forecast.quantiles[server, index, step - 1], rtol=2**-11
            )
            assert not (np.diff(recorded) < 0).any()


def test_what_does_not_move_is_recorded_every_five_minutes(bench: Bench, store: MemoryStore) -> None:
    for second in range(0, 3600, 30):
        bench.tick(frame(NAMES, START_MS + 1000 * second))
    bench.recorder.close()

    assert store.rows(SERVER_RISK).num_rows == 12 * len(NAMES)
    assert store.rows(FLEET_RISK).num_rows == 60
    assert len(set(store.rows(FORECASTS)["timestamp"].to_pylist())) == 5


def test_a_score_that_never_rests_is_recorded_every_30_seconds_at_most() -> None:
    changes = RiskChanges()
    rng = np.random.default_rng(0)
    recorded = np.zeros(len(NAMES), dtype=int)
    for second in range(0, 900, 5):
        tick = frame(NAMES, START_MS + 1000 * second, scores=rng.uniform(0, 100, len(NAMES)).tolist())
        np.add.at(recorded, changes.due(tick), 1)
    assert recorded.max() <= 30
    assert recorded.min() >= 25


def test_a_move_within_the_dead_band_waits_and_one_beyond_it_does_not() -> None:
    changes = RiskChanges()
    assert len(changes.due(frame(["a", "b"], START_MS, scores=[50.0, 50.0]))) == 2
    assert not len(changes.due(frame(["a", "b"], START_MS + 60_000, scores=[51.9, 48.1])))
    assert changes.due(frame(["a", "b"], START_MS + 65_000, scores=[50.0, 53.0])).tolist() == [1]
    assert changes.due(frame(["b", "c", "a"], START_MS + 95_000, scores=[53.0, 5.0, 50.0])).tolist() == [1]
    assert changes.due(frame(["b", "c", "a"], START_MS + 300_000, scores=[53.0, 5.0, 50.0])).tolist() == [2]


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    changes = RiskChanges()
    changes.due(frame(["a"], START_MS))
    assert len(changes.due(frame(["a"], START_MS - 3_600_000))) == 1


def test_a_restart_goes_on_where_the_last_run_ended(store: MemoryStore) -> None:
    without = MemoryStore()
    ticks = [frame(NAMES, START_MS + 1000 * second) for second in range(0, 1800, 30)]
    steady = Bench(without)
    bench = Bench(store)
    for number, tick in enumerate(ticks):
        steady.tick(tick)
        if number in (7, 30, 31):
            bench.recorder.close()
            bench = Bench(store)
        bench.tick(tick)
    for one in (steady, bench):
        one.recorder.close()

    for table in (SERVER_RISK, FLEET_RISK, FORECASTS):
        recorded, wanted = (str(one.rows(table).to_pylist()) for one in (store, without))
        assert recorded == wanted, table


def test_an_empty_fleet_is_not_recorded(bench: Bench, store: MemoryStore) -> None:
    bench.tick(frame([], START_MS))
    bench.recorder.close()
    assert not store.tables


def test_a_store_that_fails_loses_rows_loudly_and_goes_on(
    bench: Bench, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store.failure = OSError("no space left on device")
    for second in (0, 300, 600):
        bench.tick(frame(NAMES, START_MS + 1000 * second))
    until(lambda: bench.count("argus_history_dropped_rows_total", table=SERVER_RISK) == 3 * len(NAMES))
    store.failure = None
    bench.tick(frame(NAMES, START_MS + 900_000))
    bench.recorder.close()

    assert store.rows(SERVER_RISK).num_rows == len(NAMES)
    said = [record.message for record in caplog.records]
    assert [line for line in said if "no space left" in line] == said[:1]
    assert said[-1] == "history is recorded again"


def test_a_recorder_that_is_behind_drops_ticks_and_delays_none(store: MemoryStore) -> None:
    go, appended = threading.Event(), threading.Event()

    class Slow(MemoryStore):
        def append(self, table: str, rows: pa.RecordBatch) -> Any:
            appended.set()
            assert go.wait(30)
            return super().append(table, rows)

    bench = Bench(Slow())
    tick = frame(NAMES, START_MS)
    made = snapshot(tick)
    try:
        bench.recorder.offer(tick, made)
        assert appended.wait(30)
        for _ in range(5):
            bench.recorder.offer(tick, made)
        assert bench.count("argus_history_dropped_ticks_total") == 3
    finally:
        go.set()
        bench.recorder.close()


def test_rounding_keeps_three_digits_and_what_is_no_number() -> None:
    values = np.random.default_rng(0).uniform(-100, 1000, 10_000).astype(np.float32)
    assert (np.abs(rows.rounded(values) - values) <= np.abs(values) * 2.0**-11).all()
    special = np.array([np.nan, np.inf, 0.0, 100.0, 0.5], dtype=np.float32)
    np.testing.assert_array_equal(rows.rounded(special), special)


def test_a_store_that_cannot_be_read_is_said_once_and_so_is_its_return(
    bench: Bench, store: MemoryStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **named: Any) -> Any:
        raise OSError("the disk does not answer")

    with caplog.at_level(logging.INFO):
        with monkeypatch.context() as patch:
            patch.setattr(store, "read", fail)
            for number in range(3):
                bench.tick(frame(NAMES, START_MS + number * 60_000))
            until(lambda: bench.count("argus_history_dropped_ticks_total") == 3)
        bench.tick(frame(NAMES, START_MS + 180_000))
        until(lambda: bench.count("argus_history_rows_total", table=FLEET_RISK) == 1)
        bench.recorder.close()
    said = [record for record in caplog.records if "recorded" in record.message]
    assert [record.levelname for record in said] == ["ERROR", "INFO"]
    assert not said[0].exc_info
