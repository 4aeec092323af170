"""Sends a server a great many messages nobody should send, and looks whether anything gives way."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pool

from argus.v1 import ingest_pb2, metrics_pb2
from argus_server.app import ArgusServer
from argus_server.bench import fleet
from argus_server.bench.hostile import HostileMessages
from argus_server.bench.process import resident_mb
from argus_server.clock import ManualClock
from argus_server.errors import Superseded
from argus_server.ingest.session import IngestSession
from argus_server.metrics import METRICS
from argus_server.settings import ServerSettings

_GOOD_SERVERS: Final = 50
_STEPS: Final = 100
_MESSAGES_PER_STREAM: Final = 500
_CHECK_EVERY: Final = 10_000
_LAST_SEQUENCE: Final = (1 << 64) - 1
_STREAM_METRICS: Final = "/argus.v1.IngestService/StreamMetrics"
# What a client may be told about a request that is wrong. UNKNOWN and INTERNAL are not among them.
_PLAIN: Final = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNAVAILABLE,
}


class FuzzError(RuntimeError):
    """Something gave way. The message has the message that did it, so that it can be tried again."""


def run(
    messages: int = 100_000,
    wire_messages: int = 5_000,
    seed: int = 0,
    on_progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Sends hostile messages to ingest sessions, and a part of them over the wire.

    Args:
        messages: Messages to sessions in this process.
        wire_messages: Messages to a gRPC port: to the ingest stream, and as many requests to the other methods.
        seed: The same seed sends the same messages.
        on_progress: Called with the number of messages so far.

    Returns:
        Figures; `memory_growth_mb` is that of the second half, when caches and the fleet are full.

    Raises:
        FuzzError: An exception came out, the state of another server changed, or the client saw a traceback.
    """
    return asyncio.run(_run(messages, wire_messages, seed, on_progress))


async def _run(
    messages: int, wire_messages: int, seed: int, on_progress: Callable[[int], None]
) -> dict[str, Any]:
    clock = ManualClock(fleet.START_MS + _STEPS * fleet.STEP_MS)
    server = ArgusServer(
        ServerSettings.load(
            {
                "listen": "127.0.0.1:0",
                "metrics_listen": "",
                "tick_seconds": 3600.0,
                "max_servers": 2_000,
                "model": Path("none"),  # so that a request to load it again is answered at once
            }
        ),
        clock,
    )
    addresses = await server.start()
    try:
        _feed(server)
        before = _state(server)
        hostile = HostileMessages(seed, clock.now_ms())
        started = time.perf_counter()
        figures = _in_process(server, hostile, messages, before, on_progress)
        seconds = time.perf_counter() - started
        async with grpc.aio.insecure_channel(addresses.grpc) as channel:
            answered = await _over_the_wire(channel, hostile, wire_messages)
            codes = await _other_methods(channel, server.capabilities, hostile, wire_messages)
        _check_state(server, before, b"")
    finally:
        await server.drain()
    return {
        "messages": messages,
        "seed": seed,
        "seconds": seconds,
        "messages_per_second": messages / seconds,
        **figures,
        "wire_messages": wire_messages,
        "wire_answers": answered,
        "other_methods_statuses": {code.name: count for code, count in codes.items()},
    }


def _in_process(
    server: ArgusServer,
    hostile: HostileMessages,
    messages: int,
    before: tuple[object, ...],
    on_progress: Callable[[int], None],
) -> dict[str, Any]:
    """Feeds sessions; every stream starts anew, half of them with a Hello."""
    kinds: Counter[str] = Counter()
    largest = 0
    settled_mb = resident_mb()
    session = server.open_session(_nobody_waits)
    for number in range(messages):
        if number % _MESSAGES_PER_STREAM == 0:
            session.close()
            session = server.open_session(_nobody_waits)
            if number // _MESSAGES_PER_STREAM % 2:
                session.receive(_hello(f"stream-{number}"))
        data = hostile.next()
        answer = _answer(session, data)
        largest = max(largest, len(answer))
        response = ingest_pb2.StreamMetricsResponse.FromString(answer)
        hostile.sequence = _next_sequence(response, hostile.sequence)
        kinds[_kind(response)] += 1
        if number % _CHECK_EVERY == 0:
            _check_state(server, before, data)
            on_progress(number)
        if number == messages // 2:
            settled_mb = resident_mb()
    session.close()
    _check_state(server, before, b"")
    return {
        "answers": dict(kinds),
        "largest_answer_bytes": largest,
        "memory_mb": resident_mb(),
        "memory_growth_mb": resident_mb() - settled_mb,
        "servers": len(server.window),
    }


def _nobody_waits() -> None:
    """Answers of a server without a data directory are ready at once."""


