"""One ingest stream as a state machine: bytes in, answers out, no transport in sight."""

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


class IngestSession:
    """Follows the contract of `IngestService.StreamMetrics` for one stream.

    Args:
        pipeline: Takes rows into the window.
        sources: Shared by all streams.
        limits: What the source must stay within.
        welcome: What the Welcome says beside the last sequence.
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
        monotonic: Callable[[], float] = time.monotonic,
        quota: Quota | None = None,
    ) -> None:
        self.pause_seconds = 0.0
        self._quota = quota
        self._pipeline = pipeline
        self._sources = sources
        self._limits = limits
        self._welcome = welcome
        self._source: Source | None = None
        self._bucket = TokenBucket(limits.max_rows_per_second, monotonic)

    def receive(self, data: bytes) -> ingest_pb2.StreamMetricsResponse:
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

    def _hello(self, hello: ingest_pb2.Hello) -> Response:
        if self._source is not None:
            return self._reject(
                Reason.BATCH_REJECTION_REASON_HELLO_REPEATED,
                f"this stream speaks for {self._source.source_id!r} already; open another stream for another source",
            )
        if broken := violations(hello):
            text = "; ".join(f"{violation.field}: {violation.message}" for violation in broken)
            return self._reject(Reason.BATCH_REJECTION_REASON_INVALID_HELLO, text)
        self._source = self._sources.claim(hello.source_id, self)
        welcome = ingest_pb2.Welcome()
        welcome.CopyFrom(self._welcome)
        welcome.last_sequence = self._source.last_sequence
        return Response(welcome=welcome)

    def _batch(self, batch: ingest_pb2.SequencedBatch) -> Response:
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
            self._pipeline.count_duplicates(source.source_id, rows)
            return Response(ack=ingest_pb2.Ack(sequence=source.last_sequence, duplicate_rows=rows))
        if source.last_sequence and batch.sequence != source.last_sequence + 1:
            rejection = self._reject(
                Reason.BATCH_REJECTION_REASON_SEQUENCE_GAP,
                f"got sequence {batch.sequence} after {source.last_sequence}; send from {source.last_sequence + 1} on",
                batch.sequence,
                0,
            )
            rejection.rejection.expected_sequence = source.last_sequence + 1
            return rejection
        return self._commit(source, batch)

    def _commit(self, source: Source, batch: ingest_pb2.SequencedBatch) -> Response:
        rows = len(batch.metrics.timestamp)
        try:
            ack = self._pipeline.accept(source.source_id, batch.sequence, batch.metrics, self._quota)
        except ColumnLengthMismatch as error:
            source.last_sequence = batch.sequence
            return self._reject(
                Reason.BATCH_REJECTION_REASON_COLUMN_LENGTH_MISMATCH, str(error), batch.sequence, rows
            )
        except BatchTooLarge as error:
            source.last_sequence = batch.sequence
            return self._reject(
                Reason.BATCH_REJECTION_REASON_BATCH_TOO_LARGE, str(error), batch.sequence, rows
            )
        source.last_sequence = batch.sequence
        ack.sequence = batch.sequence
        delay = max(self._bucket.take(rows), self._quota.take_rows(rows) if self._quota else 0.0)
        # A source that pauses as asked is never more than a pause in debt when its next batch comes.
        self.pause_seconds = min(max(delay - PAUSE_GRACE_SECONDS, 0.0), LONGEST_PAUSE_SECONDS)
        if delay:
            self._pipeline.count_throttle()
            ack.retry_delay.FromTimedelta(timedelta(seconds=delay))
        return Response(ack=ack)

    def _too_large(self, data: bytes) -> Response:
        """Refuses a message by its size; its sequence is consumed if it is the next one."""
        sequence = peek_sequence(data)
        source = self._source
        if source is not None:
            self._check_owner(source)
            if sequence and sequence == source.last_sequence + 1:
                source.last_sequence = sequence
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
        self, reason: ingest_pb2.BatchRejectionReason, message: str, sequence: int = 0, rows: int = 0
    ) -> Response:
        name = Reason.Name(reason).removeprefix("BATCH_REJECTION_REASON_").lower()
        source_id = self._source.source_id if self._source else "unknown"
        self._pipeline.count_batch_rejection(source_id, name, rows)
        return Response(
            rejection=ingest_pb2.BatchRejection(
                sequence=sequence, reason=reason, message=message, rejected_rows=rows
            )
        )


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
