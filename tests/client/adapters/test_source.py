from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable

import numpy as np
import pytest

from argus_client.adapters.pace import paced
from argus_client.adapters.source import in_batches, ticks
from argus_client.samples import METRICS, Samples

from .fake_time import FakeTime


def samples_at(stamps: Iterable[int]) -> Samples:
    stamps = np.array(list(stamps), np.int64)
    rows = len(stamps)
    return Samples(
        stamps,
        np.array(["a"] * rows, np.object_),
        np.zeros(rows, np.int8),
        np.zeros((rows, len(METRICS)), np.float32),
    )


def test_ticks_come_at_once_and_then_on_a_grid_without_drift() -> None:
    time = FakeTime()
    moments = []
    for _ in itertools.islice(ticks(5, time, monotonic=time.monotonic), 4):
        moments.append(time.seconds)
        time.seconds += 1.25  # work
    assert moments == [100, 105, 110, 115]


def test_a_late_consumer_misses_ticks_and_gets_no_burst() -> None:
    time = FakeTime()
    moments = []
    for _ in itertools.islice(ticks(5, time, monotonic=time.monotonic), 3):
        moments.append(time.seconds)
        time.seconds += 12 if len(moments) == 1 else 0
    assert moments == [100, 112, 115]


def test_ticks_end_while_waiting() -> None:
    stop = threading.Event()
    iterator = ticks(3600, stop)
    next(iterator)
    threading.Timer(0, stop.set).start()
    assert next(iterator, "ended") == "ended"


def test_interval_must_be_positive() -> None:
    with pytest.raises(ValueError, match="interval_seconds must be above 0; got 0"):
        next(ticks(0, threading.Event()))


def test_in_batches_loses_nothing() -> None:
    batches = list(in_batches(samples_at(range(10)), 4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert [int(stamp) for batch in batches for stamp in batch.timestamp_ms] == list(range(10))


def test_pace_holds_rows_back_until_they_are_due() -> None:
    time = FakeTime()
    recorded = samples_at([0, 0, 300_000, 300_000, 900_000])
    seen = [
        (time.seconds, batch.timestamp_ms.tolist())
        for batch in paced([recorded], 300, time, monotonic=time.monotonic)
    ]
    assert seen == [(100, [0, 0]), (101, [300_000, 300_000]), (103, [900_000])]


def test_pace_carries_over_batches_and_lets_a_late_consumer_catch_up() -> None:
    time = FakeTime()
    seen = []
    for batch in paced(
        [samples_at([0]), samples_at([1000, 2000]), samples_at([3000, 9000])],
        1,
        time,
        monotonic=time.monotonic,
    ):
        seen.append((time.seconds, batch.timestamp_ms.tolist()))
        time.seconds += 2.5 if len(seen) == 1 else 0
    assert seen == [(100, [0]), (102.5, [1000, 2000]), (103, [3000]), (109, [9000])]


def test_pace_ends_while_waiting() -> None:
    time = FakeTime(waits=1)
    assert [len(b) for b in paced([samples_at([0, 5000])], 1, time, monotonic=time.monotonic)] == [1]


def test_no_pace_never_waits() -> None:
    time = FakeTime()
    assert [len(b) for b in paced([samples_at([0, 10**9])], 0, time, monotonic=time.monotonic)] == [2]
    assert time.waited == []
