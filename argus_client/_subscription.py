"""Snapshots for programs with threads."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Self

import grpc

from argus.v1 import prediction_pb2
from argus_client._callbacks import dispatch
from argus_client._calls import SUBSCRIBE, parse
from argus_client._connection import Connection
from argus_client._errors import ArgusError
from argus_client._snapshot import FleetSnapshot
from argus_client._subscribing import SubscribingMachine, SubscriptionRequest
from argus_client._values import ConnectionState, StateCallback


class Subscription:
    """Iterates over snapshots, each whole and immutable, until it is closed.

    Made by `ArgusClient.subscribe`; it connects when first asked for a snapshot. A lost connection is opened
    again and resumed where it broke; a restart of the server is no error. A reader slower than that gets the
    newest snapshot, and `skipped_revisions` counts what it missed.

        with client.subscribe(view="standard") as subscription:
            for snapshot in subscription:
                ...

    The loop ends when another thread calls `close`; it raises what makes a further connection hopeless, such
    as a wrong API key. State callbacks come from the subscription's own thread.
    """

    def __init__(
        self, connection: Connection, request: SubscriptionRequest, on_state_change: StateCallback | None
    ) -> None:
        self._connection = connection
        self._machine = SubscribingMachine(
            request, connection.config.stream_backoff, connection.config.timeouts.silence_seconds
        )
        self._on_state_change = on_state_change
        self._changed = threading.Condition()
        self._call: Any = None
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> ConnectionState:
        """Where the subscription is."""
        return self._machine.state

    @property
    def skipped_revisions(self) -> int:
        """Published revisions the reader has not been handed."""
        return self._machine.skipped_revisions

    @property
    def reconnects(self) -> int:
        """Streams opened after the first."""
        return self._machine.reconnects

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> FleetSnapshot:
        if (snapshot := self._wait(None)) is None:
            raise StopIteration
        return snapshot

    def next_snapshot(self, timeout: float | None = None) -> FleetSnapshot:
        """The next snapshot.

        Args:
            timeout: Seconds to wait; None waits for ever.

        Raises:
            DeadlineExceeded: none came in time.
            Closed: the subscription was closed.
            ArgusError: the subscription has failed for good.
        """
        if (snapshot := self._wait(timeout)) is None:
            self._machine.check()
            raise self._machine.nothing_in_time(timeout or 0.0)
        return snapshot

    def close(self) -> None:
        """Ends the subscription and every loop over it. May be called again."""
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

    def _wait(self, timeout: float | None) -> FleetSnapshot | None:
        """The next snapshot; None when there is none in time, or never again."""
        self._connection.check_process()
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            if self._thread is None and not self._machine.closed:
                self._thread = threading.Thread(target=self._run, name="argus-subscription", daemon=True)
                self._thread.start()
            while (snapshot := self._machine.take()) is None and not self._machine.closed:
                now = time.monotonic()
                if self._machine.check_stalled(now) and self._call is not None:
                    self._call.cancel()
                if deadline is not None and now >= deadline:
                    return None
                due = self._machine.seconds_until_due(now)
                waits = [w for w in (due, None if deadline is None else deadline - now) if w is not None]
                self._changed.wait(min(waits) if waits else None)
            return snapshot

    def _run(self) -> None:
        """The subscription's thread: one stream after another."""
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
            invoke = self._connection.server_stream(SUBSCRIBE)
            with self._changed:
                if self._machine.closed:
                    return None
                request = self._machine.opened(time.monotonic())
                call = self._call = invoke(request, metadata=metadata)
            for data in call:
                response = parse(prediction_pb2.SubscribeResponse, data)
                with self._changed:
                    self._machine.receive(response, time.monotonic())
                    self._changed.notify_all()
                    leave = self._machine.leave
                self._dispatch()
                if leave is not None:
                    call.cancel()
                    return leave
        except grpc.RpcError as cause:
            error = self._connection.stream_error(cause, SUBSCRIBE, metadata)
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
