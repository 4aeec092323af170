"""What is torn, damaged or out of reach is named, costs no sound row, and is never read as sound."""

from __future__ import annotations

import errno
import logging
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from argus_server.clock import EventClock
from argus_server.store import compaction, footer, parquet
from argus_server.store.errors import DamagedPart
from argus_server.store.parquet import open_part, reading
from argus_server.store.samples import SampleRows
from argus_server.store.store import Store
from argus_server.store.tables import METRICS_TABLE
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
from tests.server.store.stores import NAMES, merge, metrics, prepared, roll_all


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
