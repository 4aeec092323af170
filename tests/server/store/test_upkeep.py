"""What retention removes, what is merged, and who does it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from argus_server.clock import Clock, EventClock, ManualClock, WallClock
from argus_server.store import catalog as catalog_module
from argus_server.store import compaction
from argus_server.store.catalog import Part
from argus_server.store.options import StoreOptions
from argus_server.store.store import Store
from argus_server.store.upkeep import Upkeep
from argus_server.window.fleet_window import FleetWindow
from tests.server.store.rows import DAY_MS, QUICK, START_MS, Key, put, stored
from tests.server.store.stores import NAMES, metrics, roll_all


def part(day: int, first: int, size: int = 10) -> Part:
    return Part(Path(f"{day}-{first}"), catalog_module._date(19_000 + day), first, first, size)


def test_retention_removes_the_oldest_first() -> None:
    parts = [part(day, first) for day in range(4) for first in (0, 1)]
    days = {one.day for one in parts} | {catalog_module._date(19_004)}
    now_ms = (19_000 + 4) * DAY_MS

    def gone(now_ms: int, keep_days: float | None, keep_bytes: int | None) -> tuple[list[Part], list[Part]]:
        return compaction.expired(parts, now_ms, days, keep_days, keep_bytes)

    assert gone(now_ms, None, None) == ([], [])
    assert gone(now_ms, 3.0, None) == ([], [])  # the day has only just become old enough
    assert gone(now_ms + 1, 3.0, None) == (parts[:2], [])
    assert gone(now_ms, None, 55) == ([], parts[:3])
    assert gone(now_ms + 1, 3.0, 55) == (parts[:2], parts[2:3])
    assert gone(now_ms + 1, 3.0, 60) == (parts[:2], [])
    assert gone(now_ms, None, 80) == ([], [])


def test_a_clock_that_is_wrong_does_not_make_stored_days_old() -> None:
    parts = [part(day, day) for day in range(36)]
    now_ms, ahead_ms = (19_000 + 36) * DAY_MS - 1, (19_000 + 76) * DAY_MS

    def gone(now_ms: int, *others: int) -> list[Part]:
        days = {one.day for one in parts} | {catalog_module._date(19_000 + day) for day in others}
        return compaction.expired(parts, now_ms, days, 35.0, None)[0]

    assert gone(now_ms) == []
    assert gone(ahead_ms) == parts[:1], "the newest 35 days are kept, whatever the clock says"
    assert gone(ahead_ms, 75) == parts[:2], "a day that has rows takes the place of another"
    assert gone(now_ms + 4 * DAY_MS, 66, 67, 68) == parts[:1], "days that are to come do not"
    assert gone(now_ms + 2 * DAY_MS, 36, 37) == parts[:2], "and with time they go, day by day"


Clocked = Callable[[Clock, float], Store]


@pytest.fixture
def clocked(root: Path) -> Iterator[Clocked]:
    """Makes stores that go by a clock, and that roll and forget when told to."""
    made: list[Store] = []

    def make(clock: Clock, keep_days: float) -> Store:
        store = Store(root, replace(QUICK, keep_days=keep_days))
        made.append(store)
        store.recover(FleetWindow(clock), clock, 1 << 50)
        return store

    yield make
    for store in made:
        store.close()


def put_days(store: Store, first: int, days: int) -> list[Key]:
    """Appends a row per day, and turns them into Parquet."""
    put_ = [put(store, ["a"], [START_MS + day * DAY_MS]) for day in range(first, first + days)]
    roll_all(store)
    return [key for keys_ in put_ for key in keys_]


def test_a_wall_clock_40_days_ahead_for_a_moment_removes_a_day_at_most(clocked: Clocked) -> None:
    clock = ManualClock(START_MS + 10 * DAY_MS)
    store = clocked(clock, 7.0)
    written = put_days(store, 3, 8)
    clock.advance(40 * DAY_MS)
    store._any(store._expire)
    assert stored(store) == written[1:]
    put(store, ["a"], [clock.now_ms()])
    roll_all(store)
    store._any(store._expire)
    assert stored(store)[:-1] == written[2:]
    clock.advance(-40 * DAY_MS)
    store._any(store._expire)
    assert stored(store)[:-1] == written[2:]


def test_a_far_row_in_event_time_removes_nothing(clocked: Clocked, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = EventClock()
    today_ms = START_MS + 7 * DAY_MS
    monkeypatch.setattr(WallClock, "now_ms", lambda _: today_ms)
    store = clocked(clock, 7.0)
    written = put_days(store, 0, 8)
    clock.observe(today_ms)
    far = put_days(store, 38, 1)
    clock.observe(far[0][1])
    store._any(store._expire)
    assert stored(store) == [*written, *far]


def test_a_replay_of_the_past_is_retained_by_its_own_days(
    clocked: Clocked, caplog: pytest.LogCaptureFixture
) -> None:
    clock = EventClock()
    store = clocked(clock, 7.0)
    written = put_days(store, 0, 30)
    clock.observe(written[-1][1] + 1000)
    store._any(store._expire)
    assert stored(store) == written[-8:], "seven days, and the one that is not over yet"
    (record,) = [record for record in caplog.records if "retention" in record.getMessage()]
    assert record.levelno == logging.WARNING
    assert (
        "22 files of metrics, 2023-11-15 to 2023-12-06: they are older than 7.0 days" in record.getMessage()
    )


def test_small_neighbours_are_merged_when_they_are_many_or_their_day_is_over() -> None:
    small, large = 10, compaction.SMALL_BYTES
    parts = [part(0, 0, small), part(0, 1, large), part(0, 2, small), part(0, 3, small)]
    today = [part(2, first, small) for first in range(7)]
    assert compaction.mergeable([*parts, *today], None) == []
    assert compaction.mergeable([*parts, *today], parts[0].day) == parts[2:]
    assert compaction.mergeable([*today, part(2, 7)], None) == [*today, part(2, 7)]
    assert compaction.mergeable([part(0, 0)], parts[0].day) == []


def test_a_merge_stays_below_its_size() -> None:
    size = compaction.SMALL_BYTES - 1
    parts = [part(0, first, size) for first in range(9)]
    (chosen,) = {len(compaction.mergeable(parts, None, at_least=2))}
    assert chosen * size <= compaction.MERGED_BYTES < (chosen + 1) * size


def test_upkeep_rolls_merges_and_forgets_by_itself(root: Path) -> None:
    from tests.processes import until

    options = StoreOptions(linger_seconds=0.0, segment_seconds=0.0, keep_days=1.0)
    store = Store(root, options)
    clock = ManualClock(START_MS)
    store.recover(FleetWindow(clock), clock, 1 << 50)
    store.start()
    put(store, NAMES, [START_MS - 3 * DAY_MS] * 3)
    kept = put(store, NAMES, [START_MS] * 3)
    until(lambda: stored(store) == sorted(kept) and not metrics(store).unrolled())
    until(lambda: len(metrics(store).parts) == 1)
    store.close()


def test_upkeep_goes_on_after_a_moment_without_memory() -> None:
    from tests.processes import until

    failed: list[str] = []
    done = threading.Event()

    def work() -> bool:
        if not failed:
            raise MemoryError
        done.set()
        return False

    upkeep = Upkeep({"work": work}, 0.001, failed.append, retry_seconds=0.0)
    upkeep.start()
    until(done.is_set)
    upkeep.close()
    assert failed == ["work"]


def test_a_segment_stays_until_two_checkpoints_cover_it(root: Path) -> None:
    store = Store(root, QUICK)
    clock = EventClock()
    store.recover(FleetWindow(clock), clock, 1 << 50)
    lengths = []
    for number in range(4):
        put(store, NAMES, [START_MS + number] * 3)
        roll_all(store)
        assert store.checkpoint()
        assert not store.checkpoint()  # nothing has come since
        metrics(store).release(store._checkpoints.oldest_position())
        lengths.append(len(metrics(store).segments))
    assert lengths == [1, 1, 1, 1]
    assert len(list((root / "checkpoint").iterdir())) == 2
    store.close()
