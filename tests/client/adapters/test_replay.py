from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest

from argus_client.adapters.replay import ReplaySource
from argus_client.adapters.source import Source
from argus_client.adapters.tables import FileFormatError
from argus_client.extras import MissingExtraError
from argus_client.samples import METRICS, STATES, Samples
from argus_client.simulator import FleetSimulator

from .fake_time import FakeTime

START_MS = 1_735_689_600_000


def write_parquet(table: pa.Table, path: Path) -> None:
    pa.parquet.write_table(table, path, row_group_size=500)


def write_csv(table: pa.Table, path: Path) -> None:
    pa.csv.write_csv(table, path)


def write_ipc_file(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=700)


def write_ipc_stream(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=700)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "parquet": write_parquet,
    "csv": write_csv,
    "arrow": write_ipc_file,
    "feather": lambda table, path: pa.feather.write_feather(table, path),
    "stream": write_ipc_stream,
}


def table_of(samples: Samples) -> pa.Table:
    return pa.table(
        {
            "timestamp": pa.array(samples.timestamp_ms).cast(pa.timestamp("ms", tz="UTC")),
            "server_name": pa.array(samples.server_name.tolist()),
            "state": pa.array([STATES[number] for number in samples.state]),
            **{
                metric: pa.array(samples.metrics[:, index], from_pandas=True)
                for index, metric in enumerate(METRICS)
            },
        }
    )


def read(path: Path, **options: Any) -> Samples:
    return Samples.concat(list(ReplaySource(path, **options).batches(threading.Event())))


def assert_same(left: Samples, right: Samples) -> None:
    np.testing.assert_array_equal(left.timestamp_ms, right.timestamp_ms)
    assert left.server_name.tolist() == right.server_name.tolist()
    np.testing.assert_array_equal(left.state, right.state)
    np.testing.assert_array_equal(left.metrics, right.metrics)


@pytest.fixture(scope="module")
def fleet() -> Samples:
    """20 servers, 100 steps, in order; some cells not measured."""
    simulator = FleetSimulator(20, seed=2, start_ms=START_MS, incidents_per_server_day=1)
    samples = simulator.generate(100).samples()
    metrics = samples.metrics.copy()
    metrics[np.random.default_rng(0).random(metrics.shape) < 0.05] = np.nan
    return Samples(samples.timestamp_ms, samples.server_name, samples.state, metrics)


@pytest.mark.parametrize("format", list(WRITERS))
def test_every_format_gives_back_what_was_written(fleet: Samples, tmp_path: Path, format: str) -> None:
    path = tmp_path / f"fleet.{format}"
    WRITERS[format](table_of(fleet), path)
    source: Source = ReplaySource(path, batch_rows=300)
    batches = list(source.batches(threading.Event()))
    assert max(len(batch) for batch in batches) == 300
    assert_same(Samples.concat(batches), fleet)
    assert source.name == f"replay:fleet.{format}"


def test_format_is_told_by_content_not_by_name(fleet: Samples, tmp_path: Path) -> None:
    write_parquet(table_of(fleet), tmp_path / "fleet.csv")
    assert ReplaySource(tmp_path / "fleet.csv").inspect().format == "parquet"


@pytest.mark.parametrize("format", ["parquet", "csv"])
@pytest.mark.parametrize("window_rows", [250, 1_000_000])
def test_rows_in_any_order_come_out_by_time_then_server(
    fleet: Samples, tmp_path: Path, format: str, window_rows: int
) -> None:
    """By server first, as archives often are, and the columns shuffled too."""
    table = table_of(fleet).sort_by([("server_name", "descending"), ("timestamp", "ascending")])
    path = tmp_path / "fleet"
    WRITERS[format](table.select(list(reversed(table.column_names))), path)
    source = ReplaySource(path, window_rows=window_rows)
    assert not source.inspect().in_order
    assert_same(Samples.concat(list(source.batches(threading.Event()))), fleet)


def test_summary_says_what_is_there(fleet: Samples, tmp_path: Path) -> None:
    table = (
        table_of(fleet)
        .drop_columns(["state", "load_average"])
        .append_column("split", pa.array(["x"] * len(fleet)))
    )
    write_parquet(table, tmp_path / "fleet.parquet")
    summary = ReplaySource(tmp_path / "fleet.parquet").inspect()
    assert summary.rows == len(fleet)
    assert summary.server_names == tuple(sorted(set(fleet.server_name)))
    assert (summary.first_ms, summary.last_ms) == (fleet.timestamp_ms[0], fleet.timestamp_ms[-1])
    assert summary.in_order
    assert summary.ignored_columns == ("split",)
    assert summary.missing_columns == ("state", "load_average")
    samples = read(tmp_path / "fleet.parquet")
    assert np.isnan(samples.metrics[:, METRICS.index("load_average")]).all()
    assert (samples.state == 0).all()


