from __future__ import annotations

import numpy as np
import pytest

from argus_client.samples import METRICS, STATES, Samples


def make(rows: int) -> Samples:
    return Samples(
        np.arange(rows, dtype=np.int64),
        np.array([f"web{i}" for i in range(rows)], np.object_),
        np.full(rows, STATES.index("healthy"), np.int8),
        np.arange(rows * len(METRICS), dtype=np.float32).reshape(rows, len(METRICS)),
    )


def test_names_match_the_contract() -> None:
    from argus.v1 import metrics_pb2

    batch = [field.name for field in metrics_pb2.MetricBatch.DESCRIPTOR.fields]
    assert tuple(name for name in batch if name in METRICS) == METRICS
    enum = metrics_pb2.ServerState.DESCRIPTOR.values_by_number
    assert (
        tuple(enum[number].name.removeprefix("SERVER_STATE_").lower() for number in range(len(enum)))
        == STATES
    )


def test_rows_keeps_columns_together() -> None:
    part = make(5).rows(1, 3)
    assert len(part) == 2
    assert part.server_name.tolist() == ["web1", "web2"]
    assert part.timestamp_ms.tolist() == [1, 2]
    assert part.metrics[0, 0] == len(METRICS)


def test_concat_is_the_inverse_of_rows() -> None:
    whole = make(5)
    again = Samples.concat([whole.rows(0, 2), whole.rows(2, 5)])
    assert again.server_name.tolist() == whole.server_name.tolist()
    np.testing.assert_array_equal(again.metrics, whole.metrics)
    assert len(Samples.concat([])) == 0


@pytest.mark.parametrize("column", ["server_name", "state", "metrics"])
def test_columns_of_unequal_length_are_refused(column: str) -> None:
    good = make(3)
    columns = {name: getattr(good, name) for name in ("timestamp_ms", "server_name", "state", "metrics")}
    columns[column] = columns[column][:2]
    with pytest.raises(ValueError, match=rf"Samples\.{column} has shape .*with 3 timestamps"):
        Samples(**columns)


def test_wrong_dtype_is_refused() -> None:
    good = make(1)
    with pytest.raises(ValueError, match="float64; it must be float32"):
        Samples(good.timestamp_ms, good.server_name, good.state, good.metrics.astype(np.float64))  # type: ignore[arg-type]
