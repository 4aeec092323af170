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

from argus_server.store.catalog import UNFINISHED, Catalog, Part
from argus_server.store.errors import DamagedPart
from argus_server.store.segment import Segment, frames_of, sync_directory
from argus_server.store.tables import SERVER_NAME, TIMESTAMP, Table, days_of

ROW_GROUP_ROWS: Final = 65_536
MERGED_ROWS: Final = 500_000
"""Rows that are sorted in memory at once when files are merged."""


@contextmanager
def parquet_writer(path: Path, table: Table) -> Iterator[pq.ParquetWriter]:
    """A writer of a file that appears, whole and on disk, when the block ends well; not at all when it does not."""
    unfinished = path.with_name(path.name + UNFINISHED)
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    others = [field.name for field in table.schema if field.name not in (*floats, TIMESTAMP)]
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
            yield writer
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        sync_directory(path.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


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
        with parquet_writer(path, table) as writer:
            of_day = rows.filter(pa.array(days == day)) if len(days) and (days != day).any() else rows
            writer.write_table(_sorted(of_day, table), row_group_size=ROW_GROUP_ROWS)
        paths.append(path)
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
    written = 0
    with ExitStack() as opened:
        files = []
        for part in old:
            with reading(part.path):
                files.append(opened.enter_context(pq.ParquetFile(part.path, page_checksum_verification=True)))
        with parquet_writer(target, table) as writer:
            for names in _server_ranges(files, old, table):
                tables = []
                for file, part in zip(files, old, strict=True):
                    with reading(part.path):
                        tables.append(_rows_of(file, table, names))
                rows = _sorted(pa.concat_tables(tables), table)
                writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
                written += rows.num_rows
    catalog.replace_parts(old, target)
    return written


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Makes of what reading a Parquet file raises an error that names it."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:  # a checksum that is wrong is an OSError
        raise DamagedPart(path, error) from error


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
