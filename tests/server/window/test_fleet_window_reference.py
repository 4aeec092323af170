"""The window against a slow, obvious reference, over whole histories of writes, pauses and evictions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.clock import EventClock, ManualClock
from argus_server.ingest.columns import Columns
from argus_server.ingest.validation import MAX_SKEW_MS
from argus_server.metrics import METRICS
from argus_server.window.fleet_window import FleetWindow

from .reference import ReferenceWindow
from .samples import START_MS

MAX_SERVERS = 4
NAMES = [f"ppdb{number:02d}" for number in range(MAX_SERVERS + 2)]


@dataclass(frozen=True)
class Batch:
    rows: list[tuple[int, float, int]]  # (server, steps since the cursor, milliseconds)
    move: int  # steps the cursor moves on before
    seed: int
    absent: float
    dropped: float


@dataclass(frozen=True)
class Eviction:
    retention_steps: float


def rows_of(batch: Batch, cursor: int, step_seconds: int) -> tuple[Columns, np.ndarray]:
    rng = np.random.default_rng(batch.seed)
    count = len(batch.rows)
    metrics = rng.uniform(0, 100, (len(METRICS), count)).astype(np.float32)
    metrics[rng.random(metrics.shape) < batch.absent] = np.nan
    metrics[:, rng.random(count) < batch.absent / 2] = np.nan
    seconds = [int((cursor + steps) * step_seconds) for _, steps, _ in batch.rows]
    columns = Columns(
        timestamp_ms=np.array(
            [START_MS + second * 1000 + row[2] for second, row in zip(seconds, batch.rows, strict=True)],
            np.int64,
        ),
        server_names=[NAMES[server] for server, _, _ in batch.rows],
        states=rng.integers(0, 9, count).astype(np.int32) * (rng.random(count) > 0.3).astype(np.int32),
        metrics=metrics,
    )
    return columns, rng.random(count) >= batch.dropped


batches = st.builds(
    Batch,
    rows=st.lists(
        st.tuples(
            st.integers(0, len(NAMES) - 1),
            st.floats(-9, 2.5, allow_nan=False),
            st.sampled_from([0, 0, 400, 999]),
        ),
        max_size=40,
    ),
    move=st.sampled_from([0, 0, 1, 1, 2, 5, 20]),
    seed=st.integers(0, 2**32 - 1),
    absent=st.sampled_from([0.0, 0.0, 0.3, 0.9]),
    dropped=st.sampled_from([0.0, 0.0, 0.2]),
)
histories = st.lists(st.one_of(batches, batches, batches, st.builds(Eviction, st.floats(0, 8))), max_size=8)


@settings(max_examples=80, deadline=None)
@given(
    history=histories,
    shape=st.sampled_from([(6, 10), (5, 90), (4, 300), (1, 7)]),
    wall=st.booleans(),
    reserved=st.integers(0, MAX_SERVERS),
)
def test_agrees_with_the_reference(
    history: list[Batch | Eviction], shape: tuple[int, int], wall: bool, reserved: int
) -> None:
    steps, step_seconds = shape
    clock = ManualClock(START_MS) if wall else EventClock()
    window = FleetWindow(
        clock, steps=steps, step_seconds=step_seconds, max_servers=MAX_SERVERS, reserved_servers=reserved
    )
    reference = ReferenceWindow(steps, step_seconds, MAX_SERVERS)
    cursor = 0
    for event in history:
        wall_ms = clock.now_ms() if wall else None
        if isinstance(event, Eviction):
            retention_ms = int(event.retention_steps * step_seconds * 1000)
            assert set(window.evict(clock.now_ms(), retention_ms)) == reference.evict(
                clock.now_ms(), retention_ms
            )
        else:
            cursor += event.move
            if isinstance(clock, ManualClock):
                clock.advance(event.move * step_seconds * 1000)
                wall_ms = clock.now_ms()
            columns, valid = rows_of(event, cursor, step_seconds)
            if wall_ms is not None:
                valid &= columns.timestamp_ms <= wall_ms + MAX_SKEW_MS  # as validation does
            result = window.write(columns, valid)
            outcome = reference.write(columns, valid, wall_ms)
            assert np.flatnonzero(result.accepted_rows).tolist() == outcome.accepted
            assert (result.accepted, result.duplicates) == (len(outcome.accepted), len(outcome.duplicates))
            assert result.rejections.counts == Counter(outcome.rejected.values())
            assert {row.row_index: row.reason for row in result.rejections.rows} == outcome.rejected
            touched = {columns.server_names[row] for row in (*outcome.accepted, *outcome.duplicates)}
            assert sorted(result.observed_steps) == sorted(reference.observed_steps(name) for name in touched)
        check(window, reference, wall_ms)


def check(window: FleetWindow, reference: ReferenceWindow, wall_ms: int | None) -> None:
    """Everything a reader can see."""
    assert set(window.names) == set(reference.samples)
    assert window.known_names == {name: row for row, name in enumerate(window.names)}
    frame, table = window.frame(), window.servers()
    origin = reference.origin(wall_ms)
    assert frame.origin_ms == origin * frame.step_seconds * 1000
    assert frame.server_names == table.names == window.names
    clock_ms = reference.event_ms if wall_ms is None else wall_ms
    summaries = {name: reference.summary(name, origin, clock_ms) for name in window.names}
    for row, expected in enumerate(summaries.values()):
        np.testing.assert_allclose(frame.values[row], expected.values, rtol=2e-6, atol=1e-5)
        np.testing.assert_allclose(table.current[row], expected.current, rtol=2e-6, atol=1e-5)
        assert frame.observed_steps[row] == np.isfinite(expected.values).any(axis=1).sum()
        assert table.last_sample_ms[row] == expected.last_sample_ms
        assert table.states[row] == expected.state
        assert table.observed_steps[row] == expected.observed_steps
    for least in range(4):
        warm = sum(expected.observed_steps >= least for expected in summaries.values())
        assert window.warm_count(least) == warm


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_order_of_rows_and_batches_does_not_matter(data: st.DataObject, seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps, step_seconds = 6, 30
    slots = [(name, second) for name in NAMES[:3] for second in range(steps * step_seconds)]
    chosen = data.draw(st.lists(st.sampled_from(slots), unique=True, min_size=1, max_size=60))
    metrics = rng.uniform(0, 100, (len(METRICS), len(chosen))).astype(np.float32)
    metrics[rng.random(metrics.shape) < 0.3] = np.nan
    states = rng.integers(0, 9, len(chosen)).astype(np.int32)

    def fill(order: np.ndarray, parts: int) -> FleetWindow:
        window = FleetWindow(EventClock(), steps=steps, step_seconds=step_seconds)
        for part in np.array_split(order, parts):
            rows = Columns(
                np.array([START_MS + chosen[row][1] * 1000 for row in part], np.int64),
                [chosen[row][0] for row in part],
                states[part],
                metrics[:, part],
            )
            assert window.write(rows, np.ones(len(part), np.bool_)).accepted == len(part)
        return window

    one = fill(np.arange(len(chosen)), 1)
    other = fill(rng.permutation(len(chosen)), data.draw(st.integers(1, 5)))
    places = [other.names.index(name) for name in one.names]
    np.testing.assert_allclose(one.frame().values, other.frame().values[places], rtol=2e-6, atol=1e-5)
    for column in ("states", "last_sample_ms", "observed_steps"):
        np.testing.assert_array_equal(
            getattr(one.servers(), column), getattr(other.servers(), column)[places]
        )


@pytest.mark.parametrize("servers", [1, 3, 150])
def test_a_long_history_of_a_growing_fleet(servers: int) -> None:
    """Ring wrap-around many times over, in rounds that each bring new servers."""
    rng = np.random.default_rng(servers)
    steps, step_seconds = 5, 10
    window = FleetWindow(EventClock(), steps=steps, step_seconds=step_seconds, reserved_servers=1)
    reference = ReferenceWindow(steps, step_seconds, 10_000)
    for tick in range(40):
        known = 1 + servers * tick // 40
        rows = Columns(
            np.full(known, START_MS + tick * 7_000, np.int64),
            [f"web-{number}" for number in rng.permutation(known)],
            np.ones(known, np.int32),
            rng.uniform(0, 100, (len(METRICS), known)).astype(np.float32),
        )
        valid = rng.random(known) < 0.8
        assert window.write(rows, valid).accepted == len(reference.write(rows, valid, None).accepted)
    assert len(window) == len(reference.samples)
    check(window, reference, None)
