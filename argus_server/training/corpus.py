"""Histories of servers read from files in contract columns, each on one regular time grid."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from argus_server.metrics import METRICS
from argus_server.profiles import profile_of
from argus_server.training import tables
from argus_server.training.tables import CorpusError
from argus_server.training.times import first_fault


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
        first_target: First step that training windows may be asked for; earlier ones are context only.
    """

    name: str
    source: str
    profile: int
    start_ms: int
    step_seconds: int
    values: npt.NDArray[np.float32]
    boundary: int
    first_target: int = 0


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
        CorpusError: Unknown file type, missing column, a column of the wrong type, a value outside the contract, two
            rows of a server at the same time, or more than a year between two.
    """
    table = tables.narrow(tables.read(path), path.name)
    found = histories(table, path.stem, step_seconds, [(path.name, table.num_rows)])
    return found, DataFile(path.name, sha256(path), table.num_rows, len(found))


def load_all(path: Path, step_seconds: int) -> tuple[list[History], list[DataFile]]:
    """Read a file, or all files of a directory as one data set: a server's rows may be spread over them.

    Raises:
        CorpusError: As `load`, or the directory holds no data file.
    """
    if not path.is_dir():
        found, described = load(path, step_seconds)
        return found, [described]
    parts: list[pa.Table] = []
    files: list[DataFile] = []
    for file in tables.data_files(path):
        table = tables.narrow(tables.read(file), file.name)
        parts.append(table)
        servers = pc.count_distinct(table["server_name"]).as_py()
        files.append(DataFile(str(file.relative_to(path)), sha256(file), table.num_rows, servers))
    rows = [(file.name, file.rows) for file in files]
    return histories(tables.joined(parts), path.name, step_seconds, rows), files


def histories(
    table: pa.Table, source: str, step_seconds: int, files: Sequence[tuple[str, int]] = ()
) -> list[History]:
    """Histories of the servers of a narrowed table, in order of their first row.

    Args:
        table: What `tables.narrow` returned.
        source: Name of the file or data set it is from.
        step_seconds: Length of a step.
        files: Names and rows of the files that the table is made of, for messages; none if it is a part of them.

    Raises:
        CorpusError: A server has two rows at the same time, or more than a year between two.
    """
    times = table["timestamp"].to_numpy()
    names = pc.dictionary_encode(table["server_name"].combine_chunks())
    codes = names.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    values = np.full((table.num_rows, len(METRICS)), np.nan, dtype=np.float32)
    for index, name in enumerate(METRICS):
        if name in table.column_names:
            values[:, index] = table[name].to_numpy()
    training = table["training"].to_numpy(zero_copy_only=False)

    order = np.lexsort((times, codes))
    times, codes, values, training = times[order], codes[order], values[order], training[order]
    if (fault := first_fault(codes, times)) is not None:
        at, wrong = fault
        server = str(names.dictionary[int(codes[at])])
        raise CorpusError(f"{_place(int(order[at]), files) or source}: server {server!r} {wrong}")
    steps = times // (step_seconds * 1000)
    edges = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    return [
        _history(
            str(names.dictionary[int(codes[begin])]),
            source,
            step_seconds,
            steps[begin:end],
            values[begin:end],
            training[begin:end],
        )
        for begin, end in itertools.pairwise(edges)
    ]


def _place(row: int, files: Sequence[tuple[str, int]]) -> str:
    """File and row (from 1) of a row of a table made of these files."""
    for name, rows in files:
        if row < rows:
            return f"{name}: column 'timestamp', row {row + 1}"
        row -= rows
    return ""


def sha256(path: Path) -> str:
    """Hash of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
