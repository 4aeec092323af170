"""Publishes samples from any thread."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import grpc

from argus.v1 import ingest_pb2
from argus_client._callbacks import dispatch
from argus_client._calls import STREAM_METRICS, parse
from argus_client._config import PublisherConfig
from argus_client._connection import Connection
from argus_client._errors import ArgusError, BufferFull, DeadlineExceeded, InvalidArgument
from argus_client._publishing import PublishingMachine
from argus_client._send_buffer import split_samples
from argus_client._values import ConnectionState, PublisherStats, RejectionCallback, StateCallback
from argus_client._wire import BatchEncoder
from argus_client.samples import Samples

_log = logging.getLogger("argus_client")


def default_source_id() -> str:
    """`program@host`, in the characters a source_id may have."""
    program = os.path.basename(sys.argv[0] if sys.argv else "").removesuffix(".py")
    if not program or program.startswith(("-", "__")):
        program = "argus"
    text = f"{program}@{socket.gethostname()}"
    return "".join(c if "!" <= c <= "~" else "_" for c in text)[:253]


class _Stream:
    """One life of the stream, as its two threads see it."""

    def __init__(self) -> None:
        self.over = False
        self.call: Any = None


class Publisher:
    """Streams samples to the server: numbered, acknowledged, re-sent after a broken connection, counted once.

    Made by `ArgusClient.publisher`. It connects at once and, when the connection breaks, again and again,
    while `publish` keeps taking rows as far as there is room. All methods may be called from any thread;
    callbacks come from the publisher's own thread and must not call `publish`, `flush` or `close`.

        with ArgusClient("127.0.0.1:50051") as client, client.publisher() as publisher:
            publisher.publish(samples)

    Leaving the `with` block waits for what is buffered, as `close` does.
    """

    def __init__(
        self,
        connection: Connection,
        source_id: str,
        config: PublisherConfig,
        on_state_change: StateCallback | None,
        on_rejection: RejectionCallback | None,
    ) -> None:
        self._connection = connection
        self._machine = PublishingMachine(
            source_id,
            config,
            connection.config.stream_backoff,
            connection.config.timeouts.acknowledge_seconds,
        )
        self._encoder = BatchEncoder()
        self._on_state_change = on_state_change
        self._on_rejection = on_rejection
        self._changed = threading.Condition()
        self._stream = _Stream()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name="argus-publisher", daemon=True),
            threading.Thread(target=self._watch, name="argus-publisher-watchdog", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def source_id(self) -> str:
        """Names the source of the sequence numbers."""
        return self._machine.source_id

    @property
    def state(self) -> ConnectionState:
        """Where the publisher is."""
        return self._machine.state

    @property
    def stats(self) -> PublisherStats:
        """All counters as they are now."""
        with self._changed:
            return self._machine.stats

    def publish(self, samples: Samples, *, timeout: float | None = None) -> None:
        """Takes samples to be sent. The arrays may be changed afterwards.

        Args:
            samples: Rows of any number of servers. One sample per server and second counts.
            timeout: Seconds to wait for room with the policy `block`; None waits for ever.

        Raises:
            BufferFull: there is no room: at once with the policy `raise`, after `timeout` with `block`.
            InvalidArgument: a server name is no text.
            Closed: the publisher is closed.
            ArgusError: the stream has failed for good; the error says why.
        """
        self._connection.check_process()
        chunks = encode(samples, self._machine.config.batch_rows, self._encoder)
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._machine.offer(chunks):
                self._changed.notify_all()
                remaining = None if deadline is None else deadline - time.monotonic()
                if (remaining is not None and remaining <= 0) or not self._changed.wait(remaining):
                    raise no_room(len(samples), chunks, timeout)
            self._changed.notify_all()

    def flush(self, timeout: float | None = None, *, strict: bool = False) -> None:
        """Waits until the server has answered for every row.

        Args:
            timeout: Seconds to wait; None waits for ever.
            strict: Raise when rows were refused since the last strict flush.

        Raises:
            DeadlineExceeded: rows are still waiting after `timeout`; they stay in the buffer.
            Rejected: with `strict`, rows were refused.
            Closed: the publisher was closed before all rows were answered for.
            ArgusError: the stream has failed for good; the error says why.
        """
        self._connection.check_process()
        machine = self._machine
        with self._changed:
            if not self._changed.wait_for(lambda: self._ended or not machine.buffered_rows, timeout):
                raise not_flushed(machine, timeout)
            machine.check()
            if strict:
                machine.check_rejections()

    def wait_settled(self, rows: int, timeout: float | None = None) -> None:
        """Waits until the server has answered for the first `rows` rows of all that were published.

        While `flush` waits for everything, this waits for a part while more is being published:

            publisher.publish(page)
            position = publisher.stats.rows_published
            ...                                             # publish further pages
            publisher.wait_settled(position)                # now the page may be forgotten

        Args:
            rows: A position, as `stats.rows_published` had it.
            timeout: Seconds to wait; None waits for ever.

        Raises:
            DeadlineExceeded: some of the rows are still waiting after `timeout`; they stay in the buffer.
            Closed: the publisher was closed before.
            ArgusError: the stream has failed for good; the error says why.
        """
        self._connection.check_process()
        machine = self._machine
        with self._changed:
            if not self._changed.wait_for(lambda: self._ended or machine.settled_rows >= rows, timeout):
                raise not_flushed(machine, timeout)
            machine.check()

    def close(self, timeout: float = 5.0) -> None:
        """Waits up to `timeout` seconds for what is buffered, unless the connection is down; ends the stream.

        Rows that are left over are given up: `stats.rows_dropped` counts them and a warning is logged. May be
        called again.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._ended
                    or not self._machine.buffered_rows
                    or self._machine.state is ConnectionState.RECONNECTING
                ),
                timeout,
            )
            if lost := self._machine.close():
                _log.warning("publisher %s closed with %d rows undelivered", self.source_id, lost)
            self._changed.notify_all()
            call = self._stream.call
        self._closing.set()
        if call is not None:
            call.cancel()
        for thread in self._threads:
            thread.join(timeout=1.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _ended(self) -> bool:
        return self._machine.state is ConnectionState.CLOSED

    def _run(self) -> None:
        """The publisher's thread: one stream after another."""
        while not self._ended:
            error = self._run_stream()
            with self._changed:
                self._stream.over = True
                self._machine.ended(error, time.monotonic())
                self._changed.notify_all()
            self._dispatch()
            with self._changed:
                remaining = self._machine.reconnect_at - time.monotonic()
                self._changed.wait_for(lambda: self._ended, max(0.0, remaining))
        self._dispatch()
        self._closing.set()

    def _run_stream(self) -> ArgusError | None:
        """Opens a stream and reads it to its end; returns the error it ended with."""
        stream = _Stream()
        metadata = self._connection.config.call_metadata()
        try:
            invoke = self._connection.bidirectional(STREAM_METRICS)
            with self._changed:
                if self._ended:
                    return None
                self._stream = stream
                hello = self._machine.opened(time.monotonic())
                call = stream.call = invoke(self._requests(stream, hello), metadata=metadata)
            for data in call:
                response = parse(ingest_pb2.StreamMetricsResponse, data)
                with self._changed:
                    self._machine.receive(response, time.monotonic())
                    self._changed.notify_all()
                    leave = self._machine.leave
                self._dispatch()
                if leave is not None:
                    call.cancel()
                    return leave
        except grpc.RpcError as cause:
            error = self._connection.stream_error(cause, STREAM_METRICS, metadata)
            error.__cause__ = cause
            return error
        except ArgusError as error:
            if stream.call is not None:
                stream.call.cancel()
            return error
        return None

    def _requests(self, stream: _Stream, hello: bytes) -> Iterator[bytes]:
        """What goes out on a stream. gRPC runs this in a thread of its own."""
        yield hello
        while (message := self._next_message(stream)) is not None:
            yield message

    def _next_message(self, stream: _Stream) -> bytes | None:
        """Waits for the next message; None when the stream is over."""
        with self._changed:
            while not stream.over and not self._ended:
                now = time.monotonic()
                if (message := self._machine.next_message(now)) is not None:
                    return message
                self._changed.wait(self._machine.seconds_until_due(now))
        return None

    def _watch(self) -> None:
        """Leaves a stream whose server has gone quiet. A thread apart: all others may hang in gRPC then."""
        wait = 0.0
        while not self._closing.wait(wait):
            with self._changed:
                now = time.monotonic()
                if self._machine.check_stalled(now):
                    self._stream.call.cancel()
                wait = self._machine.seconds_until_check(now)

    def _dispatch(self) -> None:
        with self._changed:
            events = list(self._machine.events)
            self._machine.events.clear()
        dispatch(events, self._on_state_change, self._on_rejection)


def encode(samples: Samples, batch_rows: int, encoder: BatchEncoder) -> Any:
    """Chunks of the samples.

    Raises:
        InvalidArgument: a server name is no text.
    """
    try:
        return split_samples(samples, batch_rows, encoder)
    except ValueError as error:
        raise InvalidArgument(f"The samples cannot be sent: {error}") from error


def no_room(rows: int, left: Any, timeout: float | None) -> BufferFull:
    """The error of a `publish` that has waited in vain; `left` are the chunks not taken."""
    taken = rows - sum(chunk.rows for chunk in left)
    return BufferFull(
        f"The buffer had no room for {rows - taken} of {rows} rows within {timeout:g} s; the first {taken} "
        "were taken. Wait longer, publish less, or raise max_buffered_rows.",
        rows_taken=taken,
    )


def not_flushed(machine: PublishingMachine, timeout: float | None) -> DeadlineExceeded:
    """The error of a `flush` that has waited in vain."""
    last = machine.stats.last_error
    return DeadlineExceeded(
        f"{machine.buffered_rows} rows are unacknowledged after {timeout:g} s, in state {machine.state}"
        + (f"; last error: {last}" if last else "")
        + ". They stay in the buffer: flush again, or close to give them up."
    )