def test_first_servers_and_rows_only(fleet: Samples, tmp_path: Path) -> None:
    write_parquet(table_of(fleet), tmp_path / "fleet.parquet")
    chosen = sorted(set(fleet.server_name))[:3]
    samples = read(tmp_path / "fleet.parquet", servers=3)
    assert set(samples.server_name) == set(chosen)
    assert len(samples) == sum(name in chosen for name in fleet.server_name)
    limited = read(tmp_path / "fleet.parquet", servers=3, rows=50)
    assert_same(limited, samples.rows(0, 50))
    assert ReplaySource(tmp_path / "fleet.parquet", servers=3, rows=50).inspect().rows == 50
    assert len(read(tmp_path / "fleet.parquet", rows=10**9)) == len(fleet)


@pytest.mark.parametrize(
    "stamps",
    [
        pa.array([1_735_689_600_000, 1_735_689_900_000]),
        pa.array([1_735_689_600_000, 1_735_689_900_000]).cast(pa.timestamp("ms")),
        pa.array([1_735_689_600, 1_735_689_900]).cast(pa.timestamp("s", tz="UTC")),
        pa.array([1_735_689_600_000_999, 1_735_689_900_000_000]).cast(pa.timestamp("us", tz="Asia/Tokyo")),
        pa.array(["2025-01-01T00:00:00Z", "2025-01-01T00:05:00Z"]),
        pa.array(["2025-01-01 00:00:00", "2025-01-01T01:05:00+01:00"]),
        pa.array(["2025-01-01T00:00:00.000123Z", " 2025-01-01 00:05:00 UTC"]),
        pa.array(["1735689600000", "1735689900000"]),
        pa.array(["2025-01-01T00:00:00Z", "2025-01-01T00:05:00Z"]).dictionary_encode(),
    ],
    ids=[
        "int",
        "naive",
        "seconds",
        "micro-tokyo",
        "iso",
        "iso-mixed",
        "iso-fraction",
        "digits",
        "dictionary",
    ],
)
def test_times_in_any_usual_form(tmp_path: Path, stamps: pa.Array) -> None:
    table = pa.table({"timestamp": stamps, "server_name": ["a", "a"], "cpu_user_pct": [1.0, 2.0]})
    write_parquet(table, tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet").timestamp_ms.tolist() == [START_MS, START_MS + 300_000]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, None], pa.int16()),
        pa.array([1.0, float("nan")], pa.float64()),
        pa.array([1.0, None], pa.float32()),
        pa.array(["1", None]),
        pa.array([1, None], pa.decimal128(5, 2)),
    ],
    ids=lambda values: str(values.type),
)
def test_metrics_of_any_numeric_type(tmp_path: Path, values: pa.Array) -> None:
    stamps = pa.array([START_MS, START_MS + 1])
    write_parquet(
        pa.table({"timestamp": stamps, "server_name": ["a", "b"], "load_average": values}), tmp_path / "t"
    )
    column = read(tmp_path / "t").metrics[:, METRICS.index("load_average")]
    np.testing.assert_array_equal(column, [1, np.nan])


def test_unknown_state_columns_and_null_states(tmp_path: Path) -> None:
    table = pa.table(
        {
            "timestamp": pa.array([START_MS] * 4),
            "server_name": ["a", "b", "c", "d"],
            "state": pa.array(["idle", None, "", "critical_issue"]),
            "load_average": [1.0] * 4,
        }
    )
    for writer in (write_parquet, write_csv):
        writer(table, tmp_path / "t")
        assert read(tmp_path / "t").state.tolist() == [
            STATES.index("idle"),
            0,
            0,
            STATES.index("critical_issue"),
        ]


BAD_CELLS: list[tuple[str, list[object], int | None, str]] = [
    ("timestamp", [START_MS, None], 1, "must not be null"),
    ("timestamp", [1_735_689_600, 1_735_689_900], 0, "1735689600 looks like seconds"),
    ("timestamp", ["2025-01-01T00:00:00Z", "yesterday"], 1, "must be ISO 8601.*got 'yesterday'"),
    ("timestamp", [1.5, 2.5], None, "must be a timestamp.*it is double"),
    ("server_name", ["a", None], 1, "must not be null"),
    ("server_name", ["a", ""], 1, "must not be empty"),
    ("server_name", [1, 2], None, "must be text; it is int64"),
    ("state", ["idle", "sleepy"], 1, "'sleepy' is no state; known are critical_issue, healthy"),
    ("state", [1, 2], None, "must be text"),
    ("cpu_user_pct", ["1.5", "high"], 1, "a metric must be a number; got 'high'"),
    ("cpu_user_pct", [True, False], None, "a metric must be a number; it is bool"),
]


