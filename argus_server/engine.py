"""The heart beat: tick the shard off the event loop, build a snapshot, publish it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argus_server.alerts.desk import AlertDesk
from argus_server.clock import Clock
from argus_server.frame import FleetFrame
from argus_server.shard import Shard
from argus_server.snapshot.builder import Provenance, SnapshotBuilder
from argus_server.snapshot.hub import Hub
from argus_server.snapshot.snapshot import Snapshot
from argus_server.telemetry.metrics import ServerMetrics

_LOG: Final = logging.getLogger(__name__)

# Forecasting yields the processor to the event loop: answering a health check matters more than a tick being early.
_NICENESS: Final = 5

_SWITCH_SECONDS: Final = 0.001

# Even when nothing comes in, ages are stated anew this often.
_RESTATE_MS: Final = 15_000

# Ticks on demand pause for this many times as long as the last one took.
_REST: Final = 4.0


class Engine:
    """Runs ticks, one at a time, on a thread of its own.

    Args:
        shard: Whose servers to forecast.
        alerts: Raises and ends alerts.
        builder: Makes snapshots.
        hub: Publishes them.
        clock: What time it is.
        provenance: What made the snapshot about to be built.
        metrics: Where to count.
        tick_seconds: How often to tick.
        published: Called after each snapshot.
        record: Called on the tick's thread with each frame and the snapshot made of it; must not wait.

    Attributes:
        failure: Why the last tick failed; empty when it did not.
    """

    def __init__(
        self,
        *,
        shard: Shard,
        alerts: AlertDesk,
        builder: SnapshotBuilder,
        hub: Hub,
        clock: Clock,
        provenance: Callable[[], Provenance],
        metrics: ServerMetrics,
        tick_seconds: float,
        published: Callable[[], Awaitable[None]],
        record: Callable[[FleetFrame, Snapshot], None] | None = None,
    ) -> None:
        self._shard = shard
        self._alerts = alerts
        self._builder = builder
        self._hub = hub
        self._clock = clock
        self._provenance = provenance
        self._metrics = metrics
        self._tick_seconds = tick_seconds
        self._published = published
        self._record = record
        self.failure = ""
        self._thread = ThreadPoolExecutor(1, "argus-inference", initializer=_yield_to_others)
        # Writes so far, and how many of them the newest snapshot has seen.
        self._written = 1
        self._seen = 0
        self._rest_until = 0.0
        self._silent: frozenset[str] = frozenset()
        self._ticking: asyncio.Future[Snapshot] | None = None

    def touch(self) -> None:
        """Notes that the next snapshot will differ from the last: rows were written, or the model was swapped."""
        self._written += 1

    async def run(self) -> None:
        """Ticks for ever. A tick that fails is logged and counted, and the next one is tried."""
        while True:
            started = time.monotonic()
            try:
                if self._stale or self._outdated or await self._standing_changed():
                    await self.tick()
                else:
                    self._metrics.forecast_skipped.labels("unchanged").inc()
            except Exception as error:
                self._failed(error)
            spent = time.monotonic() - started
            if spent > self._tick_seconds:
                self._metrics.tick_overruns.inc()
            await asyncio.sleep(max(self._tick_seconds - spent, 0.0))

    async def fresh(self) -> Snapshot:
        """A snapshot that has every row written before the call.

        Callers share ticks, and ticks made for them leave the machine four fifths of the time for other work. When the
        tick fails they get the last snapshot, as subscribers do.
        """
        wanted = self._written
        while (current := self._hub.current) is None or self._seen < wanted:
            if self._ticking is None or self._ticking.done():
                await asyncio.sleep(self._rest_until - time.monotonic())
            try:
                await self.tick()
            except Exception as error:
                if current is None:
                    raise
                self._failed(error)
                return current
        return current

    async def tick(self) -> Snapshot:
        """Makes and publishes a snapshot; joins the tick that is running, if one is."""
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.ensure_future(self._tick())
        return await asyncio.shield(self._ticking)

    def close(self) -> None:
        """Ends the thread after the running tick."""
        self._thread.shutdown()

    @property
    def _stale(self) -> bool:
        return self._seen < self._written

    @property
    def _outdated(self) -> bool:
        """Whether the newest snapshot is so old that the ages it states are misleading."""
        current = self._hub.current
        if current is None or not current.index.names:
            return False
        # A clock that was set back would otherwise leave a snapshot of the future standing until it has caught up.
        return not 0 <= self._clock.now_ms() - current.header.published_at_ms <= _RESTATE_MS

    async def _standing_changed(self) -> bool:
        """Whether a server has gone silent, come back, or been away for so long that it is to be forgotten."""
        loop, now_ms = asyncio.get_running_loop(), self._clock.now_ms()
        silent, expired = await loop.run_in_executor(self._thread, self._shard.standing, now_ms)
        return expired or silent != self._silent

    def _failed(self, error: Exception) -> None:
        self.failure = f"ticks fail: {type(error).__name__}; the last snapshot stays"
        self._metrics.forecast_skipped.labels("failed").inc()
        _LOG.error("%s", self.failure, exc_info=error)

    async def _tick(self) -> Snapshot:
        seen = self._written
        started = time.monotonic()
        try:
            snapshot = await asyncio.get_running_loop().run_in_executor(self._thread, self._compute)
        finally:
            ended = time.monotonic()
            self._rest_until = ended + min(_REST * (ended - started), self._tick_seconds)
        self._seen = seen
        self.failure = ""
        self._hub.publish(snapshot)
        await self._published()
        return snapshot

    def _compute(self) -> Snapshot:
        started = time.perf_counter()
        now_ms = self._clock.now_ms()
        frame = self._shard.tick(now_ms)
        scored = time.perf_counter()
        alerts = self._alerts.observe(frame)
        observed = time.perf_counter()
        snapshot = self._builder.build(
            frame, self._provenance(), lambda: (self._clock.now_ms(), time.perf_counter() - started), alerts
        )
        self._hub.prepare(snapshot)
        self._silent = frozenset(
            name for name, silent in zip(frame.server_names, frame.silent.tolist(), strict=True) if silent
        )
        for phase, seconds in frame.phase_seconds.items():
            self._metrics.forecast_duration.labels(phase).observe(seconds)
        self._metrics.forecast_duration.labels("alert").observe(observed - scored)
        self._metrics.forecast_duration.labels("serialise").observe(time.perf_counter() - observed)
        if self._record is not None:
            self._record(frame, snapshot)
        return snapshot


def _yield_to_others() -> None:
    # The event loop gets the interpreter back after 1 ms of Python on this thread, not after 5.
    sys.setswitchinterval(_SWITCH_SECONDS)
    if sys.platform == "linux":
        # On Linux a priority belongs to a thread, and the threads torch starts from this one inherit it.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
