"""Tables of the store: their columns, and how long their rows are kept.

Every table has a `timestamp`, which says what day a row belongs to. A table that others are to record to is added to
`TABLES`; nothing else needs to know it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from argus_server.history.schemas import SCHEMAS
from argus_server.metrics import METRICS

TIMESTAMP: Final = "timestamp"
SERVER_NAME: Final = "server_name"
DAY_MS: Final = 86_400_000
TIME_TYPE: Final = pa.timestamp("ms", tz="UTC")

METRICS_TABLE: Final = "metrics"

_TIME: Final = pa.field(TIMESTAMP, TIME_TYPE, nullable=False)
_SERVER: Final = pa.field(SERVER_NAME, pa.string(), nullable=False)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the store.

    Attributes:
        name: Also the name of its directories.
        schema: Its columns; `timestamp` is one, in milliseconds UTC.
        replayed: Whether windows are rebuilt from it, so that its segments stay until a checkpoint covers them.
    """

    name: str
    schema: pa.Schema
    replayed: bool = False

    @property
    def order(self) -> tuple[str, ...]:
        """Columns that its Parquet files are sorted by."""
        return (SERVER_NAME, TIMESTAMP) if SERVER_NAME in self.schema.names else (TIMESTAMP,)

    def conform(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows written by another version, in the columns of today: new columns are null, dropped ones left out."""
        if batch.schema.equals(self.schema):
            return batch
        columns = [
            batch.column(field.name).cast(field.type)
            if field.name in batch.schema.names
            else pa.nulls(batch.num_rows, field.type)
            for field in self.schema
        ]
        return pa.RecordBatch.from_arrays(columns, names=self.schema.names)


METRICS_SCHEMA: Final = pa.schema(
    [
        _TIME,
        _SERVER,
        # Number in argus.v1.ServerState, as sent; 0 when none was.
        pa.field("state", pa.int8(), nullable=False),
        # NaN where not measured.
        *(pa.field(metric, pa.float32(), nullable=False) for metric in METRICS),
    ]
)

TABLES: Final[tuple[Table, ...]] = (
    Table(METRICS_TABLE, METRICS_SCHEMA, replayed=True),
    *(Table(name, schema) for name, schema in SCHEMAS.items()),
)


def bounds_ms(batch: pa.RecordBatch) -> tuple[int, int]:
    """Least and greatest timestamp of a batch, Unix milliseconds UTC; zeros when it has no rows."""
    if not batch.num_rows:
        return 0, 0
    times = batch.column(TIMESTAMP).cast(pa.int64()).to_numpy()
    return int(times.min()), int(times.max())


def days_of(rows: pa.Table) -> npt.NDArray[np.int64]:
    """Day of each row, counted from 1970-01-01 UTC, int64 [rows]."""
    times: npt.NDArray[np.int64] = rows.column(TIMESTAMP).cast(pa.int64()).to_numpy()
    return times // DAY_MS


def within(start_ms: int, end_ms: int, servers: pa.Array | None) -> pc.Expression:
    """The filter for rows from `start_ms` on and before `end_ms`, of some servers or of all."""
    least, end = (pa.scalar(value, pa.int64()).cast(TIME_TYPE) for value in (start_ms, end_ms))
    wanted = (pc.field(TIMESTAMP) >= least) & (pc.field(TIMESTAMP) < end)
    return wanted if servers is None else wanted & pc.field(SERVER_NAME).isin(servers)
