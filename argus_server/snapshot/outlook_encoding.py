"""Wire bytes of outlooks, built for the whole fleet at once, in the manner of `encoding`."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from argus.v1 import snapshot_pb2
from argus_server.metrics import P10, P50, P90
from argus_server.outlook import OutlookFrame, band_stride
from argus_server.snapshot.encoding import tag, varint

Floats = npt.NDArray[np.float32]

_VARINT: Final = 0
_FIXED_32: Final = 5

_OUTLOOK_FIELD: Final = snapshot_pb2.ServerPrediction.DESCRIPTOR.fields_by_name["outlook"].number
_FIELDS: Final = {
    name: field.number for name, field in snapshot_pb2.Outlook.DESCRIPTOR.fields_by_name.items()
}


def outlook_entries(outlook: OutlookFrame, quantiles: Floats, step_seconds: int) -> list[bytes]:
    """The `outlook` field of every server.

    Args:
        outlook: Metrics, history and thresholds of the servers.
        quantiles: float32 [servers, metrics, horizon, 3].
        step_seconds: Length of a step.
    """
    stride = band_stride(quantiles.shape[2])
    rows = np.arange(len(outlook.metrics))
    bands = quantiles[rows, outlook.metrics.astype(np.intp) - 1, stride - 1 :: stride]  # [servers, points, 3]
    forecast = ~np.isnan(bands[:, :1, P50]).all(axis=1)
    limited = ~np.isnan(outlook.critical)
    entries = [b""] * len(rows)
    for has_bands in (True, False):
        for has_limits in (True, False):
            chosen = np.flatnonzero((forecast == has_bands) & (limited == has_limits))
            if len(chosen):
                part = _records(
                    outlook.take(chosen),
                    bands[chosen] if has_bands else bands[chosen, :0],
                    step_seconds,
                    stride * step_seconds,
                    has_limits=has_limits,
                )
                for row, entry in zip(chosen.tolist(), part, strict=True):
                    entries[row] = entry
    return entries


def _records(
    outlook: OutlookFrame, bands: Floats, history_seconds: int, band_seconds: int, *, has_limits: bool
) -> list[bytes]:
    """Entries of equal length, cut from one buffer."""
    pieces: list[bytes | npt.NDArray[np.uint8]] = [
        tag(_FIELDS["metric"], _VARINT),
        outlook.metrics[:, None],  # a varint of one byte: metrics are few
        tag(_FIELDS["history_step_seconds"], _VARINT) + varint(history_seconds),
        *_packed("history", outlook.history),
        tag(_FIELDS["band_step_seconds"], _VARINT) + varint(band_seconds),
    ]
    if bands.shape[1]:
        for name, quantile in (("p10", P10), ("p50", P50), ("p90", P90)):
            pieces += _packed(name, bands[:, :, quantile])
    if has_limits:
        for name, values in (("warning", outlook.warning), ("critical", outlook.critical)):
            pieces += (tag(_FIELDS[name], _FIXED_32), _bytes_of(values[:, None]))
    length = sum(len(piece) if isinstance(piece, bytes) else piece.shape[1] for piece in pieces)
    pieces.insert(0, tag(_OUTLOOK_FIELD) + varint(length))
    buffer = np.concatenate(
        [
            np.broadcast_to(np.frombuffer(piece, dtype=np.uint8), (len(outlook.metrics), len(piece)))
            if isinstance(piece, bytes)
            else piece
            for piece in pieces
        ],
        axis=1,
    )
    whole, size = buffer.tobytes(), buffer.shape[1]
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _packed(name: str, values: Floats) -> tuple[bytes, npt.NDArray[np.uint8]]:
    """Tag and length, and the bytes of packed floats [servers, items]."""
    return tag(_FIELDS[name]) + varint(4 * values.shape[1]), _bytes_of(values)


def _bytes_of(values: Floats) -> npt.NDArray[np.uint8]:
    little = np.ascontiguousarray(values, dtype="<f4")
    return little.view(np.uint8).reshape(len(values), -1)
