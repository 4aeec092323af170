"""The publishing machine against the fake server's ingest, message by message, without a transport."""

from __future__ import annotations

import queue
from collections import deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.v1 import ingest_pb2
from argus_client import (
    Backoff,
    BufferFull,
    Closed,
    ConnectionLost,
    ConnectionState,
    InvalidArgument,
    Rejected,
    Rejection,
    Unauthenticated,
)
from argus_client._config import PublisherConfig
from argus_client._publishing import PublishingMachine
from argus_client._send_buffer import split_samples
from argus_client._stream_machine import StateChange
from argus_client._wire import BatchEncoder
from argus_client.testing import make_samples
from argus_client.testing._ingest import FakeIngest

BACKOFF = Backoff(initial_seconds=1.0, maximum_seconds=8.0)
START_MS = 1_750_000_000_000
DISK = ingest_pb2.BATCH_REJECTION_REASON_STORAGE_UNAVAILABLE


class Line:
    """A machine, a fake ingest, and the messages under way between them."""

    def __init__(
        self,
        *,
        config: PublisherConfig | None = None,
        max_batch_rows: int = 100,
        max_batch_bytes: int = 1 << 20,
        max_in_flight: int = 4,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self.config = config or PublisherConfig(max_buffered_rows=200, batch_rows=10)
        self.machine = PublishingMachine("source", self.config, backoff, 30.0, uniform=lambda low, high: high)
        limits = ingest_pb2.IngestLimits(
            max_batch_rows=max_batch_rows,
            max_batch_bytes=max_batch_bytes,
            max_in_flight_batches=max_in_flight,
        )
        self.ingest = FakeIngest(limits, 300)
        self.now = 0.0
        self.outbound: deque[bytes] = deque()
        self.inbound: deque[ingest_pb2.StreamMetricsResponse] = deque()
        self.published = 0
        self._inbox: Any = None

    def connect(self) -> None:
        self._inbox = queue.SimpleQueue()
        self.ingest._streams.clear()
        self.ingest._streams[self._inbox] = ""
        self.outbound.append(self.machine.opened(self.now))

    def disconnect(self, error: Exception | None = None) -> None:
        self.outbound.clear()
        self.inbound.clear()
        self.machine.ended(error or ConnectionLost("lost"), self.now)  # type: ignore[arg-type]

    def publish(self, rows: int) -> None:
        """Rows that are told apart by their time."""
        samples = make_samples(["web-1"] * rows)
        samples.timestamp_ms[:] += self.published + np.arange(rows)
        self.published += rows
        assert self.machine.offer(split_samples(samples, self.config.batch_rows, BatchEncoder()))

    def send(self) -> bool:
        message = self.machine.next_message(self.now)
        if message is not None:
            self.outbound.append(message)
        return message is not None

    def deliver(self) -> None:
        if self.outbound:
            self.inbound.append(self.ingest._answer(self.outbound.popleft(), self._inbox))

    def answer(self) -> None:
        if self.inbound:
            self.machine.receive(self.inbound.popleft(), self.now)
            if self.machine.leave is not None:
                self.disconnect()

    def settle(self) -> None:
        """Connects and exchanges messages until everything is answered for."""
        for _ in range(10_000):
            if not self.machine.is_open:
                if self.machine.closed:
                    return
                self.now = max(self.now, self.machine.reconnect_at)
                self.connect()
            self.send()
            self.deliver()
            self.answer()
            self.now += 0.01
            if self.machine.check_stalled(self.now):
                self.disconnect()
            if not self.machine.buffered_rows and not self.outbound and not self.inbound:
                return
        raise AssertionError("never settled")

    @property
    def committed(self) -> list[int]:
        source = self.ingest.sources.get("source")
        return [] if source is None else (source.samples.timestamp_ms - START_MS).tolist()

    def states(self) -> list[ConnectionState]:
        return [event.state for event in self.machine.events if isinstance(event, StateChange)]

    def rejections(self) -> list[Rejection]:
        return [event for event in self.machine.events if isinstance(event, Rejection)]


def balanced(line: Line) -> bool:
    stats = line.machine.stats
    outcome = stats.rows_accepted + stats.rows_duplicate + stats.rows_rejected + stats.rows_unreported
    return stats.rows_published == outcome + stats.rows_dropped + stats.rows_buffered


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 25)),
        st.tuples(st.sampled_from(["send", "deliver", "answer"]), st.integers(1, 5)),
        st.tuples(st.sampled_from(["disconnect", "throttle", "drain", "disk"]), st.just(1)),
        st.tuples(st.just("shrink"), st.integers(1, 12)),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=200)
