"""A disk that fails: nobody is told that rows are durable, none is lost or doubled, and it mends itself."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from argus_server.store.errors import StoreUnavailable
from argus_server.store.store import Store
from argus_server.store.tables import METRICS_TABLE
from tests.processes import until
from tests.server.store.rows import QUICK, START_MS, keys, on_disk, put, samples, stored

NAMES = ["a", "b"]


class Disk:
    """Stands between the store and the disk.

    Attributes:
        error: What writing fails with, if it is to.
        room: Bytes that can be written before it fails.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.error = 0
        self.room = 0
        self._write, self._sync, self._cut = os.writev, os.fsync, os.ftruncate
        patch.setattr(os, "writev", self.write)
        patch.setattr(os, "fsync", self.sync)
        patch.setattr(os, "ftruncate", self.cut)
        self.sync_error = self.cut_error = 0
        self.answers = threading.Event()
        self.answers.set()

    def write(self, file: int, parts: Any) -> int:
        self.answers.wait(30)
        if self.error and not self.room:
            raise OSError(self.error, os.strerror(self.error))
        if self.error:
            taken = b"".join(parts)[: self.room]
            self.room -= len(taken)
            return os.write(file, taken)
        return self._write(file, parts)

    def sync(self, file: int) -> None:
        if self.sync_error or self.error:
            raise OSError(self.sync_error or self.error, "sync")
        self._sync(file)

    def cut(self, file: int, size: int) -> None:
        if self.cut_error:
            raise OSError(self.cut_error, "cut")
        self._cut(file, size)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def store(root: Path, disk: Disk) -> Iterator[Store]:
    store = Store(root, QUICK)
    yield store
    disk.error = disk.sync_error = disk.cut_error = 0
    disk.answers.set()
    store.close()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk of the data directory is full"),
        (errno.EROFS, "the data directory is read-only"),
        (errno.EIO, "the disk of the data directory fails"),
        (errno.EDQUOT, "the quota of the data directory is used up"),
        (errno.EFBIG, "a file of the data directory may not grow further"),
        (errno.ENODEV, "the data directory cannot be written to"),
    ],
)
@pytest.mark.parametrize("room", [0, 10, 500])
def test_a_full_disk_is_named_keeps_what_was_taken_in_and_recovers(
    store: Store, root: Path, disk: Disk, number: int, reason: str, room: int
) -> None:
    written = put(store, NAMES, [START_MS] * 2)
    size = sum(path.stat().st_size for path in root.rglob("*.seg"))
    disk.error, disk.room = number, room

    pending = store.append_samples(samples(NAMES, [START_MS + 1] * 2), "s", 7)

    assert isinstance(pending.exception(10), StoreUnavailable)
    assert reason in str(pending.exception())
    assert reason in store.failure
    assert stored(store) == sorted(written)
    assert sum(path.stat().st_size for path in root.rglob("*.seg")) == size  # nothing half is left
    with pytest.raises(StoreUnavailable):
        store.flush().result(10)
    with pytest.raises(StoreUnavailable):
        store.checkpoint() or store.flush().result(10)
    late = store.append_samples(samples(NAMES, [START_MS + 2] * 2), "s", 8)
    assert isinstance(late.exception(10), StoreUnavailable)

    disk.error = 0
    until(lambda: not store.failure)
    kept = [(name, START_MS + later) for name in NAMES for later in (0, 1, 2)]
    until(lambda: stored(store) == sorted(kept))
    kept += put(store, NAMES, [START_MS + 3] * 2)
    # Rows that were in vain committed no sequence, so that whoever sent them sends them again.
    assert "s" not in store._writer.standing(METRICS_TABLE)[1]
    store.close()
    assert on_disk(root) == sorted(kept)


def test_a_store_without_waiting_rows_finds_out_by_itself(store: Store, disk: Disk) -> None:
    disk.error = errno.ENOSPC
    other = store.append(METRICS_TABLE, samples(NAMES, [START_MS] * 2).combined([samples(NAMES, [1, 2])]))
    assert isinstance(other.exception(10), StoreUnavailable)
    assert store.failure
    disk.error = 0
    until(lambda: not store.failure)
    assert stored(store) == []  # history is not kept for later


