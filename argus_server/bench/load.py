"""Many sources, many readers and people who ask, all at once: does a server keep up, and does its memory stay?"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import psutil

from argus_client import ArgusClient, PublisherConfig
from argus_server.bench.load_traffic import BURST_TICKS, VIEWS, Traffic
from argus_server.bench.server import ServerProcess

_HISTORY_SECONDS: Final = 300.0
_SAMPLE_SECONDS: Final = 1.0
_SHOWN_ERRORS: Final = 5
_PARTS: Final = 6


def run(
    sources: int = 50,
    servers: int = 20,
    subscribers: int = 200,
    seconds: float = 300.0,
    cadence_seconds: float = 5.0,
    history_hours: float = 24.0,
) -> dict[str, Any]:
    """Runs a server with a data directory and everything else as by default, and this process as all its clients.

    Every source sends a batch of its servers' samples per cadence, at a moment of its own. One after the other they
    fall silent for 12 samples and then send what they have kept in one batch. Readers follow two views, half of them
    each. Once a second somebody asks something, and once a minute the model is loaded anew.

    Args:
        sources: Ingest streams.
        servers: Servers of each.
        subscribers: Readers.
        seconds: How long.
        cadence_seconds: Time between two samples of a server, at least 1: samples of one second are one.
        history_hours: Past that the fleet has when it begins, so that the model forecasts it.

    Returns:
        `errors`: rows refused or lost, calls that failed, streams that ended. `ack_ms_*`: from the writing of a batch
        to its ack. `admin_ms_*`, `history_ms_*`: from a question to its answer; `fresh_ms_*`: of those that wait
        for a forecast of everything acknowledged before. `rss_mb`: of the server, the
        median of each sixth of the time.
        `server_cores`, `client_cores`: processors used. `client_lag_ms_p99`: how late this process woke up, which the
        times above contain. `load_average`: the machine's before all that.
    """
    load_average = os.getloadavg()[0]
    with TemporaryDirectory() as directory:
        server = ServerProcess(
            *("--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--log-level", "warning"),
            *("--data-dir", str(Path(directory) / "data")),
        )
        try:
            traffic = Traffic(server.listen, sources, servers, subscribers, cadence_seconds)
            _fill(server.listen, traffic, history_hours)
            watch = asyncio.run(_measure(server, traffic, seconds))
            with ArgusClient(server.listen) as client:
                status = client.get_status()
            scraped = _scrape(server.metrics_listen)
        finally:
            if server.process.poll() is None:
                server.end(signal.SIGTERM)
    record = traffic.record
    lost = record.rows - status.accepted_rows
    if lost:
        record.errors.append(f"{record.rows} rows were sent and {status.accepted_rows} taken in")
    if status.degraded:
        record.errors.append(f"degraded: {status.degraded_reason}")
    return {
        "sources": sources,
        "servers": sources * servers,
        "subscribers": subscribers,
        "views": list(VIEWS),
        "seconds": seconds,
        "rows": record.rows,
        "errors": len(record.errors),
        "first_errors": record.errors[:_SHOWN_ERRORS],
        "throttles": record.throttles,
        "batches": len(record.ack_ms),
        "burst_ticks": BURST_TICKS,
        **_times("ack_ms", record.ack_ms),
        **{
            name: value
            for kind, values in sorted(record.answer_ms.items())
            for name, value in _times(f"{kind}_ms", values).items()
        },
        "client_lag_ms_p99": _percentile(record.lag_ms, 99),
        "updates": record.updates,
        "update_mb": record.update_bytes / 1e6,
        "skipped_revisions": scraped["argus_subscriber_skipped_revisions_total"],
        "tick_overruns": scraped["argus_tick_overrun_total"],
        "warm_servers": status.warm_servers,
        **watch,
        "load_average": load_average,
        "server_log": server.said()[-2000:],
    }


def _fill(address: str, traffic: Traffic, hours: float) -> None:
    """Gives the fleet a past."""
    past = traffic.simulator.backfill(time.time_ns() // 1_000_000, hours)
    with (
        ArgusClient(address) as client,
        client.publisher("past", config=PublisherConfig(batch_rows=5_000)) as publisher,
    ):
        publisher.publish(past, timeout=_HISTORY_SECONDS)
        publisher.flush(timeout=_HISTORY_SECONDS, strict=True)
    traffic.record.rows += len(past)


async def _measure(server: ServerProcess, traffic: Traffic, seconds: float) -> dict[str, Any]:
    """Memory and processor time of the server meanwhile."""
    process, own = psutil.Process(server.process.pid), psutil.Process()
    memory: list[float] = []
    before, own_before, began = process.cpu_times(), own.cpu_times(), time.monotonic()
    running = asyncio.create_task(traffic.run(seconds))
    while not running.done():
        memory.append(process.memory_info().rss / 1e6)
        await asyncio.wait({running}, timeout=_SAMPLE_SECONDS)
    await running
    after, own_after, elapsed = process.cpu_times(), own.cpu_times(), time.monotonic() - began
    # A tick takes memory and gives it back, so a single sample says little.
    parts = np.array_split(np.array(memory), _PARTS)
    return {
        "rss_mb": [round(float(np.median(part)), 1) for part in parts if len(part)],
        "rss_mb_most": max(memory),
        "server_cores": (after.user + after.system - before.user - before.system) / elapsed,
        "client_cores": (own_after.user + own_after.system - own_before.user - own_before.system) / elapsed,
    }


def _times(name: str, values: list[float]) -> dict[str, float]:
    return {
        f"{name}_p50": _percentile(values, 50),
        f"{name}_p99": _percentile(values, 99),
        f"{name}_max": max(values, default=float("nan")),
    }


def _percentile(values: list[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if values else float("nan")


def _scrape(address: str) -> dict[str, float]:
    """Metrics without labels."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30.0) as response:
        text = response.read().decode()
    return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", text, re.MULTILINE)}