@given(STEPS)
def test_every_row_is_committed_exactly_once_whatever_breaks(steps: list[tuple[str, int]]) -> None:
    line = Line()
    for step, count in steps:
        if not line.machine.is_open:
            line.connect()
        if step == "publish" and line.machine.buffered_rows + count <= 200:
            line.publish(count)
        elif step == "disconnect":
            line.disconnect()
        elif step == "throttle":
            line.ingest.throttle.append(0.5)
        elif step == "disk":
            line.ingest.rejections.append((DISK, True))
        elif step == "drain":
            line.machine.receive(
                ingest_pb2.StreamMetricsResponse(draining=ingest_pb2.IngestDraining()), line.now
            )
        elif step == "shrink":
            line.ingest.limits.max_batch_rows = count
        elif step in ("send", "deliver", "answer"):
            for _ in range(count):
                getattr(line, step)()
        assert balanced(line)
        assert set(range(line.machine.settled_rows)) <= set(line.committed)

    line.settle()
    assert line.machine.settled_rows == line.machine.stats.rows_published

    assert sorted(line.committed) == list(range(line.published))
    stats = line.machine.stats
    assert balanced(line)
    assert stats.rows_sent == line.published
    assert stats.rows_rejected == stats.rows_dropped == stats.rows_buffered == 0


def test_what_the_server_cannot_keep_now_is_sent_again_after_the_pause_on_the_same_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    line = Line()
    line.connect()
    line.deliver()
    line.answer()
    line.publish(35)
    line.ingest.rejections.extend([(DISK, True)] * 2)  # the third is a gap then, and the fourth
    for _ in range(4):
        line.send()
    for _ in range(4):
        line.deliver()
        line.answer()

    assert not line.send()  # it is asked to wait
    assert not line.machine.check_stalled(line.now + 1000.0)  # and the server owes nothing
    assert line.machine.seconds_until_due(line.now) == pytest.approx(0.05)
    assert "cannot keep rows now" in str(line.machine.stats.last_error)
    (begins,) = (record.getMessage() for record in caplog.records)
    assert begins == (
        "publisher source: the server cannot keep rows now: as the test wants it; 35 rows wait here"
    )
    line.now += 0.05
    line.settle()
    assert "source: the server keeps rows again; 25 rows wait here" in caplog.records[1].getMessage()
    assert len(caplog.records) == 2

    assert sorted(line.committed) == list(range(35))
    assert line.ingest.sources["source"].sequences == [1, 2, 3, 4, 1, 2, 3, 4]
    assert line.machine.stats.reconnects == 0
    assert line.machine.stats.rows_accepted == line.machine.stats.rows_sent == 35
    assert line.rejections() == []


def test_numbers_begin_after_the_welcome_and_rise_by_one() -> None:
    line = Line()
    line.publish(25)

    line.settle()

    assert line.ingest.sources["source"].sequences == [1, 2, 3]
    assert line.machine.stats.rows_accepted == 25


def test_a_restarted_source_goes_on_where_it_left_off() -> None:
    line = Line()
    line.publish(5)
    line.settle()
    again = Line()
    again.ingest, again.published = line.ingest, line.published

    again.publish(5)
    again.settle()

    assert line.ingest.sources["source"].sequences == [1, 2]
    assert line.committed == list(range(10))


def test_small_calls_that_wait_together_go_out_as_one_batch() -> None:
    line = Line()
    for _ in range(7):
        line.publish(3)

    line.settle()

    assert [len(batch) for batch in line.ingest.sources["source"].batches] == [9, 9, 3]


