"""Data sets larger than memory: what servers are in a set of files, and how to read some of them at a time.

Files are read a batch of rows at a time: once to check every value and to learn how much there is of every server, so
that a bad row is found before hours of training and not after, and then once per chunk of servers. Row groups that hold
none of a chunk's servers are skipped, so a data set sorted or partitioned by server is read once per epoch; one
partitioned by day is read once per chunk.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from argus_server.metrics import METRICS
from argus_server.training import corpus, tables
from argus_server.training.corpus import DataFile, History
from argus_server.training.tables import CorpusError
from argus_server.training.times import Int64Array, TimeOrder, first_fault

# Rows in flight: a megabyte or two.
_BATCH_ROWS: Final = 16_384
_BUFFER_BYTES: Final = 1 << 16
# A row while a chunk is read: as Arrow columns, and twice as float32 metrics, the second time sorted.
_BYTES_PER_ROW: Final = 256
# A row while its time is compared with the others': server, time and place, twice, and their order.
_BYTES_PER_TIME: Final = 96
_BYTES_PER_STEP: Final = 4 * len(METRICS)
_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is of a server. Times are Unix milliseconds.

    Attributes:
        rows: Its rows.
        first_ms: Time of the first one.
        last_ms: Time of the last one.
        test_ms: Time of the first one that is for tests, None if there is none.
    """

    rows: int
    first_ms: int
    last_ms: int
    test_ms: int | None = None

    def joined(self, other: Extent) -> Extent:
        """Of both parts of a server."""
        tests = [extent.test_ms for extent in (self, other) if extent.test_ms is not None]
        return Extent(
            self.rows + other.rows,
            min(self.first_ms, other.first_ms),
            max(self.last_ms, other.last_ms),
            min(tests, default=None),
        )

    def steps(self, step_seconds: int, *, all_rows: bool = True) -> int:
        """Steps from the first to the last; or to the first that is for tests, itself left out."""
        step_ms = step_seconds * 1000
        if all_rows or self.test_ms is None:
            return self.last_ms // step_ms - self.first_ms // step_ms + 1
        return self.test_ms // step_ms - self.first_ms // step_ms

    def bytes(self, step_seconds: int) -> int:
        """Memory it needs while it is read: its rows, and a regular grid from its first to its last step."""
        return self.rows * _BYTES_PER_ROW + self.steps(step_seconds) * _BYTES_PER_STEP


