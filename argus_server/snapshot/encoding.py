"""Wire bytes of forecast series, built for the whole fleet at once.

A `MetricForecast` of a given horizon always has the same length on the wire, so the series of all servers and metrics
are one structured array whose constant bytes are filled once and whose floats are filled by NumPy. Its bytes are what
protobuf would write; `tests/server/snapshot` holds them against the generated classes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from argus.v1 import snapshot_pb2
from argus_server.metrics import METRICS, P10, P50, P90

Bytes = npt.NDArray[np.uint8]

_LENGTH_DELIMITED: Final = 2
_VARINT: Final = 0

_FORECASTS_FIELD: Final = snapshot_pb2.ServerPrediction.DESCRIPTOR.fields_by_name["forecasts"].number
_FIELDS: Final = {
    name: field.number for name, field in snapshot_pb2.MetricForecast.DESCRIPTOR.fields_by_name.items()
}


def varint(value: int) -> bytes:
    """A non-negative integer as protobuf writes it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(field_number: int, wire_type: int = _LENGTH_DELIMITED) -> bytes:
    """The bytes that open a field."""
    return varint(field_number << 3 | wire_type)


def delimited(field_number: int, payload: bytes) -> bytes:
    """A length-delimited field: a string, a message or packed numbers."""
    return b"".join((tag(field_number), varint(len(payload)), payload))


def forecast_series(quantiles: npt.NDArray[np.float32], steps: int) -> list[list[bytes]]:
    """The `forecasts` field entries of every server.

    Args:
        quantiles: float32 [servers, metrics, horizon, 3]; NaN for metrics that are not measured.
        steps: How many steps of the horizon to write.

    Returns:
        Per metric, per server: the bytes of one entry of `ServerPrediction.forecasts`; empty for a metric the server
        does not measure. A metric whose band has no width is written without p10 and p90, as the contract allows.
    """
    series = quantiles[:, :, :steps]
    measured = ~np.isnan(series[:, :, 0, P50])  # [servers, metrics]
    certain = measured & (series[..., P10] == series[..., P90]).all(axis=2)
    return [
        _encode_metric(number, series[:, number - 1], measured[:, number - 1], certain[:, number - 1])
        for number in range(1, len(METRICS) + 1)
    ]


def _encode_metric(
    number: int,
    series: npt.NDArray[np.float32],  # [servers, steps, 3]
    measured: npt.NDArray[np.bool_],
    certain: npt.NDArray[np.bool_],
) -> list[bytes]:
    entries = [b""] * len(series)
    for rows, bands in ((measured & certain, (P50,)), (measured & ~certain, (P10, P50, P90))):
        chosen = np.flatnonzero(rows)
        if len(chosen):
            for row, entry in zip(chosen.tolist(), _records(number, series[chosen], bands), strict=True):
                entries[row] = entry
    return entries


def _records(number: int, series: npt.NDArray[np.float32], bands: tuple[int, ...]) -> list[bytes]:
    """Equal-length entries of one metric, cut from one buffer."""
    rows, steps = series.shape[:2]
    names = {P10: "p10", P50: "p50", P90: "p90"}
    metric = tag(_FIELDS["metric"], _VARINT) + varint(number)
    heads = {band: tag(_FIELDS[names[band]]) + varint(4 * steps) for band in bands}
    body_length = len(metric) + sum(len(head) + 4 * steps for head in heads.values())
    opening = tag(_FORECASTS_FIELD) + varint(body_length) + metric

    buffer = np.empty((rows, len(opening) + body_length - len(metric)), dtype=np.uint8)
    buffer[:, : len(opening)] = np.frombuffer(opening, dtype=np.uint8)
    at = len(opening)
    for band, head in heads.items():
        buffer[:, at : at + len(head)] = np.frombuffer(head, dtype=np.uint8)
        at += len(head)
        values = np.ascontiguousarray(series[:, :, band], dtype="<f4")
        buffer[:, at : at + 4 * steps] = values.view(np.uint8).reshape(rows, 4 * steps)
        at += 4 * steps
    whole, length = buffer.tobytes(), buffer.shape[1]
    return [whole[start : start + length] for start in range(0, rows * length, length)]
