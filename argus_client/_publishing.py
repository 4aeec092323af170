"""The source's half of `IngestService.StreamMetrics` as a state machine: no transport, no clock, no threads.

    offer -> [unsent] -> number and send -> [window] -> acknowledged, refused or known to be committed -> gone
                ^                              |
                +---- split, when too large ---+   after a Welcome or a gap: sent again, never counted twice

Both publishers drive this one machine, so that they cannot differ in what they do, only in how they wait.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable
from typing import Final

from argus.v1 import ingest_pb2
from argus_client._config import Backoff, PublisherConfig, client_version
from argus_client._errors import BufferFull, ConnectionLost, InvalidArgument, NotReady
from argus_client._rejections import RecentRejections, batch_rejection, row_rejection
from argus_client._send_buffer import Batch, Chunk, SendBuffer
from argus_client._stream_machine import StreamMachine
from argus_client._values import ConnectionState, PublisherStats, Rejection, WarmUp
from argus_client._wire import frame_batch

_Reason = ingest_pb2.BatchRejectionReason

_log = logging.getLogger("argus_client")

CLIENT_NAME: Final = "argus-python"


class PublishingMachine(StreamMachine):
    """What a publisher holds and what it must do next. Not thread-safe.

    The driver opens a stream, sends `opened()`, then whatever `next_message()` gives, feeds answers to
    `receive()`, and reports the end of the stream to `ended()`. It hands `events` to the user's callbacks.

    Args:
        source_id: Names the source of the sequence numbers.
        config: How to buffer.
        backoff: Waits before a stream is opened again.
        acknowledge_seconds: Silence of a server that owes an answer which counts as a lost connection.
        uniform: Source of jitter.
    """

    def __init__(
        self,
        source_id: str,
        config: PublisherConfig,
        backoff: Backoff,
        acknowledge_seconds: float,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        super().__init__(backoff, acknowledge_seconds, uniform)
        self.source_id = source_id
        self.config = config
        self._buffer = SendBuffer(config.max_buffered_rows, config.batch_rows)
        self._welcomed = False
        self._paused_until = 0.0
        self._refuses_storage = False
        self._suspect: Batch | None = None
        self._gap_until = 0
        self._gap_seen = 0

        self._refused = RecentRejections()
        self._published = self._sent = self._accepted = self._duplicate = 0
        self._rejected = self._unreported = self._dropped = 0
        self._batches_sent = self._throttles = 0
        self._warm_up: WarmUp | None = None

    # The user's side.

    def offer(self, chunks: deque[Chunk]) -> bool:
        """Takes chunks, from the left, as far as there is room. False: offer the rest when rows are settled.

        Raises:
            BufferFull: there is no room and the policy is `raise`; nothing was taken.
            Closed: the publisher is closed.
            ArgusError: the stream has failed for good.
        """
        self.check()
        buffer, policy = self._buffer, self.config.when_full
        if policy == "raise" and not buffer.has_room(rows := sum(chunk.rows for chunk in chunks)):
            raise BufferFull(
                f"The buffer holds {buffer.rows} of {self.config.max_buffered_rows} rows and has no room for "
                f"{rows} more. Publish less at once, raise max_buffered_rows, or wait: when_full='block'."
            )
        while chunks:
            rows = chunks[0].rows
            while policy == "drop_oldest" and not buffer.has_room(rows) and (lost := buffer.drop_oldest()):
                self._dropped += lost
            if not buffer.has_room(rows):
                return False
            buffer.append(chunks.popleft())
            self._published += rows
        return True

    def check_rejections(self) -> None:
        """Raises Rejected when rows were refused since the last time."""
        if (refused := self._refused.take()) is not None:
            raise refused

    @property
    def buffered_rows(self) -> int:
        """Rows waiting to be sent or acknowledged."""
        return self._buffer.rows

    @property
    def settled_rows(self) -> int:
        """How many of the first rows published are settled, all of them."""
        return self._buffer.settled

    @property
    def stats(self) -> PublisherStats:
        """All counters as they are now."""
        return PublisherStats(
            state=self.state,
            rows_published=self._published,
            rows_sent=self._sent,
            rows_accepted=self._accepted,
            rows_duplicate=self._duplicate,
            rows_rejected=self._rejected,
            rows_unreported=self._unreported,
            rows_dropped=self._dropped,
            rows_buffered=self._buffer.rows,
            rows_settled=self._buffer.settled,
            batches_sent=self._batches_sent,
            reconnects=self.reconnects,
            throttles=self._throttles,
            warm_up=self._warm_up,
            last_error=self.last_error,
        )

    def close(self) -> int:
        """Ends the publisher; gives up what is buffered and returns how many rows that was."""
        lost = self._buffer.clear()
        self._dropped += lost
        super().close()
        return lost

    # The stream's side.

    def opened(self, now: float) -> bytes:
        """A stream is open; returns the Hello to send."""
        self._begin_stream(now)
        hello = ingest_pb2.Hello(
            source_id=self.source_id, client_name=CLIENT_NAME, client_version=client_version()
        )
        return ingest_pb2.StreamMetricsRequest(hello=hello).SerializeToString()

    def next_message(self, now: float) -> bytes | None:
        """The next message to send; None when there is none for now."""
        if not self._may_send or now < self._paused_until:
            return None
        was_idle = not self._buffer.out
        if (step := self._buffer.advance()) is None:
            return None
        if was_idle:
            self._heard_at = now  # from here on an answer is due
        batch, fresh_rows = step
        self._sent += fresh_rows
        self._batches_sent += 1
        return frame_batch(batch.sequence, batch.payload)

    def seconds_until_due(self, now: float) -> float | None:
        """Seconds until something may change by time alone; None: never."""
        due = super().seconds_until_due(now)
        if self._may_send and now < self._paused_until:
            pause = self._paused_until - now
            return pause if due is None else min(due, pause)
        return due

    def receive(self, response: ingest_pb2.StreamMetricsResponse, now: float) -> None:
        """Takes an answer. Afterwards `leave` is set when the stream must be given up."""
        self._heard_at = now
        kind = response.WhichOneof("message")
        if kind == "ack":
            self._ack(response.ack, now)
        elif kind == "welcome":
            self._welcome(response.welcome)
        elif kind == "rejection":
            self._rejection(response.rejection, now)
        elif kind == "draining":
            self._go_draining(response.draining.reconnect_after.ToTimedelta().total_seconds())

    def reset_stream(self) -> None:
        """Forgets what held for one stream only."""
        self._welcomed = False
        self._buffer.out = 0
        self._gap_until = self._gap_seen = 0

    @property
    def server_owes(self) -> bool:
        """Whether the server owes a Welcome, an ack, or the end of a stream it is draining."""
        draining = self.state is ConnectionState.DRAINING
        return self.is_open and (not self._welcomed or self._buffer.out > 0 or draining)

    # Inside.

    @property
    def _may_send(self) -> bool:
        return self._welcomed and self.state is ConnectionState.LIVE and self.leave is None

    def _welcome(self, welcome: ingest_pb2.Welcome) -> None:
        limits = welcome.limits
        self._buffer.set_limits(limits.max_batch_rows, limits.max_batch_bytes, limits.max_in_flight_batches)
        self._welcomed = True
        self._settle_unreported(welcome.last_sequence)
        window = self._buffer.window
        if self._suspect is not None and window and window[0] is self._suspect:
            self._give_up(self._suspect)
        self._suspect = None
        # What lies beyond last_sequence was never committed: its numbers are free, but must leave no gap.
        self._buffer.renumber(welcome.last_sequence + 1)
        self._go_live()

    def _ack(self, ack: ingest_pb2.Ack, now: float) -> None:
        for row in ack.rejections:
            self._report(row_rejection(row, self._buffer.find(row.sequence)))
        settled = sum(batch.rows for batch in self._buffer.settle_until(ack.sequence))
        if self._refuses_storage:
            self._refuses_storage = False
            waiting = self._buffer.rows
            _log.warning(
                "publisher %s: the server keeps rows again; %d rows wait here", self.source_id, waiting
            )
        # An ack for what was settled before counts nothing; what it does not account for is unreported.
        rejected = min(ack.rejected_rows, settled)
        accepted = min(ack.accepted_rows, settled - rejected)
        duplicate = min(ack.duplicate_rows, settled - rejected - accepted)
        self._rejected += rejected
        self._accepted += accepted
        self._duplicate += duplicate
        self._unreported += settled - rejected - accepted - duplicate
        self._refused.count(rejected)
        if ack.HasField("retry_delay"):
            self._throttles += 1
            self._paused_until = now + ack.retry_delay.ToTimedelta().total_seconds()
        if ack.HasField("warm_up"):
            progress = ack.warm_up
            self._warm_up = WarmUp(
                progress.servers, progress.warm_servers, progress.required_steps, progress.min_observed_steps
            )

    def _rejection(self, rejection: ingest_pb2.BatchRejection, now: float) -> None:
        reason = rejection.reason
        batch = self._buffer.find(rejection.sequence)
        if reason == _Reason.BATCH_REJECTION_REASON_SEQUENCE_GAP:
            self._rewind(rejection, rejection.expected_sequence)
        elif reason == _Reason.BATCH_REJECTION_REASON_STORAGE_UNAVAILABLE:
            self._throttles += 1
            self._paused_until = now + rejection.retry_delay.ToTimedelta().total_seconds()
            self.last_error = NotReady(f"The server cannot keep rows now: {rejection.message}.")
            if not self._refuses_storage:
                self._refuses_storage = True
                _log.warning(
                    "publisher %s: the server cannot keep rows now: %s; %d rows wait here",
                    *(self.source_id, rejection.message, self._buffer.rows),
                )
            self._rewind(rejection, rejection.sequence)
        elif reason == _Reason.BATCH_REJECTION_REASON_BATCH_TOO_LARGE:
            self._too_large(rejection, batch)
        elif reason == _Reason.BATCH_REJECTION_REASON_INVALID_HELLO:
            self.leave = InvalidArgument(
                f"The server refuses source_id {self.source_id!r}: {rejection.message}. It must be 1 to 253 "
                "printable ASCII characters without spaces."
            )
        elif reason in (
            _Reason.BATCH_REJECTION_REASON_HELLO_REQUIRED,
            _Reason.BATCH_REJECTION_REASON_HELLO_REPEATED,
        ):
            self.leave = _out_of_step(rejection)
        elif batch is not None:
            self._report(batch_rejection(rejection, batch.rows))
            self._give_up(batch)
        else:
            # The number could not be read. The next Welcome tells whether it was the oldest one out.
            self._report(batch_rejection(rejection, rejection.rejected_rows))
            self._suspect = self._buffer.window[0] if self._buffer.out else None
            self.leave = _out_of_step(rejection)

    def _rewind(self, rejection: ingest_pb2.BatchRejection, expected: int) -> None:
        """Sends again from the sequence the server waits for; what lies before that is committed."""
        if self._gap_seen < rejection.sequence <= self._gap_until:
            self._gap_seen = rejection.sequence  # sent before the rewind: the same gap, seen once more
            return
        self._settle_unreported(expected - 1)
        window = self._buffer.window
        if not window or window[0].sequence != expected:
            self.leave = _out_of_step(rejection)  # the next Welcome numbers everything anew
            return
        self._gap_seen, self._gap_until = rejection.sequence, self._buffer.highest_out
        self._buffer.out = 0

    def _too_large(self, rejection: ingest_pb2.BatchRejection, batch: Batch | None) -> None:
        if batch is None:
            self._buffer.halve_batch_rows()
            self.leave = _out_of_step(rejection)
        elif batch.rows == 1:
            self._report(batch_rejection(rejection, 1))
            self._give_up(batch)
        else:
            # The number is consumed, the rows are not: they go out again, in smaller batches.
            self._buffer.cap_batch_rows(batch.rows // 2)
            self._buffer.return_halved(batch)
            self._sent -= batch.rows

    def _settle_unreported(self, sequence: int) -> None:
        """Lets go of batches that are known to be committed though no ack for them will come."""
        self._unreported += sum(batch.rows for batch in self._buffer.settle_until(sequence))

    def _give_up(self, batch: Batch) -> None:
        """Counts a batch that was refused as a whole and lets it go."""
        self._rejected += batch.rows
        self._refused.count(batch.rows)
        self._buffer.remove(batch)

    def _report(self, rejection: Rejection) -> None:
        self._refused.remember(rejection)
        self.events.append(rejection)


def _out_of_step(rejection: ingest_pb2.BatchRejection) -> ConnectionLost:
    return ConnectionLost(
        f"The server answered {batch_rejection(rejection, 0).reason}: {rejection.message}. The publisher "
        "opens a new stream and numbers its batches anew."
    )
