"""Compares what two servers have kept in their data directories."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from argus.v1 import snapshot_pb2
from argus_server.alerts.store import FILE, AlertStore
from argus_server.clock import EventClock
from argus_server.forecast.calibration import BandCalibration
from argus_server.model_control import CONTEXT_STEPS, STEP_SECONDS
from argus_server.store.store import Store
from argus_server.store.tables import TABLES
from argus_server.window.fleet_window import FleetWindow

TOLERANCE: Final = 1e-4
"""Relative difference of numbers that a kill may leave: rows are replayed in larger groups than they came in, so that
the last digit of a step's mean may be another."""

_END_MS: Final = 1 << 45
_YEAR_MS: Final = 365 * 86_400_000
_KEYS: Final = ("timestamp", "server_name", "horizon_minutes", "sequence")
_SHOWN: Final = 10


def compare(one: Path, other: Path) -> dict[str, Any]:
    """Everything that is kept in two data directories whose servers have ended.

    Returns:
        Of each table, of the alerts, and of the windows: rows in the first directory, and how many differ. A row is
        different when it is in one only, or has other words, truth values or missing numbers. `greatest_difference` is
        that of two numbers, relative to the greater of them and 1; `equal` says that no row is different and that this
        is within `TOLERANCE`. `examples` tells the first differences in words.
    """
    examples: list[str] = []
    greatest = 0.0
    result: dict[str, Any] = {}
    first, second = _tables(one), _tables(other)
    for name, table in first.items():
        result[f"{name}_rows"] = table.num_rows
        different, distance = _rows(name, table, second[name], examples)
        result[f"{name}_different"] = different
        greatest = max(greatest, distance)
    different = sum(count for name, count in result.items() if name.endswith("_different"))
    return {
        **result,
        "equal": not different and greatest <= TOLERANCE,
        "greatest_difference": greatest,
        "examples": examples[:_SHOWN],
    }


def _tables(root: Path) -> dict[str, pa.Table]:
    """All that is kept, as tables."""
    store = Store(root)
    try:
        window = FleetWindow(
            EventClock(), steps=CONTEXT_STEPS, step_seconds=STEP_SECONDS, max_servers=1_000_000
        )
        calibration = BandCalibration()
        store.recover(window, EventClock(), _YEAR_MS, [calibration])
        found = {
            table.name: pa.Table.from_batches(
                list(store.read(table.name, 0, _END_MS)), schema=store.schema(table.name)
            )
            for table in TABLES
        }
    finally:
        store.close()
    return {**found, "window": _window(window), "alerts": _alerts(root)}


def _window(window: FleetWindow) -> pa.Table:
    """Step means: a row per server and step."""
    frame = window.frame()
    servers, steps, metrics = frame.values.shape
    times = frame.origin_ms - 1000 * frame.step_seconds * np.arange(steps)[::-1]
    columns: dict[str, Any] = {
        "timestamp": np.tile(times, servers),
        "server_name": np.repeat(np.array(frame.server_names, dtype=object), steps),
    }
    values = frame.values.reshape(-1, metrics)
    return pa.table(columns | {f"metric_{index}": values[:, index] for index in range(metrics)})


def _alerts(root: Path) -> pa.Table:
    """Alerts as they stand at the end."""
    store = AlertStore(root / FILE)
    try:
        records = [stored.record for stored in store.unresolved(0)]
        records += store.resolved((), 1_000_000)
    finally:
        store.close()
    unique = {record.alert_id: record for record in records}.values()
    return pa.table(
        {
            "timestamp": [record.started_at_ms for record in unique],
            "server_name": [record.server_name for record in unique],
            "alert_id": [record.alert_id for record in unique],
            "state": [snapshot_pb2.AlertState.Name(record.state) for record in unique],
            "record": [str(record) for record in unique],
        }
    )


def _rows(name: str, one: pa.Table, other: pa.Table, examples: list[str]) -> tuple[int, float]:
    keys = [key for key in (*_KEYS, "alert_id") if key in one.column_names]
    one, other = (table.sort_by([(key, "ascending") for key in keys]) for table in (one, other))
    names = [_key(table, keys) for table in (one, other)]
    if names[0] != names[1]:
        missing, added = set(names[0]) - set(names[1]), set(names[1]) - set(names[0])
        doubled = abs(len(names[1]) - len(set(names[1])))
        examples += [f"{name}: only without restarts: {key}" for key in sorted(missing)[:_SHOWN]]
        examples += [f"{name}: only with restarts: {key}" for key in sorted(added)[:_SHOWN]]
        return len(missing) + len(added) + doubled, 0.0
    different = np.zeros(one.num_rows, dtype=np.bool_)
    greatest = 0.0
    for column in one.column_names:
        left, right = (table.column(column).to_numpy() for table in (one, other))
        if left.dtype.kind == "f":
            apart = np.isnan(left) != np.isnan(right)
            greatest = max(greatest, _distance(left, right))
        else:
            apart = left != right
        different |= apart
        examples += [
            f"{name} {names[0][row]}: {column} is {left[row]!r} and {right[row]!r}"
            for row in np.flatnonzero(apart)[:2].tolist()
        ]
    return int(different.sum()), greatest


def _key(table: pa.Table, keys: list[str]) -> list[tuple[Any, ...]]:
    columns = []
    for key in keys:
        column = table.column(key)
        columns.append((column.cast(pa.int64()) if key == "timestamp" else column).to_pylist())
    return list(zip(*columns, strict=True))


def _distance(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> float:
    scale = np.maximum(np.maximum(np.abs(left), np.abs(right)), 1.0)
    with np.errstate(invalid="ignore"):
        return float(np.nanmax(np.abs(left - right) / scale, initial=0.0))
