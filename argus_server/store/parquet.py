"""Parquet files: how they are written, and the making of them from segments and from each other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from argus_server.store import footer
from argus_server.store.catalog import UNFINISHED, Catalog, Part
from argus_server.store.errors import DamagedPart, is_shortage
from argus_server.store.segment import Segment, frames_of, sync_directory
from argus_server.store.tables import SERVER_NAME, TIMESTAMP, Table, days_of

ROW_GROUP_ROWS: Final = 65_536
MERGED_ROWS: Final = 500_000
"""Rows that are sorted in memory at once when files are merged."""


def write(path: Path, table: Table, chunks: Iterable[pa.Table]) -> tuple[Path, int]:
    """Writes a file that appears, whole and on disk, when all is well; not at all when it is not.

    Args:
        path: Its name, but for the checksum of its footer.
        table: Of which table.
        chunks: Its rows, in their order.

    Returns:
        The file, and how many rows it has.

    Raises:
        OSError: It cannot be written.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    others = [field.name for field in table.schema if field.name not in (*floats, TIMESTAMP)]
    written = 0
    try:
        with pq.ParquetWriter(
            unfinished,
            table.schema,
            compression="zstd",
            use_dictionary=others,
            # The bytes of neighbouring floats are alike place by place, which is what a compressor can see.
            use_byte_stream_split=floats,
            column_encoding={TIMESTAMP: "DELTA_BINARY_PACKED"},
            write_page_index=True,
            write_page_checksum=True,
        ) as writer:
            for rows in chunks:
                writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
                written += rows.num_rows
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        finished = path.with_name(f"{path.stem}-{footer.checksum(unfinished)}{path.suffix}")
        os.replace(unfinished, finished)
        sync_directory(path.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return finished, written


def roll(catalog: Catalog, segment: Segment) -> int:
    """Turns a closed segment into one file per day, sorted; readers then see those instead.

    Memory: about four times the segment.

    Returns:
        Rows written.

    Raises:
        OSError: It cannot be read or written; readers go on with the segment.
    """
    table = catalog.table
    batches = [
        table.conform(frame.batch(schema)) for frame, schema in frames_of(segment, table.schema) if frame.rows
    ]
    rows = pa.Table.from_batches(batches, table.schema).combine_chunks()
    days = days_of(rows)
    paths = []
    for day in np.unique(days).tolist():
        path = catalog.part_path(day, segment.first, segment.next - 1)
        of_day = rows.filter(pa.array(days == day)) if len(days) and (days != day).any() else rows
        paths.append(write(path, table, [_sorted(of_day, table)])[0])
    catalog.commit_roll(segment, paths)
    return int(rows.num_rows)


def merge(catalog: Catalog, parts: Iterable[Part]) -> int:
    """Makes one sorted file of several of one day, neighbours by their frames; readers then see that instead.

    Rows are merged server range by server range, so that memory stays bounded however large the files are.

    Returns:
        Rows written.

    Raises:
        OSError: It cannot be written; readers go on with the several.
        DamagedPart: One of them is damaged, by its checksums too, or cannot be read; likewise.
    """
    table, old = catalog.table, sorted(parts, key=lambda part: part.first)
    target = old[0].path.with_name(f"{old[0].first:016d}-{old[-1].last:016d}.parquet")
    with ExitStack() as opened:
        files = [opened.enter_context(open_part(part)) for part in old]
        merged, written = write(target, table, _merged(files, old, table))
    catalog.replace_parts(old, merged)
    return written


def open_part(part: Part) -> pq.ParquetFile:
    """Opens a Parquet file whose footer is sound; what is read of it must be read within `reading`.

    Raises:
        DamagedPart: It is damaged or cannot be read.
    """
    with reading(part.path):
        footer.check(part.path, part.checksum)
        return pq.ParquetFile(part.path, page_checksum_verification=True)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Makes of what reading a Parquet file raises an error that names it.

    Raises:
        DamagedPart: It is damaged or cannot be read.
        OSError: The process has no file descriptor left, which says nothing about the file.
        MemoryError: Likewise.
    """
    try:
        yield
    # A page's checksum that is wrong is an OSError; a footer's is a ValueError, and so is text that is no UTF-8.
    except (OSError, ValueError, pa.ArrowException) as error:
        if is_shortage(error):
            raise
        raise DamagedPart(path, error) from error


def _merged(files: list[pq.ParquetFile], parts: list[Part], table: Table) -> Iterator[pa.Table]:
    """Rows of all files, sorted, one run of servers after the other."""
    for names in _server_ranges(files, parts, table):
        tables = []
        for file, part in zip(files, parts, strict=True):
            with reading(part.path):
                tables.append(_rows_of(file, table, names))
        yield _sorted(pa.concat_tables(tables), table)


def _sorted(rows: pa.Table, table: Table) -> pa.Table:
    return rows.take(pc.sort_indices(rows, [(name, "ascending") for name in table.order]))


def _server_ranges(
    files: list[pq.ParquetFile], parts: list[Part], table: Table
) -> list[tuple[str, str] | None]:
    """First and last name of runs of servers that have few enough rows to be sorted together; None is all rows."""
    total = sum(file.metadata.num_rows for file in files)
    if table.order[0] != SERVER_NAME or total <= MERGED_ROWS:
        return [None]
    counts: dict[str, int] = {}
    for file, part in zip(files, parts, strict=True):
        with reading(part.path):
            for batch in file.iter_batches(batch_size=MERGED_ROWS, columns=[SERVER_NAME], use_threads=False):
                for entry in pc.value_counts(batch.column(0)):
                    name = entry["values"].as_py()
                    counts[name] = counts.get(name, 0) + entry["counts"].as_py()
    ranges: list[tuple[str, str] | None] = []
    first, rows = "", 0
    names = sorted(counts)  # by code point, as Arrow sorts UTF-8
    for place, name in enumerate(names):
        first = first or name
        rows += counts[name]
        if rows >= MERGED_ROWS or place == len(names) - 1:
            ranges.append((first, name))
            first, rows = "", 0
    return ranges


def _rows_of(file: pq.ParquetFile, table: Table, names: tuple[str, str] | None) -> pa.Table:
    """The file's rows of a run of servers, from the row groups that may have some."""
    groups = list(range(file.metadata.num_row_groups))
    if names is not None:
        groups = [group for group in groups if _may_hold(file, group, names)]
    rows = file.read_row_groups(groups, use_threads=False)
    if names is not None:
        column: Any = rows[SERVER_NAME]
        rows = rows.filter(pc.and_(pc.greater_equal(column, names[0]), pc.less_equal(column, names[1])))
    batches = [table.conform(batch) for batch in rows.to_batches()]
    return pa.Table.from_batches(batches, table.schema)


def _may_hold(file: pq.ParquetFile, group: int, names: tuple[str, str]) -> bool:
    place = file.schema_arrow.names.index(SERVER_NAME)
    statistics = file.metadata.row_group(group).column(place).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= names[1] and statistics.max >= names[0])
