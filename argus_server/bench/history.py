"""What a day of history takes on disk, and how long questions about it take."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from argus_client import AsyncArgusClient, Samples
from argus_client.simulator import FleetSimulator
from argus_server.app import ArgusServer, settle_heap
from argus_server.settings import ServerSettings
from argus_server.store import compaction, parquet
from argus_server.store.catalog import Catalog
from argus_server.store.store import Store
from argus_server.store.tables import TABLES

# Midnight, so that a day is one partition.
_START_MS: Final = 1_700_006_400_000
_HOUR_MS: Final = 3_600_000
_WARM_UP_HOURS: Final = 24.0
_PATIENCE_SECONDS: Final = 120.0

# A recorded server is recorded at most this often, so more ticks would change nothing but the time this takes.
_TICK_SECONDS: Final = 30


def run(servers: int = 20, hours: float = 24.0, cadence_seconds: int = 5) -> dict[str, Any]:
    """Sends simulated samples through a real server, then asks it about them and weighs its files.

    Args:
        servers: Servers of the fleet; each fails once in five days on average.
        hours: How long they send.
        cadence_seconds: Time between two samples of a server.

    Returns:
        `bytes_per_server_day` of each table in Parquet, merged into one file per day; rows per server and day; and the
        milliseconds that questions take, and rows per second of an export, from disk as the server left it.
    """
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        asyncio.run(_record(root, servers, hours, cadence_seconds))
        sizes = _weigh(root)
        result = asyncio.run(_question(root, hours, sizes["metrics"][1]))
    for name, (size, rows) in sizes.items():
        per, unit = (hours / 24, "day") if name == "fleet_risk" else (servers * hours / 24, "server_day")
        result[f"{name}_bytes_per_{unit}"] = size / per
        result[f"{name}_rows_per_{unit}"] = rows / per
    return {"servers": servers, "hours": hours, "cadence_seconds": cadence_seconds, **result}


def _settings(root: Path) -> ServerSettings:
    return ServerSettings.load(
        {
            "listen": "127.0.0.1:0",
            "metrics_listen": "",
            "clock": "event",
            "tick_seconds": 3600.0,
            "data_dir": root,
        }
    )


async def _record(root: Path, servers: int, hours: float, cadence_seconds: int) -> None:
    server = ArgusServer(_settings(root))
    addresses = await server.start()
    settle_heap()
    async with AsyncArgusClient(addresses.grpc) as client:
        await _send(server, client, servers, hours, cadence_seconds)
    await server.drain()


async def _question(root: Path, hours: float, samples: int) -> dict[str, Any]:
    """Asks a server that has just started; `samples` is how many rows the span has."""
    server = ArgusServer(_settings(root))
    addresses = await server.start()
    result: dict[str, Any] = {}
    since, until = _START_MS, _START_MS + round(hours * _HOUR_MS)
    async with AsyncArgusClient(addresses.grpc) as client:
        history, name = client.history, server.window.servers().names[0]
        for key, question in (
            ("summary", history.summary(since=since, until=until)),
            ("summary_again", history.summary(since=since, until=until)),
            ("server", history.server(name, since=since, until=until)),
            ("fleet", history.fleet(since=since, until=until)),
            ("events", history.alert_events(since=since, until=until)),
        ):
            result[f"{key}_ms"] = await _milliseconds(question)
        result["summary_rows_per_second"] = 1000 * samples / result["summary_ms"]
        started = time.perf_counter()
        size = 0
        async for chunk in history.export("metrics", since=since, until=until):
            size += len(chunk)
        seconds = time.perf_counter() - started
        result["export_rows_per_second"] = samples / seconds
        result["export_mib_per_second"] = size / seconds / (1 << 20)
    await server.drain()
    return result


async def _send(
    server: ArgusServer, client: AsyncArgusClient, servers: int, hours: float, cadence_seconds: int
) -> None:
    simulator = FleetSimulator(servers, incidents_per_server_day=0.2, look_alike_share=0.1)
    async with client.publisher("bench") as publisher:
        await publisher.publish(simulator.backfill(_START_MS - 1, _WARM_UP_HOURS), timeout=_PATIENCE_SECONDS)
        end_ms = _START_MS + round(hours * _HOUR_MS)
        tick_seconds = max(_TICK_SECONDS, cadence_seconds)
        for tick_ms in range(_START_MS, end_ms, 1000 * tick_seconds):
            samples = [
                simulator.sample(now_ms)
                for now_ms in range(tick_ms, tick_ms + 1000 * tick_seconds, 1000 * cadence_seconds)
            ]
            await publisher.publish(Samples.concat(samples), timeout=_PATIENCE_SECONDS)
            await publisher.flush(_PATIENCE_SECONDS, strict=True)
            await server.engine.tick()


async def _milliseconds(question: Awaitable[Any]) -> float:
    started = time.perf_counter()
    await question
    return 1000 * (time.perf_counter() - started)


def _weigh(root: Path) -> dict[str, tuple[int, int]]:
    """Bytes and rows of each table beyond the warm-up, everything rolled and merged."""
    store = Store(root)
    try:
        return {table.name: _merged(store.catalog(table.name)) for table in TABLES}
    finally:
        store.close()


def _merged(catalog: Catalog) -> tuple[int, int]:
    while (segment := catalog.unrolled()) is not None:
        parquet.roll(catalog, segment)
    while parts := compaction.mergeable(catalog.parts, None, at_least=2):
        parquet.merge(catalog, parts)
    counted = [part for part in catalog.parts if part.path.parent.name >= "date=2023-11-15"]
    rows = sum(pq.ParquetFile(part.path).metadata.num_rows for part in counted)
    return sum(part.size for part in counted), rows
