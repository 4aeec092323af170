"""Hands snapshots to subscribers: each gets the newest one, none can hold up another or the server.

A subscriber's mailbox is the newest snapshot itself: it has room for one, and a newer one takes its place. What a slow
reader missed is counted and told to it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from argus.v1 import prediction_pb2
from argus_server.snapshot import updates
from argus_server.snapshot.filters import Filter
from argus_server.snapshot.snapshot import Snapshot, SnapshotIndex

HEARTBEAT_SECONDS: Final = 10.0
# How many revisions back a reader may be and still get a delta.
HISTORY: Final = 64
RECONNECT_SECONDS: Final = 1.0


@dataclass(slots=True)
class HubCounters:
    """What the exporter reads."""

    skipped_revisions: int = 0
    resyncs: int = 0
    sent_bytes: int = 0


class Hub:
    """The newest snapshot and everybody who waits for the next.

    Lives on one event loop; only `prepare` may be called from another thread.

    Args:
        now_ms: The server's clock for heartbeats, Unix milliseconds UTC.
        heartbeat_seconds: Longest silence on a subscription.
        monotonic: Clock that measures silence, seconds.
    """

    def __init__(
        self,
        now_ms: Callable[[], int],
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.current: Snapshot | None = None
        self.counters = HubCounters()
        self.draining_reason = ""
        self.subscriptions: set[Subscription] = set()
        self.heartbeat_seconds = heartbeat_seconds
        self.now_ms = now_ms
        self.monotonic = monotonic
        self._history: OrderedDict[int, SnapshotIndex] = OrderedDict()
        self._moment = asyncio.Event()

    def prepare(self, snapshot: Snapshot) -> None:
        """Makes the bytes that present subscribers are going to ask for. Runs off the loop."""
        for subscription in tuple(self.subscriptions):
            subscription.encode(snapshot)

    def publish(self, snapshot: Snapshot) -> None:
        """Makes a snapshot the newest one."""
        self.current = snapshot
        self._history[snapshot.revision] = snapshot.index
        if len(self._history) > HISTORY:
            self._history.popitem(last=False)
        self._wake()

    def drain(self, reason: str) -> None:
        """Tells every subscriber that the server stops; their streams end after that."""
        self.draining_reason = reason
        self._wake()

    async def pulse(self) -> None:
        """Wakes subscribers often enough that each can keep its heartbeat. Runs until cancelled."""
        while True:
            await asyncio.sleep(self.heartbeat_seconds / 4)
            self._wake()

    async def next_moment(self) -> None:
        """Waits until something may have happened."""
        await self._moment.wait()

    def index_of(self, revision: int) -> SnapshotIndex | None:
        """Who was in a past snapshot; None when it is too long ago."""
        return self._history.get(revision)

    def max_lag(self) -> int:
        """Revisions the slowest subscriber is behind."""
        newest = self.current.revision if self.current else 0
        return max((newest - s.revision for s in tuple(self.subscriptions) if s.revision), default=0)

    def _wake(self) -> None:
        moment, self._moment = self._moment, asyncio.Event()
        moment.set()


class Subscription:
    """One reader of the hub.

    Args:
        hub: Where snapshots come from.
        wanted: What the reader wants of them.
        min_interval_seconds: Least time between two updates.
        resume_revision: Revision the reader holds already; 0 for none, or when it is another run's.
        resync_reason: When set, the reader is told that what it holds is of no use.
    """

    def __init__(
        self,
        hub: Hub,
        wanted: Filter,
        min_interval_seconds: float = 0.0,
        resume_revision: int = 0,
        resync_reason: str = "",
    ) -> None:
        self._hub = hub
        self._wanted = wanted
        self._min_interval_seconds = min_interval_seconds
        self._resync_reason = resync_reason
        self.revision = resume_revision

    async def messages(self) -> AsyncIterator[bytes]:
        """Serialised `SubscribeResponse`s until the server drains. Waiting for the reader never queues a second one."""
        hub = self._hub
        hub.subscriptions.add(self)
        sent_at = due = hub.monotonic()
        try:
            while not hub.draining_reason:
                now, snapshot = hub.monotonic(), hub.current
                pending = snapshot is not None and snapshot.revision != self.revision
                if snapshot is not None and pending and now >= due:
                    async for message in self._update(snapshot):
                        hub.counters.sent_bytes += len(message)
                        yield message
                    sent_at = hub.monotonic()
                    due = sent_at + self._min_interval_seconds
                elif now - sent_at >= hub.heartbeat_seconds:
                    sent_at = now
                    yield self._heartbeat()
                else:
                    await self._wait(due - now if pending else None)
            yield _draining(hub.draining_reason)
        finally:
            hub.subscriptions.discard(self)

    def encode(self, snapshot: Snapshot) -> tuple[bytes, ...]:
        """The messages that bring the reader to a snapshot, from what it holds if that is known."""
        base = self._hub.index_of(self.revision) if self.revision else None
        if base is None:
            return updates.whole(snapshot, self._wanted)
        return updates.delta(snapshot, self._wanted, base)

    async def _update(self, snapshot: Snapshot) -> AsyncIterator[bytes]:
        held = self.revision
        if held and self._hub.index_of(held) is None:
            self._resync_reason = (
                self._resync_reason
                or f"revision {held} is not one this server can still tell the changes since"
            )
        if self._resync_reason:
            self.revision = 0
            self._hub.counters.resyncs += 1
            yield _resync(self._resync_reason)
            self._resync_reason, held = "", 0
        skipped = snapshot.revision - held - 1 if held else 0
        if not self._is_encoded(snapshot):
            await asyncio.get_running_loop().run_in_executor(None, self.encode, snapshot)
        first, *others = self.encode(snapshot)
        self._hub.counters.skipped_revisions += skipped
        self.revision = snapshot.revision
        yield updates.with_skipped(first, skipped) if skipped else first
        for message in others:
            yield message

    def _is_encoded(self, snapshot: Snapshot) -> bool:
        base = self.revision if self._hub.index_of(self.revision) else 0
        return snapshot.cached_update((self._wanted, base)) is not None

    async def _wait(self, seconds: float | None) -> None:
        """Waits until something may have happened, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._hub.next_moment()
        except TimeoutError:
            return

    def _heartbeat(self) -> bytes:
        newest = self._hub.current.revision if self._hub.current else 0
        return prediction_pb2.SubscribeResponse(
            heartbeat=prediction_pb2.Heartbeat(revision=newest, server_time_ms=self._hub.now_ms())
        ).SerializeToString()


def _resync(reason: str) -> bytes:
    return prediction_pb2.SubscribeResponse(
        resync_required=prediction_pb2.ResyncRequired(reason=reason)
    ).SerializeToString()


def _draining(reason: str) -> bytes:
    message = prediction_pb2.SubscribeResponse(draining=prediction_pb2.Draining(reason=reason))
    message.draining.reconnect_after.FromTimedelta(timedelta(seconds=RECONNECT_SECONDS))
    return message.SerializeToString()
