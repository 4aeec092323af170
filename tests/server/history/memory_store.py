"""A store in memory that promises no more than the real one: each row once, in any order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_server.history.schemas import SCHEMAS
from argus_server.metrics import METRICS
from argus_server.store.tables import METRICS_TABLE

SAMPLES = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("ms", tz="UTC")),
        pa.field("server_name", pa.string()),
        *(pa.field(metric, pa.float32()) for metric in METRICS),
    ]
)
ROWS = 1000


class MemoryStore:
    """Keeps rows; hands them out shuffled, in small batches.

    Attributes:
        tables: What was appended.
        failure: What appending fails with, if it is to.
        reads: Tables read, in order.
    """

    def __init__(self) -> None:
        self.tables: dict[str, list[pa.RecordBatch]] = defaultdict(list)
        self.failure: Exception | None = None
        self.reads: list[str] = []

    def append(self, table: str, rows: pa.RecordBatch) -> Future[Any]:
        assert rows.schema.equals(self.schema(table)), rows.schema
        done: Future[Any] = Future()
        if self.failure is not None:
            done.set_exception(self.failure)
        else:
            self.tables[table].append(rows)
            done.set_result(None)
        return done

    def schema(self, table: str) -> pa.Schema:
        return SAMPLES if table == METRICS_TABLE else SCHEMAS[table]

    def fingerprint(self, table: str, start_ms: int, end_ms: int) -> int:
        return sum(rows.num_rows for rows in self.tables[table])

    def read(
        self,
        table: str,
        start_ms: int,
        end_ms: int,
        servers: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        self.reads.append(table)
        rows = self.rows(table)
        times = rows["timestamp"].cast(pa.int64())
        rows = rows.filter(pc.and_(pc.greater_equal(times, start_ms), pc.less(times, end_ms)))
        if servers is not None:
            rows = rows.filter(pc.is_in(rows["server_name"], pa.array(servers, pa.string())))
        order = np.random.default_rng(0).permutation(len(rows))
        rows = rows.take(pa.array(order)).select(list(columns or rows.column_names))
        yield from rows.combine_chunks().to_batches(max_chunksize=ROWS)

    def rows(self, table: str) -> pa.Table:
        """All of a table, as appended."""
        return pa.Table.from_batches(self.tables[table], schema=self.schema(table))


def samples(
    names: Sequence[str], times_ms: Sequence[int], columns: dict[str, np.ndarray] | None = None
) -> pa.RecordBatch:
    """Rows of the table of samples; metrics not given are NaN."""
    given = columns or {}
    return pa.record_batch(
        [
            pa.array(times_ms, pa.int64()).cast(SAMPLES.field(0).type),
            pa.array(names, pa.string()),
            *(
                pa.array(np.asarray(given.get(metric, np.full(len(names), np.nan)), dtype=np.float32))
                for metric in METRICS
            ),
        ],
        schema=SAMPLES,
    )
