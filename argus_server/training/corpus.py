"""Histories of servers read from files in contract columns, each on one regular time grid."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq

from argus_server.metrics import METRICS
from argus_server.profiles import profile_of

_REQUIRED: Final = ("timestamp", "server_name")


class CorpusError(ValueError):
    """A data file that cannot be used; the message names the file, the column and the rule."""


@dataclass(frozen=True, slots=True)
class History:
    """One server's past on a regular grid.

    Attributes:
        name: Server name.
        source: Stem of the file it came from.
        profile: Index into `argus_server.profiles.PROFILES`.
        start_ms: Start of the first step, Unix milliseconds UTC.
        step_seconds: Length of a step.
        values: float32 [steps, contract metrics], NaN where missing.
        boundary: First step that is not for training; `len(values)` when all of it is.
    """

    name: str
    source: str
    profile: int
    start_ms: int
    step_seconds: int
    values: npt.NDArray[np.float32]
    boundary: int


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that was read, for the record: its base name, SHA-256, rows and servers."""

    name: str
    sha256: str
    rows: int
    servers: int


def load(path: Path, step_seconds: int) -> tuple[list[History], DataFile]:
    """Read one Parquet, CSV or Arrow file in contract columns.

    Rows may come in any order and at any cadence; readings inside one step are averaged (state is not used).
    Metric columns may be missing or null. An optional `split` column (`train`, `test`) keeps its test rows
    out of training.

    Raises:
        CorpusError: Unknown file type, missing column, or a column of the wrong type.
    """
    table = _read(path)
    for name in _REQUIRED:
        if name not in table.column_names:
            raise CorpusError(f"{path.name}: column {name!r} is missing; got {table.column_names}")
    present = [name for name in METRICS if name in table.column_names]
    if not present:
        raise CorpusError(f"{path.name}: none of the metric columns {METRICS} is there")
    steps = _timestamps_ms(table["timestamp"], path) // (step_seconds * 1000)
    names = pc.dictionary_encode(table["server_name"].cast(pa.string()).combine_chunks())
    codes = names.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    values = np.full((table.num_rows, len(METRICS)), np.nan, dtype=np.float32)
    for name in present:
        values[:, METRICS.index(name)] = _floats(table[name], name, path)
    training = np.ones(table.num_rows, dtype=bool)
    if "split" in table.column_names:
        training = pc.equal(table["split"].cast(pa.string()), "train").to_numpy(zero_copy_only=False)

    order = np.lexsort((steps, codes))
    steps, codes, values, training = steps[order], codes[order], values[order], training[order]
    edges = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    histories = [
        _history(
            str(names.dictionary[int(codes[begin])]),
            path.stem,
            step_seconds,
            steps[begin:end],
            values[begin:end],
            training[begin:end],
        )
        for begin, end in itertools.pairwise(edges)
    ]
    return histories, DataFile(path.name, _sha256(path), table.num_rows, len(histories))


def _history(
    name: str,
    source: str,
    step_seconds: int,
    steps: npt.NDArray[np.int64],
    values: npt.NDArray[np.float32],
    training: npt.NDArray[np.bool_],
) -> History:
    """Lay the sorted rows of one server on a grid from its first to its last step."""
    first = int(steps[0])
    at = steps - first
    grid = np.full((int(at[-1]) + 1, len(METRICS)), np.nan, dtype=np.float32)
    begins = np.flatnonzero(np.diff(at, prepend=-1))
    if len(begins) == len(at):
        grid[at] = values
    else:
        known = ~np.isnan(values)
        total = np.add.reduceat(np.where(known, values, 0.0), begins, axis=0)
        count = np.add.reduceat(known.astype(np.float32), begins, axis=0)
        grid[at[begins]] = np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
    boundary = len(grid) if training.all() else int(at[np.argmin(training)])
    return History(name, source, profile_of(name), first * step_seconds * 1000, step_seconds, grid, boundary)


def _read(path: Path) -> pa.Table:
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        return pq.read_table(path)
    if suffix == ".csv":
        return pa.csv.read_csv(path)
    if suffix in (".arrow", ".feather", ".ipc"):
        return pa.feather.read_table(path)
    raise CorpusError(f"{path.name}: unknown file type {suffix!r}; use .parquet, .csv or .arrow")


def _timestamps_ms(column: pa.ChunkedArray, path: Path) -> npt.NDArray[np.int64]:
    """Unix milliseconds UTC from a timestamp column, or from integers that already are."""
    kind: Any = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("ms", tz=kind.tz), safe=False).cast(pa.int64())
    elif not pa.types.is_integer(kind):
        raise CorpusError(f"{path.name}: column 'timestamp' must be a timestamp or integer ms, got {kind}")
    if column.null_count:
        raise CorpusError(f"{path.name}: column 'timestamp' has {column.null_count} nulls; none are allowed")
    milliseconds: npt.NDArray[np.int64] = column.to_numpy().astype(np.int64)
    return milliseconds


def _floats(column: pa.ChunkedArray, name: str, path: Path) -> npt.NDArray[np.float32]:
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise CorpusError(f"{path.name}: column {name!r} must be numeric, got {kind}")
    values: npt.NDArray[np.float32] = column.cast(pa.float32(), safe=False).to_numpy().copy()
    values[~np.isfinite(values)] = np.nan
    return values


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
