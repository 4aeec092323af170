"""Hands changes of alerts to those who watch: the newest state of each alert, however slow a reader is.

What waits for a reader is one message per alert that has changed, newer ones in the place of older ones; beyond a
bound it is dropped, and the reader gets everything afresh instead.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Final

from argus.v1 import alert_pb2, prediction_pb2
from argus_server.alerts.book import Changes

MAX_WAITING: Final = 20_000
"""Alerts that may wait for one reader."""

_PART_ALERTS: Final = 500
_RECONNECT_SECONDS: Final = 1.0

Response = alert_pb2.WatchAlertsResponse


class AlertFeed:
    """Everybody who watches. Lives on one event loop.

    Args:
        active: All active alerts of some servers, or of all.
        now_ms: The server's clock for heartbeats.
        heartbeat_seconds: Longest silence on a watch.
        monotonic: Clock that measures silence, seconds.
    """

    def __init__(
        self,
        active: Callable[[Sequence[str]], list[alert_pb2.AlertRecord]],
        now_ms: Callable[[], int],
        heartbeat_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.watches: set[AlertWatch] = set()
        self.draining_reason = ""
        self.active = active
        self.now_ms = now_ms
        self.heartbeat_seconds = heartbeat_seconds
        self.monotonic = monotonic

    def publish(self, changes: Changes) -> None:
        """Tells every watch what has changed."""
        for watch in self.watches:
            watch.take(changes)

    def drain(self, reason: str) -> None:
        """Tells every watch that the server stops; they end after that."""
        self.draining_reason = reason
        for watch in self.watches:
            watch.wake()


class AlertWatch:
    """One reader.

    Args:
        feed: Where changes come from.
        servers: Names of servers to follow; empty for all.
        max_waiting: Alerts that may wait.
    """

    def __init__(self, feed: AlertFeed, servers: Sequence[str], max_waiting: int = MAX_WAITING) -> None:
        self._feed = feed
        self._servers = frozenset(servers)
        self._max_waiting = max_waiting
        self._alerts: dict[str, alert_pb2.AlertRecord] = {}
        self._withdrawn: dict[str, None] = {}
        self._afresh = True
        self._moment = asyncio.Event()

    def take(self, changes: Changes) -> None:
        """Keeps what has changed until the reader wants it."""
        if self._afresh:
            return  # everything will be read anew anyway
        for record in changes.alerts:
            if not self._servers or record.server_name in self._servers:
                self._withdrawn.pop(record.alert_id, None)
                self._alerts[record.alert_id] = record
        for identity in changes.withdrawn:
            self._alerts.pop(identity, None)
            self._withdrawn[identity] = None
        if len(self._alerts) + len(self._withdrawn) > self._max_waiting:
            self._start_afresh()
        self.wake()

    def wake(self) -> None:
        """Lets the reader look again."""
        self._moment.set()

    async def messages(self) -> AsyncIterator[alert_pb2.WatchAlertsResponse]:
        """What to send until the server drains."""
        feed = self._feed
        feed.watches.add(self)
        said_at = feed.monotonic()
        try:
            while not feed.draining_reason:
                self._moment.clear()
                if self._afresh:
                    self._afresh = False
                    messages = _parts("snapshot", feed.active(tuple(self._servers)), ())
                else:
                    alerts, self._alerts = self._alerts, {}
                    withdrawn, self._withdrawn = self._withdrawn, {}
                    messages = (
                        _parts("change", list(alerts.values()), tuple(withdrawn))
                        if alerts or withdrawn
                        else []
                    )
                if not messages and feed.monotonic() - said_at >= feed.heartbeat_seconds:
                    messages = [Response(heartbeat=prediction_pb2.Heartbeat(server_time_ms=feed.now_ms()))]
                for message in messages:
                    yield message
                    said_at = feed.monotonic()
                await self._wait(said_at + feed.heartbeat_seconds - feed.monotonic())
            yield _draining(feed.draining_reason)
        finally:
            feed.watches.discard(self)

    def _start_afresh(self) -> None:
        self._alerts, self._withdrawn, self._afresh = {}, {}, True

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._moment.wait()
        except TimeoutError:
            return


def _parts(
    kind: str, alerts: Sequence[alert_pb2.AlertRecord], withdrawn: Sequence[str]
) -> list[alert_pb2.WatchAlertsResponse]:
    cuts = range(0, max(len(alerts), 1), _PART_ALERTS)
    found = []
    for cut in cuts:
        last = cut == cuts[-1]
        part = alert_pb2.AlertPart(
            alerts=alerts[cut : cut + _PART_ALERTS], withdrawn=withdrawn if last else (), last=last
        )
        found.append(Response(snapshot=part) if kind == "snapshot" else Response(change=part))
    return found


def _draining(reason: str) -> alert_pb2.WatchAlertsResponse:
    message = Response(draining=prediction_pb2.Draining(reason=reason))
    message.draining.reconnect_after.FromTimedelta(timedelta(seconds=_RECONNECT_SECONDS))
    return message
