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
from argus_server.training import corpus
from argus_server.training.corpus import CorpusError
from tests.server.training.conftest import START_MS, STEP_MS, fleet_table

CPU = METRIC_INDEX["cpu_user_pct"]


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
        ({"timestamp": [1], "cpu_user_pct": [1.0]}, "'server_name' is missing"),
        ({"timestamp": [1], "server_name": ["a"]}, "none of the metric columns"),
        ({"timestamp": ["x"], "server_name": ["a"], "cpu_user_pct": [1.0]}, "timestamp or integer ms"),
        ({"timestamp": [1], "server_name": ["a"], "cpu_user_pct": ["x"]}, "must be numeric"),
        (
            {"timestamp": pa.array([None], pa.int64()), "server_name": ["a"], "cpu_user_pct": [1.0]},
            "has 1 nulls",
        ),
    ],
)
def test_errors_name_file_and_column(tmp_path: Path, columns: dict[str, object], hint: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "bad.parquet")
    with pytest.raises(CorpusError, match=hint) as caught:
        corpus.load(tmp_path / "bad.parquet", 300)
    assert "bad.parquet" in str(caught.value)


def test_an_unknown_file_type_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"use .parquet, .csv or .arrow"):
        corpus.load(tmp_path / "a.xlsx", 300)
