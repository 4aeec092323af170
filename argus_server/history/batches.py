"""Record batches as NumPy arrays, and reading that can be called off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Cancelled = Callable[[], bool]


class QueryCancelled(Exception):
    """Whoever asked no longer wants the answer."""


def guarded(batches: Iterable[pa.RecordBatch], cancelled: Cancelled) -> Iterator[pa.RecordBatch]:
    """The same batches, empty ones left out.

    Raises:
        QueryCancelled: Nobody waits for them any more.
    """
    for batch in batches:
        if cancelled():
            raise QueryCancelled
        if batch.num_rows:
            yield batch


def times_ms(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """The batch's timestamps in Unix milliseconds, int64 [rows]."""
    times: npt.NDArray[np.int64] = batch.column("timestamp").cast(pa.int64()).to_numpy()
    return times


def floats(batch: pa.RecordBatch, columns: Sequence[str]) -> npt.NDArray[np.float32]:
    """Numeric columns, float32 [rows, columns]; NaN where a value is missing."""
    values = np.empty((batch.num_rows, len(columns)), dtype=np.float32)
    for place, name in enumerate(columns):
        values[:, place] = batch.column(name).cast(pa.float32()).to_numpy(zero_copy_only=False)
    return values


def names(batch: pa.RecordBatch) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Server of each row as an index [rows] into the list of the names that occur."""
    encoded = batch.column("server_name").dictionary_encode()
    codes: npt.NDArray[np.int64] = encoded.indices.to_numpy().astype(np.int64)
    return codes, encoded.dictionary.to_pylist()
