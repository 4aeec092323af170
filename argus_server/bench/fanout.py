"""What a tick costs the server when many read it, and what one stalled reader costs its memory."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import statistics
import time
from multiprocessing.connection import Connection
from typing import Any, Final

import grpc

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_server.app import settle_heap
from argus_server.bench import fleet
from argus_server.bench.process import answer, beside, resident_mb
from argus_server.risk.table_file import load_tables
from argus_server.services.prediction import PredictionServicer
from argus_server.services.registration import register
from argus_server.services.transport import CHANNEL_OPTIONS
from argus_server.snapshot.builder import Provenance, SnapshotBuilder
from argus_server.snapshot.filters import Filter
from argus_server.snapshot.hub import Hub
from argus_server.snapshot.snapshot import Snapshot

_METHOD: Final = "/argus.v1.PredictionService/Subscribe"
_STANDARD: Final = snapshot_pb2.SNAPSHOT_VIEW_STANDARD
_WARM_UP_TICKS: Final = 5
_STALL_TICKS: Final = 200


def run(subscribers: int = 300, servers: int = 90, ticks: int = 40) -> dict[str, Any]:
    """Measures one server with a fleet of `servers` whose every row changes every tick.

    Args:
        subscribers: Readers of the standard view, each on a connection of its own.
        servers: Servers of the fleet.
        ticks: Ticks measured per setting.

    Returns:
        `server_cpu_ms_per_tick`: processor time of the server process per tick with all subscribers, less that with
        one subscriber, which pays for the one serialisation. `bytes_per_subscriber`: size of one update.
        `slow_subscriber_rss_growth_mb`: growth of the server's resident memory over 200 ticks while one subscriber
        reads nothing and one reads everything. Also the size of each view.
    """
    with beside(_serve, servers) as server:
        address = answer(server)
        sizes = _ask(server, "sizes")
        alone = asyncio.run(_read(address, server, 1, ticks))
        together = asyncio.run(_read(address, server, subscribers, ticks))
        growth = asyncio.run(_stall(address, server))
    return {
        "subscribers": subscribers,
        "servers": servers,
        "ticks": ticks,
        "server_cpu_ms_per_tick": together["cpu_ms"] - alone["cpu_ms"],
        "server_cpu_ms_per_tick_one_subscriber": alone["cpu_ms"],
        "bytes_per_subscriber": together["bytes"],
        "slow_subscriber_rss_growth_mb": growth,
        "summary_view_bytes": sizes["summary"],
        "standard_view_bytes": sizes["standard"],
        "full_view_bytes": sizes["full"],
    }


def _ask(server: Connection, *request: Any) -> Any:
    server.send(request)
    return answer(server)


async def _read(address: str, server: Connection, subscribers: int, ticks: int) -> dict[str, float]:
    """Median server CPU per tick and bytes per update with that many readers."""
    loop = asyncio.get_running_loop()
    channels = [_channel(address) for _ in range(subscribers)]
    received = [0] * subscribers

    async def follow(number: int, channel: grpc.aio.Channel) -> None:
        async for message in _subscribe(channel):
            received[number] = len(message)

    readers = [asyncio.create_task(follow(number, channel)) for number, channel in enumerate(channels)]
    await loop.run_in_executor(None, _ask, server, "wait", subscribers)
    spent = await loop.run_in_executor(None, _ask, server, "tick", ticks)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    await asyncio.gather(*(channel.close() for channel in channels))
    await loop.run_in_executor(None, _ask, server, "wait", 0)
    return {"cpu_ms": 1000 * statistics.median(spent), "bytes": statistics.median(received)}


async def _stall(address: str, server: Connection) -> float:
    """Growth of the server's memory while one reader stalls, megabytes."""
    loop = asyncio.get_running_loop()
    slow, quick = _channel(address), _channel(address)
    stalled = _subscribe(slow)
    await anext(aiter(stalled))  # one message shows that it is open; nothing is read after that

    async def follow() -> None:
        async for _ in _subscribe(quick):
            pass

    reader = asyncio.create_task(follow())
    await loop.run_in_executor(None, _ask, server, "wait", 2)
    await loop.run_in_executor(None, _ask, server, "publish", _STALL_TICKS)
    before = await loop.run_in_executor(None, _ask, server, "memory")
    await loop.run_in_executor(None, _ask, server, "publish", _STALL_TICKS)
    after = await loop.run_in_executor(None, _ask, server, "memory")
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    stalled.cancel()
    await slow.close()
    await quick.close()
    return float(after - before)


