"""How long a server needs until a fleet is as warm as it was before the restart."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from argus_server.bench import fleet
from argus_server.bench.process import answer, beside
from argus_server.clock import EventClock
from argus_server.ingest.columns import Columns
from argus_server.model_control import CONTEXT_STEPS, STEP_SECONDS
from argus_server.store.samples import SampleRows
from argus_server.store.store import Store
from argus_server.window.fleet_window import FleetWindow

_YEAR_MS: Final = 365 * 86_400_000
_STEPS_PER_HOUR: Final = 3600 // STEP_SECONDS


def run(servers: int = 1_000, hours: float = 24.0, log_minutes: float = 5.0) -> dict[str, Any]:
    """Fills a data directory as a killed server leaves it, and brings a fresh process up on it.

    Args:
        servers: Servers of the fleet.
        hours: What the window holds of each, a sample per step.
        log_minutes: Samples every 5 s that have come since the last checkpoint and must be replayed.

    Returns:
        `seconds`: from opening the directory to a full window, in a fresh process with its imports done. `load_seconds`
        is the same again in that process, with the memory already there. `checkpoint_seconds` is the time to write the
        checkpoint.
    """
    with TemporaryDirectory() as name:
        directory = Path(name)
        checkpoint_seconds = _fill(directory, servers, hours, log_minutes)
        size = sum(path.stat().st_size for path in (directory / "checkpoint").rglob("*") if path.is_file())
        with beside(_recover, str(directory), servers) as process:
            measured = answer(process)
    if measured["warm"] != servers:
        raise RuntimeError(f"{measured['warm']} of {servers} servers are warm; the run is void")
    return {
        "servers": servers,
        "hours": hours,
        "log_minutes": log_minutes,
        **measured,
        "checkpoint_bytes": size,
        "checkpoint_seconds": checkpoint_seconds,
    }


def _fill(directory: Path, servers: int, hours: float, log_minutes: float) -> float:
    store, clock = Store(directory), EventClock()
    window = _window(clock, servers)
    store.recover(window, clock, _YEAR_MS)
    columns = fleet.history(servers, int(hours * _STEPS_PER_HOUR))
    for number, step in enumerate(columns):
        _take(store, window, step, number)
    started = time.perf_counter()
    store.checkpoint()
    took = time.perf_counter() - started
    last = columns[-1]
    for tick in range(1, int(log_minutes * 12) + 1):
        later = Columns(last.timestamp_ms + 5_000 * tick, last.server_names, last.states, last.metrics)
        _take(store, window, later, len(columns) + tick)
    store.flush().result()
    store.abandon()
    return took


def _take(store: Store, window: FleetWindow, columns: Columns, sequence: int) -> None:
    window.write(columns, np.ones(len(columns), np.bool_))
    store.append_samples(SampleRows(columns), "bench", sequence)


def _window(clock: EventClock, servers: int) -> FleetWindow:
    return FleetWindow(clock, steps=CONTEXT_STEPS, step_seconds=STEP_SECONDS, max_servers=servers)


def _recover(connection: Connection, directory: str, servers: int) -> None:
    seconds = []
    for _ in range(2):
        clock = EventClock()
        started = time.perf_counter()
        store = Store(Path(directory))
        window = _window(clock, servers)
        recovery = store.recover(window, clock, _YEAR_MS)
        seconds.append(time.perf_counter() - started)
        store.abandon()
        warm = window.warm_count(24)
        del window
    connection.send(
        {"seconds": seconds[0], "load_seconds": seconds[1], "replayed_rows": recovery.rows, "warm": warm}
    )
