"""Every kind of bad input over the wire: a typed answer, a stream that goes on, and nobody else disturbed."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import grpc
import pytest

from argus.v1 import admin_pb2, ingest_pb2, metrics_pb2, prediction_pb2
from argus_server.clock import ManualClock
from argus_server.ingest.session import peek_sequence
from argus_server.metrics import METRICS
from tests.server.running import START_MS, STEP_MS, IngestStream, Running, hello, numbered, rows, running

Row = ingest_pb2.RowRejectionReason
Batch = ingest_pb2.BatchRejectionReason


@pytest.fixture
async def argus() -> AsyncIterator[Running]:
    async with running() as started:
        yield started


@pytest.fixture
async def stream(argus: Running) -> IngestStream:
    stream = IngestStream(argus.ingest)
    await stream.hello()
    return stream


def one(name: str = "web-1", at: int = START_MS, **columns: float) -> metrics_pb2.MetricBatch:
    return rows([name], [at], **columns)


async def fleet(argus: Running) -> list[str]:
    reply = await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())
    return sorted(server.server_name for server in reply.snapshot.servers)


async def still_works(stream: IngestStream, sequence: int) -> None:
    answer = await stream.send(sequence, one("good", START_MS + STEP_MS))
    assert answer.ack.accepted_rows == 1, answer


async def test_hello_is_answered_with_limits_and_the_last_sequence(argus: Running) -> None:
    first = IngestStream(argus.ingest)
    welcome = await first.hello("agent-7")
    assert (welcome.last_sequence, welcome.step_seconds, welcome.limits.max_batch_rows) == (0, 300, 10_000)
    await first.send(1, one())
    await first.close()

    assert (await IngestStream(argus.ingest).hello("agent-7")).last_sequence == 1


async def test_a_batch_is_acknowledged_with_its_rows_and_warm_up(stream: IngestStream) -> None:
    ack = (await stream.send(1, rows(["a", "b"], [START_MS, START_MS]))).ack

    assert (ack.sequence, ack.accepted_rows, ack.rejected_rows, ack.duplicate_rows) == (1, 2, 0, 0)
    assert (ack.warm_up.servers, ack.warm_up.warm_servers, ack.warm_up.min_observed_steps) == (2, 0, 1)


@pytest.mark.parametrize(
    ("batch", "reason", "field"),
    [
        (one(cpu_user_pct=math.inf), Row.ROW_REJECTION_REASON_NOT_FINITE, "cpu_user_pct"),
        (one(net_in_mb_s=math.inf), Row.ROW_REJECTION_REASON_NOT_FINITE, "net_in_mb_s"),
        (one(load_average=-math.inf), Row.ROW_REJECTION_REASON_NOT_FINITE, "load_average"),
        (one(cpu_user_pct=100.5), Row.ROW_REJECTION_REASON_OUT_OF_RANGE, "cpu_user_pct"),
        (one(uptime_days=-1), Row.ROW_REJECTION_REASON_OUT_OF_RANGE, "uptime_days"),
        (one(load_average=3e38), Row.ROW_REJECTION_REASON_OUT_OF_RANGE, "load_average"),
        (one(""), Row.ROW_REJECTION_REASON_EMPTY_NAME, "server_name"),
        (one("x" * 254), Row.ROW_REJECTION_REASON_NAME_TOO_LONG, "server_name"),
        (one("web\n1"), Row.ROW_REJECTION_REASON_INVALID_NAME, "server_name"),
        (one("k\u00f6ln"), Row.ROW_REJECTION_REASON_INVALID_NAME, "server_name"),
        (one("web-1\n"), Row.ROW_REJECTION_REASON_INVALID_NAME, "server_name"),
        (one(at=0), Row.ROW_REJECTION_REASON_INVALID_TIMESTAMP, "timestamp"),
        (one(at=-5), Row.ROW_REJECTION_REASON_INVALID_TIMESTAMP, "timestamp"),
    ],
)
async def test_a_bad_row_is_refused_alone(
    argus: Running, stream: IngestStream, batch: metrics_pb2.MetricBatch, reason: int, field: str
) -> None:
    good = one("good")
    good.MergeFrom(batch)

    ack = (await stream.send(1, good)).ack

    assert (ack.accepted_rows, ack.rejected_rows) == (1, 1)
    rejection = ack.rejections[0]
    assert (rejection.row_index, rejection.field, rejection.reason) == (1, field, reason)
    assert rejection.message
    assert await fleet(argus) == ["good"]
    await still_works(stream, 2)


async def test_not_measured_is_no_fault(argus: Running, stream: IngestStream) -> None:
    ack = (await stream.send(1, one(mem_used_pct=math.nan))).ack
    assert (ack.accepted_rows, ack.rejected_rows) == (1, 0)


async def test_an_unknown_state_is_refused(stream: IngestStream) -> None:
    batch = one()
    batch.state.append(42)  # type: ignore[arg-type]

    rejection = (await stream.send(1, batch)).ack.rejections[0]

    assert (rejection.reason, rejection.field) == (Row.ROW_REJECTION_REASON_UNKNOWN_STATE, "state")
    await still_works(stream, 2)


async def test_rejections_are_listed_up_to_a_hundred_and_counted_beyond(stream: IngestStream) -> None:
    ack = (await stream.send(1, rows(["bad"] * 300, [START_MS] * 300, cpu_user_pct=-1))).ack
    assert (len(ack.rejections), ack.rejected_rows) == (100, 300)


async def test_columns_of_unequal_length_refuse_the_batch(argus: Running, stream: IngestStream) -> None:
    batch = rows(["a", "b"], [START_MS, START_MS])
    del batch.mem_used_pct[1:]

    rejection = (await stream.send(1, batch)).rejection

    assert (rejection.reason, rejection.sequence) == (Batch.BATCH_REJECTION_REASON_COLUMN_LENGTH_MISMATCH, 1)
    assert "mem_used_pct 1" in rejection.message
    assert await fleet(argus) == []
    await still_works(stream, 2)


async def test_a_sample_seen_before_is_a_duplicate(stream: IngestStream) -> None:
    await stream.send(1, one())
    ack = (await stream.send(2, rows(["web-1", "web-1"], [START_MS, START_MS + 1000]))).ack
    assert (ack.accepted_rows, ack.duplicate_rows) == (1, 1)


async def test_rows_out_of_order_are_kept(stream: IngestStream) -> None:
    ack = (await stream.send(1, rows(["a"] * 3, [START_MS + 2 * STEP_MS, START_MS, START_MS + STEP_MS]))).ack
    assert ack.accepted_rows == 3


async def test_a_committed_sequence_is_dropped_and_counted(stream: IngestStream) -> None:
    await stream.send(1, one())
    ack = (await stream.send(1, one("other"))).ack
    assert (ack.sequence, ack.accepted_rows, ack.duplicate_rows) == (1, 0, 1)


async def test_a_gap_is_refused_with_the_sequence_to_go_on_from(stream: IngestStream) -> None:
    await stream.send(1, one())

    rejection = (await stream.send(5, one("other"))).rejection

    assert rejection.reason == Batch.BATCH_REJECTION_REASON_SEQUENCE_GAP
    assert rejection.expected_sequence == 2
    await still_works(stream, 2)


async def test_sequence_zero_is_refused(stream: IngestStream) -> None:
    assert (await stream.send(0, one())).rejection.reason == Batch.BATCH_REJECTION_REASON_INVALID_SEQUENCE
    await still_works(stream, 1)


async def test_a_batch_before_hello_is_refused_and_the_stream_goes_on(argus: Running) -> None:
    stream = IngestStream(argus.ingest)
    assert (await stream.send(1, one())).rejection.reason == Batch.BATCH_REJECTION_REASON_HELLO_REQUIRED
    await stream.hello()
    await still_works(stream, 1)


async def test_a_second_hello_is_refused(stream: IngestStream) -> None:
    assert (await stream.ask(hello("b"))).rejection.reason == Batch.BATCH_REJECTION_REASON_HELLO_REPEATED
    await still_works(stream, 1)


@pytest.mark.parametrize("source_id", ["", "x" * 254, "two words", "tab\t"])
async def test_a_hello_that_breaks_the_contract_is_refused(argus: Running, source_id: str) -> None:
    stream = IngestStream(argus.ingest)
    answer = await stream.ask(hello(source_id))
    assert answer.rejection.reason == Batch.BATCH_REJECTION_REASON_INVALID_HELLO
    assert "source_id" in answer.rejection.message
    await stream.hello()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xff\xff",
        b"\x0a\xff",
        metrics_pb2.MetricBatch(timestamp=[1], server_name=["a"]).SerializeToString(),
        prediction_pb2.SnapshotPart(base_revision=3).SerializeToString(),
    ],
)
async def test_bytes_of_another_type_are_refused_and_the_stream_goes_on(argus: Running, data: bytes) -> None:
    stream = IngestStream.raw(argus.channel)
    await stream.ask(hello("raw").SerializeToString())

    answer = await stream.ask(data)

    assert answer.rejection.reason == Batch.BATCH_REJECTION_REASON_MALFORMED_MESSAGE
    good = await stream.ask(numbered(1, one()).SerializeToString())
    assert good.ack.accepted_rows == 1


async def test_too_many_rows_are_refused_by_number(stream: IngestStream) -> None:
    rejection = (await stream.send(1, rows(["a"] * 10_001, range(1, 10_002)))).rejection
    assert rejection.reason == Batch.BATCH_REJECTION_REASON_BATCH_TOO_LARGE
    assert "10001" in rejection.message
    assert "10000" in rejection.message
    await still_works(stream, 2)


async def test_too_many_bytes_are_refused_by_number(argus: Running, stream: IngestStream) -> None:
    batch = rows(["n" * 253] * 10_000, range(START_MS, START_MS + 10_000_000, 1000))
    batch.server_name.extend(["n" * 253] * 10_000)

    rejection = (await stream.send(1, batch)).rejection

    assert rejection.reason == Batch.BATCH_REJECTION_REASON_BATCH_TOO_LARGE
    assert str(4 << 20) in rejection.message
    await still_works(stream, 2)


async def test_the_far_future_is_refused_by_a_wall_clock() -> None:
    clock = ManualClock(START_MS)
    async with running(clock, clock="wall") as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        ack = (await stream.send(1, rows(["a", "b"], [START_MS + 299_000, START_MS + 301_000]))).ack
        assert (ack.accepted_rows, ack.rejections[0].reason) == (1, Row.ROW_REJECTION_REASON_IN_FUTURE)
        ack = (await stream.send(2, rows(["a"], [START_MS - 8 * 24 * 3_600_000]))).ack
        assert ack.rejections[0].reason == Row.ROW_REJECTION_REASON_TOO_OLD
        assert "event clock" in ack.rejections[0].message


async def test_a_full_fleet_takes_no_new_server() -> None:
    async with running(max_servers=2) as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        ack = (await stream.send(1, rows(["a", "b", "c"], [START_MS] * 3))).ack
        assert (ack.accepted_rows, ack.rejections[0].reason) == (2, Row.ROW_REJECTION_REASON_TOO_MANY_SERVERS)


async def test_a_source_that_sends_too_fast_is_asked_to_pause() -> None:
    async with running(max_rows_per_second=10) as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        ack = (await stream.send(1, rows(["a"] * 50, range(START_MS, START_MS + 50_000, 1000)))).ack
        assert ack.accepted_rows == 50
        assert 3 < ack.retry_delay.seconds < 5


async def test_a_newer_stream_takes_the_place_of_an_older_one(argus: Running, stream: IngestStream) -> None:
    newer = IngestStream(argus.ingest)
    await newer.hello()

    await stream._call.write(numbered(1, one()))

    assert await stream.code() == grpc.StatusCode.ABORTED
    await still_works(newer, 1)


async def test_an_oversize_message_of_an_older_stream_costs_the_newer_one_nothing(
    argus: Running, stream: IngestStream
) -> None:
    newer = IngestStream(argus.ingest)
    await newer.hello()
    await newer.send(1, one())
    huge = rows(["n" * 253] * 20_000, range(START_MS, START_MS + 20_000_000, 1000))

    await stream._call.write(numbered(2, huge))

    assert await stream.code() == grpc.StatusCode.ABORTED
    await still_works(newer, 2)


@pytest.mark.parametrize("sequence", [1, 127, 128, 2**40])
def test_the_sequence_of_an_oversize_message_is_found_without_reading_it(sequence: int) -> None:
    assert peek_sequence(numbered(sequence, one()).SerializeToString()) == sequence
    assert peek_sequence(hello("a").SerializeToString()) == 0
    assert peek_sequence(b"\x12") == 0


async def test_the_far_future_is_refused_by_an_event_clock_too(argus: Running, stream: IngestStream) -> None:
    await stream.send(1, one("good"))
    ack = (await stream.send(2, one("evil", 4_102_444_800_000))).ack
    assert ack.rejections[0].reason == Row.ROW_REJECTION_REASON_IN_FUTURE
    assert await fleet(argus) == ["good"]


async def test_draining_tells_the_source_and_ends_the_stream_well(
    argus: Running, stream: IngestStream
) -> None:
    reading = stream.read()
    await argus.server.drain()
    assert (await reading).WhichOneof("message") == "draining"
    assert await stream.read() is grpc.aio.EOF
    assert await stream.code() == grpc.StatusCode.OK


async def test_bad_rows_leave_the_forecasts_of_others_as_they_are(
    argus: Running, stream: IngestStream
) -> None:
    await stream.send(1, rows(["a"] * 30, [START_MS + step * STEP_MS for step in range(30)]))
    request = prediction_pb2.GetForecastRequest(servers=["a"])
    before = await argus.prediction.GetForecast(request)

    garbage = rows(["b"] * len(METRICS), [START_MS + 29 * STEP_MS] * len(METRICS))
    for index, metric in enumerate(METRICS):
        getattr(garbage, metric)[index] = (math.inf, -math.inf, -1.0)[index % 3]
    await stream.send(2, garbage)
    await stream.send(3, rows(["c"], [START_MS + 29 * STEP_MS], cpu_user_pct=math.nan))

    after = await argus.prediction.GetForecast(request)
    assert after.servers[0].SerializeToString() == before.servers[0].SerializeToString()
    status = await argus.admin.GetStatus(admin_pb2.GetStatusRequest())
    assert (status.accepted_rows, status.rejected_rows) == (31, len(METRICS))