def _channel(address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(
        address,
        options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 << 20)],
    )


def _subscribe(channel: grpc.aio.Channel) -> Any:
    request = prediction_pb2.SubscribeRequest(filter=snapshot_pb2.SnapshotFilter(view=_STANDARD))
    call: Any = channel.unary_stream(
        _METHOD,
        request_serializer=prediction_pb2.SubscribeRequest.SerializeToString,
        response_deserializer=None,
    )
    return call(request)


def _serve(connection: Connection, servers: int) -> None:
    """The server process."""
    asyncio.run(_Server(connection, servers).run())


class _Server:
    """Publishes snapshots on command through the real hub and servicer."""

    def __init__(self, connection: Connection, servers: int) -> None:
        self._connection = connection
        self._shard, self._frame = fleet.shard(servers)
        self._builder = SnapshotBuilder(load_tables())
        self._tick = 0

    async def run(self) -> None:
        self._hub = Hub(lambda: self._frame.clock_ms)
        self._publish()
        server = grpc.aio.server(options=CHANNEL_OPTIONS)
        servicer = PredictionServicer(self._hub, self._fresh, "bench", 1_000_000, self._shard.past)
        service = prediction_pb2.DESCRIPTOR.services_by_name["PredictionService"]
        register(server, service, servicer, frozenset({"Subscribe", "GetSnapshot", "GetForecast"}))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        settle_heap()
        self._connection.send(f"127.0.0.1:{port}")
        while (request := await self._next()) is not None:
            self._connection.send(await getattr(self, request[0])(*request[1:]))
        await server.stop(0)

    async def _next(self) -> Any:
        while not self._connection.poll():
            await asyncio.sleep(0.001)
        try:
            return self._connection.recv()
        except EOFError:
            return None

    async def _fresh(self) -> Snapshot:
        assert self._hub.current is not None
        return self._hub.current

    async def sizes(self) -> dict[str, int]:
        """Bytes of every view as a whole."""
        snapshot = await self._fresh()
        views = {
            "summary": snapshot_pb2.SNAPSHOT_VIEW_SUMMARY,
            "standard": _STANDARD,
            "full": snapshot_pb2.SNAPSHOT_VIEW_FULL,
        }
        return {name: len(snapshot.message(Filter(view=view))) for name, view in views.items()}

    async def wait(self, subscribers: int) -> int:
        """Waits until that many readers hold the newest revision."""
        while len(self._hub.subscriptions) != subscribers or self._hub.max_lag():
            await asyncio.sleep(0.005)
        return subscribers

    async def tick(self, ticks: int) -> list[float]:
        """Processor seconds per tick, from building the snapshot to the last reader having been sent it."""
        spent = []
        for number in range(_WARM_UP_TICKS + ticks):
            gc.collect()
            started = time.process_time()
            self._publish()
            while self._hub.max_lag():
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.05)  # what the transport's threads still do for this tick
            if number >= _WARM_UP_TICKS:
                spent.append(time.process_time() - started)
        return spent

    async def publish(self, ticks: int) -> int:
        """Publishes without waiting for slow readers."""
        for _ in range(ticks):
            self._publish()
            await asyncio.sleep(0.02)
        return ticks

    async def memory(self) -> float:
        """Resident megabytes."""
        gc.collect()
        return resident_mb()

    def _publish(self) -> None:
        self._tick += 1
        # A new sample of every server changes every row.
        frame = dataclasses.replace(self._frame, last_sample_ms=self._frame.last_sample_ms + self._tick)
        snapshot = self._builder.build(
            frame, Provenance("bench", snapshot_pb2.ModelInfo(kind="TFT"), ""), lambda: (frame.clock_ms, 0.0)
        )
        self._hub.prepare(snapshot)
        self._hub.publish(snapshot)
