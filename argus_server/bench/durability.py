"""Kills a server under load, again and again, and counts what it has lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pyarrow as pa

from argus_client import ArgusClient, Backoff, Publisher, PublisherConfig
from argus_client.samples import METRICS, Samples
from argus_server.bench import fleet
from argus_server.bench.server import ServerProcess
from argus_server.clock import EventClock
from argus_server.ingest.columns import Columns
from argus_server.model_control import CONTEXT_STEPS, STEP_SECONDS
from argus_server.store.store import Store
from argus_server.window.fleet_window import FleetWindow

_CADENCE_MS: Final = 5_000
_FLUSH_SECONDS: Final = 120.0
_QUICK: Final = Backoff(initial_seconds=0.02, maximum_seconds=0.1)


def killed_server(directory: Path, listen: str, durability: str) -> ServerProcess:
    """An `argus server` that is meant to die.

    Args:
        directory: Its data directory.
        listen: Where it listens; port 0 picks a free one.
        durability: As the setting.
    """
    return ServerProcess(
        *("--listen", listen, "--metrics-listen", "", "--clock", "event", "--tick-seconds", "1"),
        *("--data-dir", str(directory), "--durability", durability, "--model", "none"),
        # Small and frequent, so that kills hit rolls and checkpoints too.
        *("--segment-bytes", str(1 << 20), "--checkpoint-minutes", "0.02"),
        *("--retention-hours", "10000", "--log-level", "warning"),
    )


def run(
    kills: int = 20,
    servers: int = 200,
    max_seconds_between: float = 2.0,
    durability: str = "os",
    seed: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> dict[str, Any]:
    """Publishes as fast as the server takes it, and kills the server with SIGKILL at random moments.

    Args:
        kills: How often.
        servers: Servers that send.
        max_seconds_between: A kill comes at most this long after the server became ready.
        durability: As the setting.
        seed: Of the moments.
        on_progress: Told the share that is done.

    Returns:
        `rows`: acknowledged in all. `lost`, `duplicated`: rows that are not in the store, or in it more than once.
        `window_difference`: greatest relative difference of a step mean between the recovered window and one that saw
        all rows without interruption. `restart_seconds`: the longest from start to ready, with the interpreter's.
    """
    rng = np.random.default_rng(seed)
    with TemporaryDirectory() as name:
        directory = Path(name) / "data"
        server = killed_server(directory, "127.0.0.1:0", durability)
        slowest = 0.0
        try:
            with (
                ArgusClient(server.listen, stream_backoff=_QUICK) as client,
                client.publisher("bench", config=PublisherConfig(batch_rows=500)) as publisher,
            ):
                with _load(publisher, servers) as published:
                    for number in range(kills):
                        time.sleep(rng.uniform(0.05, max_seconds_between))
                        server.end(signal.SIGKILL)
                        began = time.monotonic()
                        server = killed_server(directory, server.listen, durability)
                        slowest = max(slowest, time.monotonic() - began)
                        on_progress((number + 1) / kills)
                publisher.flush(timeout=_FLUSH_SECONDS)
                stats = publisher.stats
            server.end(signal.SIGKILL)
            verdict = compare(directory, servers, published[0])
        finally:
            if server.process.poll() is None:
                server.end(signal.SIGKILL)
    return {
        "kills": kills,
        "servers": servers,
        "durability": durability,
        "rows": stats.rows_published,
        "rejected": stats.rows_rejected,
        **verdict,
        "restart_seconds": slowest,
    }


def compare(directory: Path, servers: int, ticks: int) -> dict[str, Any]:
    """What the data directory holds against what `ticks` runs of samples must have left there."""
    expected = FleetWindow(EventClock(), steps=CONTEXT_STEPS, step_seconds=STEP_SECONDS, max_servers=servers)
    for tick in range(ticks):
        samples = sample_tick(servers, tick)
        columns = Columns(
            samples.timestamp_ms,
            samples.server_name.tolist(),
            samples.state.astype(np.int32),
            np.ascontiguousarray(samples.metrics.T),
        )
        expected.write(columns, np.ones(servers, np.bool_))
    store = Store(directory)
    try:
        window = FleetWindow(
            EventClock(), steps=CONTEXT_STEPS, step_seconds=STEP_SECONDS, max_servers=servers
        )
        store.recover(window, EventClock(), 10_000 * 3_600_000)
        seen = np.zeros((servers, ticks), np.int64)
        place = {name: index for index, name in enumerate(fleet.names(servers))}
        for batch in store.read("metrics", 0, 1 << 45, columns=["timestamp", "server_name"]):
            rows = [place[name] for name in batch.column("server_name").to_pylist()]
            times = batch.column("timestamp").cast(pa.int64()).to_numpy()
            np.add.at(seen, (rows, (times - fleet.START_MS) // _CADENCE_MS), 1)
    finally:
        store.close()
    return {
        "lost": int((seen == 0).sum()),
        "duplicated": int((seen > 1).sum()),
        "window_difference": difference(expected, window),
    }


def sample_tick(servers: int, tick: int) -> Samples:
    """One row per server; no two ticks are alike, and any of them can be made again."""
    values = np.random.default_rng(tick).uniform(0, 100, (servers, len(METRICS))).astype(np.float32)
    times = np.full(servers, fleet.START_MS + tick * _CADENCE_MS, dtype=np.int64)
    names = np.array(fleet.names(servers), dtype=object)
    return Samples(times, names, np.full(servers, 2, dtype=np.int8), values)


@contextmanager
def _load(publisher: Publisher, servers: int) -> Iterator[list[int]]:
    """Publishes tick after tick for as long as the block lasts; the list holds how many, when it has ended."""
    stop = threading.Event()
    ticks = [0]
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                publisher.publish(sample_tick(servers, ticks[0]), timeout=_FLUSH_SECONDS)
                ticks[0] += 1
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield ticks
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]


def difference(expected: FleetWindow, window: FleetWindow) -> float:
    """Greatest relative difference of a mean; infinite when servers or measured steps differ."""
    wanted, got = expected.frame(), window.frame()
    if sorted(wanted.server_names) != sorted(got.server_names) or wanted.origin_ms != got.origin_ms:
        return float("inf")
    places = {name: row for row, name in enumerate(got.server_names)}
    values = got.values[[places[name] for name in wanted.server_names]]
    if (np.isnan(values) != np.isnan(wanted.values)).any():
        return float("inf")
    return float(
        np.nanmax(np.abs(values - wanted.values) / np.maximum(np.abs(wanted.values), 1.0), initial=0.0)
    )
