"""Rows of the table `metrics`: from what ingest has to what is written, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from argus_server.ingest.columns import Columns
from argus_server.metrics import METRICS
from argus_server.store.tables import METRICS_SCHEMA, TIME_TYPE


@dataclass(frozen=True, slots=True, eq=False)
class SampleRows:
    """Some rows of a batch. They are turned into a record batch only when they are written, many batches at once.

    Attributes:
        columns: The batch.
        taken: Which of its rows, bool [rows]; None when all.
    """

    columns: Columns
    taken: npt.NDArray[np.bool_] | None = None

    @property
    def nbytes(self) -> int:
        """Memory it takes, about."""
        return 64 * len(self.columns) + self.columns.metrics.nbytes

    @staticmethod
    def combined(parts: Sequence[SampleRows]) -> pa.RecordBatch:
        """All of them as one record batch, in order."""
        times = [part._picked(part.columns.timestamp_ms) for part in parts]
        states = [part._picked(part.columns.states) for part in parts]
        metrics = [part._picked(part.columns.metrics) for part in parts]  # [metrics, rows] each
        names = list(chain.from_iterable(part._names() for part in parts))
        joined = metrics[0] if len(metrics) == 1 else np.concatenate(metrics, axis=1)
        return pa.RecordBatch.from_arrays(
            [
                pa.array(np.concatenate(times)).view(TIME_TYPE),
                pa.array(names, pa.string()),
                pa.array(np.concatenate(states).astype(np.int8)),
                *(pa.array(column) for column in joined),
            ],
            schema=METRICS_SCHEMA,
        )

    def _picked(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        return values if self.taken is None else values[..., self.taken]

    def _names(self) -> Sequence[str]:
        names = self.columns.server_names
        return names if self.taken is None else list(compress(names, self.taken))


def columns_of(batch: pa.RecordBatch) -> Columns:
    """Rows of the table as ingest has them."""
    metrics = np.empty((len(METRICS), batch.num_rows), np.float32)
    for index, name in enumerate(METRICS):
        metrics[index] = batch.column(name).to_numpy(zero_copy_only=False)
    return Columns(
        timestamp_ms=batch.column("timestamp").view(pa.int64()).to_numpy(),
        server_names=batch.column("server_name").to_pylist(),
        states=batch.column("state").to_numpy().astype(np.int32),
        metrics=metrics,
    )
