"""Data sets larger than memory: what servers are in a set of files, and how to read some of them at a time.

Files are read by PyArrow's dataset reader, a batch of rows at a time, once to count the rows of every server, and then
once per chunk of servers. Files that hold few servers each are skipped when none of a chunk's is in them, so a data
set partitioned by server is read once per epoch; one partitioned by day is read once per chunk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from argus_server.metrics import METRICS
from argus_server.training import corpus, tables
from argus_server.training.corpus import DataFile, History
from argus_server.training.tables import CorpusError

# Rows in flight: a few megabytes.
_BATCH_ROWS: Final = 65_536
# A row of a chunk: as Arrow columns, as float32 metrics, sorted, and on its grid. Measured: 290 bytes at most.
BYTES_PER_ROW: Final = 320
_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Servers that are in memory together."""

    servers: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Partitions:
    """A data set of Parquet files.

    Attributes:
        path: A Parquet file, or a directory of them.
        files: Its files, sorted.
        rows: Rows of every server.
        by_file: Servers of every file.
    """

    path: Path
    files: tuple[Path, ...]
    rows: dict[str, int]
    by_file: tuple[frozenset[str], ...]

    @classmethod
    def scan(cls, path: Path) -> Partitions:
        """Count the rows of every server, reading nothing but names.

        Args:
            path: A Parquet file, or a directory of them at any depth.

        Raises:
            CorpusError: There is no Parquet file, or one lacks a required column.
        """
        files = parquet_files(path)
        counts: dict[str, int] = {}
        by_file: list[frozenset[str]] = []
        for file in files:
            dataset = ds.dataset(file, format="parquet")
            tables.check_columns(file.name, dataset.schema.names)
            inside: set[str] = set()
            for batch in _batches(dataset, ["server_name"], None):
                found = pc.value_counts(batch.column(0))
                for name, count in zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True):
                    counts[name] = counts.get(name, 0) + count
                    inside.add(name)
            by_file.append(frozenset(inside))
        return cls(path, files, counts, tuple(by_file))

    @property
    def source(self) -> str:
        """Its name: the directory's, or the file's without ending."""
        return self.path.name if self.path.is_dir() else self.path.stem

    def described(self) -> list[DataFile]:
        """The files for the record, each with its hash."""
        return [
            DataFile(
                str(file.relative_to(self.path)) if self.path.is_dir() else file.name,
                corpus.sha256(file),
                ds.dataset(file, format="parquet").count_rows(),
                len(servers),
            )
            for file, servers in zip(self.files, self.by_file, strict=True)
        ]

    def read(self, servers: Sequence[str], step_seconds: int) -> list[History]:
        """Histories of some servers, by name.

        Raises:
            CorpusError: A column cannot be used.
        """
        wanted = set(servers)
        chosen = pc.field("server_name").isin(list(servers))
        parts: list[pa.Table] = []
        for file, inside in zip(self.files, self.by_file, strict=True):
            if not wanted & inside:
                continue
            dataset = ds.dataset(file, format="parquet")
            names = [
                name
                for name in ("timestamp", "server_name", "split", *METRICS)
                if name in dataset.schema.names
            ]
            parts += [
                tables.narrow(pa.Table.from_batches([batch]), file.name)
                for batch in _batches(dataset, names, chosen)
                if batch.num_rows
            ]
        if not parts:
            return []
        table = tables.joined(parts)
        del parts
        return sorted(corpus.histories(table, self.source, step_seconds), key=lambda h: h.name)


def parquet_files(path: Path) -> tuple[Path, ...]:
    """The Parquet files of a path, sorted.

    Raises:
        CorpusError: There is none.
    """
    if path.is_dir():
        return tuple(tables.data_files(path, tables.PARQUET_SUFFIXES))
    if path.suffix.lower() not in tables.PARQUET_SUFFIXES:
        raise CorpusError(f"{path.name}: streaming reads Parquet; convert it, or use --mode standard")
    return (path,)


def plan(sets: Sequence[Partitions], servers: Sequence[str], memory_mb: int) -> list[Chunk]:
    """Group servers into chunks that fit into memory, in an order that has nothing to do with their names.

    Args:
        sets: The data sets.
        servers: Servers to group.
        memory_mb: Memory of a chunk's data, in MiB.

    Raises:
        CorpusError: A server does not fit by itself.
    """
    limit = memory_mb * _MEBIBYTE // BYTES_PER_ROW
    rows: dict[str, int] = {}
    for partitions in sets:
        for name, count in partitions.rows.items():
            rows[name] = rows.get(name, 0) + count
    chunks: list[Chunk] = []
    names: list[str] = []
    total = 0
    for name in sorted(servers, key=_hashed):
        if rows[name] > limit:
            needed = -(-rows[name] * BYTES_PER_ROW // _MEBIBYTE)
            raise CorpusError(
                f"server {name!r} has {rows[name]:,} rows and needs {needed} MiB; --memory-mb is {memory_mb}"
            )
        if total + rows[name] > limit:
            chunks.append(Chunk(tuple(names), total))
            names, total = [], 0
        names.append(name)
        total += rows[name]
    if names:
        chunks.append(Chunk(tuple(names), total))
    return chunks


def order(chunks: int, epoch: int, seed: int) -> npt.NDArray[np.int64]:
    """The order in which an epoch goes through the chunks."""
    return np.random.default_rng((seed, epoch, chunks)).permutation(chunks)


def _batches(dataset: Any, columns: list[str], chosen: Any) -> Any:
    # Read ahead as little as possible: the default is dozens of batches and files.
    return dataset.to_batches(
        columns=columns,
        filter=chosen,
        batch_size=_BATCH_ROWS,
        batch_readahead=1,
        fragment_readahead=1,
        use_threads=False,
    )


def _hashed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
