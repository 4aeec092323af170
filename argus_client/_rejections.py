"""Refusals of the server in the client's words."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol

from argus.v1 import ingest_pb2, metrics_pb2
from argus_client._errors import Rejected
from argus_client._values import Rejection

_REMEMBERED: Final = 100


class _Held(Protocol):
    payload: bytes


def row_rejection(row: ingest_pb2.RowRejection, batch: _Held | None) -> Rejection:
    """A refused row; its server and time are looked up in the batch while that is held."""
    server_name, timestamp_ms = "", 0
    if batch is not None:
        columns = metrics_pb2.MetricBatch.FromString(batch.payload)
        if row.row_index < len(columns.timestamp):
            server_name = columns.server_name[row.row_index]
            timestamp_ms = columns.timestamp[row.row_index]
    return Rejection(
        reason=_name(ingest_pb2.RowRejectionReason, row.reason, "ROW_REJECTION_REASON_"),
        message=row.message,
        rows=1,
        server_name=server_name,
        timestamp_ms=timestamp_ms,
        field=row.field,
        sequence=row.sequence,
        row_index=row.row_index,
    )


def batch_rejection(rejection: ingest_pb2.BatchRejection, rows: int) -> Rejection:
    """A message refused as a whole."""
    return Rejection(
        reason=_name(ingest_pb2.BatchRejectionReason, rejection.reason, "BATCH_REJECTION_REASON_"),
        message=rejection.message,
        rows=rows,
        server_name="",
        timestamp_ms=0,
        field="",
        sequence=rejection.sequence,
        row_index=None,
    )


class RecentRejections:
    """Counts refused rows and remembers the first of them until asked."""

    def __init__(self) -> None:
        self._rows = 0
        self._rejections: deque[Rejection] = deque()

    def count(self, rows: int) -> None:
        """Adds refused rows."""
        self._rows += rows

    def remember(self, rejection: Rejection) -> None:
        """Keeps a refusal, unless there are many already."""
        if len(self._rejections) < _REMEMBERED:
            self._rejections.append(rejection)

    def take(self) -> Rejected | None:
        """What has been refused since the last call as an error; None when nothing was."""
        if not self._rows:
            return None
        first = self._rejections[0].message if self._rejections else "the server did not say why"
        error = Rejected(
            f"The server refused {self._rows} rows; the first: {first}. Do not send them again unchanged.",
            rows=self._rows,
            rejections=self._rejections,
        )
        self._rows = 0
        self._rejections.clear()
        return error


def _name(enum: Any, number: int, prefix: str) -> str:
    """Name of an enum value without its prefix; a value of a newer server keeps its number."""
    value = enum.DESCRIPTOR.values_by_number.get(number)
    return f"REASON_{number}" if value is None else str(value.name).removeprefix(prefix)
