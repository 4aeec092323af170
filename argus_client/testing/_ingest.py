"""`IngestService` of the fake server: the contract's numbering, without a window behind it."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import grpc
import numpy as np
from google.protobuf.message import DecodeError

from argus.v1 import ingest_pb2
from argus_client._wire import decode_batch
from argus_client.samples import METRICS, Samples

Response = ingest_pb2.StreamMetricsResponse
Reason = ingest_pb2.BatchRejectionReason

_REPORTED_ROWS: Final = 100
_STORAGE_RETRY_SECONDS: Final = 0.05


class _Command:
    """A command to an open stream, beside the bytes that come in over it."""


END: Final = _Command()
DRAIN: Final = _Command()
DROP: Final = _Command()
RELEASE: Final = _Command()
SUPERSEDED: Final = _Command()


@dataclass
class Source:
    """What the fake server has committed for one source_id.

    Attributes:
        last_sequence: Highest sequence committed.
        first_sequence: Before the first is, the one that was refused for now and must come first; 0 for any.
        hellos: Streams it has opened.
        batches: Rows of every batch committed, in order.
        sequences: Sequences as they came in, duplicates and refused ones included.
    """

    last_sequence: int = 0
    first_sequence: int = 0
    hellos: int = 0
    batches: list[Samples] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)

    @property
    def samples(self) -> Samples:
        """All committed rows."""
        return Samples.concat(self.batches)


class FakeIngest:
    """Sources, faults and open streams. Thread-safe."""

    def __init__(self, limits: ingest_pb2.IngestLimits, step_seconds: int) -> None:
        self.limits = limits
        self.sources: dict[str, Source] = {}
        self.changed = threading.Condition()
        self.hold_acks = False
        self.throttle: deque[float] = deque()
        self.rejections: deque[tuple[Any, bool]] = deque()
        self.refused_servers: dict[str, Any] = {}
        self.reconnect_after = 0.0
        self._step_seconds = step_seconds
        self._streams: dict[queue.SimpleQueue[Any], str] = {}
        self._draining = False

    def command(self, what: object) -> None:
        """Tells every open stream."""
        with self.changed:
            for stream in self._streams:
                stream.put(what)

    def forget(self) -> None:
        """Loses all records, as a server without durable state does when it restarts."""
        with self.changed:
            self.sources.clear()

    @property
    def open_streams(self) -> int:
        """Streams open now."""
        return len(self._streams)

    def stream_metrics(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """Serves one stream."""
        inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self.changed:
            self._streams[inbox] = ""
            self.changed.notify_all()
        if not context.add_callback(lambda: inbox.put(END)):
            inbox.put(END)
        threading.Thread(target=_pump, args=(requests, inbox), daemon=True).start()
        held: deque[Response] = deque()
        try:
            while (item := inbox.get()) is not END:
                if item is DROP:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "the fake server dropped the connection")
                elif item is SUPERSEDED:
                    context.abort(grpc.StatusCode.ABORTED, "a newer stream speaks for this source")
                elif item is DRAIN:
                    yield from _encoded(held)
                    draining = Response(draining=ingest_pb2.IngestDraining())
                    draining.draining.reconnect_after.FromTimedelta(timedelta(seconds=self.reconnect_after))
                    yield draining.SerializeToString()
                    return
                elif item is RELEASE:
                    yield from _encoded(held)
                else:
                    held.append(self._receive(item, inbox))
                    if not self.hold_acks or held[-1].HasField("welcome"):
                        yield from _encoded(held)
        finally:
            with self.changed:
                self._streams.pop(inbox, None)
                self.changed.notify_all()

    def _receive(self, data: bytes, inbox: queue.SimpleQueue[Any]) -> Response:
        with self.changed:
            answer = self._answer(data, inbox)
            self.changed.notify_all()
        return answer

    def _answer(self, data: bytes, inbox: queue.SimpleQueue[Any]) -> Response:
        try:
            message = ingest_pb2.StreamMetricsRequest.FromString(data)
        except DecodeError:
            return _rejection(Reason.BATCH_REJECTION_REASON_MALFORMED_MESSAGE, "no StreamMetricsRequest")
        source_id = self._streams.get(inbox, "")
        if message.HasField("hello"):
            if source_id:
                return _rejection(Reason.BATCH_REJECTION_REASON_HELLO_REPEATED, "one Hello per stream")
            return self._welcome(message.hello, inbox)
        if not source_id:
            return _rejection(Reason.BATCH_REJECTION_REASON_HELLO_REQUIRED, "say Hello first")
        return self._batch(self.sources[source_id], message.batch, len(data))

    def _welcome(self, hello: ingest_pb2.Hello, inbox: queue.SimpleQueue[Any]) -> Response:
        name = hello.source_id
        if not name or len(name) > 253 or not all("!" <= c <= "~" for c in name):
            return _rejection(
                Reason.BATCH_REJECTION_REASON_INVALID_HELLO, f"source_id {name!r} is not allowed"
            )
        for other, owner in self._streams.items():
            if owner == name:
                other.put(SUPERSEDED)
        self._streams[inbox] = name
        source = self.sources.setdefault(name, Source())
        source.hellos += 1
        source.first_sequence = 0
        welcome = ingest_pb2.Welcome(
            last_sequence=source.last_sequence,
            limits=self.limits,
            step_seconds=self._step_seconds,
            server_version="fake",
        )
        return Response(welcome=welcome)

    def _batch(self, source: Source, batch: ingest_pb2.SequencedBatch, size: int) -> Response:
        sequence, rows = batch.sequence, len(batch.metrics.timestamp)
        source.sequences.append(sequence)
        if self.rejections:
            reason, consume = self.rejections.popleft()
            if reason == Reason.BATCH_REJECTION_REASON_STORAGE_UNAVAILABLE:
                source.first_sequence = source.first_sequence or sequence
                refused = _rejection(reason, "as the test wants it", sequence=sequence)
                refused.rejection.retry_delay.FromTimedelta(timedelta(seconds=_STORAGE_RETRY_SECONDS))
                return refused
            if consume:
                source.last_sequence = sequence
            return _rejection(reason, "as the test wants it", sequence=sequence if consume else 0, rows=rows)
        if sequence == 0:
            return _rejection(Reason.BATCH_REJECTION_REASON_INVALID_SEQUENCE, "number from 1", rows=rows)
        if sequence <= source.last_sequence:
            return Response(ack=ingest_pb2.Ack(sequence=source.last_sequence, duplicate_rows=rows))
        expected = source.last_sequence + 1 if source.last_sequence else source.first_sequence
        if expected not in (0, sequence):
            gap = _rejection(Reason.BATCH_REJECTION_REASON_SEQUENCE_GAP, "out of turn", sequence=sequence)
            gap.rejection.expected_sequence = expected
            return gap
        source.last_sequence = sequence
        if rows > self.limits.max_batch_rows or size > self.limits.max_batch_bytes:
            return _rejection(
                Reason.BATCH_REJECTION_REASON_BATCH_TOO_LARGE,
                f"{rows} rows and {size} bytes; {self.limits.max_batch_rows} and "
                f"{self.limits.max_batch_bytes} are allowed",
                sequence=sequence,
                rows=rows,
            )
        lengths = {len(batch.metrics.server_name), *(len(getattr(batch.metrics, m)) or rows for m in METRICS)}
        if lengths != {rows}:
            return _rejection(
                Reason.BATCH_REJECTION_REASON_COLUMN_LENGTH_MISMATCH,
                "columns differ in length",
                sequence=sequence,
                rows=rows,
            )
        return self._commit(source, batch)

    def _commit(self, source: Source, batch: ingest_pb2.SequencedBatch) -> Response:
        samples = decode_batch(batch.metrics.SerializeToString())
        ack = ingest_pb2.Ack(sequence=batch.sequence)
        kept = np.ones(len(samples), bool)
        for row, name in enumerate(samples.server_name):
            if (reason := self.refused_servers.get(name)) is None:
                continue
            kept[row] = False
            if len(ack.rejections) < _REPORTED_ROWS:
                ack.rejections.add(
                    sequence=batch.sequence,
                    row_index=row,
                    field="server_name",
                    reason=reason,
                    message=f"{name} is refused",
                )
        source.batches.append(
            Samples(
                samples.timestamp_ms[kept],
                samples.server_name[kept],
                samples.state[kept],
                samples.metrics[kept],
            )
        )
        ack.accepted_rows = int(kept.sum())
        ack.rejected_rows = len(samples) - ack.accepted_rows
        ack.warm_up.servers = len(set(samples.server_name))
        ack.warm_up.required_steps = 24
        if self.throttle:
            ack.retry_delay.FromTimedelta(timedelta(seconds=self.throttle.popleft()))
        return Response(ack=ack)


def _pump(requests: Iterator[bytes], inbox: queue.SimpleQueue[Any]) -> None:
    """Moves requests into the inbox. gRPC raises here when the call is over; its callback says so too."""
    try:
        for request in requests:
            inbox.put(request)
    except Exception:
        pass
    inbox.put(END)


def _encoded(held: deque[Response]) -> Iterator[bytes]:
    while held:
        yield held.popleft().SerializeToString()


def _rejection(reason: Any, message: str, *, sequence: int = 0, rows: int = 0) -> Response:
    return Response(
        rejection=ingest_pb2.BatchRejection(
            sequence=sequence, reason=reason, message=message, rejected_rows=rows
        )
    )
