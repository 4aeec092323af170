"""A server stream that is read in the background and opened again whenever it breaks, for an event loop."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import grpc
import grpc.aio

from argus_client._async_connection import AsyncConnection
from argus_client._callbacks import dispatch
from argus_client._errors import ArgusError
from argus_client._signal import Signal
from argus_client._stream_machine import ReadingMachine
from argus_client._values import ConnectionState, StateCallback

T = TypeVar("T")


class AsyncStreamReader(Generic[T]):
    """The asyncio twin of `StreamReader`."""

    def __init__(
        self,
        connection: AsyncConnection,
        path: str,
        machine: ReadingMachine[T],
        on_state_change: StateCallback | None,
    ) -> None:
        self._connection = connection
        self._path = path
        self._machine = machine
        self._on_state_change = on_state_change
        self._changed = Signal()
        self._call: Any = None
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> ConnectionState:
        """Where the connection is."""
        return self._machine.state

    @property
    def reconnects(self) -> int:
        """Streams opened after the first."""
        return self._machine.reconnects

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if (item := await self._wait(None)) is None:
            raise StopAsyncIteration
        return item

    async def _next(self, timeout: float | None) -> T:
        """The next item; see the public method of the subclass."""
        if (item := await self._wait(timeout)) is None:
            self._machine.check()
            raise self._machine.nothing_in_time(timeout or 0.0)
        return item

    async def close(self) -> None:
        """Ends this and every loop over it. May be called again."""
        self._machine.close()
        self._changed.fire()
        if self._call is not None:
            self._call.cancel()
        if self._task is not None and self._task is not asyncio.current_task():
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

    async def _wait(self, timeout: float | None) -> T | None:
        """The next item; None when there is none in time, or never again."""
        self._connection.check_loop()
        deadline = None if timeout is None else time.monotonic() + timeout
        if self._task is None and not self._machine.closed:
            self._task = asyncio.create_task(self._run(), name="argus-reader")
        while (item := self._machine.take()) is None and not self._machine.closed:
            now = time.monotonic()
            if self._machine.check_stalled(now) and self._call is not None:
                self._call.cancel()
            if deadline is not None and now >= deadline:
                return None
            due = self._machine.seconds_until_due(now)
            waits = [w for w in (due, None if deadline is None else deadline - now) if w is not None]
            await self._changed.wait(min(waits) if waits else None)
        return item

    async def _run(self) -> None:
        """The reader's task: one stream after another."""
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
        call: Any = None
        metadata = self._connection.config.call_metadata()
        try:
            invoke = self._connection.server_stream(self._path)
            request = self._machine.opened(time.monotonic())
            call = self._call = invoke(request, metadata=metadata)
            async for data in call:
                self._machine.read(data, time.monotonic())
                self._changed.fire()
                self._dispatch()
                if self._machine.leave is not None:
                    return self._machine.leave
        except grpc.RpcError as cause:
            error = self._connection.stream_error(cause, self._path, metadata)
            error.__cause__ = cause
            return error
        except ArgusError as error:
            return error
        except asyncio.CancelledError:
            # gRPC raises this for a call that we have cancelled ourselves, too.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
        finally:
            if call is not None:
                call.cancel()
        return None

    def _dispatch(self) -> None:
        events = list(self._machine.events)
        self._machine.events.clear()
        dispatch(events, self._on_state_change)
