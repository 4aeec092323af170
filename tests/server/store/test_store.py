"""The store over its whole life: every row is seen once, whatever is going on and wherever it is cut short."""

from __future__ import annotations

import errno
import logging
import os
import resource
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from argus_server.clock import Clock, EventClock, ManualClock, WallClock
from argus_server.store import catalog as catalog_module
from argus_server.store import compaction, footer, parquet
from argus_server.store.catalog import Catalog, Part
from argus_server.store.errors import DamagedPart, DirectoryLocked, StoreError, UnknownTable
from argus_server.store.lock import DirectoryLock
from argus_server.store.options import StoreOptions
from argus_server.store.parquet import open_part, reading
from argus_server.store.samples import SampleRows
from argus_server.store.store import Store
from argus_server.store.tables import METRICS_SCHEMA, METRICS_TABLE, TABLES, Table
from argus_server.store.upkeep import Upkeep
from argus_server.window.fleet_window import FleetWindow
from tests.server.store.rows import (
    DAY_MS,
    FOREVER,
    QUICK,
    START_MS,
    Key,
    keys,
    on_disk,
    put,
    samples,
    spoil,
    spoil_footer,
    stored,
    without_checksum,
)

NAMES = ["b", "a", "c"]


class Killed(BaseException):
    """The process ends here: nothing may catch it."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    store = Store(root, QUICK)
    yield store
    store.close()


def metrics(store: Store) -> Catalog:
    return store.catalog(METRICS_TABLE)


def roll_all(store: Store) -> None:
    store._writer.rotate().result(10)
    while (segment := metrics(store).unrolled()) is not None:
        parquet.roll(metrics(store), segment)


def test_a_row_is_read_as_soon_as_it_is_durable(store: Store) -> None:
    put(store, NAMES, [START_MS] * 3, value=7.0)
    (batch,) = store.read(METRICS_TABLE, *FOREVER)
    assert batch.schema == METRICS_SCHEMA
    assert batch.column("cpu_idle_pct").to_pylist() == [7.0] * 3
    assert batch.column("state").to_pylist() == [2] * 3


@pytest.mark.parametrize("rolled", [False, True])
def test_reading_chooses_time_servers_and_columns(store: Store, rolled: bool) -> None:
    times = [START_MS + step * DAY_MS // 2 for step in range(6)]
    for time in times:
        put(store, NAMES, [time] * 3)
    if rolled:
        roll_all(store)
        assert len(metrics(store).parts) == 3
    read = list(store.read(METRICS_TABLE, times[1], times[4], ["a", "c", "z"], ["server_name", "timestamp"]))
    assert {tuple(batch.schema.names) for batch in read} == {("server_name", "timestamp")}
    assert keys(read) == sorted((name, time) for name in ("a", "c") for time in times[1:4])
    assert list(store.read(METRICS_TABLE, times[3], times[3])) == []
    assert list(store.read(METRICS_TABLE, *FOREVER, servers=[])) == []


def test_what_cannot_be_read_is_named(store: Store) -> None:
    with pytest.raises(UnknownTable, match="'nothing'; there are metrics"):
        store.read("nothing", *FOREVER)
    with pytest.raises(StoreError, match="no column 'cpu'; it has timestamp"):
        list(store.read(METRICS_TABLE, *FOREVER, columns=["cpu"]))
    with pytest.raises(StoreError, match="must have the columns"):
        store.append(METRICS_TABLE, pa.record_batch({"timestamp": [1]}))


def test_another_table_can_be_registered_without_servers(root: Path) -> None:
    schema = pa.schema([METRICS_SCHEMA.field("timestamp"), pa.field("total", pa.int32())])
    store = Store(root, QUICK, tables=(*TABLES, Table("fleet", schema)))
    for day in range(3):
        rows = pa.record_batch(
            [pa.array([START_MS + day * DAY_MS], schema.field(0).type), pa.array([day], pa.int32())],
            schema=schema,
        )
        store.append("fleet", rows).result(10)
    store._writer.rotate().result(10)
    segment = store.catalog("fleet").unrolled()
    assert segment is not None
    parquet.roll(store.catalog("fleet"), segment)
    assert sorted(v for b in store.read("fleet", *FOREVER) for v in b.column("total").to_pylist()) == [
        0,
        1,
        2,
    ]
    with pytest.raises(StoreError, match="no servers to choose from"):
        list(store.read("fleet", *FOREVER, servers=["a"]))
    store.catalog("fleet").release(0)
    assert store.catalog("fleet").segments == ()  # nothing is replayed from it
    store.close()


def test_parquet_is_partitioned_by_day_and_sorted(store: Store, root: Path) -> None:
    put(store, NAMES * 2, [START_MS - 1] * 3 + [START_MS + 5] * 3)
    put(store, NAMES, [START_MS + 1] * 3)
    roll_all(store)
    days = sorted(path.name for path in (root / "tables" / METRICS_TABLE).glob("date=*"))
    assert days == ["date=2023-11-14", "date=2023-11-15"]
    (file,) = (root / "tables" / METRICS_TABLE / days[1]).iterdir()
    table = pq.read_table(file, partitioning=None)
    assert table.schema == METRICS_SCHEMA
    assert table["server_name"].to_pylist() == ["a", "a", "b", "b", "c", "c"]
    assert table["timestamp"].cast(pa.int64()).to_pylist() == [START_MS + 1, START_MS + 5] * 3
    group = pq.ParquetFile(file).metadata.row_group(0)
    assert all(group.column(place).is_stats_set for place in range(group.num_columns))


def test_one_process_at_a_time(store: Store, root: Path) -> None:
    with pytest.raises(DirectoryLocked, match=f"in use by another process .pid {os.getpid()}."):
        Store(root)
    store.close()
    Store(root).close()


def test_a_lock_is_let_go_when_opening_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            catalog_module, "segment_paths", lambda directory: (_ for _ in ()).throw(OSError("bad disk"))
        )
        with pytest.raises(OSError, match="bad disk"):
            Store(root)
    DirectoryLock(root).release()


# Cut short.


def steps_of(monkeypatch: pytest.MonkeyPatch, stop_at: int) -> Callable[[], int]:
    """Ends the process at the given one of the system calls by which files appear, vanish and are made durable."""
    count = 0

    def watched(call: Callable[..., object], after: bool) -> Callable[..., object]:
        def step(*arguments: object, **named: object) -> object:
            nonlocal count
            if count >= stop_at:
                raise Killed  # the dead do not clean up
            count += 1
            if count == stop_at and not after:
                raise Killed
            result = call(*arguments, **named)
            if count == stop_at and after:
                raise Killed
            return result

        return step

    monkeypatch.setattr(os, "replace", watched(os.replace, after=False))
    monkeypatch.setattr(os, "fsync", watched(os.fsync, after=True))
    monkeypatch.setattr(Path, "unlink", watched(Path.unlink, after=False))
    return lambda: count


def prepared(root: Path) -> tuple[Store, list[Key]]:
    """Three days in two rolled segments and one that is not, and one segment that is open."""
    store = Store(root, QUICK)
    written = []
    for number in range(3):
        for day in range(3):
            written += put(store, NAMES, [START_MS + day * DAY_MS + number] * 3)
        if number < 2:
            roll_all(store)
        else:
            store._writer.rotate().result(10)
    written += put(store, NAMES, [START_MS + 99] * 3)
    return store, sorted(written)


def roll(store: Store) -> None:
    segment = metrics(store).unrolled()
    assert segment is not None
    parquet.roll(metrics(store), segment)
    metrics(store).release(1 << 60)


def merge(store: Store) -> None:
    parts = metrics(store).parts
    parquet.merge(metrics(store), [part for part in parts if part.day == parts[0].day])


@pytest.mark.parametrize("work", [roll, merge])
def test_a_roll_or_a_merge_may_be_cut_short_anywhere(
    tmp_path: Path, work: Callable[[Store], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, stop_at = 0, 0
    while reached >= stop_at:
        stop_at += 1
        root = tmp_path / str(stop_at)
        store, written = prepared(root)
        with monkeypatch.context() as patch:
            steps = steps_of(patch, stop_at)
            try:
                work(store)
            except Killed:
                reached = stop_at
            else:
                reached = steps()
        assert stored(store) == written
        store.close()
        # Whoever opens the directory afterwards sees the same, and the work can be done again.
        store = Store(root, QUICK)
        assert stored(store) == written
        roll_all(store)
        work_again = compaction.mergeable(metrics(store).parts, metrics(store).parts[-1].day)
        assert work_again
        parquet.merge(metrics(store), work_again)
        assert stored(store) == written
        store.close()
        assert not list(root.rglob("*.tmp"))
    assert stop_at > 5  # the last of which was not reached


def test_reading_goes_on_through_rolls_merges_and_retention(root: Path) -> None:
    store, written = prepared(root)
    batches = store.read(METRICS_TABLE, *FOREVER)
    seen = [next(batches)]  # under way
    roll_all(store)
    merge(store)
    metrics(store).release(1 << 60)
    metrics(store).drop_parts(metrics(store).parts)
    assert stored(store) == []
    gone = len(list(root.rglob("*.parquet"))), len(list(root.rglob("*.seg")))
    assert gone[0] > 0  # still being read
    assert keys([*seen, *batches]) == written
    assert not list(root.rglob("*.parquet"))
    assert not list(root.rglob("*.seg"))
    store.close()


def test_readers_and_a_busy_store_do_not_disturb_each_other(root: Path) -> None:
    store = Store(root, replace(QUICK, segment_bytes=4096))
    total = 40
    with ThreadPoolExecutor(1) as pool:

        def keep_up() -> None:
            while not done.done() or metrics(store).unrolled() is not None:
                if (segment := metrics(store).unrolled()) is not None:
                    parquet.roll(metrics(store), segment)
                    metrics(store).release(1 << 60)
                if parts := compaction.mergeable(metrics(store).parts, None, at_least=2):
                    parquet.merge(metrics(store), parts)

        def write() -> list[Key]:
            return [key for number in range(total) for key in put(store, NAMES, [START_MS + number] * 3)]

        with ThreadPoolExecutor(1) as writers:
            done = writers.submit(write)
            upkeep = pool.submit(keep_up)
            least = 0
            while not upkeep.done():
                seen = stored(store)
                assert len(seen) == len(set(seen))
                assert len(seen) >= least
                least = len(seen)
            upkeep.result()
    assert stored(store) == sorted(done.result())
    store.close()


def test_a_merge_of_many_rows_goes_server_by_server(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MERGED_ROWS", 7)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 5)
    names = [f"s{number}" for number in range(9)]
    written = []
    for number in range(4):
        written += put(store, names, [START_MS + number] * 9)
        roll_all(store)
    assert parquet.merge(metrics(store), metrics(store).parts) == 36
    (part,) = metrics(store).parts
    assert stored(store) == sorted(written)
    assert keys(pq.ParquetFile(part.path).iter_batches()) == [
        (row["server_name"], int(row["timestamp"].timestamp() * 1000))
        for row in pq.ParquetFile(part.path).read().to_pylist()
    ]


# At the start.


def test_a_torn_tail_is_cut_off_with_a_word(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(root, QUICK)
    written = put(store, NAMES, [START_MS] * 3)
    put(store, NAMES, [START_MS + 1] * 3)
    store.close()
    (path,) = root.rglob("*.seg")
    os.truncate(path, path.stat().st_size - 3)
    assert on_disk(root) == sorted(written)
    assert "bytes of an unfinished frame" in caplog.text
    caplog.clear()
    assert on_disk(root) == sorted(written)
    assert caplog.text == ""


@pytest.mark.parametrize("size", [0, 20])
def test_a_segment_that_was_only_begun_is_no_damage(
    root: Path, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    store = Store(root, QUICK)
    written = put(store, NAMES, [START_MS] * 3)
    store.close()
    (path,) = root.rglob("*.seg")
    (path.parent / f"{1:016d}.seg").write_bytes(path.read_bytes()[:size])
    store = Store(root, QUICK)
    assert stored(store) == sorted(written)
    assert [segment.path for segment in metrics(store).segments] == [path]
    store.close()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_damage_inside_is_named_and_what_follows_is_used(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(root, QUICK)
    first = put(store, NAMES, [START_MS] * 3)
    (path,) = root.rglob("*.seg")
    place = path.stat().st_size + 100
    put(store, NAMES, [START_MS + 1] * 3)
    last = put(store, NAMES, [START_MS + 2] * 3)
    store.close()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert on_disk(root) == sorted(first + last)
    assert "their rows are lost" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_damage_to_what_is_in_parquet_already_is_no_loss(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(root, QUICK)
    window = FleetWindow(EventClock())
    store.recover(
        window, EventClock(), 1 << 50
    )  # or segments that are in Parquet would not be kept for a replay
    first = put(store, NAMES, [START_MS] * 3)
    (path,) = root.rglob("*.seg")
    place = path.stat().st_size + 100
    written = first + put(store, NAMES, [START_MS + 1] * 3) + put(store, NAMES, [START_MS + 2] * 3)
    roll_all(store)
    store.abandon()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert on_disk(root) == sorted(written)
    assert "no row is lost, as Parquet was made of them before" in caplog.text
    assert "rows are lost" not in caplog.text


def spoilt(store: Store) -> tuple[Path, list[Key]]:
    """Four files of one day, the second of which is damaged; that one, and the rows of the others."""
    kept = []
    rng = np.random.default_rng(1)
    for number in range(4):
        rows = samples(["a"] * 50, [START_MS + number * 60_000 + second * 1000 for second in range(50)])
        rows.columns.metrics[:] = rng.uniform(0, 100, rows.columns.metrics.shape)
        store.append_samples(rows, "test", number + 1).result(10)
        roll_all(store)
        if number != 1:
            kept += keys([SampleRows.combined([rows])])
    path = metrics(store).parts[1].path
    spoil(path)
    assert pq.read_table(path).num_rows == 50, "the damage is one that only a checksum finds"
    return path, kept


def test_a_damaged_file_is_never_read_as_sound(store: Store) -> None:
    path, _ = spoilt(store)
    with pytest.raises(DamagedPart, match=f"{path} is damaged .*argus store verify") as caught:
        stored(store)
    assert caught.value.path == path
    with pytest.raises(DamagedPart):
        list(store.read(METRICS_TABLE, *FOREVER, columns=["cpu_user_pct"]))
    assert len(list(store.read(METRICS_TABLE, *FOREVER, columns=["mem_used_pct"]))) == 4, "others are sound"
    path.unlink()
    with pytest.raises(DamagedPart, match="it is gone"):
        stored(store)


def test_a_footer_is_compared_before_it_is_read(store: Store) -> None:
    for number in range(2):
        put(store, NAMES, [START_MS + number] * 3, value=7.0)
        roll_all(store)
    first, second = (part.path for part in metrics(store).parts)
    sound = first.read_bytes()
    spoil_footer(first)
    with pytest.raises(DamagedPart, match=f"{first} is damaged .*the checksum of its footer is wrong"):
        stored(store)
    with pytest.raises(DamagedPart, match="the checksum of its footer is wrong"):
        parquet.merge(metrics(store), metrics(store).parts)
    # Its length and the magic behind it are part of it, and a file may have neither.
    for place in (*range(-8, 0), -200):
        first.write_bytes(sound[:place] + bytes([sound[place] ^ 16]) + sound[len(sound) + place + 1 :])
        with pytest.raises(DamagedPart):
            stored(store)
    for end in (0, 5, 11, len(sound) // 2, len(sound) - 1):
        first.write_bytes(sound[:end])
        with pytest.raises(DamagedPart, match="it does not end as a Parquet file does"):
            stored(store)
    first.write_bytes(sound)
    assert len(stored(store)) == 6
    assert second.exists()


def test_a_file_without_a_checksum_in_its_name_is_read_as_before(root: Path) -> None:
    store = Store(root, QUICK)
    written = [key for number in range(2) for key in put(store, NAMES, [START_MS + number] * 3)]
    roll_all(store)
    store.close()
    (path,) = root.rglob("*.parquet")
    path = without_checksum(path)
    store = Store(root, QUICK)
    assert stored(store) == sorted(written)
    written += put(store, NAMES, [START_MS + 2] * 3)
    roll_all(store)
    assert [bool(part.checksum) for part in metrics(store).parts] == [False, True]
    merge(store)
    assert stored(store) == sorted(written)
    (part,) = metrics(store).parts
    assert part.checksum == footer.checksum(part.path) == part.path.stem[-8:]
    store.close()


def test_text_of_a_footer_that_is_no_text_is_damage_as_well(store: Store) -> None:
    put(store, NAMES, [START_MS] * 3)
    roll_all(store)
    (part,) = metrics(store).parts
    data = bytearray(part.path.read_bytes())
    at = data.index(b"cpu_user_pct", len(data) - 8 - int.from_bytes(data[-8:-4], "little"))
    data[at] ^= 0x80
    part.path.write_bytes(data)
    older = replace(part, path=without_checksum(part.path), checksum="")
    with (
        pytest.raises(DamagedPart, match="codec can't decode"),
        open_part(older) as file,
        reading(older.path),
    ):
        file.read_row_group(0)


@pytest.fixture
def exhausted() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """For as long as a block lasts this process can open no file."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    @contextmanager
    def block() -> Iterator[None]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 5, limits[1]))
        taken: list[int] = []
        try:
            with suppress(OSError):
                while True:
                    taken.append(os.dup(0))
            yield
        finally:
            for descriptor in taken:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    yield block
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("checked", [True, False])
def test_a_moment_without_file_descriptors_is_no_damage(
    root: Path, checked: bool, exhausted: Callable[[], AbstractContextManager[None]]
) -> None:
    store = Store(root, QUICK)
    written = []
    for number in range(compaction.FEW):
        written += put(store, NAMES, [START_MS + number] * 3)
        roll_all(store)
    if not checked:
        store.close()
        for path in list(root.rglob("*.parquet")):
            without_checksum(path)
        store = Store(root, QUICK)
    catalog = metrics(store)
    for work in (lambda: store._merge(catalog), lambda: stored(store)):
        with exhausted(), pytest.raises(OSError, match="Too many open files") as caught:
            work()
        assert caught.value.errno == errno.EMFILE
    assert store._metrics.damaged_places._value.get() == 0
    assert store._merge(catalog)
    assert len(catalog.parts) == 1
    assert stored(store) == sorted(written)
    store.close()


