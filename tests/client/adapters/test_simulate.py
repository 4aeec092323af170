from __future__ import annotations

import itertools
import threading

import numpy as np

from argus_client.adapters.simulate import SimulateSource
from argus_client.adapters.source import Source
from argus_client.samples import Samples
from argus_client.simulator import FleetSimulator

from .fake_time import FakeTime


def test_history_comes_first_then_live_rows_at_the_cadence() -> None:
    time = FakeTime()
    begin_ms = time.now_ms()
    source: Source = SimulateSource(
        FleetSimulator(20, seed=1), batch_rows=500, now_ms=time.now_ms, monotonic=time.monotonic
    )
    batches = list(itertools.islice(source.batches(time), 12 + 4))
    history, live = Samples.concat(batches[:12]), batches[12:]
    assert len(history) == 288 * 20
    assert max(len(batch) for batch in batches) <= 500
    assert history.timestamp_ms[-1] <= begin_ms
    assert (np.diff(history.timestamp_ms) >= 0).all()
    assert [batch.timestamp_ms[0] - begin_ms for batch in live] == [5000, 10_000, 15_000, 20_000]
    assert all(len(batch) == 20 for batch in live)


def test_without_history_it_starts_live() -> None:
    time = FakeTime()
    source = SimulateSource(
        FleetSimulator(5), backfill_hours=0, interval_seconds=60, now_ms=time.now_ms, monotonic=time.monotonic
    )
    first = next(source.batches(time))
    assert len(set(first.timestamp_ms.tolist())) == 1
    assert first.timestamp_ms[0] > time.now_ms() - 300_000


def test_a_clock_set_back_ends_nothing() -> None:
    time = FakeTime()
    moments = iter([1_735_689_600_000 + 1000 * s for s in (0, 5, 3, 12)])
    source = SimulateSource(
        FleetSimulator(5), backfill_hours=0, now_ms=lambda: next(moments), monotonic=time.monotonic
    )
    stamps = [int(b.timestamp_ms[0]) % 100_000 for b in itertools.islice(source.batches(time), 3)]
    assert stamps[-2:] == [5000, 12_000]


def test_it_ends_when_told_to() -> None:
    stop = threading.Event()
    batches = SimulateSource(FleetSimulator(5), batch_rows=100).batches(stop)
    next(batches)
    stop.set()
    assert list(batches) == []
