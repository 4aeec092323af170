"""How long a health check takes while a large fleet is being forecast."""

from __future__ import annotations

import asyncio
import time
from multiprocessing.connection import Connection
from typing import Any, Final

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from argus_server.app import ArgusServer, settle_heap
from argus_server.bench import fleet
from argus_server.bench.process import answer, beside
from argus_server.settings import ServerSettings

_INTERVAL_SECONDS: Final = 0.01


def run(servers: int = 2_000, seconds: float = 20.0) -> dict[str, Any]:
    """Checks health again and again, from another process, while the server forecasts without a pause.

    Args:
        servers: Servers of the fleet, each with a day of history.
        seconds: How long to check.

    Returns:
        `health_p99_ms` and other percentiles of the time from request to answer, the same on the idle server, and how
        many forecasts ran meanwhile and how long each took.
    """
    with beside(_serve, servers) as server:
        address = answer(server)
        idle = asyncio.run(_check(address, min(seconds / 4, 3.0)))
        server.send("forecast")
        busy = asyncio.run(_check(address, seconds))
        server.send("stop")
        ticks = answer(server)
    return {
        "servers": servers,
        "checks": len(busy),
        "health_p50_ms": _percentile(busy, 50),
        "health_p99_ms": _percentile(busy, 99),
        "health_max_ms": max(busy),
        "idle_health_p99_ms": _percentile(idle, 99),
        "forecasts": len(ticks),
        "forecast_ms": _percentile([1000 * tick for tick in ticks], 50),
    }


def _percentile(values: list[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if values else float("nan")


async def _check(address: str, seconds: float) -> list[float]:
    """Milliseconds per check."""
    out = []
    async with grpc.aio.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        await stub.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            started = time.perf_counter()
            await stub.Check(health_pb2.HealthCheckRequest())
            out.append(1000 * (time.perf_counter() - started))
            await asyncio.sleep(_INTERVAL_SECONDS)
    return out


def _serve(connection: Connection, servers: int) -> None:
    asyncio.run(_run(connection, servers))


async def _run(connection: Connection, servers: int) -> None:
    """The server process: the real server with a warm fleet, forecasting on command."""
    settings = ServerSettings.load(
        {"listen": "127.0.0.1:0", "metrics_listen": "", "clock": "event", "tick_seconds": 3600.0}
    )
    server = ArgusServer(settings)
    for columns in fleet.history(servers, 288):
        server.window.write(columns, np.ones(servers, dtype=bool))
    addresses = await server.start()
    settle_heap()
    connection.send(addresses.grpc)
    ticks: list[float] = []
    await _told(connection)
    stopping = asyncio.create_task(_told(connection))
    while not stopping.done():
        started = time.perf_counter()
        await server.engine.tick()
        ticks.append(time.perf_counter() - started)
    connection.send(ticks)
    await server.drain()


async def _told(connection: Connection) -> None:
    while not connection.poll():
        await asyncio.sleep(0.02)
    connection.recv()
