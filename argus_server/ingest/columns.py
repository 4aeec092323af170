"""`Columns`: a MetricBatch as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from argus.v1 import metrics_pb2
from argus_server.contract import batch_constraints
from argus_server.metrics import METRICS

_OPTIONAL: Final = ("state", *METRICS)


class ColumnLengthMismatch(ValueError):
    """The columns of a batch differ in length, so its rows cannot be told apart.

    Attributes:
        lengths: Items per column; columns that may be empty and are, are left out.
    """

    def __init__(self, lengths: dict[str, int]) -> None:
        self.lengths = lengths
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        super().__init__(
            f"The columns differ in length: {listed}. Every column must have as many items as timestamp; "
            "only state and metrics may be empty instead."
        )


class BatchTooLarge(ValueError):
    """A batch has more rows than one batch may have.

    Attributes:
        got: Rows of the batch.
        allowed: Rows a batch may have.
    """

    def __init__(self, got: int, allowed: int) -> None:
        self.got = got
        self.allowed = allowed
        super().__init__(f"The batch has {got} rows; at most {allowed} are allowed. Send smaller batches.")


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The rows of a batch, column by column, as they were sent: nothing is checked but the lengths.

    Attributes:
        timestamp_ms: Unix milliseconds UTC, int64 [rows].
        server_names: One per row.
        states: Numbers as sent, int32 [rows]; wider than the valid ones, so that an unknown number stays
            unknown.
        metrics: float32 [metrics, rows], in contract order: a column of the batch is contiguous. NaN where
            not measured.
    """

    timestamp_ms: npt.NDArray[np.int64]
    server_names: list[str]
    states: npt.NDArray[np.int32]
    metrics: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.server_names)


def decode(batch: metrics_pb2.MetricBatch, *, max_rows: int | None = None) -> Columns:
    """The batch as arrays that share no memory with it. Empty metric columns become NaN, an empty state
    column 0.

    Args:
        batch: As received.
        max_rows: Rows allowed; the contract's limit when not given.

    Raises:
        BatchTooLarge: a column is longer than `max_rows`.
        ColumnLengthMismatch: the columns differ in length.
    """
    allowed = batch_constraints().max_rows if max_rows is None else max_rows
    rows = len(batch.timestamp)
    _check_lengths(batch, rows, allowed)

    metrics = np.empty((len(METRICS), rows), np.float32)
    for index, name in enumerate(METRICS):
        column = getattr(batch, name)
        # Through `__array__` where protobuf has it (7.x), item by item where not; assigning the column itself
        # would take the slow way on both.
        metrics[index] = np.asarray(column, np.float32) if column else np.nan
    return Columns(
        timestamp_ms=np.asarray(batch.timestamp, np.int64),
        server_names=list(batch.server_name),
        states=np.asarray(batch.state, np.int32) if batch.state else np.zeros(rows, np.int32),
        metrics=metrics,
    )


def _check_lengths(batch: metrics_pb2.MetricBatch, rows: int, allowed: int) -> None:
    lengths = {"timestamp": rows, "server_name": len(batch.server_name)}
    for name in _OPTIONAL:
        column: Any = getattr(batch, name)
        if column:
            lengths[name] = len(column)
    if (longest := max(lengths.values())) > allowed:
        raise BatchTooLarge(longest, allowed)
    if len(set(lengths.values())) > 1:
        raise ColumnLengthMismatch(lengths)