def test_order_is_kept_through_a_failure(store: Store, disk: Disk) -> None:
    disk.error = errno.ENOSPC
    pending = [store.append_samples(samples(["a"], [START_MS + n]), "s", n) for n in range(20)]
    assert all(isinstance(one.exception(10), StoreUnavailable) for one in pending)
    disk.error = 0
    until(lambda: not store.failure)
    put(store, ["a"], [START_MS + 20])
    read = [time for batch in store.read(METRICS_TABLE, 0, 1 << 45) for _, time in keys([batch])]
    assert read == [START_MS + n for n in range(21)]


@pytest.mark.parametrize("cut_error", [0, errno.EIO])
def test_a_sync_that_fails_is_not_believed_later(root: Path, disk: Disk, cut_error: int) -> None:
    store = Store(root, replace(QUICK, durability="fsync"))
    written = put(store, NAMES, [START_MS] * 2)
    disk.sync_error, disk.cut_error = errno.EIO, cut_error
    pending = store.append_samples(samples(NAMES, [START_MS + 1] * 2), "s", 1)
    assert isinstance(pending.exception(10), StoreUnavailable)
    disk.sync_error = disk.cut_error = 0
    until(lambda: not store.failure)
    written += [(name, START_MS + 1) for name in NAMES]
    until(lambda: stored(store) == sorted(written))
    assert len(list(root.rglob("*.seg"))) == 2  # written again, to another file
    store.close()
    assert on_disk(root) == sorted(written)


def test_a_disk_that_does_not_answer_is_named_and_refuses_more_than_the_queue_takes(
    root: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argus_server.store.writer.STALLED_SECONDS", 0.05)
    store = Store(root, replace(QUICK, queue_bytes=10_000))
    disk.answers.clear()
    pending = store.append_samples(samples(NAMES, [START_MS] * 2), "s", 1)
    until(lambda: "has not answered" in store.failure)
    assert not pending.done()
    monkeypatch.setattr("argus_server.store.writer.STALLED_SECONDS", 1e9)
    number = 1
    while not store.failure:
        number += 1
        store.append_samples(samples(NAMES, [START_MS + number] * 2), "s", number)
    assert "wait for the disk" in store.failure
    assert number * samples(NAMES, [1, 2]).nbytes <= 10_000 + 1000
    disk.answers.set()
    until(lambda: not store.failure)
    store.flush().result(10)
    assert len(stored(store)) == 2 * number
    assert pending.result(10) is None
    store.close()


def test_closing_on_a_full_disk_ends_and_says_what_was_not_written(
    root: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(root, QUICK)
    written = put(store, NAMES, [START_MS] * 2)
    disk.error = errno.ENOSPC
    assert store.append_samples(samples(NAMES, [START_MS + 1] * 2), "s", 1).exception(10)
    store.close()
    assert "1 batches could not be written; none was acknowledged" in caplog.text
    disk.error = 0
    assert on_disk(root) == written


def test_many_appends_become_few_frames(root: Path, disk: Disk) -> None:
    store = Store(root, QUICK)
    disk.answers.clear()
    pending = [store.append_samples(samples(["a"], [START_MS + n]), f"s{n % 3}", n) for n in range(200)]
    disk.answers.set()
    for one in pending:
        one.result(10)
    position, marks = store._writer.standing(METRICS_TABLE)
    assert position <= 3
    assert marks == {"s0": 198, "s1": 199, "s2": 197}
    store.close()


def test_a_segment_is_closed_at_its_size(root: Path, disk: Disk) -> None:
    store = Store(root, replace(QUICK, segment_bytes=5_000))
    for number in range(20):
        put(store, NAMES, [START_MS + number] * 2)
    segments = store.catalog(METRICS_TABLE).segments
    assert len(segments) > 3
    assert all(5_000 <= segment.size < 8_000 for segment in segments[:-1])
    assert [segment.closed for segment in segments] == [True] * (len(segments) - 1) + [False]
    store.close()
