"""Rows for a store, and what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from argus_server.ingest.columns import Columns
from argus_server.metrics import METRICS
from argus_server.store.options import StoreOptions
from argus_server.store.reader import read
from argus_server.store.samples import SampleRows
from argus_server.store.store import Store
from argus_server.store.tables import METRICS_TABLE

DAY_MS = 86_400_000
START_MS = 1_700_006_400_000  # the first moment of a day
FOREVER = (0, 1 << 45)
QUICK = StoreOptions(linger_seconds=0.0, retry_seconds=0.01)

Key = tuple[str, int]


def spoil(path: Path, column: str = "cpu_user_pct") -> None:
    """Flips a bit of a column's values in a Parquet file, which without its checksums reads as other values."""
    metadata = pq.read_metadata(path)
    group = metadata.row_group(0)
    place = metadata.schema.to_arrow_schema().names.index(column)
    chunk = group.column(place)
    data = bytearray(path.read_bytes())
    data[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(data)


def spoil_footer(path: Path, column: str = "cpu_user_pct") -> None:
    """Flips a bit of a column's name in a Parquet file's footer, without whose checksum the column reads as empty."""
    data = bytearray(path.read_bytes())
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    data[data.index(column.encode(), footer)] ^= 1
    path.write_bytes(data)


def without_checksum(path: Path) -> Path:
    """Gives a Parquet file the name it had before there were checksums of footers."""
    return path.rename(path.with_name("-".join(path.stem.split("-")[:2]) + path.suffix))


_SEQUENCES = count(1)


def samples(names: Sequence[str], times_ms: Sequence[int], value: float = 50.0) -> SampleRows:
    """Rows of the table of samples, every metric alike."""
    return SampleRows(
        Columns(
            timestamp_ms=np.asarray(times_ms, np.int64),
            server_names=list(names),
            states=np.full(len(names), 2, np.int32),
            metrics=np.full((len(METRICS), len(names)), value, np.float32),
        )
    )


def put(store: Store, names: Sequence[str], times_ms: Sequence[int], value: float = 50.0) -> list[Key]:
    """Appends rows and waits until they are durable; returns what identifies them."""
    store.append_samples(samples(names, times_ms, value), "test", next(_SEQUENCES)).result(10)
    return list(zip(names, times_ms, strict=True))


def keys(batches: Sequence[pa.RecordBatch]) -> list[Key]:
    """Server and time of every row, sorted."""
    found: list[Key] = []
    for batch in batches:
        times = batch.column("timestamp").cast(pa.int64()).to_pylist()
        found += zip(batch.column("server_name").to_pylist(), times, strict=True)
    return sorted(found)


def stored(store: Store) -> list[Key]:
    """Every sample in the store, sorted."""
    return keys(list(store.read(METRICS_TABLE, *FOREVER)))


def on_disk(root: Path) -> list[Key]:
    """The same of a directory that nobody writes to."""
    store = Store(root, QUICK)
    try:
        return keys(list(read(store.catalog(METRICS_TABLE), *FOREVER)))
    finally:
        store.close()