@pytest.mark.parametrize("error", [MemoryError("none left"), pa.ArrowMemoryError("none left")])
def test_a_moment_without_memory_is_no_damage(
    store: Store, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(compaction.FEW):
        put(store, NAMES, [START_MS + number] * 3)
        roll_all(store)

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(parquet.pq, "ParquetFile", fail)
        with pytest.raises(MemoryError, match="none left"):
            store._merge(metrics(store))
    assert store._merge(metrics(store))


def test_a_damaged_file_is_left_alone_by_merges(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    path, kept = spoilt(store)
    before = path.read_bytes()
    with pytest.raises(DamagedPart):
        parquet.merge(metrics(store), metrics(store).parts)
    assert len(metrics(store).parts) == 4
    put(store, ["a"], [START_MS + 9 * DAY_MS])
    roll_all(store)
    for _ in range(3):
        store._merge(metrics(store))
    first, damaged, merged, _ = metrics(store).parts
    assert (damaged.path, damaged.path.read_bytes()) == (path, before)
    assert keys([*pq.read_table(first.path).to_batches(), *pq.read_table(merged.path).to_batches()]) == kept
    assert [str(path) in record.getMessage() for record in caplog.records] == [True]


def test_a_lost_note_of_what_was_rolled_costs_no_row(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for damage in (lambda path: path.unlink(), lambda path: path.write_text("x")):
        directory = root / damage.__code__.co_names[0]
        store, written = prepared(directory)
        store.close()
        damage(directory / "tables" / METRICS_TABLE / "_rolled")
        assert on_disk(directory) == written


def test_frames_are_numbered_on_when_all_segments_are_gone(root: Path) -> None:
    store = Store(root, QUICK)
    written = put(store, NAMES, [START_MS] * 3)
    roll_all(store)
    metrics(store).release(1 << 60)
    store.close()
    assert not list(root.rglob("*.seg"))
    store = Store(root, QUICK)
    assert metrics(store).next_sequence == 1
    written += put(store, NAMES, [START_MS + 1] * 3)
    assert stored(store) == sorted(written)
    store.close()


# What goes, and what is merged.


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


def test_samples_taken_in_part_are_written_in_part(store: Store) -> None:
    rows = samples(NAMES, [START_MS] * 3)
    some = replace(rows, taken=(rows.columns.metrics[0] > 0) & [True, False, True])
    store.append_samples(some, "s", 1).result(10)
    assert stored(store) == [("b", START_MS), ("c", START_MS)]


def test_only_its_owner_may_look_into_a_directory_that_is_made(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Store(root / "deeper", QUICK).close()
    assert (root / "deeper").stat().st_mode & 0o777 == 0o700
    assert not caplog.records
    (root / "deeper").chmod(0o750)  # a group is somebody's choice
    Store(root / "deeper", QUICK).close()
    assert not caplog.records
    (root / "deeper").chmod(0o755)
    Store(root / "deeper", QUICK).close()
    assert "can be read by every user of this machine; chmod o-rwx" in caplog.text
    assert (root / "deeper").stat().st_mode & 0o777 == 0o755
