"""One ingest stream as a state machine: bytes in, answers out in their order, no transport in sight."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from google.protobuf.message import DecodeError

from argus.v1 import ingest_pb2
from argus_server.contract import violations
from argus_server.errors import Superseded
from argus_server.ingest.columns import BatchTooLarge, ColumnLengthMismatch
from argus_server.ingest.pipeline import IngestPipeline
from argus_server.ingest.sources import Source, SourceRegistry
from argus_server.ingest.throttle import Quota, TokenBucket

Response = ingest_pb2.StreamMetricsResponse
Reason = ingest_pb2.BatchRejectionReason

_BATCH_TAG: Final = ingest_pb2.StreamMetricsRequest.DESCRIPTOR.fields_by_name["batch"].number << 3 | 2
_SEQUENCE_TAG: Final = ingest_pb2.SequencedBatch.DESCRIPTOR.fields_by_name["sequence"].number << 3

PAUSE_GRACE_SECONDS: Final = 1.0
"""Debt beyond which a source that does not pause is made to, by reading no further."""
LONGEST_PAUSE_SECONDS: Final = 10.0
STORAGE_RETRY_SECONDS: Final = 1.0
"""When a source is to send again what could not be kept."""

_HELLO: Final = "hello"
_BATCH: Final = "batch"


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What a source must stay within; `argus.v1.IngestLimits` tells it so."""

    max_batch_rows: int = 10_000
    max_batch_bytes: int = 4 << 20
    max_in_flight_batches: int = 64
    max_servers: int = 10_000
    max_rows_per_second: int = 2_000_000

    def to_proto(self) -> ingest_pb2.IngestLimits:
        return ingest_pb2.IngestLimits(
            max_batch_rows=self.max_batch_rows,
            max_batch_bytes=self.max_batch_bytes,
            max_in_flight_batches=self.max_in_flight_batches,
            max_servers=self.max_servers,
        )


class Answer:
    """An answer that may not be given before it is ready, nor before those to earlier messages.

    Args:
        make: Makes it, when its turn has come.
        ready: Whether it is ready at once.
    """

    __slots__ = ("make", "ready")

    def __init__(self, make: Callable[[], Response], ready: bool = True) -> None:
        self.make = make
        self.ready = ready


