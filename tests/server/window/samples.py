"""Short ways to make rows for a window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from argus_server.ingest.columns import Columns
from argus_server.metrics import METRICS
from argus_server.window.fleet_window import FleetWindow, WriteResult

START_MS = 1_700_000_100_000
"""On the grid of 300 s steps."""


def columns(
    names: Sequence[str],
    seconds: Sequence[float],
    values: float | Sequence[float] | np.ndarray = 50.0,
    states: Sequence[int] | None = None,
) -> Columns:
    """Rows at `seconds` after START_MS; `values` is a number per row for all metrics, or [metrics, rows]."""
    rows = len(names)
    return Columns(
        timestamp_ms=(START_MS + np.asarray(seconds, np.float64) * 1000).astype(np.int64),
        server_names=list(names),
        states=np.asarray(states if states is not None else [0] * rows, np.int32),
        metrics=np.ascontiguousarray(np.broadcast_to(np.asarray(values, np.float32), (len(METRICS), rows))),
    )


def write(window: FleetWindow, rows: Columns) -> WriteResult:
    """Writes all rows."""
    return window.write(rows, np.ones(len(rows), np.bool_))
