"""A server that is told to stop says so to everybody, and leaves in time."""

from __future__ import annotations

import queue
import signal
import time
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import grpc
import pytest

from argus.v1 import ingest_pb2, ingest_pb2_grpc, prediction_pb2, prediction_pb2_grpc
from tests.processes import SECONDS, ServerProcess
from tests.server.running import hello, history, numbered

pytestmark = pytest.mark.slow

DRAIN_SECONDS = 20.0


class Source:
    """A source that speaks the protocol by hand."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._requests: queue.SimpleQueue[ingest_pb2.StreamMetricsRequest | None] = queue.SimpleQueue()
        stub = ingest_pb2_grpc.IngestServiceStub(channel)
        self.call: Any = stub.StreamMetrics(iter(self._requests.get, None), timeout=SECONDS)

    def ask(self, request: ingest_pb2.StreamMetricsRequest) -> ingest_pb2.StreamMetricsResponse:
        self._requests.put(request)
        answer: ingest_pb2.StreamMetricsResponse = next(self.call)
        return answer

    def close(self) -> None:
        self._requests.put(None)


@pytest.fixture
def channel_of() -> Iterator[Any]:
    opened: list[grpc.Channel] = []

    def make(target: str) -> grpc.Channel:
        opened.append(grpc.insecure_channel(target, options=[("grpc.http2.bdp_probe", 0)]))
        return opened[-1]

    yield make
    for channel in opened:
        channel.close()


def subscribe(channel: grpc.Channel) -> Any:
    stub = prediction_pb2_grpc.PredictionServiceStub(channel)
    return stub.Subscribe(prediction_pb2.SubscribeRequest(), timeout=SECONDS)


def test_subscriber_and_source_are_told_and_end_well(channel_of: Any) -> None:
    anywhere = ("--metrics-listen", "127.0.0.1:0")
    with ServerProcess(*anywhere, ARGUS_DRAIN_SECONDS=str(DRAIN_SECONDS)) as server:
        with urlopen(f"http://{server.ready['metrics_listen']}/metrics", timeout=SECONDS) as page:
            assert b"argus_subscribers" in page.read()
        subscriber = subscribe(channel_of(server.target))
        assert next(subscriber).WhichOneof("event") == "snapshot"
        source = Source(channel_of(server.target))
        assert source.ask(hello("test")).welcome.last_sequence == 0
        assert source.ask(numbered(1, history(["web-1"], 3))).ack.accepted_rows == 3

        asked = time.monotonic()
        server.send(signal.SIGTERM)

        *_, last = (message.WhichOneof("event") for message in subscriber)
        assert last == "draining"
        assert subscriber.code() is grpc.StatusCode.OK
        *_, last = (message.WhichOneof("message") for message in source.call)
        assert last == "draining"
        assert source.call.code() is grpc.StatusCode.OK
        source.close()
        done = server.end()
        assert done.code == 0
        # Nobody was left to wait for.
        assert time.monotonic() - asked < DRAIN_SECONDS
        assert "stopped" in done.err
        assert "Traceback" not in done.err


def test_a_subscriber_that_never_reads_cannot_hold_the_server_up(channel_of: Any) -> None:
    with ServerProcess(ARGUS_DRAIN_SECONDS="0.5") as server:
        stalled = subscribe(channel_of(server.target))
        source = Source(channel_of(server.target))
        source.ask(hello("test"))
        for sequence in range(1, 4):
            source.ask(numbered(sequence, history([f"web-{n}" for n in range(300)], 1, sequence * 300_000)))
        done = server.end(signal.SIGTERM)
        source.close()
        stalled.cancel()
    assert done.code == 0
    assert "stopped" in done.err


def test_a_stop_at_the_first_moment_is_a_drain() -> None:
    """Whoever has read that the server is ready may stop it at once."""
    with ServerProcess() as server:
        done = server.end(signal.SIGINT)
    assert done.code == 0
    assert "stopped" in done.err
