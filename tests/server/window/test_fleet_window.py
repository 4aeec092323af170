"""What a window promises, case by case; test_fleet_window_reference.py compares whole histories."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from types import TracebackType

import numpy as np
import pytest

from argus.v1 import ingest_pb2, metrics_pb2
from argus_server.clock import EventClock, ManualClock
from argus_server.ingest.columns import decode
from argus_server.ingest.validation import validate
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.profiles import PROFILE_INDEX
from argus_server.window.fleet_window import FleetWindow

from .samples import START_MS, columns, write

STEP = 300
DAY = 86_400
UPTIME = METRIC_INDEX["uptime_days"]
LARGEST = np.finfo(np.float32).max


def event_window(**options: int) -> FleetWindow:
    return FleetWindow(EventClock(), **options)


def test_a_new_window_is_empty() -> None:
    window = FleetWindow(ManualClock(START_MS))
    assert len(window) == 0
    assert window.names == ()
    assert window.warm_count(0) == 0
    frame = window.frame()
    assert frame.values.shape == (0, 288, len(METRICS))
    assert frame.origin_ms == START_MS
    table = window.servers()
    assert table.names == ()
    assert table.current.shape == (0, len(METRICS))
    assert window.evict(START_MS, 0) == []


def test_samples_are_averaged_into_steps_and_uptime_is_the_newest() -> None:
    window = event_window()
    write(window, columns(["a", "a", "a", "a"], [290, 5, 10, 310], [10.0, 20.0, 60.0, 7.0]))
    frame = window.frame()
    assert frame.origin_ms == START_MS + STEP * 1000
    assert frame.values[0, -2, 0] == pytest.approx(30.0)
    assert frame.values[0, -2, UPTIME] == 10.0
    assert frame.values[0, -1].tolist() == [7.0] * len(METRICS)
    assert np.isnan(frame.values[0, :-2]).all()
    assert frame.observed_steps.tolist() == [2]


def test_the_past_of_some_servers_is_that_of_the_frame() -> None:
    window = event_window(steps=12, max_servers=200)
    rng = np.random.default_rng(0)
    names = [f"web-{number}" for number in range(150)]
    for step in range(20):
        there = [name for name in names if rng.random() < 0.8]
        write(window, columns(there, [step * STEP] * len(there), rng.uniform(0, 50, len(there)).tolist()))
    frame = window.frame()
    rows = {name: row for row, name in enumerate(frame.server_names)}
    asked = [names[140], names[3], names[77]]

    past = window.past(asked, frame.origin_ms, 12)

    expected = frame.values[[rows[name] for name in asked]]
    assert np.isnan(expected).any()
    np.testing.assert_array_equal(past, expected)
    np.testing.assert_array_equal(window.past(asked, frame.origin_ms, 5), expected[:, -5:])
    np.testing.assert_array_equal(window.past(names, frame.origin_ms, 12)[140], expected[0])


def test_the_past_is_empty_beyond_the_window_and_for_servers_that_are_gone() -> None:
    window = event_window(steps=4)
    write(window, columns(["a"] * 6, [step * STEP for step in range(6)], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))
    origin_ms = window.frame().origin_ms

    past = window.past(["a", "gone"], origin_ms, 6)[..., 0]
    earlier = window.past(["a"], origin_ms - STEP * 1000, 3)[0, :, 0]
    later = window.past(["a"], origin_ms + STEP * 1000, 2)[0, :, 0]

    np.testing.assert_array_equal(past, [[np.nan, np.nan, 2, 3, 4, 5], [np.nan] * 6])
    np.testing.assert_array_equal(earlier, [2, 3, 4])
    np.testing.assert_array_equal(later, [5, np.nan])


def test_an_older_uptime_does_not_replace_a_newer_one() -> None:
    window = event_window()
    write(window, columns(["a"], [200], [9.0]))
    write(window, columns(["a"], [100], [5.0]))
    write(window, columns(["a"], [250], [math.nan]))
    assert window.frame().values[0, -1, UPTIME] == 9.0
    write(window, columns(["a"], [260], [1.0]))
    assert window.frame().values[0, -1, UPTIME] == 1.0


def test_the_largest_values_of_the_contract_keep_a_finite_mean() -> None:
    window = event_window()
    write(window, columns(["a"] * 3, [1, 2, 3], [LARGEST] * 3))
    write(window, columns(["a"], [4], [LARGEST]))
    np.testing.assert_allclose(window.frame().values[0, -1], LARGEST, rtol=1e-6)


def test_a_full_step_of_seconds_is_averaged_exactly_enough() -> None:
    window = event_window()
    values = np.random.default_rng(0).uniform(0, 100, STEP).astype(np.float32)
    for second in range(STEP):
        assert write(window, columns(["a"], [second], [values[second]])).accepted == 1
    assert window.frame().values[0, -1, 0] == pytest.approx(values.astype(np.float64).mean(), rel=2e-6)
    again = write(window, columns(["a"] * STEP, range(STEP), values))
    assert (again.accepted, again.duplicates) == (0, STEP)


def test_one_sample_per_second_the_first_stays() -> None:
    window = event_window()
    result = write(window, columns(["a", "a", "b"], [1.0, 1.9, 1.0], [10.0, 90.0, 50.0]))
    assert (result.accepted, result.duplicates) == (2, 1)
    assert result.accepted_rows.tolist() == [True, False, True]
    assert write(window, columns(["a"], [1.5], [70.0])).duplicates == 1
    assert window.frame().values[0, -1, 0] == 10.0


def test_a_file_sent_again_is_all_duplicates_in_any_order() -> None:
    window = event_window()
    rng = np.random.default_rng(1)
    names = [f"web{server}" for server in range(5) for _ in range(200)]
    seconds = np.tile(np.sort(rng.choice(DAY - STEP, 200, replace=False)), 5)
    order = rng.permutation(1000)
    for part in np.array_split(order, 7):
        assert write(window, columns([names[row] for row in part], seconds[part])).duplicates == 0
    before = window.frame().values.tobytes()
    for part in np.array_split(rng.permutation(1000), 3):
        result = write(window, columns([names[row] for row in part], seconds[part], 99.0))
        assert (result.accepted, result.duplicates) == (0, len(part))
        assert result.rejections.total == 0
    assert window.frame().values.tobytes() == before


def test_a_batch_longer_than_the_window_is_accepted_and_its_end_kept() -> None:
    window = event_window(steps=4)
    result = write(window, columns(["a"] * 10, [STEP * step for step in range(10)], np.arange(10.0)))
    assert (result.accepted, result.duplicates, result.rejections.total) == (10, 0, 0)
    assert result.observed_steps.tolist() == [4]
    assert window.frame().values[0, :, 0].tolist() == [6.0, 7.0, 8.0, 9.0]


def test_late_data_is_taken_as_far_as_the_ring_reaches() -> None:
    window = event_window(steps=4)
    write(window, columns(["a", "b"], [STEP * 9, STEP * 20]))
    result = write(window, columns(["a", "a"], [STEP * 6, STEP * 6 - 1], [33.0, 44.0]))
    assert result.accepted_rows.tolist() == [True, False]
    (refused,) = result.rejections.rows
    assert (refused.row_index, refused.field) == (1, "timestamp")
    assert refused.reason == ingest_pb2.ROW_REJECTION_REASON_TOO_OLD
    assert "server's newest step" in refused.message
    assert window.servers().observed_steps.tolist() == [2, 1]


def test_history_under_a_wall_clock_is_too_old_and_told_of_the_event_clock() -> None:
    window = FleetWindow(ManualClock(START_MS), max_servers=1)
    result = write(window, columns(["a", "a", "a"], [-DAY, -DAY + STEP - 1, -DAY + STEP]))
    assert result.accepted_rows.tolist() == [False, False, True]
    assert result.rejections.counts == {ingest_pb2.ROW_REJECTION_REASON_TOO_OLD: 2}
    assert all("event clock" in row.message for row in result.rejections.rows)


def test_a_server_whose_rows_are_all_refused_takes_no_place() -> None:
    window = FleetWindow(ManualClock(START_MS), max_servers=1)
    write(window, columns(["a"], [-2 * DAY]))
    assert window.names == ()
    assert write(window, columns(["b"], [0])).accepted == 1


def test_a_full_fleet_takes_no_new_server_but_goes_on() -> None:
    window = event_window(max_servers=2)
    result = write(window, columns(["a", "b", "c", "a", "c"], [0, 0, 0, 5, 5]))
    assert result.accepted_rows.tolist() == [True, True, False, True, False]
    assert result.rejections.counts == {ingest_pb2.ROW_REJECTION_REASON_TOO_MANY_SERVERS: 2}
    assert {row.field for row in result.rejections.rows} == {"server_name"}
    assert window.names == ("a", "b")
    window.evict(START_MS + 10_000, 5_000)
    assert window.names == ("a",)
    assert write(window, columns(["c"], [10])).accepted == 1


def test_masked_rows_leave_no_trace() -> None:
    window = event_window()
    result = window.write(columns(["a", "b"], [0, 0]), np.array([False, True]))
    assert window.names == ("b",)
    assert result.accepted_rows.tolist() == [False, True]
    assert result.rejections.total == 0
    nothing = window.write(columns(["a"], [0]), np.array([False]))
    assert (nothing.accepted, nothing.duplicates, len(nothing.observed_steps)) == (0, 0, 0)


def test_a_row_that_measures_nothing_does_not_make_data_younger() -> None:
    window = event_window()
    write(window, columns(["a"], [0], [5.0], [2]))
    result = write(window, columns(["a"], [STEP], [math.nan]))
    assert (result.accepted, result.observed_steps.tolist()) == (1, [1])
    assert write(window, columns(["a"], [STEP], [math.nan])).duplicates == 1
    table = window.servers()
    assert table.last_sample_ms.tolist() == [START_MS]
    assert table.states.tolist() == [2]
    offline = metrics_pb2.SERVER_STATE_OFFLINE
    write(window, columns(["a"], [STEP + 1], [math.nan], [offline]))
    table = window.servers()
    assert table.last_sample_ms.tolist() == [START_MS]
    assert table.states.tolist() == [offline]


def test_the_state_is_the_newest_sample_s_whatever_comes_first() -> None:
    window = event_window()
    write(window, columns(["a", "a"], [30, 20], states=[4, 5]))
    assert window.servers().states.tolist() == [4]
    write(window, columns(["a"], [25], states=[6]))
    assert window.servers().states.tolist() == [4]
    write(window, columns(["a"], [31], states=[0]))
    assert window.servers().states.tolist() == [0]


def test_current_is_at_most_three_steps_old() -> None:
    clock = ManualClock(START_MS)
    window = FleetWindow(clock)
    write(window, columns(["a"], [0], [42.0]))
    partial = np.full((len(METRICS), 1), np.nan, np.float32)
    partial[3] = 8.0
    clock.advance(STEP * 1000)
    write(window, columns(["a"], [STEP], partial))
    current = window.servers().current[0]
    assert (current[0], current[3]) == (42.0, 8.0)
    clock.set(START_MS + 4 * STEP * 1000 - 1)
    assert window.servers().current[0, 0] == 42.0
    clock.set(START_MS + 4 * STEP * 1000)
    current = window.servers().current[0]
    assert math.isnan(current[0])
    assert current[3] == 8.0


def test_a_frame_ends_at_the_newest_step_but_not_after_the_clock() -> None:
    clock = ManualClock(START_MS + STEP * 1000 - 1)
    window = FleetWindow(clock)
    write(window, columns(["late", "ahead"], [-2 * STEP, STEP + 20], [1.0, 2.0]))
    frame = window.frame()
    assert frame.origin_ms == START_MS
    assert frame.values[0, -3, 0] == 1.0
    assert np.isnan(frame.values[0, -2:]).all()
    assert np.isnan(frame.values[1]).all()
    assert frame.observed_steps.tolist() == [1, 0]
    clock.advance(10 * STEP * 1000)
    frame = window.frame()
    assert frame.origin_ms == START_MS + STEP * 1000
    assert frame.values[1, -1, 0] == 2.0


def test_a_frame_of_some_rows_shares_the_origin_of_the_fleet() -> None:
    window = event_window(steps=3)
    write(window, columns(["a", "b", "ppdb01"], [0, STEP, 2 * STEP], [1.0, 2.0, 3.0]))
    whole, part = window.frame(), window.frame(slice(1, None))
    assert part.server_names == ("b", "ppdb01")
    assert part.origin_ms == whole.origin_ms
    assert part.profiles.tolist() == [PROFILE_INDEX["generic"], PROFILE_INDEX["database"]]
    np.testing.assert_array_equal(part.values, whole.values[1:])
    assert window.frame(slice(7, 9)).server_names == ()
    with pytest.raises(ValueError, match="stride of 2"):
        window.frame(slice(None, None, 2))


def test_a_frame_is_a_copy() -> None:
    window = event_window()
    write(window, columns(["a"], [0], [1.0]))
    frame, table = window.frame(), window.servers()
    write(window, columns(["a"], [1], [9.0], [7]))
    assert frame.values[0, -1, 0] == 1.0
    assert (table.states.tolist(), table.last_sample_ms.tolist()) == ([0], [START_MS])
    frame.values[:] = -1
    assert window.frame().values[0, -1, 0] == 5.0


def test_an_evicted_server_returns_as_a_new_one() -> None:
    window = event_window(steps=3)
    write(window, columns(["a", "b", "c", "d"], [0, STEP, 0, STEP], [1.0, 2.0, 3.0, 4.0]))
    assert window.evict(START_MS + STEP * 1000, STEP * 1000) == []
    assert window.evict(START_MS + STEP * 1000, STEP * 1000 - 1) == ["a", "c"]
    assert set(window.names) == {"b", "d"}
    assert "a" not in window.known_names
    result = write(window, columns(["a"], [0], [7.0]))
    assert (result.accepted, result.duplicates) == (1, 0)
    frame = window.frame()
    assert dict(zip(frame.server_names, frame.values[:, -2, 0].tolist(), strict=True))["a"] == 7.0
    np.testing.assert_array_equal(np.nansum(frame.values[:, :, 0], axis=1), [4.0, 2.0, 7.0])


def test_warm_servers_are_those_with_enough_measured_steps() -> None:
    window = event_window()
    write(window, columns(["a", "a", "a", "b"], [0, STEP, STEP + 5, 0]))
    assert [window.warm_count(least) for least in (1, 2, 3)] == [2, 1, 0]


def ring_bytes(window: FleetWindow, name: str) -> list[bytes]:
    row = window.known_names[name]
    return [array[row].tobytes() for array in window._rings._arrays()]


@pytest.mark.parametrize(
    "column",
    [
        {"timestamp": 0},
        {"timestamp": 253_402_300_799_999},
        {"timestamp": START_MS - 30 * DAY * 1000},
        {"server_name": ""},
        {"server_name": "x" * 300},
        {"state": 99},
        {"cpu_user_pct": math.inf},
        {"cpu_user_pct": -5.0},
        {"net_in_mb_s": float(LARGEST)},
        {"net_in_mb_s": math.nan},
        {"load_average": -math.inf},
    ],
    ids=str,
)
@pytest.mark.parametrize("clock", [EventClock, lambda: ManualClock(START_MS)], ids=["event", "wall"])
def test_a_garbage_row_leaves_every_other_server_untouched(
    column: dict[str, object], clock: Callable[[], EventClock | ManualClock]
) -> None:
    window = FleetWindow(clock(), steps=12)
    rng = np.random.default_rng(3)
    servers = [f"ppweb{number:02d}" for number in range(20)]
    for step in range(-11, 1):
        write(window, columns(servers, [step * STEP] * 20, rng.uniform(0, 100, (len(METRICS), 20))))
    before = {name: ring_bytes(window, name) for name in servers}

    batch = metrics_pb2.MetricBatch(timestamp=[START_MS + 1000], server_name=["ppweb07"], net_in_mb_s=[1.0])
    for name, value in column.items():
        if name not in ("timestamp", "server_name", "net_in_mb_s"):
            getattr(batch, name).append(value)
        else:
            getattr(batch, name)[0] = value
    rows = decode(batch)
    window.write(rows, validate(rows, known_names=window.known_names).valid)
    for name in servers:
        if name != "ppweb07":
            assert ring_bytes(window, name) == before[name]


def test_memory_per_server_is_as_documented() -> None:
    assert event_window().bytes_per_server == 36_038
    per_step = 4 * len(METRICS) + 2 * len(METRICS) + 8 * 5 + 1
    assert event_window(steps=10).bytes_per_server == 10 * per_step + 38


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "got 0 steps"),
        ({"max_servers": 0}, "and 0 servers"),
        ({"step_seconds": 0}, "step of 0 s"),
        ({"step_seconds": 65_536}, "step of 65536 s"),
    ],
)
def test_a_window_that_cannot_be_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        event_window(**options)


class EvictingLock:
    """The window's lock, but another thread evicts just before it is taken for the given time."""

    def __init__(self, window: FleetWindow, before: int) -> None:
        self._lock = window._lock
        self._window = window
        self._left = before

    def __enter__(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._window._lock, mine = self._lock, self
            assert self._window.evict(START_MS + STEP * 1000, 1000) == ["old"]
            self._window._lock = mine
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


@pytest.mark.parametrize("before", [1, 2, 3])
def test_an_eviction_while_a_frame_is_copied_loses_no_server(before: int) -> None:
    window = event_window(steps=3)
    servers = ["old", *(f"web{number:03d}" for number in range(299))]
    write(window, columns(servers, [0, *[STEP] * 299], np.arange(300.0)))
    window._lock = EvictingLock(window, before)
    frame = window.frame()
    assert sorted(frame.server_names) == sorted(servers[1:])
    values = dict(zip(frame.server_names, frame.values[:, -1, 0].tolist(), strict=True))
    assert values == {name: float(number) for number, name in enumerate(servers) if number}


def test_readers_see_whole_steps_of_a_server_while_another_thread_writes() -> None:
    window = event_window(steps=6, step_seconds=10)
    servers = [f"web{number:03d}" for number in range(400)]
    rounds = 150
    write(window, columns(servers, [0] * 400, 0.0))

    def run() -> None:
        for step in range(1, rounds):
            write(window, columns(servers, [step * 10] * 400, float(step)))

    writer = threading.Thread(target=run)
    writer.start()
    frames = 0
    while writer.is_alive() or not frames:
        frame = window.frame()
        frames += 1
        first = frame.origin_ms // 10_000 - START_MS // 10_000 - 5
        due = np.arange(first, first + 6, dtype=np.float32)[:, None]  # the value written in each step
        # A server that moved on since the origin was fixed lacks its oldest steps; nothing is mixed up.
        assert np.all((frame.values == due) | np.isnan(frame.values))
        missing = np.isnan(frame.values[:, :, 0])
        assert np.isnan(frame.values).any(axis=2).tolist() == missing.tolist()
        assert np.all(missing[:, :-1] >= missing[:, 1:])
    writer.join()
    assert window.frame().values[:, -1].min() == rounds - 1