def test_no_more_batches_are_out_than_the_server_wants() -> None:
    line = Line(max_in_flight=2)
    line.publish(50)
    line.connect()
    line.deliver()
    line.answer()

    assert [line.send() for _ in range(3)] == [True, True, False]
    line.deliver()
    line.answer()
    assert [line.send() for _ in range(2)] == [True, False]


def test_nothing_is_sent_before_the_welcome() -> None:
    line = Line()
    line.publish(5)
    line.connect()

    assert not line.send()


def test_after_a_reconnect_only_what_was_not_committed_is_sent_again() -> None:
    line = Line()
    line.publish(30)
    line.connect()
    line.deliver()
    line.answer()
    while line.send():
        pass
    line.deliver()  # the first batch is committed, its ack is lost
    line.disconnect()

    line.settle()

    assert line.ingest.sources["source"].sequences == [1, 2, 3]
    stats = line.machine.stats
    assert (stats.rows_unreported, stats.rows_accepted, stats.rows_duplicate) == (10, 20, 0)
    assert stats.batches_sent == 5


def test_a_server_that_has_lost_its_records_gets_what_is_held() -> None:
    line = Line()
    line.publish(10)
    line.settle()
    line.publish(20)
    line.send()
    line.send()
    line.ingest.forget()
    line.disconnect()

    line.settle()

    assert line.committed == list(range(10, 30))
    assert line.machine.stats.rows_accepted == 30


def test_a_pause_is_kept() -> None:
    line = Line()
    line.ingest.throttle.append(5.0)
    line.publish(5)
    line.settle()
    line.publish(5)
    began = line.now

    assert not line.send()
    assert line.machine.seconds_until_due(began) == pytest.approx(5.0, abs=0.1)
    line.now = began + 4.9
    assert not line.send()
    line.now = began + 5.1
    assert line.send()
    assert line.machine.stats.throttles == 1


def test_a_batch_that_is_too_large_is_split_until_it_fits() -> None:
    line = Line(max_batch_rows=100)
    line.publish(10)
    line.connect()
    line.deliver()
    line.answer()
    line.ingest.limits.max_batch_rows = 3  # after the Welcome, so that only the refusal tells

    line.settle()

    assert line.committed == list(range(10))
    assert max(len(batch) for batch in line.ingest.sources["source"].batches) <= 3
    assert line.machine.stats.rows_rejected == 0
    assert line.machine.stats.rows_sent == 10


def test_rows_that_were_split_hold_back_those_behind_them_until_they_are_settled() -> None:
    line = Line(max_batch_rows=100)
    line.publish(30)  # three batches
    line.connect()
    line.deliver()
    line.answer()
    line.ingest.rejections.append(
        (ingest_pb2.BatchRejectionReason.BATCH_REJECTION_REASON_BATCH_TOO_LARGE, True)
    )
    while line.send():
        pass
    for _ in range(3):
        line.deliver()
        line.answer()

    stats = line.machine.stats
    assert (stats.rows_accepted, stats.rows_settled, stats.rows_published) == (20, 0, 30)
    line.settle()
    assert line.machine.stats.rows_settled == 30


def test_bytes_are_kept_to_as_well() -> None:
    line = Line(max_batch_bytes=400)
    line.publish(10)

    line.settle()

    assert line.committed == list(range(10))
    assert len(line.ingest.sources["source"].batches) > 1


def test_a_single_row_that_is_too_large_is_given_up_and_told() -> None:
    line = Line(max_batch_bytes=50)
    line.publish(1)

    line.settle()

    assert line.machine.stats.rows_rejected == 1
    assert [rejection.reason for rejection in line.rejections()] == ["BATCH_TOO_LARGE"]


@pytest.mark.parametrize("reason", ["COLUMN_LENGTH_MISMATCH", "INVALID_SEQUENCE", "MALFORMED_MESSAGE"])
def test_a_batch_refused_as_a_whole_is_counted_and_told(reason: str) -> None:
    line = Line()
    number = ingest_pb2.BatchRejectionReason.Value(f"BATCH_REJECTION_REASON_{reason}")
    line.ingest.rejections.append((number, True))
    line.publish(25)

    line.settle()

    stats = line.machine.stats
    assert (stats.rows_rejected, stats.rows_accepted) == (10, 15)
    assert [(r.reason, r.rows, r.sequence) for r in line.rejections()] == [(reason, 10, 1)]
    assert line.committed == list(range(10, 25))