class IngestSession:
    """Follows the contract of `IngestService.StreamMetrics` for one stream.

    Batches are taken in one after the other and acknowledged when they are durable; later ones are taken in meanwhile.

    Args:
        pipeline: Takes rows into the window.
        sources: Shared by all streams.
        limits: What the source must stay within.
        welcome: What the Welcome says beside the last sequence.
        ready: Called, on the event loop, when an answer that was not ready has become so.
        monotonic: Clock of the throttle, seconds.
        quota: What the caller may send over all its streams; None leaves it at `limits`.

    Attributes:
        pause_seconds: How long to wait before the next message is read, because the source did not pause as asked.
    """

    def __init__(
        self,
        pipeline: IngestPipeline,
        sources: SourceRegistry,
        limits: IngestLimits,
        welcome: ingest_pb2.Welcome,
        ready: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
        quota: Quota | None = None,
    ) -> None:
        self.pause_seconds = 0.0
        self._quota = quota
        self._pipeline = pipeline
        self._sources = sources
        self._limits = limits
        self._welcome = welcome
        self._ready = ready
        self._source: Source | None = None
        self._bucket = TokenBucket(limits.max_rows_per_second, monotonic)

    @property
    def max_pending(self) -> int:
        """Answers that may be outstanding before the source has to wait."""
        return self._limits.max_in_flight_batches

    def receive(self, data: bytes) -> Answer:
        """Takes one message and answers it.

        Raises:
            Superseded: A newer stream speaks for this source.
        """
        self.pause_seconds = 0.0
        if len(data) > self._limits.max_batch_bytes:
            return self._too_large(data)
        try:
            message = ingest_pb2.StreamMetricsRequest.FromString(data)
        except DecodeError:
            return self._reject(Reason.BATCH_REJECTION_REASON_MALFORMED_MESSAGE, "not a StreamMetricsRequest")
        kind = message.WhichOneof("message")
        if kind == _BATCH:
            return self._batch(message.batch)
        if kind == _HELLO:
            return self._hello(message.hello)
        return self._reject(
            Reason.BATCH_REJECTION_REASON_MALFORMED_MESSAGE,
            "the message has neither hello nor batch set; send one of them",
        )

    def close(self) -> None:
        """Lets go of the source."""
        if self._source is not None:
            self._sources.release(self._source, self)

    def _hello(self, hello: ingest_pb2.Hello) -> Answer:
        if self._source is not None:
            return self._reject(
                Reason.BATCH_REJECTION_REASON_HELLO_REPEATED,
                f"this stream speaks for {self._source.source_id!r} already; open another stream for another source",
            )
        if broken := violations(hello):
            text = "; ".join(f"{violation.field}: {violation.message}" for violation in broken)
            return self._reject(Reason.BATCH_REJECTION_REASON_INVALID_HELLO, text)
        self._source = self._sources.claim(hello.source_id, self)
        answer = Answer(self._make_welcome, ready=False)
        # What an earlier stream of the source has under way decides which sequence the Welcome names.
        self._source.when_settled(lambda: self._make_ready(answer))
        return answer

    def _make_welcome(self) -> Response:
        welcome = ingest_pb2.Welcome()
        welcome.CopyFrom(self._welcome)
        welcome.last_sequence = self._source.last_sequence if self._source else 0
        return Response(welcome=welcome)

    def _make_ready(self, answer: Answer) -> None:
        answer.ready = True
        self._ready()

    def _batch(self, batch: ingest_pb2.SequencedBatch) -> Answer:
        source = self._source
        rows = len(batch.metrics.timestamp)
        if source is None:
            return self._reject(
                Reason.BATCH_REJECTION_REASON_HELLO_REQUIRED,
                "send a hello with a source_id first",
                batch.sequence,
                rows,
            )
        self._check_owner(source)
        if batch.sequence == 0:
            return self._reject(
                Reason.BATCH_REJECTION_REASON_INVALID_SEQUENCE, "sequence 0; number batches from 1", 0, rows
            )
        if batch.sequence <= source.last_sequence:
            return Answer(lambda: self._repeated(source, batch.sequence, rows))
        if (expected := source.expected_sequence) not in (0, batch.sequence):
            return self._reject(
                Reason.BATCH_REJECTION_REASON_SEQUENCE_GAP,
                f"got sequence {batch.sequence} after {source.last_sequence}; send from {expected} on",
                batch.sequence,
                0,
                expected_sequence=expected,
            )
        if failure := self._pipeline.storage_failure:
            source.refuse(batch.sequence)
            return Answer(lambda: self._unavailable(batch.sequence, failure))
        return self._commit(source, batch)

    def _repeated(self, source: Source, sequence: int, rows: int) -> Response:
        """Answers a batch whose sequence was taken in before, now that it is known what became of that."""
        if sequence > source.committed_sequence:
            return self._unavailable(sequence, self._pipeline.storage_failure or "it could not be kept")
        self._pipeline.count_duplicates(source.source_id, rows)
        return Response(ack=ingest_pb2.Ack(sequence=source.committed_sequence, duplicate_rows=rows))

    def _commit(self, source: Source, batch: ingest_pb2.SequencedBatch) -> Answer:
        rows = len(batch.metrics.timestamp)
        try:
            accepted = self._pipeline.accept(source.source_id, batch.sequence, batch.metrics, self._quota)
        except ColumnLengthMismatch as error:
            source.consume(batch.sequence)
            return self._reject(
                Reason.BATCH_REJECTION_REASON_COLUMN_LENGTH_MISMATCH, str(error), batch.sequence, rows
            )
        except BatchTooLarge as error:
            source.consume(batch.sequence)
            return self._reject(
                Reason.BATCH_REJECTION_REASON_BATCH_TOO_LARGE, str(error), batch.sequence, rows
            )
        sequence, ack = batch.sequence, accepted.ack
        ack.sequence = sequence
        delay = max(self._bucket.take(rows), self._quota.take_rows(rows) if self._quota else 0.0)
        # A source that pauses as asked is never more than a pause in debt when its next batch comes.
        self.pause_seconds = min(max(delay - PAUSE_GRACE_SECONDS, 0.0), LONGEST_PAUSE_SECONDS)
        if delay:
            self._pipeline.count_throttle()
            ack.retry_delay.FromTimedelta(timedelta(seconds=delay))
        answer = Answer(lambda: Response(ack=ack), ready=False)

        def settled(failure: str) -> None:
            source.settle(sequence, durable=not failure)
            if failure:
                answer.make = lambda: self._unavailable(sequence, failure)
            self._make_ready(answer)

        source.begin(sequence)
        self._pipeline.commit(source.source_id, sequence, accepted, settled)
        return answer

    def _unavailable(self, sequence: int, failure: str) -> Response:
        self._pipeline.count_batch_rejection(self._source_id, "storage_unavailable", 0)
        rejection = ingest_pb2.BatchRejection(
            sequence=sequence,
            reason=Reason.BATCH_REJECTION_REASON_STORAGE_UNAVAILABLE,
            message=f"{failure}; send the batch again later",
        )
        rejection.retry_delay.FromTimedelta(timedelta(seconds=STORAGE_RETRY_SECONDS))
        return Response(rejection=rejection)

    def _too_large(self, data: bytes) -> Answer:
        """Refuses a message by its size; its sequence is consumed if it is the next one."""
        sequence = peek_sequence(data)
        source = self._source
        if source is not None:
            self._check_owner(source)
            if sequence and sequence == (source.expected_sequence or 1):
                source.consume(sequence)
        return self._reject(
            Reason.BATCH_REJECTION_REASON_BATCH_TOO_LARGE,
            f"the message has {len(data)} bytes; at most {self._limits.max_batch_bytes} are allowed: send fewer rows "
            "per batch",
            sequence,
        )

    def _check_owner(self, source: Source) -> None:
        if source.owner is not self:
            raise Superseded(
                f"a newer stream speaks for source {source.source_id!r}; give every running sender its own source_id"
            )

    def _reject(
        self,
        reason: ingest_pb2.BatchRejectionReason,
        message: str,
        sequence: int = 0,
        rows: int = 0,
        expected_sequence: int = 0,
    ) -> Answer:
        name = Reason.Name(reason).removeprefix("BATCH_REJECTION_REASON_").lower()
        self._pipeline.count_batch_rejection(self._source_id, name, rows)
        rejection = ingest_pb2.BatchRejection(
            sequence=sequence,
            reason=reason,
            message=message,
            rejected_rows=rows,
            expected_sequence=expected_sequence,
        )
        return Answer(lambda: Response(rejection=rejection))

    @property
    def _source_id(self) -> str:
        return self._source.source_id if self._source else "unknown"


def peek_sequence(data: bytes) -> int:
    """The sequence at the front of an encoded batch, without reading the batch; 0 when it does not stand there."""
    try:
        tag, at = _varint(data, 0)
        if tag != _BATCH_TAG:
            return 0
        _, at = _varint(data, at)
        tag, at = _varint(data, at)
        return _varint(data, at)[0] if tag == _SEQUENCE_TAG else 0
    except IndexError:
        return 0


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number as protobuf writes it, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80 or shift > 63:
            return value, at
        shift += 7
