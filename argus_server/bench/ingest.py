"""How many rows per second get from a client's arrays into the server's windows over one stream."""

from __future__ import annotations

import asyncio
import time
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from argus_client import ArgusClient, Publisher, PublisherConfig
from argus_client.samples import METRICS, Samples
from argus_server.app import ArgusServer, settle_heap
from argus_server.bench import fleet
from argus_server.bench.process import answer, beside
from argus_server.settings import ServerSettings

_BLOCK_ROWS: Final = 20_000
_CADENCE_MS: Final = 5_000


def run(
    servers: int = 1_000, batch_rows: int = 1_000, seconds: float = 10.0, durability: str = ""
) -> dict[str, Any]:
    """Publishes 5-second samples of a fleet as fast as the server takes them.

    Args:
        servers: Servers that send; each batch has one row of each, or of part of them.
        batch_rows: Rows per batch.
        seconds: How long to publish.
        durability: "os" or "fsync" with a data directory, in a temporary place; empty without one.

    Returns:
        `rows_per_second`: rows the server has acknowledged as written to windows, over the time from the first
        `publish` to the last ack. The client's encoding is part of it; making the numbers to send is not.
    """
    with (
        TemporaryDirectory() as directory,
        beside(_serve, servers, durability and directory, durability) as server,
    ):
        address = answer(server)
        blocks = _blocks(servers)
        with (
            ArgusClient(address) as client,
            client.publisher("bench", config=PublisherConfig(batch_rows=batch_rows)) as publisher,
        ):
            _publish(publisher, blocks, 0, 3)  # names become known, buffers get their size
            publisher.flush(timeout=60)
            before = publisher.stats.rows_accepted
            started = time.perf_counter()
            number = 3
            while time.perf_counter() - started < seconds:
                _publish(publisher, blocks, number, 1)
                number += 1
            publisher.flush(timeout=60)
            elapsed = time.perf_counter() - started
            stats = publisher.stats
    accepted = stats.rows_accepted - before
    if stats.rows_rejected or stats.rows_duplicate:
        raise RuntimeError(f"the server refused rows; the run is void: {stats}")
    return {
        "servers": servers,
        "batch_rows": batch_rows,
        "durability": durability or "none",
        "seconds": elapsed,
        "rows": accepted,
        "rows_per_second": accepted / elapsed,
    }


def _publish(publisher: Publisher, blocks: list[Samples], first: int, count: int) -> None:
    for number in range(first, first + count):
        block = blocks[number % len(blocks)]
        length_ms = int(block.timestamp_ms[-1] - block.timestamp_ms[0]) + _CADENCE_MS
        later = block.timestamp_ms + number * length_ms  # the same values again, later
        publisher.publish(Samples(later, block.server_name, block.state, block.metrics))


def _blocks(servers: int) -> list[Samples]:
    """A few runs of consecutive samples of the whole fleet."""
    rng = np.random.default_rng(0)
    ticks = max(_BLOCK_ROWS // servers, 1)
    names = np.array(fleet.names(servers) * ticks, dtype=object)
    times = np.repeat(fleet.START_MS + np.arange(ticks, dtype=np.int64) * _CADENCE_MS, servers)
    return [
        Samples(
            times,
            names,
            np.full(len(names), 2, dtype=np.int8),
            rng.uniform(0, 100, (len(names), len(METRICS))).astype(np.float32),
        )
        for _ in range(4)
    ]


def _serve(connection: Connection, servers: int, directory: str, durability: str) -> None:
    asyncio.run(_run(connection, servers, directory, durability))


async def _run(connection: Connection, servers: int, directory: str, durability: str) -> None:
    """The server process: the real server, throttle out of the way, ticks rare."""
    settings = ServerSettings.load(
        {
            "listen": "127.0.0.1:0",
            "metrics_listen": "",
            "clock": "event",
            "tick_seconds": 3600.0,
            "max_servers": servers,
            "max_rows_per_second": 1_000_000_000,
            "data_dir": Path(directory) if directory else None,
            "durability": durability or None,
        }
    )
    server = ArgusServer(settings)
    addresses = await server.start()
    settle_heap()
    connection.send(addresses.grpc)
    while not connection.poll():
        await asyncio.sleep(0.1)
    await server.drain()