def test_a_message_the_server_cannot_read_is_found_and_given_up() -> None:
    line = Line()
    line.publish(5)
    line.settle()  # the server knows the source now, so what follows the bad one leaves a gap
    number = ingest_pb2.BatchRejectionReason.Value("BATCH_REJECTION_REASON_MALFORMED_MESSAGE")
    line.ingest.rejections.append((number, False))
    line.publish(30)

    line.settle()

    stats = line.machine.stats
    assert (stats.rows_rejected, stats.rows_accepted) == (10, 25)
    assert line.committed == [*range(5), *range(15, 35)]
    assert stats.reconnects == 1


def test_an_unreadable_batch_that_is_too_large_makes_batches_smaller() -> None:
    line = Line()
    number = ingest_pb2.BatchRejectionReason.Value("BATCH_REJECTION_REASON_BATCH_TOO_LARGE")
    line.publish(5)
    line.settle()
    line.ingest.rejections.append((number, False))
    line.publish(10)

    line.settle()

    assert line.committed == list(range(15))
    assert [len(batch) for batch in line.ingest.sources["source"].batches] == [5, 5, 5]


def test_a_gap_is_filled_once_however_often_it_is_reported() -> None:
    line = Line()
    line.publish(5)
    line.settle()
    line.publish(40)
    while line.send():
        pass
    line.outbound.popleft()  # lost on the way; the three behind it each meet the gap

    line.settle()

    assert line.committed == list(range(45))
    stats = line.machine.stats
    assert (stats.rows_duplicate, stats.reconnects) == (0, 0)
    assert line.ingest.sources["source"].sequences == [1, 3, 4, 5, 2, 3, 4, 5]


def test_a_gap_that_cannot_be_filled_begins_a_new_stream() -> None:
    line = Line()
    line.publish(5)
    line.settle()
    line.publish(20)
    line.send()
    gap = ingest_pb2.BatchRejection(
        sequence=2,
        reason=ingest_pb2.BATCH_REJECTION_REASON_SEQUENCE_GAP,
        expected_sequence=99,
    )
    line.machine.receive(ingest_pb2.StreamMetricsResponse(rejection=gap), line.now)

    assert line.machine.leave is not None


def test_refused_rows_are_named() -> None:
    line = Line()
    line.ingest.refused_servers["web-1"] = ingest_pb2.ROW_REJECTION_REASON_OUT_OF_RANGE
    line.publish(2)

    line.settle()

    first, second = line.rejections()
    assert (first.reason, first.server_name, first.row_index) == ("OUT_OF_RANGE", "web-1", 0)
    assert (second.row_index, second.timestamp_ms, second.rows) == (1, START_MS + 1, 1)
    with pytest.raises(Rejected, match="refused 2 rows") as caught:
        line.machine.check_rejections()
    assert caught.value.rows == 2
    assert len(caught.value.rejections) == 2
    line.machine.check_rejections()  # told once


def test_a_refused_source_id_ends_the_publisher() -> None:
    line = Line()
    line.machine.source_id = "not allowed"
    line.publish(1)

    line.settle()

    with pytest.raises(InvalidArgument, match="'not allowed'"):
        line.machine.check()


def test_an_error_that_will_not_pass_ends_the_publisher() -> None:
    line = Line()
    line.publish(3)
    line.connect()
    line.disconnect(Unauthenticated("no"))

    assert line.machine.state is ConnectionState.CLOSED
    assert line.machine.stats.rows_dropped == 3
    with pytest.raises(Unauthenticated):
        line.machine.check()


def test_attempts_are_bounded_when_told_so() -> None:
    line = Line(backoff=Backoff(initial_seconds=1, maximum_seconds=8, attempts=3))
    for attempt in range(3):
        assert not line.machine.closed, attempt
        line.connect()
        line.disconnect()

    with pytest.raises(ConnectionLost):
        line.machine.check()


