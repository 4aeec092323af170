from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.v1 import ingest_pb2, metrics_pb2
from argus_client._wire import FRAME_OVERHEAD_BYTES, BatchEncoder, decode_batch, frame_batch
from argus_client.samples import METRICS, Samples
from argus_client.testing import make_samples

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)
ROWS = st.tuples(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(1_500_000_000_000, 1_900_000_000_000)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.integers(-128, 127),
    st.lists(FLOATS, min_size=len(METRICS), max_size=len(METRICS)),
)


def samples_of(rows: list[tuple[int, str, int, list[float]]]) -> Samples:
    names = np.empty(len(rows), np.object_)
    names[:] = [row[1] for row in rows]
    metrics = np.array([row[3] for row in rows], np.float32).reshape(len(rows), len(METRICS))
    return Samples(
        np.array([row[0] for row in rows], np.int64),
        names,
        np.array([row[2] for row in rows], np.int8),
        metrics,
    )


def message_of(samples: Samples) -> metrics_pb2.MetricBatch:
    batch = metrics_pb2.MetricBatch(
        timestamp=samples.timestamp_ms.tolist(),
        server_name=samples.server_name.tolist(),
        state=samples.state.tolist(),
    )
    for index, name in enumerate(METRICS):
        getattr(batch, name).extend(samples.metrics[:, index].tolist())
    return batch


@given(st.lists(ROWS, max_size=12))
def test_bytes_are_those_of_the_generated_class(rows: list[tuple[int, str, int, list[float]]]) -> None:
    samples = samples_of(rows)

    assert BatchEncoder().encode(samples) == message_of(samples).SerializeToString()


@given(st.lists(ROWS, max_size=6), st.lists(ROWS, max_size=6), st.integers(1, 2**64 - 1))
def test_two_encoded_batches_in_a_row_are_one_batch(
    first: list[tuple[int, str, int, list[float]]],
    second: list[tuple[int, str, int, list[float]]],
    sequence: int,
) -> None:
    encoder = BatchEncoder()
    payload = encoder.encode(samples_of(first)) + encoder.encode(samples_of(second))

    frame = frame_batch(sequence, payload)

    expected = ingest_pb2.StreamMetricsRequest(
        batch=ingest_pb2.SequencedBatch(sequence=sequence, metrics=message_of(samples_of(first + second)))
    )
    parsed = ingest_pb2.StreamMetricsRequest.FromString(frame)
    assert parsed.SerializeToString() == expected.SerializeToString()  # NaN is not equal to itself
    assert len(frame) <= len(payload) + FRAME_OVERHEAD_BYTES


@given(st.lists(ROWS, max_size=12))
def test_decoding_gives_the_samples_back(rows: list[tuple[int, str, int, list[float]]]) -> None:
    samples = samples_of(rows)

    decoded = decode_batch(BatchEncoder().encode(samples))

    for name in ("timestamp_ms", "server_name", "state"):
        assert getattr(decoded, name).tolist() == getattr(samples, name).tolist()
    np.testing.assert_array_equal(decoded.metrics, samples.metrics)


def test_columns_of_any_memory_layout_are_encoded() -> None:
    samples = make_samples(["a", "b", "c", "d"])
    metrics = np.arange(4 * 14, dtype=np.float32).reshape(14, 4).T
    strided = Samples(samples.timestamp_ms[::2], samples.server_name[::2], samples.state[::2], metrics[::2])

    np.testing.assert_array_equal(decode_batch(BatchEncoder().encode(strided)).metrics, metrics[::2])


@pytest.mark.parametrize("name", [None, 7, b"web-1", "\ud800"])
def test_a_name_that_is_no_text_is_refused_by_row(name: object) -> None:
    samples = make_samples(["web-1", "web-2"])
    samples.server_name[1] = name

    with pytest.raises(ValueError, match=r"server_name\[1\] is"):
        BatchEncoder().encode(samples)
