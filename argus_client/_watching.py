"""The reader's half of `AlertService.WatchAlerts` as a state machine: no transport, no clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from types import MappingProxyType

from argus.v1 import alert_pb2
from argus_client._alerts import AlertRecord, AlertsUpdate
from argus_client._calls import parse
from argus_client._config import Backoff
from argus_client._enums import AlertState
from argus_client._errors import DeadlineExceeded, InvalidArgument
from argus_client._stream_machine import ReadingMachine


class WatchingMachine(ReadingMachine[AlertsUpdate]):
    """What a watch of alerts holds. Changes not taken in time collect, the newest of each alert. Not thread-safe.

    Args:
        servers: Names of servers to follow; empty for all.
        backoff: Waits before a stream is opened again.
        silence_seconds: Silence of the server that counts as a lost connection.
        uniform: Source of jitter.
    """

    def __init__(
        self,
        servers: Sequence[str],
        backoff: Backoff,
        silence_seconds: float,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        super().__init__(backoff, silence_seconds, uniform)
        if isinstance(servers, str):
            raise InvalidArgument(
                f"servers is the text {servers!r}; it must be a list, such as [{servers!r}]."
            )
        self._servers = tuple(servers)
        self._active: dict[str, AlertRecord] = {}
        self._changed: dict[str, AlertRecord] = {}
        self._parts: list[AlertRecord] = []
        self._news = False

    def opened(self, now: float) -> bytes:
        """A stream is to be opened; returns the request."""
        self._begin_stream(now)
        return alert_pb2.WatchAlertsRequest(servers=self._servers).SerializeToString()

    def read(self, data: bytes, now: float) -> None:
        """Takes an answer."""
        self._heard_at = now
        response = parse(alert_pb2.WatchAlertsResponse, data)
        kind = response.WhichOneof("event")
        if kind == "draining":
            self._go_draining(response.draining.reconnect_after.ToTimedelta().total_seconds())
            return
        self._go_live()
        if kind == "snapshot":
            self._parts += map(AlertRecord.from_proto, response.snapshot.alerts)
            if response.snapshot.last:
                self._replace()
        elif kind == "change":
            for message in response.change.alerts:
                self._note(AlertRecord.from_proto(message))
            for alert_id in response.change.withdrawn:
                self._active.pop(alert_id, None)
                self._changed.pop(alert_id, None)
            self._news = True

    def take(self) -> AlertsUpdate | None:
        """What is active, and what has changed since the last call; None when nothing has."""
        if not self._news:
            if self.failure is not None:
                self.check()
            return None
        self._news = False
        changed, self._changed = self._changed, {}
        return AlertsUpdate(MappingProxyType(dict(self._active)), tuple(changed.values()))

    def reset_stream(self) -> None:
        """Forgets a snapshot that has not come to its end."""
        self._parts = []

    def nothing_in_time(self, timeout: float) -> DeadlineExceeded:
        """The error of a reader that has waited in vain."""
        last = f"; last error: {self.last_error}" if self.last_error else ""
        return DeadlineExceeded(
            f"No change of alerts within {timeout:g} s, in state {self.state}{last}. Wait longer; quiet is good."
        )

    def _replace(self) -> None:
        """Takes over a whole snapshot; only what differs from what was held counts as changed."""
        held, self._active = self._active, {}
        parts, self._parts = self._parts, []
        for record in parts:
            self._active[record.alert_id] = record
            if held.get(record.alert_id) != record:
                self._changed[record.alert_id] = record
        self._news = True

    def _note(self, record: AlertRecord) -> None:
        self._changed[record.alert_id] = record
        if record.state is AlertState.RESOLVED:
            self._active.pop(record.alert_id, None)
        else:
            self._active[record.alert_id] = record
