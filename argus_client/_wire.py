"""Batches straight from arrays to wire bytes.

The generated class is filled item by item; these columns are copied as they lie in memory. The bytes are
those the generated class would make, which a property test holds them to. Every column is always written in
full; hence two encoded batches, one after the other, are the batch of all their rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.v1 import ingest_pb2, metrics_pb2
from argus_client.samples import METRICS, Samples

_VARINT: Final = 0
_LENGTH_DELIMITED: Final = 2

_CACHED_NAMES: Final = 100_000


def _varint(value: int) -> bytes:
    """A non-negative integer, seven bits a byte, least first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tag(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


_COLUMNS = metrics_pb2.MetricBatch.DESCRIPTOR.fields_by_name
_TIMESTAMP_TAG: Final = _tag(_COLUMNS["timestamp"].number, _LENGTH_DELIMITED)
_NAME_TAG: Final = _tag(_COLUMNS["server_name"].number, _LENGTH_DELIMITED)
_STATE_TAG: Final = _tag(_COLUMNS["state"].number, _LENGTH_DELIMITED)
_METRIC_TAGS: Final = tuple(_tag(_COLUMNS[name].number, _LENGTH_DELIMITED) for name in METRICS)
_BATCH_TAG: Final = _tag(
    ingest_pb2.StreamMetricsRequest.DESCRIPTOR.fields_by_name["batch"].number, _LENGTH_DELIMITED
)
_SEQUENCE_TAG: Final = _tag(ingest_pb2.SequencedBatch.DESCRIPTOR.fields_by_name["sequence"].number, _VARINT)
_METRICS_TAG: Final = _tag(
    ingest_pb2.SequencedBatch.DESCRIPTOR.fields_by_name["metrics"].number, _LENGTH_DELIMITED
)

FRAME_OVERHEAD_BYTES: Final = 32
"""Most bytes `frame_batch` adds."""


class BatchEncoder:
    """Encodes samples as `argus.v1.MetricBatch`. Remembers encoded names, which recur from batch to batch."""

    def __init__(self) -> None:
        self._names: dict[str, bytes] = {}

    def encode(self, samples: Samples) -> bytes:
        """The bytes of a MetricBatch with these rows.

        Raises:
            ValueError: a server name is no `str`, or has no UTF-8 form.
        """
        # [rows, metrics] -> [metrics, rows], little-endian: each column is one packed field.
        columns = np.ascontiguousarray(samples.metrics.T, dtype="<f4")
        column_length = _varint(4 * len(samples))
        parts: list[bytes | memoryview] = [
            _packed(_TIMESTAMP_TAG, _varints(samples.timestamp_ms)),
            self._name_column(samples.server_name),
            _packed(_STATE_TAG, _varints(samples.state.astype(np.int64))),
        ]
        if len(samples):
            for tag, column in zip(_METRIC_TAGS, columns, strict=True):
                parts += (tag, column_length, column.data)
        return b"".join(parts)

    def _name_column(self, server_name: NDArray[np.object_]) -> bytes:
        names = server_name.tolist()
        try:
            return b"".join(map(self._names.__getitem__, names))
        except (KeyError, TypeError):  # a name not met yet, or no name at all
            return b"".join([self._encoded_name(name, row) for row, name in enumerate(names)])

    def _encoded_name(self, name: object, row: int) -> bytes:
        if not isinstance(name, str):
            raise ValueError(f"server_name[{row}] is {name!r}; it must be a str.")
        encoded = self._names.get(name)
        if encoded is None:
            try:
                text = name.encode()
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"server_name[{row}] is {name!r}, which has no UTF-8 form: {error.reason}."
                ) from error
            if len(self._names) >= _CACHED_NAMES:
                self._names.clear()
            encoded = self._names[name] = _NAME_TAG + _varint(len(text)) + text
        return encoded


def decode_batch(payload: bytes) -> Samples:
    """The rows of an encoded batch. The slow way back, for a batch that has to be split."""
    batch = metrics_pb2.MetricBatch.FromString(payload)
    rows = len(batch.timestamp)
    metrics = np.empty((rows, len(METRICS)), np.float32)
    for index, name in enumerate(METRICS):
        metrics[:, index] = np.asarray(getattr(batch, name), np.float32)
    names = np.empty(rows, np.object_)
    names[:] = list(batch.server_name)
    return Samples(
        np.asarray(batch.timestamp, np.int64),
        names,
        np.asarray(batch.state, np.int64).astype(np.int8),
        metrics,
    )


def frame_batch(sequence: int, payload: bytes) -> bytes:
    """The bytes of a StreamMetricsRequest with an encoded batch under its sequence number."""
    head = _SEQUENCE_TAG + _varint(sequence) + _METRICS_TAG + _varint(len(payload))
    return b"".join((_BATCH_TAG, _varint(len(head) + len(payload)), head, payload))


def _packed(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content if content else b""


def _varints(values: NDArray[np.int64]) -> bytes:
    """All values as varints, one after another; negative ones take ten bytes, as in every protobuf."""
    if not len(values):
        return b""
    lowest, highest = int(values.min()), int(values.max())
    if lowest >= 0 and highest <= 0x7F:
        return values.astype(np.uint8).tobytes()
    widest = 10 if lowest < 0 else -(-highest.bit_length() // 7)
    narrowest = 1 if lowest < 0 else max(1, -(-lowest.bit_length() // 7))
    bits = values.view(np.uint64)
    out = np.empty((len(values), widest), np.uint8)  # [rows, bytes]
    for index in range(widest):
        out[:, index] = (bits >> np.uint64(7 * index)) & np.uint64(0x7F)
    if narrowest == widest:
        out[:, :-1] |= 0x80
        return out.tobytes()
    more = np.zeros_like(out, dtype=bool)
    for index in range(1, widest):
        more[:, index - 1] = (bits >> np.uint64(7 * index)) != 0
    out[more] |= 0x80
    kept = np.ones_like(more)
    kept[:, 1:] = more[:, :-1]
    encoded: bytes = out[kept].tobytes()
    return encoded
