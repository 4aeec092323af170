"""Files in contract columns become histories on a regular grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from argus_server.metrics import METRIC_INDEX
from argus_server.profiles import PROFILE_INDEX
from argus_server.training import corpus, tables
from argus_server.training.tables import CorpusError
from tests.server.training.conftest import START_MS, STEP_MS, fleet_table

CPU = METRIC_INDEX["cpu_user_pct"]
T = START_MS


def test_a_split_file_keeps_its_test_rows_out(fleet_file: Path) -> None:
    histories, described = corpus.load(fleet_file, 300)
    assert [h.name for h in histories] == ["ppweb000", "ppweb001", "ppweb002"]
    assert described.rows == 3600
    assert described.servers == 3
    first = histories[0]
    assert first.values.shape == (1200, 14)
    assert first.boundary == 700
    assert first.start_ms == START_MS
    assert first.profile == PROFILE_INDEX["web_api"]
    assert np.isnan(first.values[:, METRIC_INDEX["mem_used_pct"]]).all()
    assert np.isfinite(first.values[:, CPU]).all()


def test_all_file_types_read_the_same(tmp_path: Path) -> None:
    table = fleet_table(servers=2, steps=50)
    pq.write_table(table, tmp_path / "a.parquet")
    pyarrow.feather.write_feather(table, tmp_path / "a.arrow")
    pa.csv.write_csv(table, tmp_path / "a.csv")
    read = [corpus.load(tmp_path / f"a.{kind}", 300)[0] for kind in ("parquet", "arrow", "csv")]
    for histories in read[1:]:
        for ours, first in zip(histories, read[0], strict=True):
            assert (ours.name, ours.start_ms, ours.boundary) == (first.name, first.start_ms, first.boundary)
            np.testing.assert_allclose(ours.values, first.values, rtol=1e-5)


def test_order_does_not_matter_and_holes_stay_holes(tmp_path: Path) -> None:
    table = fleet_table(servers=2, steps=50)
    keep = np.ones(100, dtype=bool)
    keep[10:15] = False
    shuffled = table.filter(pa.array(keep)).take(np.random.default_rng(0).permutation(95))
    pq.write_table(shuffled, tmp_path / "a.parquet")
    histories, _ = corpus.load(tmp_path / "a.parquet", 300)
    first = next(h for h in histories if h.name == "ppweb000")
    assert np.isnan(first.values[10:15]).all()
    expected = table["cpu_user_pct"].to_numpy()[:50][keep[:50]]
    np.testing.assert_array_equal(first.values[keep[:50], CPU], expected)


def test_faster_readings_are_averaged_into_steps(tmp_path: Path) -> None:
    table = pa.table(
        {
            "timestamp": pa.array([START_MS, START_MS + 60_000, START_MS + 120_000, START_MS + STEP_MS]),
            "server_name": ["a"] * 4,
            "cpu_user_pct": pa.array([10.0, None, 30.0, 50.0]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    history = corpus.load(tmp_path / "a.parquet", 300)[0][0]
    np.testing.assert_array_equal(history.values[:, CPU], [20.0, 50.0])


@pytest.mark.parametrize(
    ("columns", "hint"),
    [
        ({"server_name": ["a"], "cpu_user_pct": [1.0]}, "'timestamp' is missing"),
        ({"timestamp": [T], "cpu_user_pct": [1.0]}, "'server_name' is missing"),
        ({"timestamp": [T], "server_name": ["a"]}, "none of the metric columns"),
        ({"timestamp": ["x"], "server_name": ["a"], "cpu_user_pct": [1.0]}, "timestamp or integer ms"),
        (
            {"timestamp": [T, T + 1], "server_name": ["a", "a"], "cpu_user_pct": ["1.5", "x"]},
            "column 'cpu_user_pct', row 2: 'x' is not a number",
        ),
        (
            {"timestamp": [T, T + 1, T + 2], "server_name": ["a"] * 3, "cpu_user_pct": [1.0, 2.0, 101.0]},
            r"column 'cpu_user_pct', row 3: 101 is outside the contract's 0 to 100 \(1 such",
        ),
        (
            {"timestamp": [T], "server_name": ["a"], "load_average": [-0.5]},
            "row 1: -0.5 is outside",
        ),
        ({"timestamp": [T, T + 1], "server_name": ["a", None], "cpu_user_pct": [1.0, 1.0]}, "row 2: a name"),
        ({"timestamp": [T, -5], "server_name": ["a", "a"], "cpu_user_pct": [1.0, 1.0]}, "row 2: -5 is not"),
        (
            {"timestamp": [T, T // 1000], "server_name": ["a", "a"], "cpu_user_pct": [1.0, 1.0]},
            "column 'timestamp', row 2: 1767225600 is not between .* Unix milliseconds .*; is it in seconds",
        ),
        (
            {"timestamp": [T * 1000], "server_name": ["a"], "cpu_user_pct": [1.0]},
            "row 1: .* or in microseconds",
        ),
        ({"timestamp": [T], "server_name": ["a"], "cpu_user_pct": [True]}, "must be numeric, got bool"),
        (
            {"timestamp": pa.array([None], pa.int64()), "server_name": ["a"], "cpu_user_pct": [1.0]},
            "row 1: it is null",
        ),
    ],
)
def test_errors_name_file_and_column(tmp_path: Path, columns: dict[str, object], hint: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "bad.parquet")
    with pytest.raises(CorpusError, match=hint) as caught:
        corpus.load(tmp_path / "bad.parquet", 300)
    assert "bad.parquet" in str(caught.value)


def test_two_rows_of_a_server_at_one_time_are_refused(tmp_path: Path) -> None:
    rows = "timestamp,server_name,cpu_user_pct\n1767225600000,a,1\n1767225900000,a,2\n1767225600000,b,3\n"
    (tmp_path / "first.csv").write_text(rows)
    assert len(corpus.load_all(tmp_path, 300)[0]) == 2
    (tmp_path / "second.csv").write_text(
        "timestamp,server_name,cpu_user_pct\n1767226200000,a,9\n1767225900000,a,9\n"
    )
    with pytest.raises(
        CorpusError,
        match=r"second\.csv: column 'timestamp', row 2: server 'a' has a row at 2026-01-01T00:05:00",
    ):
        corpus.load_all(tmp_path, 300)


@pytest.mark.parametrize("days", [20_000, 367])
def test_a_date_far_from_all_others_is_refused_by_its_row(tmp_path: Path, days: int) -> None:
    """It would stretch the server's grid over decades."""
    times = [T, T + STEP_MS, T + STEP_MS + days * 86_400_000]
    table = pa.table({"timestamp": times, "server_name": ["a"] * 3, "cpu_user_pct": [1.0, 2.0, 3.0]})
    pq.write_table(table, tmp_path / "far.parquet")
    with pytest.raises(
        CorpusError,
        match=rf"far\.parquet: column 'timestamp', row 3: server 'a' has no row between .* {days:,} days \(366 are",
    ):
        corpus.load(tmp_path / "far.parquet", 300)


