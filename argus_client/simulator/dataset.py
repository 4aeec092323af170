"""Simulated fleets as Parquet files in contract columns, with the labels of their failures beside them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from argus_client.extras import require
from argus_client.samples import METRICS, STATES
from argus_client.simulator.fleet import FleetChunk, FleetSimulator
from argus_client.simulator.labels import write_labels

DEFAULT_START_MS: Final = 1_735_689_600_000  # 2025-01-01T00:00:00Z
_CHUNK_ROWS: Final = 400_000


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What `write_dataset` wrote.

    Attributes:
        metrics_path, labels_path: the two files.
        rows: metric rows; silent servers have none.
        failures: labels with a failure time inside the data.
        labels: all labels, among them those remedied in time or failing after the last row.
        seconds: how long it took.
    """

    metrics_path: Path
    labels_path: Path
    servers: int
    rows: int
    failures: int
    labels: int
    seconds: float


def write_dataset(
    path: str | Path,
    servers: int,
    days: float,
    seed: int = 0,
    *,
    step_seconds: int = 300,
    start_ms: int = DEFAULT_START_MS,
    incidents_per_server_day: float = 0.03,
    look_alike_share: float = 0.0,
) -> DatasetSummary:
    """Simulate a fleet and write `path` (metrics) and `<stem>.labels.parquet` (failures) beside it.

    Metrics: contract column names; timestamp as timestamp[ms, UTC], state as string, metrics as float32;
    sorted by time, then server. Memory is bounded by one chunk of about 400,000 rows, whatever the length.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ValueError: an argument is out of range.
    """
    parquet = require("pyarrow.parquet", "adapters")
    began = time.perf_counter()
    path = Path(path)
    labels_path = path.with_suffix(".labels.parquet")
    steps = round(days * 86_400 / step_seconds)
    if steps < 1:
        raise ValueError(f"{days} days hold no step of {step_seconds} s.")
    fleet = FleetSimulator(
        servers,
        seed,
        step_seconds=step_seconds,
        start_ms=start_ms - 1000 * step_seconds,
        incidents_per_server_day=incidents_per_server_day,
        look_alike_share=look_alike_share,
    )
    chunk_steps = max(1, _CHUNK_ROWS // servers)
    rows = 0
    with parquet.ParquetWriter(
        path,
        _schema(),
        compression="zstd",
        compression_level=1,
        use_dictionary=["server_name", "state", "timestamp"],
    ) as writer:
        for first in range(0, steps, chunk_steps):
            table = _table(fleet.generate(min(chunk_steps, steps - first)))
            writer.write_table(table)
            rows += table.num_rows
    end_ms = start_ms + 1000 * step_seconds * (steps - 1)
    labels = fleet.labels
    write_labels(labels_path, labels)
    return DatasetSummary(
        metrics_path=path,
        labels_path=labels_path,
        servers=servers,
        rows=rows,
        failures=sum(label.failure_ms is not None and label.failure_ms <= end_ms for label in labels),
        labels=len(labels),
        seconds=time.perf_counter() - began,
    )


def _schema() -> Any:
    pa = require("pyarrow", "adapters")
    return pa.schema(
        [
            pa.field("timestamp", pa.timestamp("ms", tz="UTC"), nullable=False),
            pa.field("server_name", pa.string(), nullable=False),
            pa.field("state", pa.string(), nullable=False),
            *(pa.field(metric, pa.float32()) for metric in METRICS),
        ]
    )


def _table(chunk: FleetChunk) -> Any:
    """Arrow table of a chunk's rows by time, then server."""
    pa = require("pyarrow", "adapters")
    step, server = np.nonzero(chunk.present.T)
    names = pa.DictionaryArray.from_arrays(
        pa.array(server.astype(np.int32)), pa.array(chunk.server_name.tolist())
    )
    states = pa.DictionaryArray.from_arrays(pa.array(chunk.state[server, step]), pa.array(list(STATES)))
    metrics = np.ascontiguousarray(chunk.metrics[server, step].T)  # [14, rows]
    columns = [
        pa.array(chunk.timestamp_ms[step]).cast(pa.timestamp("ms", tz="UTC")),
        names.cast(pa.string()),
        states.cast(pa.string()),
        *(pa.array(column) for column in metrics),
    ]
    return pa.Table.from_arrays(columns, schema=_schema())
