"""Sends a server a great many messages nobody should send, and looks whether anything gives way."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pool

from argus.v1 import ingest_pb2, metrics_pb2
from argus_server.app import ArgusServer
from argus_server.bench import fleet
from argus_server.bench.hostile import HostileMessages
from argus_server.bench.process import resident_mb
from argus_server.clock import Clock, ManualClock
from argus_server.errors import Superseded
from argus_server.ingest.session import IngestSession
from argus_server.metrics import METRICS
from argus_server.settings import ServerSettings

MAX_GROWTH_MB: Final = 64.0
"""Memory that may come to be used over the second half of the messages, when caches are full."""

# A server's window and what is beside it; the arrays grow ahead of need, by half again.
_SERVER_MB: Final = 0.5
_MAX_SERVERS: Final = 2_000
_GOOD_SERVERS: Final = 50
_STEPS: Final = 100
_MESSAGES_PER_STREAM: Final = 500
_ANSWER_SECONDS: Final = 60.0
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
        FuzzError: An exception came out, the state of another server changed, the client saw a traceback, or memory
            has grown by more than `MAX_GROWTH_MB` beside what new servers take.
    """
    return asyncio.run(_run(messages, wire_messages, seed, on_progress))


async def _run(
    messages: int, wire_messages: int, seed: int, on_progress: Callable[[int], None]
) -> dict[str, Any]:
    clock = ManualClock(fleet.START_MS + _STEPS * fleet.STEP_MS)
    hostile = HostileMessages(seed, clock.now_ms())
    async with _serving(clock, None) as (server, _):
        before = _state(server)
        started = time.perf_counter()
        figures = _in_process(server, hostile, messages, before, on_progress)
        seconds = time.perf_counter() - started
    # With a data directory, so that there is a history to ask about, and rows are written while noise comes in.
    with TemporaryDirectory() as directory:
        async with (
            _serving(clock, Path(directory) / "data") as (server, address),
            grpc.aio.insecure_channel(address) as channel,
        ):
            before = _state(server)
            answered = await _over_the_wire(channel, hostile, wire_messages)
            codes = await _other_methods(channel, server.capabilities, hostile, wire_messages)
            _check_state(server, before, b"")
    return {
        "messages": messages,
        "seed": seed,
        "seconds": seconds,
        "messages_per_second": messages / seconds,
        **figures,
        "wire_messages": wire_messages,
        "wire_answers": answered,
        "other_methods": len(codes),
        "other_methods_statuses": {
            code.name: count for code, count in sum(codes.values(), Counter()).items()
        },
    }


@asynccontextmanager
async def _serving(clock: Clock, data_dir: Path | None) -> AsyncIterator[tuple[ArgusServer, str]]:
    """A server with a fleet of good servers, and its address."""
    settings = {
        "listen": "127.0.0.1:0",
        "metrics_listen": "",
        "tick_seconds": 3600.0,
        "heartbeat_seconds": 0.05,  # so that every stream says something soon
        "max_servers": _MAX_SERVERS,
        "model": Path("none"),  # so that a request to load it again is answered at once
        "data_dir": data_dir,
    }
    server = ArgusServer(ServerSettings.load(settings), clock)
    addresses = await server.start()
    try:
        await _feed(server)
        yield server, addresses.grpc
    finally:
        await server.drain()


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
    settled_mb, settled_servers = resident_mb(), len(server.window)
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
            settled_mb, settled_servers = resident_mb(), len(server.window)
    session.close()
    _check_state(server, before, b"")
    memory_mb, new_servers = resident_mb(), len(server.window) - settled_servers
    growth_mb = memory_mb - settled_mb
    if growth_mb > (allowed := MAX_GROWTH_MB + new_servers * _SERVER_MB):
        raise FuzzError(
            f"memory has grown by {growth_mb:.0f} MB over the last {messages - messages // 2} messages, in which "
            f"{new_servers} servers came; at most {allowed:.0f} MB are allowed"
        )
    return {
        "answers": dict(kinds),
        "largest_answer_bytes": largest,
        "memory_mb": memory_mb,
        "memory_growth_mb": growth_mb,
        "servers": len(server.window),
        "new_servers": new_servers,
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
) -> dict[str, Counter[grpc.StatusCode]]:
    """Sends noise to every method that takes one request; returns how the calls ended, by method."""
    methods = [
        method
        for service in services
        if service.startswith("argus.")
        for method in descriptor_pool.Default().FindServiceByName(service).methods
        if not method.client_streaming
    ]
    codes: dict[str, Counter[grpc.StatusCode]] = {method.full_name: Counter() for method in methods}
    for number in range(requests):
        data = hostile.next()[: 1 << 16]
        method = methods[number % len(methods)]
        path = f"/{method.containing_service.full_name}/{method.name}"
        open_call: Any = channel.unary_stream if method.server_streaming else channel.unary_unary
        call: Any = open_call(path, None, None)(data)
        code, details = (
            await _end(call) if method.server_streaming else (await call.code(), await call.details())
        )
        if code not in _PLAIN or "Traceback" in (details or ""):
            raise FuzzError(f"{data[:2000]!r} ended {method.full_name} with {code}: {details}")
        codes[method.full_name][code] += 1
    return codes


async def _end(stream: Any) -> tuple[grpc.StatusCode, str]:
    """How a stream ended; one that answers is left, and counts as well ended."""
    async with asyncio.timeout(_ANSWER_SECONDS):
        with suppress(grpc.aio.AioRpcError):
            if await stream.read() is not grpc.aio.EOF:
                stream.cancel()
                return grpc.StatusCode.OK, ""
        return await stream.code(), await stream.details()


async def _feed(server: ArgusServer) -> None:
    """Gives a fleet of good servers a past."""
    changed = asyncio.Event()
    session = server.open_session(changed.set)

    async def answer(data: bytes) -> ingest_pb2.StreamMetricsResponse:
        made = session.receive(data)
        while not made.ready:
            changed.clear()
            await changed.wait()
        return made.make()

    await answer(_hello("good"))
    for sequence, columns in enumerate(fleet.history(_GOOD_SERVERS, _STEPS), 1):
        batch = metrics_pb2.MetricBatch(timestamp=columns.timestamp_ms, server_name=columns.server_names)
        for name, values in zip(METRICS, columns.metrics, strict=True):
            getattr(batch, name).extend(values)
        request = ingest_pb2.StreamMetricsRequest(
            batch=ingest_pb2.SequencedBatch(sequence=sequence, metrics=batch)
        )
        said = await answer(request.SerializeToString())
        if said.ack.accepted_rows != len(columns):
            raise FuzzError(f"good rows were refused: {said}")
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
