"""What the command talks to: a real server beside the test, and files of rows to send it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from argus_server.metrics import METRICS
from tests.server.running import Running, history, running


@contextmanager
def serving(**settings: Any) -> Iterator[str]:
    """Runs a server on a thread and yields where it listens."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        context = running(metrics_listen="", **settings)
        started: Running = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(30)
        try:
            yield started.server.addresses.grpc
        finally:
            asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def table(names: Sequence[str], steps: int, **columns: float) -> pa.Table:
    """Rows in contract columns, in order of time; `columns` replace whole columns of the first server."""
    batch = history(names, steps)
    for column, value in columns.items():
        getattr(batch, column)[:: len(names)] = [value] * steps
    return pa.table(
        {
            "timestamp": pa.array(batch.timestamp, pa.timestamp("ms", tz="UTC")),
            "server_name": list(batch.server_name),
            **{metric: pa.array(getattr(batch, metric), pa.float32()) for metric in METRICS},
        }
    )


def write(path: Path, rows: pa.Table) -> Path:
    """Writes rows as CSV or Parquet, by the file's name."""
    if path.suffix == ".csv":
        pa.csv.write_csv(rows, path)
    else:
        pa.parquet.write_table(rows, path)
    return path
