"""The reader's half of `PredictionService.Subscribe` as a state machine: no transport, no clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_client._calls import parse
from argus_client._config import Backoff
from argus_client._errors import ConnectionLost, DeadlineExceeded, InvalidArgument
from argus_client._materialiser import Materialiser, OutOfStep, Update
from argus_client._snapshot import FleetSnapshot
from argus_client._stream_machine import ReadingMachine


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """What to subscribe to.

    Attributes:
        wanted: Which part of the fleet, and how much of it.
        min_interval_seconds: Least time between two snapshots.
    """

    wanted: snapshot_pb2.SnapshotFilter
    min_interval_seconds: float

    def __post_init__(self) -> None:
        if not self.min_interval_seconds >= 0:
            raise InvalidArgument(
                f"min_interval is {self.min_interval_seconds}; it must be 0 or more seconds."
            )


class SubscribingMachine(ReadingMachine[FleetSnapshot]):
    """What a subscription holds and what it must do next. Not thread-safe.

    The driver opens a stream with `opened()`, feeds answers to `receive()`, and reports the end of the stream
    to `ended()`. The newest snapshot waits for `take()`: one not taken in time makes way for the next.

    Args:
        request: What to subscribe to.
        backoff: Waits before a stream is opened again.
        silence_seconds: Silence of the server that counts as a lost connection.
        uniform: Source of jitter.

    Attributes:
        skipped_revisions: Published revisions the reader has not been handed.
    """

    def __init__(
        self,
        request: SubscriptionRequest,
        backoff: Backoff,
        silence_seconds: float,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        super().__init__(backoff, silence_seconds, uniform)
        self.skipped_revisions = 0
        self._request = request
        self._materialiser = Materialiser()
        self._mailbox: Update | None = None

    def opened(self, now: float) -> bytes:
        """A stream is to be opened; returns the request."""
        self._begin_stream(now)
        request = prediction_pb2.SubscribeRequest(
            filter=self._request.wanted,
            resume_revision=self._materialiser.revision,
            resume_instance_id=self._materialiser.instance_id,
        )
        if self._request.min_interval_seconds:
            request.min_interval.FromTimedelta(timedelta(seconds=self._request.min_interval_seconds))
        return request.SerializeToString()

    def read(self, data: bytes, now: float) -> None:
        """Takes an answer as it came."""
        self.receive(parse(prediction_pb2.SubscribeResponse, data), now)

    def receive(self, response: prediction_pb2.SubscribeResponse, now: float) -> None:
        """Takes an answer. Afterwards `leave` is set when the stream must be given up."""
        self._heard_at = now
        kind = response.WhichOneof("event")
        if kind == "draining":
            self._go_draining(response.draining.reconnect_after.ToTimedelta().total_seconds())
            return
        self._go_live()
        if kind == "resync_required":
            self._materialiser.drop()
        elif kind == "snapshot" or kind == "delta":
            part = response.delta if kind == "delta" else response.snapshot
            try:
                update = self._materialiser.take(part, is_delta=kind == "delta")
            except OutOfStep as error:
                self._materialiser.drop()
                self.leave = ConnectionLost(f"The subscription is out of step: {error}; it starts afresh.")
                return
            if update is not None:
                self._deliver(update)

    def take(self) -> FleetSnapshot | None:
        """The newest snapshot that has not been taken; None when there is none.

        Raises:
            ArgusError: the subscription has failed for good and there is nothing left to take.
        """
        update, self._mailbox = self._mailbox, None
        if update is None:
            if self.failure is not None:
                self.check()
            return None
        return update.read()

    def reset_stream(self) -> None:
        """Forgets what held for one stream only. What is held stays: it is what a stream resumes from."""
        self._materialiser.drop_parts()

    def nothing_in_time(self, timeout: float) -> DeadlineExceeded:
        """The error of a reader that has waited in vain."""
        last = f"; last error: {self.last_error}" if self.last_error else ""
        return DeadlineExceeded(
            f"No snapshot within {timeout:g} s, in state {self.state}{last}. Wait longer, or check that the "
            "server publishes."
        )

    def _deliver(self, update: Update) -> None:
        self.skipped_revisions += update.skipped_revisions
        if self._mailbox is not None:
            self.skipped_revisions += 1
            update = update.instead_of(self._mailbox)
        self._mailbox = update