def test_waits_grow_and_start_again_after_a_welcome() -> None:
    line = Line()
    waits = []
    for _ in range(5):
        line.connect()
        line.disconnect()
        waits.append(line.machine.reconnect_at - line.now)
    line.connect()
    line.deliver()
    line.answer()
    line.disconnect()
    waits.append(line.machine.reconnect_at - line.now)

    assert waits == [1, 2, 4, 8, 8, 1]


def test_the_server_may_ask_for_a_longer_wait() -> None:
    line = Line()
    line.connect()
    line.disconnect(ConnectionLost("busy", retry_delay=60.0))

    assert line.machine.reconnect_at == 60.0


def test_draining_is_a_reconnect_and_no_error() -> None:
    line = Line()
    line.publish(5)
    line.settle()
    draining = ingest_pb2.StreamMetricsResponse(draining=ingest_pb2.IngestDraining())
    draining.draining.reconnect_after.FromSeconds(3)
    line.machine.receive(draining, line.now)
    assert line.states()[-1] is ConnectionState.DRAINING
    line.publish(5)
    assert not line.send()

    line.machine.ended(None, line.now)

    assert line.states()[-1] is ConnectionState.RECONNECTING
    assert line.machine.reconnect_at == line.now + 4.0  # as told, and jitter
    assert line.machine.stats.last_error is None
    line.settle()
    assert line.committed == list(range(10))


@pytest.mark.parametrize("phase", ["hello", "again", "batch", "draining"])
def test_a_server_that_owes_an_answer_is_left_after_a_while(phase: str) -> None:
    line = Line()
    if phase == "again":
        line.connect()
        line.disconnect()
    line.connect()
    if phase in ("batch", "draining"):
        line.deliver()
        line.answer()
    if phase == "batch":
        line.publish(1)
        assert line.machine.seconds_until_due(line.now) is None
        line.send()
    if phase == "draining":
        line.machine.receive(ingest_pb2.StreamMetricsResponse(draining=ingest_pb2.IngestDraining()), line.now)

    assert line.machine.seconds_until_due(line.now) == 30.0
    assert not line.machine.check_stalled(line.now + 29.9)
    assert line.machine.check_stalled(line.now + 30.1)
    line.machine.ended(None, line.now + 30.1)
    assert not line.machine.closed


def test_a_full_buffer_waits_drops_or_raises() -> None:
    def line(policy: Any) -> Line:
        return Line(config=PublisherConfig(max_buffered_rows=20, batch_rows=10, when_full=policy))

    def chunks(rows: int) -> Any:
        return split_samples(make_samples(["new"] * rows), 10, BatchEncoder())

    waiting = line("block")
    waiting.publish(20)
    left = chunks(10)
    assert not waiting.machine.offer(left)
    assert len(left) == 1

    dropping = line("drop_oldest")
    dropping.publish(20)
    assert dropping.machine.offer(chunks(10))
    assert dropping.machine.stats.rows_dropped == 10
    dropping.settle()
    assert dropping.ingest.sources["source"].samples.server_name.tolist() == ["web-1"] * 10 + ["new"] * 10

    raising = line("raise")
    raising.publish(15)
    with pytest.raises(BufferFull, match="holds 15 of 20 rows and has no room for 6 more"):
        raising.machine.offer(chunks(6))
    assert raising.machine.offer(chunks(5))


def test_drop_oldest_always_has_rows_it_may_drop() -> None:
    line = Line(config=PublisherConfig(max_buffered_rows=20, batch_rows=10, when_full="drop_oldest"))
    line.publish(20)
    line.connect()
    line.deliver()
    line.answer()
    while line.send():
        pass

    line.publish(20)

    assert line.machine.stats.rows_buffered == 20
    assert line.machine.stats.rows_dropped == 20
    line.settle()
    assert line.committed == [*range(10), *range(30, 40)]


def test_a_closed_publisher_takes_nothing() -> None:
    line = Line()
    line.publish(4)

    assert line.machine.close() == 4
    assert line.machine.stats.rows_dropped == 4
    with pytest.raises(Closed):
        line.publish(1)
