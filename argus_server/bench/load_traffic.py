"""What a running fleet does to a server: sources that send, readers that follow, people who ask."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from argus.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    alert_pb2,
    alert_pb2_grpc,
    history_pb2,
    history_pb2_grpc,
    ingest_pb2,
    prediction_pb2,
    prediction_pb2_grpc,
    snapshot_pb2,
)
from argus_client._wire import BatchEncoder, frame_batch
from argus_client.simulator import FleetSimulator

VIEWS: Final = {
    "summary": snapshot_pb2.SNAPSHOT_VIEW_SUMMARY,
    "standard": snapshot_pb2.SNAPSHOT_VIEW_STANDARD,
}
"""What readers follow, in turn."""

BURST_TICKS: Final = 12
"""Samples of each server that a source sends at once when it comes back."""

_BURST_EVERY: Final = 60
"""Ticks from one burst of a source to its next."""

_STREAM: Final = "/argus.v1.IngestService/StreamMetrics"
_SUBSCRIBE: Final = "/argus.v1.PredictionService/Subscribe"
_NOTICE_BYTES: Final = 256
"""Updates are longer; what tells a reader to start afresh or to leave is shorter."""
_TIMEOUT_SECONDS: Final = 60.0
_LAG_PROBE_SECONDS: Final = 0.1
_RELOAD_EVERY: Final = 60
"""Questions from one reload of the model to the next."""
_HALF_HOUR_MS: Final = 1_800_000


@dataclass(slots=True)
class Record:
    """What was seen.

    Attributes:
        errors: What went wrong, in words.
        ack_ms: From the writing of a batch to its ack.
        answer_ms: From a question to its answer, by kind of question. Those of kind `fresh` wait for a forecast of all
            rows acknowledged before.
        lag_ms: How late this process woke up, which is part of all times above.
        rows: Rows sent.
        throttles: Acks that asked for a pause.
        updates: Messages that readers got.
        update_bytes: Their bytes.
    """

    errors: list[str] = field(default_factory=list)
    ack_ms: list[float] = field(default_factory=list)
    answer_ms: dict[str, list[float]] = field(default_factory=dict)
    lag_ms: list[float] = field(default_factory=list)
    rows: int = 0
    throttles: int = 0
    updates: int = 0
    update_bytes: int = 0


class Traffic:
    """Everything that talks to one server.

    Args:
        address: Where the server listens.
        sources: Streams that send.
        servers: Servers of each of them.
        subscribers: Readers.
        cadence_seconds: Time between two samples of a server.

    Attributes:
        record: What was seen so far.
    """

    def __init__(
        self, address: str, sources: int, servers: int, subscribers: int, cadence_seconds: float
    ) -> None:
        self.record = Record()
        self.simulator = FleetSimulator(sources * servers, incidents_per_server_day=0.2, look_alike_share=0.1)
        self._address = address
        self._cadence = cadence_seconds
        self._firsts = np.array(self.simulator.server_names[::servers], dtype=object)
        self._subscribers = subscribers
        # Encoded rows that each source has not sent yet.
        self._held: list[list[tuple[bytes, int]]] = [[] for _ in range(sources)]
        self._encoder = BatchEncoder()
        self._ended = asyncio.Event()

    async def run(self, seconds: float) -> None:
        """Talks for so long, then waits until everything sent is answered, and takes leave."""
        channels = [_channel(self._address) for _ in range(len(self._held) + self._subscribers + 1)]
        asking, *others = channels
        sending, reading = others[: len(self._held)], others[len(self._held) :]
        views = list(VIEWS.values())
        readers = [
            asyncio.create_task(self._follow(channel, views[number % len(views)]))
            for number, channel in enumerate(reading)
        ]
        helpers = [asyncio.create_task(self._ask(asking)), asyncio.create_task(self._watch_lag())]
        sources = [asyncio.create_task(self._send(channel, number)) for number, channel in enumerate(sending)]
        maker = asyncio.create_task(self._make())
        await asyncio.sleep(seconds)
        self._ended.set()
        maker.cancel()
        await asyncio.gather(*sources)
        for task in (*readers, *helpers):
            task.cancel()
        await asyncio.gather(maker, *readers, *helpers, return_exceptions=True)
        await asyncio.gather(*(channel.close() for channel in channels))

    async def _make(self) -> None:
        """Samples of the whole fleet, dealt out to the sources."""
        due = time.monotonic()
        while True:
            samples = self.simulator.sample(time.time_ns() // 1_000_000)
            owners = np.searchsorted(self._firsts, samples.server_name, side="right")
            bounds = np.searchsorted(owners, np.arange(1, len(self._held) + 2))
            for held, first, last in zip(self._held, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
                held.append((self._encoder.encode(samples.rows(first, last)), last - first))
            due += self._cadence
            await asyncio.sleep(due - time.monotonic())

    async def _send(self, channel: grpc.aio.Channel, number: int) -> None:
        """One source: a batch per tick at a moment of its own, and now and then several ticks in one go."""
        call: Any = channel.stream_stream(
            _STREAM,
            request_serializer=None,
            response_deserializer=ingest_pb2.StreamMetricsResponse.FromString,
        )()
        phase = number / len(self._held)
        sent: deque[tuple[int, float]] = deque()
        try:
            hello = ingest_pb2.Hello(source_id=f"source-{number}")
            await call.write(ingest_pb2.StreamMetricsRequest(hello=hello).SerializeToString())
            sequence = (await call.read()).welcome.last_sequence
            acks = asyncio.create_task(self._count_acks(call, sent))
            tick = round(phase * _BURST_EVERY)
            due = time.monotonic() + phase * self._cadence
            while not self._ended.is_set():
                due += self._cadence
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), due - time.monotonic())
                tick += 1
                away = tick % _BURST_EVERY in range(1, BURST_TICKS)
                if (away and not self._ended.is_set()) or not self._held[number]:
                    continue
                parts, self._held[number] = self._held[number], []
                sequence += 1
                sent.append((sequence, time.perf_counter()))
                await call.write(frame_batch(sequence, b"".join(part for part, _ in parts)))
                self.record.rows += sum(rows for _, rows in parts)
            await call.done_writing()
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await acks
            if sent:
                self.record.errors.append(f"source {number}: {len(sent)} batches were never acknowledged")
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError) as error:
            self.record.errors.append(f"source {number}: {error!r}")

    async def _count_acks(self, call: Any, sent: deque[tuple[int, float]]) -> None:
        while (answer := await call.read()) is not grpc.aio.EOF:
            now, kind = time.perf_counter(), answer.WhichOneof("message")
            if kind != "ack" or answer.ack.rejected_rows or answer.ack.duplicate_rows:
                self.record.errors.append(f"a batch was answered with {kind}: {str(answer)[:200]}")
            while kind == "ack" and sent and sent[0][0] <= answer.ack.sequence:
                self.record.ack_ms.append(1000 * (now - sent.popleft()[1]))
            self.record.throttles += answer.ack.HasField("retry_delay")

    async def _follow(self, channel: grpc.aio.Channel, view: snapshot_pb2.SnapshotView) -> None:
        """One reader. Updates are not decoded: that would be this process's work, not the server's."""
        request = prediction_pb2.SubscribeRequest(filter=snapshot_pb2.SnapshotFilter(view=view))
        call: Any = channel.unary_stream(
            _SUBSCRIBE,
            request_serializer=prediction_pb2.SubscribeRequest.SerializeToString,
            response_deserializer=None,
        )(request)
        try:
            async for message in call:
                self.record.updates += 1
                self.record.update_bytes += len(message)
                if len(message) < _NOTICE_BYTES:
                    told = prediction_pb2.SubscribeResponse.FromString(message).WhichOneof("event")
                    if told in ("resync_required", "draining"):
                        self.record.errors.append(f"a reader was told {told}")
            self.record.errors.append("a subscription ended")
        except grpc.aio.AioRpcError as error:
            self.record.errors.append(f"a reader: {error!r}")

    async def _ask(self, channel: grpc.aio.Channel) -> None:
        """One question a second, each of its kind in turn, and a reload of the model once in a while."""
        questions, asked = _questions(channel, self.simulator.server_names[0]), 0
        reload: Any = admin_pb2_grpc.AdminServiceStub(channel).ReloadModel
        while True:
            kind, question = questions[asked % len(questions)]
            asked += 1
            began = time.perf_counter()
            try:
                await question()
                took_ms = 1000 * (time.perf_counter() - began)
                self.record.answer_ms.setdefault(kind, []).append(took_ms)
                if asked % _RELOAD_EVERY == 0:
                    await reload(admin_pb2.ReloadModelRequest(), timeout=_TIMEOUT_SECONDS)
            except grpc.aio.AioRpcError as error:
                self.record.errors.append(f"a question: {error!r}")
            await asyncio.sleep(1.0)

    async def _watch_lag(self) -> None:
        while True:
            due = time.monotonic() + _LAG_PROBE_SECONDS
            await asyncio.sleep(_LAG_PROBE_SECONDS)
            self.record.lag_ms.append(1000 * max(time.monotonic() - due, 0.0))


def _questions(channel: grpc.aio.Channel, server: str) -> list[tuple[str, Callable[[], Awaitable[Any]]]]:
    """Kinds of questions, and how to ask them."""
    admin = admin_pb2_grpc.AdminServiceStub(channel)
    alerts = alert_pb2_grpc.AlertServiceStub(channel)
    history = history_pb2_grpc.HistoryServiceStub(channel)
    prediction = prediction_pb2_grpc.PredictionServiceStub(channel)
    health = health_pb2_grpc.HealthStub(channel)
    summary = snapshot_pb2.SnapshotFilter(view=VIEWS["summary"])
    past = history_pb2.TimeRange(length_ms=_HALF_HOUR_MS)
    calls: tuple[tuple[str, Any, Any], ...] = (
        ("admin", admin.GetStatus, admin_pb2.GetStatusRequest()),
        ("admin", health.Check, health_pb2.HealthCheckRequest()),
        ("fresh", prediction.GetSnapshot, prediction_pb2.GetSnapshotRequest(filter=summary)),
        ("admin", admin.ListModels, admin_pb2.ListModelsRequest()),
        ("history", history.GetHistorySummary, history_pb2.GetHistorySummaryRequest(range=past)),
        ("admin", admin.GetServerInfo, admin_pb2.GetServerInfoRequest()),
        ("fresh", prediction.GetForecast, prediction_pb2.GetForecastRequest(servers=[server])),
        ("admin", alerts.ListAlerts, alert_pb2.ListAlertsRequest()),
        (
            "history",
            history.GetServerHistory,
            history_pb2.GetServerHistoryRequest(server_name=server, range=past),
        ),
    )
    return [(kind, partial(method, request, timeout=_TIMEOUT_SECONDS)) for kind, method, request in calls]


def _channel(address: str) -> grpc.aio.Channel:
    """A connection of its own, as every source and reader has."""
    return grpc.aio.insecure_channel(
        address,
        options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 << 20)],
    )
