"""Publishes samples from an event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

from argus.v1 import ingest_pb2
from argus_client._async_connection import AsyncConnection
from argus_client._callbacks import dispatch
from argus_client._calls import STREAM_METRICS, parse
from argus_client._config import PublisherConfig
from argus_client._errors import ArgusError
from argus_client._publisher import encode, no_room, not_flushed
from argus_client._publishing import PublishingMachine
from argus_client._signal import Signal
from argus_client._values import ConnectionState, PublisherStats, RejectionCallback, StateCallback
from argus_client._wire import BatchEncoder
from argus_client.samples import Samples

_log = logging.getLogger("argus_client")


class AsyncPublisher:
    """The asyncio twin of `Publisher`: the same methods, awaited, doing the same.

    Made by `AsyncArgusClient.publisher` inside a running event loop; it all runs on that loop, callbacks too.

        async with AsyncArgusClient("127.0.0.1:50051") as client, client.publisher() as publisher:
            await publisher.publish(samples)
    """

    def __init__(
        self,
        connection: AsyncConnection,
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
        self._changed = Signal()
        self._call: Any = None
        self._task = asyncio.get_running_loop().create_task(self._run(), name="argus-publisher")

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
        return self._machine.stats

    async def publish(self, samples: Samples, *, timeout: float | None = None) -> None:
        """See `Publisher.publish`."""
        self._connection.check_loop()
        chunks = encode(samples, self._machine.config.batch_rows, self._encoder)
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._machine.offer(chunks):
            self._changed.fire()
            remaining = None if deadline is None else deadline - time.monotonic()
            if (remaining is not None and remaining <= 0) or not await self._changed.wait(remaining):
                raise no_room(len(samples), chunks, timeout)
        self._changed.fire()
        await asyncio.sleep(0)  # a caller that only ever publishes must not starve the sender

    async def flush(self, timeout: float | None = None, *, strict: bool = False) -> None:
        """See `Publisher.flush`."""
        self._connection.check_loop()
        machine = self._machine
        deadline = None if timeout is None else time.monotonic() + timeout
        while not machine.closed and machine.buffered_rows:
            remaining = None if deadline is None else deadline - time.monotonic()
            if (remaining is not None and remaining <= 0) or not await self._changed.wait(remaining):
                raise not_flushed(machine, timeout)
        machine.check()
        if strict:
            machine.check_rejections()

    async def wait_settled(self, rows: int, timeout: float | None = None) -> None:
        """See `Publisher.wait_settled`."""
        self._connection.check_loop()
        machine = self._machine
        deadline = None if timeout is None else time.monotonic() + timeout
        while not machine.closed and machine.settled_rows < rows:
            remaining = None if deadline is None else deadline - time.monotonic()
            if (remaining is not None and remaining <= 0) or not await self._changed.wait(remaining):
                raise not_flushed(machine, timeout)
        machine.check()

    async def close(self, timeout: float = 5.0) -> None:
        """See `Publisher.close`."""
        deadline = time.monotonic() + timeout
        while (
            not self._machine.closed
            and self._machine.buffered_rows
            and self._machine.state is not ConnectionState.RECONNECTING
            and (remaining := deadline - time.monotonic()) > 0
        ):
            await self._changed.wait(remaining)
        if lost := self._machine.close():
            _log.warning("publisher %s closed with %d rows undelivered", self.source_id, lost)
        self._changed.fire()
        if self._call is not None:
            self._call.cancel()
        if self._task is not asyncio.current_task():
            await asyncio.wait([self._task], timeout=1.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self) -> None:
        """The publisher's task: one stream after another."""
        machine = self._machine
        while not machine.closed:
            error = await self._run_stream()
            machine.ended(error, time.monotonic())
            self._changed.fire()
            self._dispatch()
            while not machine.closed and (remaining := machine.reconnect_at - time.monotonic()) > 0:
                await self._changed.wait(remaining)
        self._dispatch()

    async def _run_stream(self) -> ArgusError | None:
        """Opens a stream and reads it to its end; returns the error it ended with."""
        tasks: list[asyncio.Task[None]] = []
        call: Any = None
        metadata = self._connection.config.call_metadata()
        try:
            invoke = self._connection.bidirectional(STREAM_METRICS)
            hello = self._machine.opened(time.monotonic())
            call = self._call = invoke(metadata=metadata)
            tasks += [asyncio.create_task(self._write(call, hello)), asyncio.create_task(self._watch(call))]
            async for data in call:
                self._machine.receive(parse(ingest_pb2.StreamMetricsResponse, data), time.monotonic())
                self._changed.fire()
                self._dispatch()
                if self._machine.leave is not None:
                    return self._machine.leave
        except grpc.RpcError as cause:
            error = self._connection.stream_error(cause, STREAM_METRICS, metadata)
            error.__cause__ = cause
            return error
        except ArgusError as error:
            return error
        except asyncio.CancelledError:
            # gRPC raises this for a call that we have cancelled ourselves, too.
            if (this := asyncio.current_task()) is not None and this.cancelling():
                raise
        finally:
            if call is not None:
                call.cancel()
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
        return None

    async def _write(self, call: Any, hello: bytes) -> None:
        """Sends what is due on a stream until it is over, which its reader finds out."""
        with suppress(grpc.RpcError, asyncio.InvalidStateError):
            await call.write(hello)
            while not self._machine.closed:
                now = time.monotonic()
                if (message := self._machine.next_message(now)) is not None:
                    await call.write(message)
                else:
                    await self._changed.wait(self._machine.seconds_until_due(now))

    async def _watch(self, call: Any) -> None:
        """Leaves a stream whose server has gone quiet."""
        while True:
            now = time.monotonic()
            if self._machine.check_stalled(now):
                call.cancel()
                return
            await asyncio.sleep(self._machine.seconds_until_check(now))

    def _dispatch(self) -> None:
        events = list(self._machine.events)
        self._machine.events.clear()
        dispatch(events, self._on_state_change, self._on_rejection)
