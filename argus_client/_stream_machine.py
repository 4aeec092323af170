"""The life of a stream that is opened again whenever it breaks: states, waits, giving up. No transport."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from argus_client._config import Backoff
from argus_client._errors import ArgusError, Closed, ConnectionLost, DeadlineExceeded
from argus_client._values import ConnectionState, Rejection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StateChange:
    """A new state, and the error that led to it."""

    state: ConnectionState
    error: ArgusError | None


Event = StateChange | Rejection


class StreamMachine(ABC):
    """What publisher and subscription have in common. Not thread-safe.

    Args:
        backoff: Waits before a stream is opened again.
        silence_seconds: Silence of a server that owes something which counts as a lost connection.
        uniform: Source of jitter.

    Attributes:
        failure: What has ended the machine for good.
        leave: Set when the present stream must be given up, and why.
        last_error: The newest error, also when it has been overcome.
        reconnect_at: When to open the next stream, on the clock of `now`.
        streams: How many have been opened.
        is_open: True while one is.
        events: What the callbacks have not been told yet.
    """

    def __init__(
        self,
        backoff: Backoff,
        silence_seconds: float,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.state = ConnectionState.CONNECTING
        self.failure: ArgusError | None = None
        self.leave: ArgusError | None = None
        self.last_error: ArgusError | None = None
        self.reconnect_at = 0.0
        self.streams = 0
        self.is_open = False
        self.events: deque[Event] = deque()
        self._backoff = backoff
        self._silence_seconds = silence_seconds
        self._uniform = uniform
        self._failures = 0
        self._reconnect_after = 0.0
        self._heard_at = 0.0

    @property
    def closed(self) -> bool:
        """True when this is over for good."""
        return self.state is ConnectionState.CLOSED

    @property
    def reconnects(self) -> int:
        """Streams opened after the first."""
        return max(0, self.streams - 1)

    def check(self) -> None:
        """Raises what has ended this, if anything has."""
        if self.failure is not None:
            raise self.failure.with_traceback(None)  # it may be raised often, from many places
        if self.closed:
            raise Closed("This was closed; make a new one.")

    def close(self) -> int:
        """Ends this. Returns how much was lost with it."""
        self.enter(ConnectionState.CLOSED, self.failure)
        return 0

    def check_stalled(self, now: float) -> bool:
        """True, with `leave` set, when the server has owed something for too long."""
        if self.leave is not None or not self.server_owes or now - self._heard_at < self._silence_seconds:
            return False
        self.leave = ConnectionLost(
            f"Nothing was heard from the server for {self._silence_seconds:g} s; connecting again."
        )
        return True

    def seconds_until_check(self, now: float) -> float:
        """Seconds after which a watchdog should call `check_stalled` again."""
        due = StreamMachine.seconds_until_due(self, now)
        # Nothing is owed now, or it is being dealt with: look again soon enough to notice the next time.
        return self._silence_seconds / 4 if due is None else max(due, 0.001)

    def seconds_until_due(self, now: float) -> float | None:
        """Seconds until something may change by time alone; None: never."""
        if not self.server_owes or self.leave is not None:
            return None
        return max(0.0, self._heard_at + self._silence_seconds - now)

    def ended(self, error: ArgusError | None, now: float) -> None:
        """The stream is over, with an error or with OK. Sets `reconnect_at`; or `failure`, if all is lost."""
        self.is_open = False
        if self.closed:
            return
        self.reset_stream()
        if self.state is ConnectionState.DRAINING and (error is None or error.stream_retryable):
            self.reconnect_at = now + self._reconnect_after + self._backoff.delay(1, self._uniform)
            self.enter(ConnectionState.RECONNECTING, None)
            return
        error = self.leave or error or ConnectionLost("The server ended the stream.")
        self._failures += 1
        self.last_error = error
        if not error.stream_retryable or self._backoff.exhausted(self._failures):
            self.failure = error
            self.close()
            return
        wait = max(self._backoff.delay(self._failures, self._uniform), error.retry_delay or 0.0)
        self.reconnect_at = now + wait
        self.enter(ConnectionState.RECONNECTING, error)

    def enter(self, state: ConnectionState, error: ArgusError | None) -> None:
        """Goes over to a state."""
        if state is not self.state:
            self.state = state
            self.events.append(StateChange(state, error))

    # For the machines built on this.

    @property
    @abstractmethod
    def server_owes(self) -> bool:
        """Whether silence of the server means that it is lost."""

    @abstractmethod
    def reset_stream(self) -> None:
        """Forgets what held for one stream only."""

    def _begin_stream(self, now: float) -> None:
        self.streams += 1
        self.is_open = True
        self.reset_stream()
        self.leave = None
        self._reconnect_after = 0.0
        self._heard_at = now

    def _go_live(self) -> None:
        self._failures = 0
        self.enter(ConnectionState.LIVE, None)

    def _go_draining(self, reconnect_after: float) -> None:
        self._reconnect_after = reconnect_after
        self.enter(ConnectionState.DRAINING, None)


class ReadingMachine(StreamMachine, Generic[T]):
    """A stream machine that only reads: the server always owes it a sign of life."""

    @abstractmethod
    def opened(self, now: float) -> bytes:
        """A stream is to be opened; returns the request."""

    @abstractmethod
    def read(self, data: bytes, now: float) -> None:
        """Takes an answer. Afterwards `leave` is set when the stream must be given up.

        Raises:
            Incompatible: it is no such answer.
        """

    @abstractmethod
    def take(self) -> T | None:
        """What has come since the last call; None when nothing has.

        Raises:
            ArgusError: the stream has failed for good and there is nothing left to take.
        """

    @abstractmethod
    def nothing_in_time(self, timeout: float) -> DeadlineExceeded:
        """The error of a reader that has waited in vain."""

    @property
    def server_owes(self) -> bool:
        """The server always owes a sign of life."""
        return self.is_open