@dataclass(frozen=True, slots=True)
class Chunk:
    """Servers that are in memory together."""

    servers: tuple[str, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group of a file.

    Attributes:
        file: The file.
        number: Its place in it.
        first_row: Number of its first row in the file, from 1.
        servers: Numbers of the servers that are in it, int32, ascending.
    """

    file: Path
    number: int
    first_row: int
    servers: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Partitions:
    """A data set of Parquet files.

    Attributes:
        path: A Parquet file, or a directory of them.
        extents: What there is of every server; the number of a server is its place.
        groups: Row groups of all files, sorted by file.
    """

    path: Path
    extents: dict[str, Extent]
    groups: tuple[RowGroup, ...]

    @classmethod
    def scan(cls, path: Path, memory_mb: int) -> Partitions:
        """Check every row, and learn how much there is of every server.

        Servers whose rows are not in order of time are read once more, times only.

        Args:
            path: A Parquet file, or a directory of them at any depth.
            memory_mb: Memory for times, in MiB.

        Raises:
            CorpusError: There is no Parquet file, a column or value cannot be used, a server has two rows at the same
                time, or more than a year between two.
        """
        extents: dict[str, Extent] = {}
        numbers: dict[str, int] = {}
        groups: list[RowGroup] = []
        seen = TimeOrder()
        for file in parquet_files(path):
            with _opened(file) as parquet:
                row = 1
                for group in range(parquet.num_row_groups):
                    inside: set[int] = set()
                    first = row
                    for batch in _batches(file, parquet, [group]):
                        table = tables.narrow(batch, file.name, row)
                        seen.watch(*_coded(table))
                        for name, extent in _extents(table):
                            extents[name] = extents[name].joined(extent) if name in extents else extent
                            inside.add(numbers.setdefault(name, len(numbers)))
                        row += batch.num_rows
                    groups.append(RowGroup(file, group, first, np.array(sorted(inside), dtype=np.int32)))
        found = cls(path, extents, tuple(groups))
        found._check_times(sorted(seen.doubtful), memory_mb)
        return found

    def _check_times(self, servers: Sequence[str], memory_mb: int) -> None:
        """Compare the times of some servers, as many of them at once as fit."""
        limit = memory_mb * _MEBIBYTE // _BYTES_PER_TIME
        some: list[str] = []
        rows = 0
        for server in servers:
            if some and rows + self.extents[server].rows > limit:
                self._compare_times(some)
                some, rows = [], 0
            some.append(server)
            rows += self.extents[server].rows
        if some:
            self._compare_times(some)

    def _compare_times(self, servers: Sequence[str]) -> None:
        names = pa.array(servers, pa.string())
        parts: list[tuple[Int64Array, Int64Array, Int64Array]] = []
        needed = self._groups_of(servers)
        for number, group in enumerate(needed):
            row = group.first_row
            with _opened(group.file) as parquet:
                for batch in _batches(group.file, parquet, [group.number], tables.REQUIRED):
                    codes = pc.index_in(batch["server_name"].cast(pa.string()), value_set=names)
                    inside = np.flatnonzero(codes.is_valid().to_numpy())
                    stamps = tables.times_ms(batch["timestamp"], group.file.name, row).to_numpy()
                    found = codes.fill_null(0).to_numpy().astype(np.int64)
                    parts.append((found[inside], stamps[inside], (row + inside) * len(needed) + number))
                    row += batch.num_rows
        codes, stamps, places = (np.concatenate(column) for column in zip(*parts, strict=True))
        del parts
        order = np.lexsort((stamps, codes))
        fault = first_fault(codes[order], stamps[order])
        if fault is not None:
            at, wrong = order[fault[0]], fault[1]
            row, number = divmod(int(places[at]), len(needed))
            raise CorpusError(
                f"{needed[number].file.name}: column 'timestamp', row {row}: server {servers[codes[at]]!r} {wrong}"
            )

    def _groups_of(self, servers: Sequence[str]) -> list[RowGroup]:
        """Row groups that hold any of these servers."""
        numbers = {name: number for number, name in enumerate(self.extents)}
        wanted = np.array([numbers[name] for name in servers if name in numbers], dtype=np.int32)
        return [group for group in self.groups if np.isin(group.servers, wanted).any()]

    @property
    def source(self) -> str:
        """Its name: the directory's, or the file's without ending."""
        return self.path.name if self.path.is_dir() else self.path.stem

    def described(self) -> list[DataFile]:
        """The files for the record, each with its hash."""
        files: dict[Path, list[RowGroup]] = {}
        for group in self.groups:
            files.setdefault(group.file, []).append(group)
        return [
            DataFile(
                str(file.relative_to(self.path)) if self.path.is_dir() else file.name,
                corpus.sha256(file),
                int(pq.read_metadata(file).num_rows),
                len(np.unique(np.concatenate([group.servers for group in groups]))),
            )
            for file, groups in files.items()
        ]

    def read(self, servers: Sequence[str], step_seconds: int) -> list[History]:
        """Histories of some servers, by name.

        Raises:
            CorpusError: A column cannot be used.
        """
        names = pa.array(servers, pa.string())
        needed: dict[Path, list[int]] = {}
        for group in self._groups_of(servers):
            needed.setdefault(group.file, []).append(group.number)
        parts: list[pa.Table] = []
        for file, groups in needed.items():
            with _opened(file) as parquet:
                for batch in _batches(file, parquet, groups):
                    chosen = batch.filter(pc.is_in(batch["server_name"].cast(pa.string()), value_set=names))
                    if chosen.num_rows:
                        parts.append(tables.narrow(chosen, file.name))
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


def plan(
    sets: Sequence[Partitions], servers: Sequence[str], memory_mb: int, step_seconds: int
) -> list[Chunk]:
    """Group servers into as few chunks as fit into memory, of equal size, whatever their names.

    Args:
        sets: The data sets.
        servers: Servers to group.
        memory_mb: Memory of a chunk's data, in MiB.
        step_seconds: Step of the model.

    Raises:
        CorpusError: A server does not fit by itself.
    """
    limit = memory_mb * _MEBIBYTE
    extents: dict[str, Extent] = {}
    for part in sets:
        for name, extent in part.extents.items():
            extents[name] = extents[name].joined(extent) if name in extents else extent
    sizes = {name: extents[name].bytes(step_seconds) for name in sorted(servers, key=_hashed)}
    for name, size in sizes.items():
        if size > limit:
            needed = -(-size // _MEBIBYTE)
            raise CorpusError(
                f"server {name!r} has {extents[name].rows:,} rows over {_days(extents[name]):,.0f} days and needs "
                f"{needed:,} MiB; --memory-mb is too small, it leaves {memory_mb} for it: {3 * needed:,} is enough"
            )
    count = max(-(-sum(sizes.values()) // limit), 1) if sizes else 0
    while (chunks := _spread(sizes, count)) and max(chunk.bytes for chunk in chunks) > limit:
        count += 1
    return chunks


def _spread(sizes: Mapping[str, int], count: int) -> list[Chunk]:
    """Give each server to the chunk that is smallest so far."""
    heap: list[tuple[int, int]] = [(0, index) for index in range(count)]
    names: list[list[str]] = [[] for _ in range(count)]
    for name, size in sizes.items():
        total, index = heap[0]
        heapq.heapreplace(heap, (total + size, index))
        names[index].append(name)
    totals = {index: total for total, index in heap}
    return [Chunk(tuple(inside), totals[index]) for index, inside in enumerate(names) if inside]


def _days(extent: Extent) -> float:
    return (extent.last_ms - extent.first_ms) / 86_400_000


def order(chunks: int, epoch: int, seed: int) -> npt.NDArray[np.int64]:
    """The order in which an epoch goes through the chunks."""
    return np.random.default_rng((seed, epoch, chunks)).permutation(chunks)


def _opened(file: Path) -> Any:
    """A Parquet file that is read page by page: by default it is whole row groups, and dozens of batches ahead."""
    try:
        return pq.ParquetFile(
            file, buffer_size=_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
        )
    except pa.ArrowInvalid as error:
        raise CorpusError(f"{file.name} cannot be read: {str(error).splitlines()[0]}") from error


def _batches(
    file: Path, parquet: Any, groups: list[int], wanted: Sequence[str] = tables.KNOWN
) -> Iterator[pa.Table]:
    """Rows of some row groups, in columns that are of use.

    Raises:
        CorpusError: A page is damaged: its checksum, if it has one, is wrong.
    """
    columns = [name for name in wanted if name in parquet.schema_arrow.names]
    try:
        for batch in parquet.iter_batches(
            batch_size=_BATCH_ROWS, row_groups=groups, columns=columns, use_threads=False
        ):
            yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowInvalid) as error:
        raise CorpusError(f"{file.name} is damaged: {str(error).splitlines()[0]}") from error


def _coded(table: pa.Table) -> tuple[list[str], Int64Array, Int64Array]:
    """Servers of a narrowed table, the place of each row's server among them, and the rows' times."""
    names = pc.dictionary_encode(table["server_name"].combine_chunks())
    codes = names.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return names.dictionary.to_pylist(), codes, table["timestamp"].to_numpy()


def _extents(table: pa.Table) -> Iterator[tuple[str, Extent]]:
    """Of a narrowed table."""
    test_times = pc.if_else(table["training"], None, table["timestamp"])
    found = (
        table.append_column("test", test_times)
        .group_by("server_name")
        .aggregate([("timestamp", "count"), ("timestamp", "min"), ("timestamp", "max"), ("test", "min")])
    )
    for row in found.to_pylist():
        yield (
            row["server_name"],
            Extent(row["timestamp_count"], row["timestamp_min"], row["timestamp_max"], row["test_min"]),
        )


def _hashed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
