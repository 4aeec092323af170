"""A server stream that is read in the background and opened again whenever it breaks, for programs with threads."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import grpc

from argus_client._callbacks import dispatch
from argus_client._connection import Connection
from argus_client._errors import ArgusError
from argus_client._stream_machine import ReadingMachine
from argus_client._values import ConnectionState, StateCallback

T = TypeVar("T")


class StreamReader(Generic[T]):
    """Iterates over what a machine makes of a stream, until it is closed. Subclasses say what that is.

    Args:
        connection: To the server.
        path: Method that streams.
        machine: What is held, and what to do next.
        on_state_change: Called when the connection changes, from the reader's own thread.
    """

    def __init__(
        self,
        connection: Connection,
        path: str,
        machine: ReadingMachine[T],
        on_state_change: StateCallback | None,
    ) -> None:
        self._connection = connection
        self._path = path
        self._machine = machine
        self._on_state_change = on_state_change
        self._changed = threading.Condition()
        self._call: Any = None
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> ConnectionState:
        """Where the connection is."""
        return self._machine.state

    @property
    def reconnects(self) -> int:
        """Streams opened after the first."""
        return self._machine.reconnects

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if (item := self._wait(None)) is None:
            raise StopIteration
        return item

    def _next(self, timeout: float | None) -> T:
        """The next item; see the public method of the subclass."""
        if (item := self._wait(timeout)) is None:
            self._machine.check()
            raise self._machine.nothing_in_time(timeout or 0.0)
        return item

    def close(self) -> None:
        """Ends this and every loop over it. May be called again."""
        with self._changed:
            self._machine.close()
            self._changed.notify_all()
            call, thread = self._call, self._thread
        if call is not None:
            call.cancel()
        if thread is not None and thread is not threading.current_thread():
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

    def _wait(self, timeout: float | None) -> T | None:
        """The next item; None when there is none in time, or never again."""
        self._connection.check_process()
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            if self._thread is None and not self._machine.closed:
                self._thread = threading.Thread(target=self._run, name="argus-reader", daemon=True)
                self._thread.start()
            while (item := self._machine.take()) is None and not self._machine.closed:
                now = time.monotonic()
                if self._machine.check_stalled(now) and self._call is not None:
                    self._call.cancel()
                if deadline is not None and now >= deadline:
                    return None
                due = self._machine.seconds_until_due(now)
                waits = [w for w in (due, None if deadline is None else deadline - now) if w is not None]
                self._changed.wait(min(waits) if waits else None)
            return item

    def _run(self) -> None:
        """The reader's thread: one stream after another."""
        while not self._machine.closed:
            error = self._run_stream()
            with self._changed:
                self._machine.ended(error, time.monotonic())
                self._changed.notify_all()
            self._dispatch()
            with self._changed:
                remaining = self._machine.reconnect_at - time.monotonic()
                self._changed.wait_for(lambda: self._machine.closed, max(0.0, remaining))
        self._dispatch()

    def _run_stream(self) -> ArgusError | None:
        """Opens a stream and reads it to its end; returns the error it ended with."""
        call: Any = None
        metadata = self._connection.config.call_metadata()
        try:
            invoke = self._connection.server_stream(self._path)
            with self._changed:
                if self._machine.closed:
                    return None
                request = self._machine.opened(time.monotonic())
                call = self._call = invoke(request, metadata=metadata)
            for data in call:
                with self._changed:
                    self._machine.read(data, time.monotonic())
                    self._changed.notify_all()
                    leave = self._machine.leave
                self._dispatch()
                if leave is not None:
                    call.cancel()
                    return leave
        except grpc.RpcError as cause:
            error = self._connection.stream_error(cause, self._path, metadata)
            error.__cause__ = cause
            return error
        except ArgusError as error:
            if call is not None:
                call.cancel()
            return error
        return None

    def _dispatch(self) -> None:
        with self._changed:
            events = list(self._machine.events)
            self._machine.events.clear()
        dispatch(events, self._on_state_change)
