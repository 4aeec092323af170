from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from argus_client.samples import METRICS, STATES
from argus_client.simulator import write_dataset

from .conftest import START_MS


def test_dataset_has_the_contract_columns_and_its_labels(tmp_path: Path) -> None:
    summary = write_dataset(
        tmp_path / "fleet.parquet", 30, 2, seed=5, start_ms=START_MS, incidents_per_server_day=0.5
    )
    table = pq.read_table(summary.metrics_path)
    assert table.column_names == ["timestamp", "server_name", "state", *METRICS]
    assert table.schema.field("timestamp").type == pa.timestamp("ms", tz="UTC")
    assert table.schema.field("server_name").type == table.schema.field("state").type == pa.string()
    assert {table.schema.field(metric).type for metric in METRICS} == {pa.float32()}
    assert table.num_rows == summary.rows <= 30 * 576
    assert set(table["state"].unique().to_pylist()) <= set(STATES[1:])
    stamps = np.asarray(table["timestamp"].cast(pa.int64()))
    assert stamps.min() == START_MS
    assert stamps.max() == START_MS + 575 * 300_000

    assert summary.labels_path == tmp_path / "fleet.labels.parquet"
    labels = pq.read_table(summary.labels_path)
    assert labels.column_names == [
        *("server_name", "mode", "onset_ms", "failure_ms", "end_ms", "scenario", "upstream_server"),
    ]
    assert labels.num_rows == summary.labels
    failed = [f for f in labels["failure_ms"].to_pylist() if f is not None and f <= stamps.max()]
    assert len(failed) == summary.failures > 5
    assert labels["onset_ms"].to_pylist() == sorted(labels["onset_ms"].to_pylist())


def test_rows_are_in_order_across_chunks(tmp_path: Path) -> None:
    """Long enough for two chunks: order and content do not depend on where they meet."""
    summary = write_dataset(tmp_path / "fleet.parquet", 1500, 1, seed=1)
    table = pq.read_table(summary.metrics_path, columns=["timestamp", "server_name"])
    assert pq.ParquetFile(summary.metrics_path).num_row_groups == 2
    stamps = np.asarray(table["timestamp"].cast(pa.int64()))
    names = np.array(table["server_name"].to_pylist())
    assert (np.diff(stamps) >= 0).all()
    assert (names[1:] > names[:-1])[np.diff(stamps) == 0].all()


def test_same_seed_same_file_contents(tmp_path: Path) -> None:
    one, two, other = (
        write_dataset(tmp_path / f"{name}.parquet", 10, 1, seed=seed)
        for name, seed in (("one", 1), ("two", 1), ("other", 2))
    )
    assert one.metrics_path.read_bytes() == two.metrics_path.read_bytes()
    assert one.metrics_path.read_bytes() != other.metrics_path.read_bytes()


def test_no_time_no_data(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hold no step"):
        write_dataset(tmp_path / "fleet.parquet", 5, 0)
