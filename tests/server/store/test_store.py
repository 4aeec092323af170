"""The store over its whole life: every row is seen once, whatever is going on and wherever it is cut short."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from argus_server.store import catalog as catalog_module
from argus_server.store import compaction, parquet
from argus_server.store.errors import DirectoryLocked, StoreError, UnknownTable
from argus_server.store.lock import DirectoryLock
from argus_server.store.store import Store
from argus_server.store.tables import METRICS_SCHEMA, METRICS_TABLE, TABLES, Table
from tests.server.store.rows import DAY_MS, FOREVER, QUICK, START_MS, Key, keys, put, samples, stored
from tests.server.store.stores import NAMES, merge, metrics, prepared, roll, roll_all


class Killed(BaseException):
    """The process ends here: nothing may catch it."""


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