def test_a_year_without_rows_is_a_gap(tmp_path: Path) -> None:
    table = pa.table(
        {"timestamp": [T, T + 366 * 86_400_000], "server_name": ["a"] * 2, "cpu_user_pct": [1.0, 2.0]}
    )
    pq.write_table(table, tmp_path / "year.parquet")
    history = corpus.load(tmp_path / "year.parquet", 300)[0][0]
    assert len(history.values) == 366 * 288 + 1
    assert (~np.isnan(history.values)).sum() == 2


def test_an_unknown_file_type_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"use .parquet, .csv or .arrow"):
        corpus.load(tmp_path / "a.xlsx", 300)


def test_a_csv_file_with_a_word_in_it_is_refused_by_its_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        f"timestamp,server_name,cpu_user_pct\n{T},a,1\n{T + 1},a,\n{T + 2},a,abc\n"
    )
    with pytest.raises(CorpusError, match=r"a\.csv: column 'cpu_user_pct', row 3: 'abc' is not a number"):
        corpus.load(tmp_path / "a.csv", 300)


def test_a_file_that_is_not_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"nonsense, certainly no Parquet")
    with pytest.raises(CorpusError, match=r"a\.parquet cannot be read"):
        corpus.load(tmp_path / "a.parquet", 300)


def test_a_directory_is_one_data_set(tmp_path: Path) -> None:
    """Split by time over files of different columns, the histories are whole again."""
    table = fleet_table(servers=2, steps=50)
    whole = corpus.histories(tables.narrow(table, "whole"), "fleet", 300)
    late = np.array(table["timestamp"].cast(pa.int64())) >= START_MS + 20 * STEP_MS
    parts = tmp_path / "fleet"
    (parts / "date=1").mkdir(parents=True)
    (parts / "_ignored").mkdir()
    pq.write_table(table.filter(pa.array(~late)), parts / "date=1" / "a.parquet")
    pa.csv.write_csv(table.filter(pa.array(late)), parts / "b.csv")
    (parts / "_ignored" / "c.csv").write_text("not,data")
    histories, files = corpus.load_all(parts, 300)
    assert [file.name for file in files] == ["b.csv", "date=1/a.parquet"]
    assert {h.source for h in histories} == {"fleet"}
    for name in ("ppweb000", "ppweb001"):
        ours, first = (next(h for h in found if h.name == name) for found in (histories, whole))
        np.testing.assert_allclose(ours.values, first.values, rtol=1e-5)
        assert ours.boundary == first.boundary
    with pytest.raises(CorpusError, match="file is in it"):
        corpus.load_all(_empty(tmp_path), 300)


def _empty(path: Path) -> Path:
    (path / "empty").mkdir()
    return path / "empty"
