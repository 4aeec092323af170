from __future__ import annotations

import numpy as np
import pytest

from argus.v1 import metrics_pb2
from argus_server.contract import batch_constraints
from argus_server.ingest.columns import BatchTooLarge, ColumnLengthMismatch, decode
from argus_server.metrics import METRICS


def test_columns_keep_values_places_and_types() -> None:
    batch = metrics_pb2.MetricBatch(timestamp=[1_000, 2_000], server_name=["a", "b"], state=[2, 77])
    for index, metric in enumerate(METRICS):
        getattr(batch, metric).extend([index, index + 0.5])
    columns = decode(batch)
    assert len(columns) == 2
    assert columns.timestamp_ms.dtype == np.int64
    assert columns.timestamp_ms.tolist() == [1_000, 2_000]
    assert columns.server_names == ["a", "b"]
    assert columns.states.dtype == np.int32
    assert columns.states.tolist() == [2, 77]
    assert columns.metrics.dtype == np.float32
    assert columns.metrics.tolist() == [[index, index + 0.5] for index in range(len(METRICS))]


def test_a_state_number_that_fits_no_byte_is_not_mistaken_for_a_known_one() -> None:
    batch = metrics_pb2.MetricBatch(timestamp=[1, 1], server_name=["a", "b"], state=[256 + 2, -1])
    assert decode(batch).states.tolist() == [258, -1]


def test_empty_columns_are_not_measured_and_unspecified() -> None:
    batch = metrics_pb2.MetricBatch(timestamp=[1, 2], server_name=["a", "b"], cpu_user_pct=[1.0, 2.0])
    columns = decode(batch)
    assert columns.states.tolist() == [0, 0]
    assert columns.metrics[0].tolist() == [1.0, 2.0]
    assert np.isnan(columns.metrics[1:]).all()


def test_a_batch_without_rows() -> None:
    columns = decode(metrics_pb2.MetricBatch())
    assert len(columns) == 0
    assert columns.metrics.shape == (len(METRICS), 0)


def test_columns_do_not_follow_later_changes_of_the_batch() -> None:
    batch = metrics_pb2.MetricBatch(timestamp=[1], server_name=["a"], state=[2], cpu_user_pct=[3.0])
    columns = decode(batch)
    batch.timestamp[0], batch.state[0], batch.cpu_user_pct[0] = 9, 9, 9
    assert (columns.timestamp_ms[0], columns.states[0], columns.metrics[0, 0]) == (1, 2, 3.0)


@pytest.mark.parametrize("column", ["server_name", "state", *METRICS])
def test_a_column_of_another_length_is_refused_by_name(column: str) -> None:
    batch = metrics_pb2.MetricBatch(timestamp=[1, 2], server_name=["a", "b"], load_average=[0.0, 0.0])
    getattr(batch, column).append("c" if column == "server_name" else 1)
    with pytest.raises(ColumnLengthMismatch) as caught:
        decode(batch)
    assert caught.value.lengths[column] == len(getattr(batch, column))
    assert caught.value.lengths["timestamp"] == 2
    assert f"{column} {len(getattr(batch, column))}" in str(caught.value)


@pytest.mark.parametrize("empty", ["timestamp", "server_name"])
def test_time_and_name_may_not_be_left_empty(empty: str) -> None:
    batch = metrics_pb2.MetricBatch(timestamp=[1, 2], server_name=["a", "b"], cpu_user_pct=[1.0, 2.0])
    batch.ClearField(empty)
    with pytest.raises(ColumnLengthMismatch) as caught:
        decode(batch)
    assert caught.value.lengths[empty] == 0


def test_too_many_rows_name_got_and_allowed() -> None:
    batch = metrics_pb2.MetricBatch(timestamp=[1] * 3, server_name=["a"] * 3)
    assert len(decode(batch, max_rows=3)) == 3
    with pytest.raises(BatchTooLarge, match=r"3 rows; at most 2") as caught:
        decode(batch, max_rows=2)
    assert (caught.value.got, caught.value.allowed) == (3, 2)


def test_the_contract_bounds_rows_by_itself() -> None:
    most = batch_constraints().max_rows
    batch = metrics_pb2.MetricBatch(timestamp=[1] * (most + 1), server_name=["a"] * (most + 1))
    with pytest.raises(BatchTooLarge) as caught:
        decode(batch)
    assert (caught.value.got, caught.value.allowed) == (most + 1, most)


def test_one_overlong_column_is_too_large_before_it_is_uneven() -> None:
    batch = metrics_pb2.MetricBatch(timestamp=[1], server_name=["a"], cpu_user_pct=[1.0] * 20)
    with pytest.raises(BatchTooLarge):
        decode(batch, max_rows=10)