@pytest.mark.parametrize(
    ("column", "cells", "row", "rule"), BAD_CELLS, ids=[f"{c[0]}-{c[3][:20]}" for c in BAD_CELLS]
)
def test_bad_cells_are_named_by_file_column_row_and_rule(
    tmp_path: Path, column: str, cells: list[object], row: int | None, rule: str
) -> None:
    columns: dict[str, list[object]] = {
        "timestamp": [START_MS, START_MS + 1],
        "server_name": ["a", "b"],
        "state": ["idle", "idle"],
        "cpu_user_pct": [1.0, 2.0],
    }
    path = tmp_path / "bad.parquet"
    write_parquet(pa.table(columns | {column: cells}), path)
    with pytest.raises(FileFormatError, match=rule) as caught:
        read(path)
    error = caught.value
    assert (error.path, error.column, error.row) == (path, column, row)
    assert str(error).startswith(f"{path}, column '{column}'")


def test_row_numbers_count_through_the_whole_file(tmp_path: Path) -> None:
    rows = 200_000
    loads = ["1.0"] * rows
    loads[150_001] = "broken"
    table = pa.table(
        {
            "timestamp": np.arange(START_MS, START_MS + rows),
            "server_name": ["a"] * rows,
            "load_average": loads,
        }
    )
    for writer in (write_parquet, write_csv, write_ipc_file):
        writer(table, tmp_path / "bad")
        with pytest.raises(FileFormatError, match="got 'broken'") as caught:
            read(tmp_path / "bad")
        assert caught.value.row == 150_001


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_parquet(pa.table({"server_name": ["a"], "load_average": [1.0]}), path)
    with pytest.raises(FileFormatError, match="is missing; the file has server_name, load_average") as caught:
        ReplaySource(path).inspect()
    assert caught.value.column == "timestamp"
    write_parquet(pa.table({"timestamp": [START_MS], "server_name": ["a"], "cpu": [1.0]}), path)
    with pytest.raises(FileFormatError, match="no metric column; known are cpu_user_pct"):
        ReplaySource(path).inspect()


def test_a_column_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("timestamp,server_name,load_average,load_average\n1,a,1,2\n")
    with pytest.raises(FileFormatError, match="column 'load_average': occurs more than once"):
        ReplaySource(tmp_path / "t.csv").inspect()


@pytest.mark.parametrize(
    "content",
    [b"PAR1 and then nothing", b"ARROW1\0\0garbage", b"\xff\xff\xff\xff\x10", b"\0\1\2\3", b""],
    ids=["parquet", "arrow-file", "arrow-stream", "binary", "empty"],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"cannot be read as|neither Parquet nor Arrow nor CSV"):
        read(path)


def test_a_ragged_csv_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"timestamp,server_name,load_average\n{START_MS},a,1\n{START_MS},b\n")
    with pytest.raises(FileFormatError, match="cannot be read as csv"):
        read(tmp_path / "t.csv")


def test_a_file_without_rows_yields_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("timestamp,server_name,load_average\n")
    assert len(read(tmp_path / "t.csv")) == 0
    assert ReplaySource(tmp_path / "t.csv").inspect().rows == 0


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ReplaySource(tmp_path / "none.parquet").inspect()


def test_missing_pyarrow_names_the_extra(
    fleet: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parquet(table_of(fleet), tmp_path / "fleet.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"argus-forecast\[adapters\]"):
        ReplaySource(tmp_path / "fleet.parquet").inspect()


@pytest.mark.parametrize("option", [{"servers": 0}, {"rows": 0}, {"batch_rows": 0}, {"speed": -1}])
def test_bad_options_are_refused(tmp_path: Path, option: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        ReplaySource(tmp_path / "t", **option)  # type: ignore[arg-type]


def test_replay_at_a_speed_waits_between_steps(fleet: Samples, tmp_path: Path) -> None:
    write_parquet(table_of(fleet), tmp_path / "fleet.parquet")
    time = FakeTime()
    source = ReplaySource(tmp_path / "fleet.parquet", speed=60, monotonic=time.monotonic)
    seen = [(time.seconds, batch) for batch in source.batches(time)]
    for moment, batch in seen:
        assert moment - 100 == pytest.approx(
            (batch.timestamp_ms[0] - fleet.timestamp_ms[0]) / 60_000, abs=1e-3
        )
    assert sum(len(batch) for _, batch in seen) == len(fleet)


def test_replay_stops_when_told_to(fleet: Samples, tmp_path: Path) -> None:
    write_parquet(table_of(fleet), tmp_path / "fleet.parquet")
    stop = threading.Event()
    batches = ReplaySource(tmp_path / "fleet.parquet", batch_rows=10).batches(stop)
    next(batches)
    stop.set()
    assert list(batches) == []
