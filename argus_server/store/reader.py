"""Rows of a table for a time span, from Parquet and from segments alike, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds

from argus_server.store import footer
from argus_server.store.catalog import Catalog
from argus_server.store.errors import StoreError
from argus_server.store.parquet import reading
from argus_server.store.segment import frames_of
from argus_server.store.tables import SERVER_NAME, within

BATCH_ROWS: Final = 65_536

_FORMAT: Final = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)


def read(
    catalog: Catalog,
    start_ms: int,
    end_ms: int,
    servers: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Rows that are durable when the first batch is asked for, in no order that can be relied on.

    Memory: a few row groups, or one frame. The files are kept until the iterator ends or is closed, so neither a roll
    nor a compaction nor retention disturbs it.

    Args:
        catalog: Files of the table.
        start_ms: Least timestamp, Unix milliseconds UTC.
        end_ms: The first timestamp no longer wanted.
        servers: Names; None means all.
        columns: Names, in the order wanted; None means all.

    Raises:
        StoreError: The table has no such column.
        DamagedPart: A Parquet file is damaged, by its checksums too, or cannot be read.
        OSError: A segment cannot be read, or the process has no file descriptor left.
        MemoryError: There is not enough memory.
    """
    table = catalog.table
    wanted = list(columns) if columns is not None else table.schema.names
    if unknown := [name for name in wanted if name not in table.schema.names]:
        raise StoreError(
            f"table {table.name} has no column {unknown[0]!r}; it has {', '.join(table.schema.names)}"
        )
    if servers is not None and SERVER_NAME not in table.schema.names:
        raise StoreError(f"table {table.name} has no servers to choose from; leave them out")
    named = None if servers is None else pa.array(sorted(servers), pa.string())
    if start_ms < end_ms:
        yield from _rows(catalog, start_ms, end_ms, named, wanted)


def _rows(
    catalog: Catalog, start_ms: int, end_ms: int, servers: pa.Array | None, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    table = catalog.table
    condition = within(start_ms, end_ms, servers)
    with catalog.view(start_ms, end_ms) as view:
        for part in view.parts:
            with reading(part.path):
                footer.check(part.path, part.checksum)
                # One file after the other: a scan over all of them would read ahead in many.
                scanner = ds.dataset(part.path, schema=table.schema, format=_FORMAT).scanner(
                    columns=columns,
                    filter=condition,
                    batch_size=BATCH_ROWS,
                    batch_readahead=1,
                    fragment_readahead=1,
                    use_threads=False,
                )
                yield from (batch for batch in scanner.to_batches() if batch.num_rows)
        for segment in view.segments:
            for frame, schema in frames_of(segment, table.schema):
                if frame.rows and frame.min_ms < end_ms and frame.max_ms >= start_ms:
                    batch = table.conform(frame.batch(schema)).filter(condition)
                    if batch.num_rows:
                        yield batch.select(columns)