def _answer(session: IngestSession, data: bytes) -> bytes:
    try:
        answer: bytes = session.receive(data).make().SerializeToString()
    except Superseded:
        return b""
    except Exception as error:
        raise FuzzError(f"{type(error).__name__} came out of a session for {data[:2000]!r}") from error
    if b"Traceback" in answer or b'File "' in answer:
        raise FuzzError(f"a traceback went to the client for {data[:2000]!r}")
    return answer


async def _over_the_wire(channel: grpc.aio.Channel, hostile: HostileMessages, messages: int) -> int:
    """Feeds real streams; counts the answers, of which there must be one for each message."""
    invoke: Any = channel.stream_stream(_STREAM_METRICS, None, None)
    answered = 0
    for first in range(0, messages, _MESSAGES_PER_STREAM):
        stream: Any = invoke()
        count = min(_MESSAGES_PER_STREAM, messages - first)
        for _ in range(count):
            data = hostile.next()
            await stream.write(data)
            answer = await stream.read()
            if answer is grpc.aio.EOF:
                raise FuzzError(f"{data[:2000]!r} ended a stream with {await stream.code()}")
            if b"Traceback" in answer:
                raise FuzzError(f"a traceback went to the client for {data[:2000]!r}")
            answered += 1
        await stream.done_writing()
        if (code := await stream.code()) is not grpc.StatusCode.OK:
            raise FuzzError(f"a stream ended with {code}")
    return answered


async def _other_methods(
    channel: grpc.aio.Channel, services: tuple[str, ...], hostile: HostileMessages, requests: int
) -> Counter[grpc.StatusCode]:
    """Sends noise to every method that takes one request; returns how the calls ended."""
    methods: list[Any] = [
        channel.unary_unary(f"/{method.containing_service.full_name}/{method.name}", None, None)
        for service in services
        if service.startswith("argus.")
        for method in descriptor_pool.Default().FindServiceByName(service).methods
        if not (method.client_streaming or method.server_streaming) and method.name != "StartTraining"
    ]
    codes: Counter[grpc.StatusCode] = Counter()
    for number in range(requests):
        data = hostile.next()[: 1 << 16]
        call: Any = methods[number % len(methods)](data)
        code, details = await call.code(), await call.details() or ""
        if code not in _PLAIN or "Traceback" in details:
            raise FuzzError(f"{data[:2000]!r} ended a call with {code}: {details}")
        codes[code] += 1
    return codes


def _feed(server: ArgusServer) -> None:
    """Gives a fleet of good servers a past."""
    session = server.open_session(_nobody_waits)
    session.receive(_hello("good"))
    for sequence, columns in enumerate(fleet.history(_GOOD_SERVERS, _STEPS), 1):
        batch = metrics_pb2.MetricBatch(timestamp=columns.timestamp_ms, server_name=columns.server_names)
        for name, values in zip(METRICS, columns.metrics, strict=True):
            getattr(batch, name).extend(values)
        request = ingest_pb2.StreamMetricsRequest(
            batch=ingest_pb2.SequencedBatch(sequence=sequence, metrics=batch)
        )
        answer = session.receive(request.SerializeToString()).make()
        if answer.ack.accepted_rows != _GOOD_SERVERS:
            raise FuzzError(f"good rows were refused: {answer}")
    session.close()


def _state(server: ArgusServer) -> tuple[object, ...]:
    """All that is known of the good servers, bit for bit."""
    return tuple(_bytes_of(server))


def _bytes_of(server: ArgusServer) -> Iterator[object]:
    good = slice(0, _GOOD_SERVERS)
    frame, table = server.window.frame(good), server.window.servers()
    yield frame.server_names
    yield table.names[good]
    for array in (frame.values, frame.profiles, frame.observed_steps):
        yield array.tobytes()
    for column in (table.last_sample_ms, table.states, table.observed_steps, table.current):
        yield column[good].tobytes()


def _check_state(server: ArgusServer, before: tuple[object, ...], data: bytes) -> None:
    if _state(server) != before:
        raise FuzzError(f"the state of another server has changed, at the latest by {data[:2000]!r}")


def _next_sequence(response: ingest_pb2.StreamMetricsResponse, sequence: int) -> int:
    """The number the server waits for, as far as the answer says."""
    match response.WhichOneof("message"):
        case "welcome":
            return min(response.welcome.last_sequence + 1, _LAST_SEQUENCE)
        case "ack":
            return min(response.ack.sequence + 1, _LAST_SEQUENCE)
        case "rejection":
            return response.rejection.expected_sequence or sequence
    return sequence


def _kind(message: ingest_pb2.StreamMetricsResponse) -> str:
    kind = message.WhichOneof("message")
    if kind != "rejection":
        return str(kind or "superseded")
    reason = ingest_pb2.BatchRejectionReason.Name(message.rejection.reason)
    return reason.removeprefix("BATCH_REJECTION_REASON_").lower()


def _hello(source_id: str) -> bytes:
    return ingest_pb2.StreamMetricsRequest(hello=ingest_pb2.Hello(source_id=source_id)).SerializeToString()
