"""The fake server keeps to the contract, seen through a bare channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from argus.v1 import ingest_pb2, prediction_pb2
from argus_client._calls import STREAM_METRICS, SUBSCRIBE
from argus_client._wire import BatchEncoder, frame_batch
from argus_client.testing import FakeServer, make_samples, make_snapshot

Request = ingest_pb2.StreamMetricsRequest


@pytest.fixture
def channel(server: FakeServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.target) as channel:
        yield channel


def exchange(channel: grpc.Channel, *messages: bytes) -> list[ingest_pb2.StreamMetricsResponse]:
    method: Any = channel.stream_stream(
        STREAM_METRICS, response_deserializer=ingest_pb2.StreamMetricsResponse.FromString
    )
    return list(method(iter(messages), timeout=10))


def hello(source_id: str = "source") -> bytes:
    return Request(hello=ingest_pb2.Hello(source_id=source_id)).SerializeToString()


def batch(sequence: int, rows: int = 2) -> bytes:
    return frame_batch(sequence, BatchEncoder().encode(make_samples([f"web-{i}" for i in range(rows)])))


def test_a_stream_by_the_book(channel: grpc.Channel) -> None:
    welcome, first, duplicate, gap = exchange(channel, hello(), batch(7), batch(7), batch(9))

    assert (welcome.welcome.last_sequence, welcome.welcome.limits.max_batch_rows) == (0, 10_000)
    assert (first.ack.sequence, first.ack.accepted_rows) == (7, 2)
    assert (duplicate.ack.sequence, duplicate.ack.duplicate_rows) == (7, 2)
    assert gap.rejection.reason == ingest_pb2.BATCH_REJECTION_REASON_SEQUENCE_GAP
    assert (gap.rejection.sequence, gap.rejection.expected_sequence) == (9, 8)
    assert exchange(channel, hello())[0].welcome.last_sequence == 7


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([batch(1)], "HELLO_REQUIRED"),
        ([hello(), hello()], "HELLO_REPEATED"),
        ([hello("not allowed")], "INVALID_HELLO"),
        ([hello(), b"\xff"], "MALFORMED_MESSAGE"),
        ([hello(), batch(0)], "INVALID_SEQUENCE"),
        ([hello(), batch(1, rows=10_001)], "BATCH_TOO_LARGE"),
    ],
)
def test_what_cannot_be_used_is_refused_and_the_stream_goes_on(
    channel: grpc.Channel, messages: list[bytes], reason: str
) -> None:
    *_, refused = exchange(channel, *messages)
    number = ingest_pb2.BatchRejectionReason.Value(f"BATCH_REJECTION_REASON_{reason}")

    assert refused.rejection.reason == number


def test_columns_of_unequal_length_are_refused(channel: grpc.Channel) -> None:
    message = Request.FromString(batch(1))
    message.batch.metrics.load_average.append(1.0)

    _, refused, accepted = exchange(channel, hello(), message.SerializeToString(), batch(2))

    assert refused.rejection.reason == ingest_pb2.BATCH_REJECTION_REASON_COLUMN_LENGTH_MISMATCH
    assert accepted.ack.sequence == 2


def test_the_first_update_is_whole_and_the_next_a_delta(server: FakeServer, channel: grpc.Channel) -> None:
    server.publish(make_snapshot({"a": 1.0, "b": 2.0}))
    method: Any = channel.unary_stream(
        SUBSCRIBE, response_deserializer=prediction_pb2.SubscribeResponse.FromString
    )
    call = method(b"", timeout=10)

    first = next(call)
    server.publish(make_snapshot({"a": 1.0, "c": 3.0}))
    second = next(message for message in call if message.HasField("delta"))
    call.cancel()

    assert [s.server_name for s in first.snapshot.servers] == ["b", "a"]
    assert first.snapshot.last
    assert [s.server_name for s in second.delta.servers] == ["c"]
    assert list(second.delta.removed_servers) == ["b"]
    assert (second.delta.base_revision, second.delta.header.revision) == (1, 2)


async def test_it_is_an_async_context_manager_too() -> None:
    async with FakeServer() as server:
        assert server.target.startswith("127.0.0.1:")


def test_two_on_one_port_are_refused(server: FakeServer) -> None:
    with pytest.raises((OSError, RuntimeError)):
        FakeServer(port=int(server.target.rpartition(":")[2])).start()
