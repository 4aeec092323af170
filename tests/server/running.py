"""A real server in the test's own process, and bare stubs to talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from argus.v1 import admin_pb2_grpc, ingest_pb2, ingest_pb2_grpc, metrics_pb2, prediction_pb2_grpc
from argus_server.app import ArgusServer
from argus_server.clock import Clock
from argus_server.metrics import METRICS
from argus_server.settings import ServerSettings

STEP_MS = 300_000
START_MS = 1_700_000_100_000 // STEP_MS * STEP_MS


@dataclass
class Running:
    """A started server and its stubs."""

    server: ArgusServer
    channel: grpc.aio.Channel
    ingest: Any
    prediction: Any
    admin: Any
    metrics_address: str


@asynccontextmanager
async def running(
    hands: Clock | None = None,
    channel_options: Sequence[tuple[str, Any]] = (),
    credentials: grpc.ChannelCredentials | None = None,
    **settings: Any,
) -> AsyncIterator[Running]:
    """Starts a server on free ports and drains it at the end.

    Args:
        hands: A clock for the server to go by.
        channel_options: Options of the channel to it.
        credentials: TLS of the channel to it; None for one in the clear.
        settings: Settings of the server, over those that suit tests.
    """
    server = ArgusServer(
        ServerSettings.load(
            {
                "listen": "127.0.0.1:0",
                "metrics_listen": "127.0.0.1:0",
                "clock": "event",
                "tick_seconds": 0.05,
                "drain_seconds": 2.0,
                "model": Path("no-such-model"),
                **settings,
            }
        ),
        hands,
    )
    addresses = await server.start()
    try:
        async with open_channel(addresses.grpc, credentials, channel_options) as channel:
            yield Running(
                server,
                channel,
                ingest_pb2_grpc.IngestServiceStub(channel),
                prediction_pb2_grpc.PredictionServiceStub(channel),
                admin_pb2_grpc.AdminServiceStub(channel),
                addresses.metrics,
            )
    finally:
        await server.drain()


def open_channel(
    target: str,
    credentials: grpc.ChannelCredentials | None = None,
    options: Sequence[tuple[str, Any]] = (),
) -> grpc.aio.Channel:
    """A channel of its own: it shares no connection with another."""
    options = [("grpc.use_local_subchannel_pool", 1), *options]
    if credentials is None:
        return grpc.aio.insecure_channel(target, options)
    return grpc.aio.secure_channel(target, credentials, options)


def rows(
    names: Iterable[str], times: Iterable[int], **columns: float | Sequence[float]
) -> metrics_pb2.MetricBatch:
    """A batch with every metric at 50 unless given; `columns` replace whole columns."""
    listed = list(names)
    batch = metrics_pb2.MetricBatch(timestamp=list(times), server_name=listed)
    for metric in METRICS:
        value = columns.get(metric, 50.0)
        values = [value] * len(listed) if isinstance(value, (int, float)) else list(value)
        getattr(batch, metric).extend(values)
    return batch


def history(
    names: Sequence[str], steps: int, start_ms: int = START_MS, seed: int = 0
) -> metrics_pb2.MetricBatch:
    """`steps` rows per server at the step's cadence, in order of time."""
    rng = np.random.default_rng(seed)
    count = steps * len(names)
    cpu = rng.uniform(5, 40, count)
    return rows(
        list(names) * steps,
        [start_ms + step * STEP_MS for step in range(steps) for _ in names],
        cpu_user_pct=cpu.tolist(),
        cpu_idle_pct=(95 - cpu).tolist(),
        cpu_sys_pct=3.0,
        cpu_iowait_pct=2.0,
        java_cpu_pct=1.0,
        mem_used_pct=rng.uniform(40, 60, count).tolist(),
        swap_used_pct=1.0,
        disk_usage_pct=40.0,
        load_average=2.0,
        uptime_days=3.0,
    )


class IngestStream:
    """A source that speaks the protocol by hand."""

    def __init__(self, stub: Any) -> None:
        self._call = stub.StreamMetrics()

    @classmethod
    def raw(cls, channel: grpc.aio.Channel) -> IngestStream:
        """A stream that sends any bytes."""
        stream = cls.__new__(cls)
        stream._call = channel.stream_stream(
            "/argus.v1.IngestService/StreamMetrics",
            request_serializer=None,
            response_deserializer=ingest_pb2.StreamMetricsResponse.FromString,
        )()
        return stream

    async def ask(self, message: ingest_pb2.StreamMetricsRequest | bytes) -> ingest_pb2.StreamMetricsResponse:
        """Sends one message and waits for its answer."""
        await self._call.write(message)
        answer = await self._call.read()
        assert answer is not grpc.aio.EOF, await self._call.code()
        return answer

    async def write(self, message: ingest_pb2.StreamMetricsRequest) -> None:
        """Sends one message."""
        await self._call.write(message)

    async def read(self) -> Any:
        """The next answer, or EOF."""
        return await self._call.read()

    async def hello(self, source_id: str = "test") -> ingest_pb2.Welcome:
        """Says hello."""
        answer = await self.ask(hello(source_id))
        assert answer.WhichOneof("message") == "welcome", answer
        return answer.welcome

    async def send(self, sequence: int, batch: metrics_pb2.MetricBatch) -> ingest_pb2.StreamMetricsResponse:
        """Sends a batch."""
        return await self.ask(numbered(sequence, batch))

    async def close(self) -> grpc.StatusCode:
        """Ends the source's side and returns how the call ended."""
        await self._call.done_writing()
        return await self._call.code()

    async def code(self) -> grpc.StatusCode:
        """How the call ended."""
        return await self._call.code()


def hello(source_id: str) -> ingest_pb2.StreamMetricsRequest:
    return ingest_pb2.StreamMetricsRequest(hello=ingest_pb2.Hello(source_id=source_id))


def numbered(sequence: int, batch: metrics_pb2.MetricBatch) -> ingest_pb2.StreamMetricsRequest:
    return ingest_pb2.StreamMetricsRequest(batch=ingest_pb2.SequencedBatch(sequence=sequence, metrics=batch))
