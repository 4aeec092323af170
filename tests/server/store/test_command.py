"""`argus store` on real data directories."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pyarrow.dataset import dataset
from pyarrow.parquet import ParquetFile
from typer.testing import CliRunner

from argus_server.clock import EventClock
from argus_server.store import inspection, parquet
from argus_server.store.catalog import Part
from argus_server.store.checkpoint import Checkpoint
from argus_server.store.command import app
from argus_server.store.store import Store
from argus_server.store.tables import METRICS_TABLE
from argus_server.window.fleet_window import FleetWindow
from tests.server.store.rows import (
    QUICK,
    START_MS,
    Key,
    on_disk,
    put,
    samples,
    spoil,
    spoil_footer,
    without_checksum,
)

ROWS = 300
NAMES = [f"s{number}" for number in range(ROWS)]


@pytest.fixture
def data(tmp_path: Path) -> tuple[Path, list[Key]]:
    written = []
    for number in range(3):
        store, window = Store(tmp_path, QUICK), FleetWindow(EventClock())
        store.recover(window, EventClock(), 1 << 50)
        window.write(samples(NAMES, [START_MS + number] * ROWS).columns, np.ones(ROWS, np.bool_))
        written += put(store, NAMES, [START_MS + number] * ROWS)
        store.close()
    return tmp_path, sorted(written)


def run(*arguments: object, code: int = 0) -> dict[str, object]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    parsed: dict[str, object] = json.loads(result.stdout)
    return parsed


def test_info_counts_rows_wherever_they_are(data: tuple[Path, list[Key]]) -> None:
    before = run("info", data[0])
    assert before["tables"][METRICS_TABLE]["rows"] == 3 * ROWS  # type: ignore[index]
    assert before["tables"][METRICS_TABLE]["segments"] == 3  # type: ignore[index]
    assert len(before["checkpoints"]) == 2  # type: ignore[arg-type]
    run("compact", data[0])
    after = run("info", data[0])["tables"][METRICS_TABLE]  # type: ignore[index]
    assert (after["rows"], after["first_day"], after["parquet_files"]) == (3 * ROWS, "2023-11-15", 1)


def test_compact_keeps_every_row_and_needs_the_directory_for_itself(data: tuple[Path, list[Key]]) -> None:
    store = Store(data[0], QUICK)
    result = CliRunner().invoke(app, ["compact", str(data[0])])
    assert result.exit_code == 1
    assert "in use by another process" in result.output
    assert "Traceback" not in result.output
    store.abandon()
    files = run("compact", data[0])
    assert {name: number for name, number in files["files_before"].items() if number} == {}  # type: ignore[attr-defined]
    assert {name: number for name, number in files["files_after"].items() if number} == {METRICS_TABLE: 1}  # type: ignore[attr-defined]
    assert on_disk(data[0]) == data[1]


def test_other_programs_read_a_table_as_a_data_set(data: tuple[Path, list[Key]]) -> None:
    run("compact", data[0])
    table = dataset(data[0] / "tables" / METRICS_TABLE, partitioning="hive").to_table()
    assert table.num_rows == 3 * ROWS
    assert set(table.column("date").to_pylist()) == {"2023-11-15"}


@pytest.mark.parametrize("kind", ["*.seg", "*.parquet", "window-*", "manifest.json"])
def test_verify_finds_a_changed_byte(data: tuple[Path, list[Key]], kind: str) -> None:
    if kind == "*.parquet":
        run("compact", data[0])
    assert run("verify", data[0]) == {"sound": True, "defects": []}
    store = Store(data[0], QUICK)  # a running server is no hindrance
    path = min(data[0].rglob(kind))
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 3] ^= 1
    path.write_bytes(changed)
    found = run("verify", data[0], code=1)
    assert found["sound"] is False
    assert len(found["defects"]) == 1  # type: ignore[arg-type]
    store.abandon()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(("spoil", "checked"), [(emptied, True), (emptied, False), (spoil_footer, True)])
def test_a_damaged_footer_is_told_in_a_line(
    data: tuple[Path, list[Key]], spoil: Callable[[Path], None], checked: bool
) -> None:
    store = Store(data[0], QUICK)
    while (segment := store.catalog(METRICS_TABLE).unrolled()) is not None:
        parquet.roll(store.catalog(METRICS_TABLE), segment)
    path = store.catalog(METRICS_TABLE).parts[1].path
    store.abandon()
    if not checked:
        path = without_checksum(path)
    spoil(path)
    found = run("verify", data[0], code=1)["defects"]
    assert [line.startswith(f"{path}: ") for line in found] == [True]  # type: ignore[attr-defined]
    for command in ("info", "compact"):
        result = CliRunner().invoke(app, [command, str(data[0])])
        assert result.exit_code == 1
        assert result.stderr.startswith(f"argus store: {path} is damaged")
        assert len(result.stderr.splitlines()) == 1
        assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("command", ["verify", "info"])
def test_files_that_a_server_merges_meanwhile_are_no_defects(
    data: tuple[Path, list[Key]], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(data[0], QUICK)
    catalog = store.catalog(METRICS_TABLE)
    while (segment := catalog.unrolled()) is not None:
        parquet.roll(catalog, segment)
    opened: list[Path] = []

    def open_and_merge(part: Part) -> ParquetFile:
        if not opened:
            parquet.merge(catalog, catalog.parts)
        opened.append(part.path)
        return parquet.open_part(part)

    monkeypatch.setattr(inspection, "open_part", open_and_merge)
    found = run(command, data[0])
    (merged,) = catalog.parts
    assert opened[-1] == merged.path, "the merged file is looked at instead"
    if command == "verify":
        assert found == {"sound": True, "defects": []}
    else:
        assert found["tables"][METRICS_TABLE]["rows"] == 3 * ROWS  # type: ignore[index]
    store.abandon()


def test_a_checkpoint_that_a_server_replaces_meanwhile_is_no_defect(
    data: tuple[Path, list[Key]], monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = min((data[0] / "checkpoint").iterdir())
    images = Checkpoint.images

    def replaced(checkpoint: Checkpoint) -> object:
        if checkpoint.path == oldest and oldest.exists():
            newest = max((data[0] / "checkpoint").iterdir())
            shutil.copytree(newest, newest.with_name(f"{int(newest.name) + 1:010d}"))
            shutil.rmtree(oldest)
        return images(checkpoint)

    monkeypatch.setattr(Checkpoint, "images", replaced)
    assert run("verify", data[0]) == {"sound": True, "defects": []}
    assert not oldest.exists()


def test_compact_ends_at_a_damaged_file_and_keeps_it(data: tuple[Path, list[Key]]) -> None:
    store = Store(data[0], QUICK)
    while (segment := store.catalog(METRICS_TABLE).unrolled()) is not None:
        parquet.roll(store.catalog(METRICS_TABLE), segment)
    paths = [part.path for part in store.catalog(METRICS_TABLE).parts]
    store.abandon()
    spoil(paths[1])
    result = CliRunner().invoke(app, ["compact", str(data[0])])
    assert result.exit_code == 1
    assert f"argus store: {paths[1]} is damaged" in result.output
    assert all(path.exists() for path in paths)
    assert run("verify", data[0], code=1)["sound"] is False
