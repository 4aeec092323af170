"""Rows move, and files vanish, while a data directory is copied."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from argus_server.alerts.events import AlertEvent, EventKind
from argus_server.alerts.store import FILE, SINK_MARK, AlertStore, Commit
from argus_server.security.key_file import KEYS_FILE, KeyFile, KeyFileError
from argus_server.security.keyring import USED_FILE, Keyring
from argus_server.store import backup as module
from argus_server.store import parquet
from argus_server.store.backup import backup
from argus_server.store.errors import StoreError
from argus_server.store.store import Store
from argus_server.store.tables import METRICS_TABLE
from tests.server.store.rows import QUICK, START_MS, on_disk, put, stored

NAMES = ["a", "b", "c"]


def move(store: Store) -> None:
    """Turns all segments into Parquet, removes them, and merges what there is."""
    store._writer.rotate().result(10)
    catalog = store.catalog(METRICS_TABLE)
    while (segment := catalog.unrolled()) is not None:
        parquet.roll(catalog, segment)
    catalog.release(1 << 62)
    if len(catalog.parts) > 1:
        parquet.merge(catalog, catalog.parts)


def after_first_phase(patch: pytest.MonkeyPatch, done: Callable[[], None]) -> None:
    """Calls once the samples' segments or their Parquet files, whichever comes first, are copied."""
    calls: list[str] = []

    def followed(call: Any) -> Any:
        def copy(source: Path, destination: Path) -> None:
            call(source, destination)
            if source.name == METRICS_TABLE and not calls:
                calls.append(source.name)
                done()

        return copy

    for name in ("_copy_log", "_copy_parquet"):
        patch.setattr(module, name, followed(getattr(module, name)))


def test_rows_that_move_meanwhile_are_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "data", QUICK)
    put(store, NAMES, [START_MS] * 3)
    move(store)
    put(store, NAMES, [START_MS + 1] * 3)
    expected = stored(store)
    after_first_phase(monkeypatch, lambda: move(store))
    backup(tmp_path / "data", tmp_path / "copy")
    assert on_disk(tmp_path / "copy") == expected == stored(store)
    store.close()


def test_files_that_vanish_meanwhile_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "data", QUICK)
    for number in range(3):
        put(store, NAMES, [START_MS + number] * 3)
        store._writer.rotate().result(10)
    expected = stored(store)
    copy2 = module.shutil.copy2

    def vanish(path: Path, target: Path) -> Any:
        monkeypatch.setattr(module.shutil, "copy2", copy2)
        move(store)
        return copy2(path, target)

    monkeypatch.setattr(module.shutil, "copy2", vanish)
    backup(tmp_path / "data", tmp_path / "copy")
    assert on_disk(tmp_path / "copy") == expected
    store.close()


def test_files_that_vanish_for_ever_are_an_error_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "data", QUICK)
    put(store, NAMES, [START_MS] * 3)
    store.close()

    def gone(path: Path, target: Path) -> None:
        raise FileNotFoundError(path)

    monkeypatch.setattr(module.shutil, "copy2", gone)
    with pytest.raises(StoreError, match="changed in 20 attempts"):
        backup(tmp_path / "data", tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_events_that_the_copied_history_lacks_are_told_to_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(tmp_path / "data", QUICK).close()
    alerts = AlertStore(tmp_path / "data" / FILE)

    def deliver() -> None:
        alerts.commit([Commit(events=[AlertEvent(EventKind.FIRED, START_MS)])])
        alerts.set_mark(SINK_MARK, alerts.events(0, 100)[-1].sequence)

    deliver()
    after_first_phase(monkeypatch, deliver)
    backup(tmp_path / "data", tmp_path / "copy")
    copy = AlertStore(tmp_path / "copy" / FILE)
    assert (alerts.mark(SINK_MARK), copy.mark(SINK_MARK)) == (2, 1)
    assert len(copy.events(0, 100)) == 2
    copy.close()
    alerts.close()


def test_a_backup_is_private_and_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "data", QUICK)
    put(store, NAMES, [START_MS] * 3)
    move(store)
    put(store, NAMES, [START_MS + 1] * 3)
    (tmp_path / "data" / "models" / "mine").mkdir(parents=True)
    (tmp_path / "data" / "models" / "mine" / "config.json").write_text("{}")
    synced: set[int] = set()
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        if not (tmp_path / "copy").exists():
            synced.add(os.fstat(descriptor).st_ino)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", noted)
        backup(tmp_path / "data", tmp_path / "copy")
    store.close()
    copied = [tmp_path / "copy", *(tmp_path / "copy").rglob("*")]
    assert len(copied) > 8
    assert [path for path in copied if path.stat().st_ino not in synced] == []
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700


def test_a_backup_says_that_there_were_keys(tmp_path: Path) -> None:
    Store(tmp_path / "data", QUICK).close()
    used = {"5fa2b14d9c01": None}
    (tmp_path / "data" / USED_FILE).write_text(json.dumps(used))
    backup(tmp_path / "data", tmp_path / "copy")
    assert not (tmp_path / "copy" / KEYS_FILE).exists()
    with pytest.raises(KeyFileError, match="has asked for API keys before"):
        Keyring(KeyFile(tmp_path / "copy" / KEYS_FILE), tmp_path / "copy" / USED_FILE)
