"""Records ticks: on a thread of its own, at a bounded rate, and counting what it could not."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from argus.v1 import snapshot_pb2
from argus_server.forecast.frame import Source
from argus_server.frame import FleetFrame
from argus_server.history import rows
from argus_server.history.counters import HistoryCounters
from argus_server.history.policy import POLICY, RecordingPolicy, RiskChanges
from argus_server.history.schemas import FLEET_RISK, FORECASTS, SERVER_RISK
from argus_server.history.store import HistoryStore
from argus_server.snapshot.snapshot import Snapshot
from argus_server.store.errors import StoreUnavailable

_LOG: Final = logging.getLogger(__name__)

# Each holds the arrays of a whole tick.
_WAITING_TICKS: Final = 2


@dataclass(frozen=True, slots=True)
class _Tick:
    """What of a tick is recorded."""

    frame: FleetFrame
    header: snapshot_pb2.SnapshotHeader
    summary: snapshot_pb2.FleetSummary
    environment: snapshot_pb2.Environment


class Recorder:
    """Writes risk, fleet and forecasts to the history store.

    `offer` is called by the tick and never waits: when the thread is behind, the tick is dropped and counted. What has
    been recorded last is read back from the store at the first tick, so that a restart records nothing twice.

    Args:
        store: Where to.
        counters: Where to count.
        policy: How much.
    """

    def __init__(
        self, store: HistoryStore, counters: HistoryCounters, policy: RecordingPolicy = POLICY
    ) -> None:
        self._store = store
        self._counters = counters
        self._policy = policy
        self._ticks: queue.Queue[_Tick | None] = queue.Queue(_WAITING_TICKS)
        self._changes: RiskChanges | None = None
        self._fleet_slot = -1
        self._forecast_slot = -1
        self._failing = self._stuck = False
        self._thread = threading.Thread(target=self._run, name="argus-recorder", daemon=True)
        self._thread.start()

    def offer(self, frame: FleetFrame, snapshot: Snapshot) -> None:
        """Takes a tick to record, or drops it. Both must not change any more."""
        if not frame.server_names:
            return
        tick = _Tick(frame, snapshot.header, snapshot.summary, snapshot.environment)
        try:
            self._ticks.put_nowait(tick)
        except queue.Full:
            self._counters.dropped_ticks.inc()

    def close(self) -> None:
        """Records what is waiting and ends the thread. May be called again."""
        if self._thread.is_alive():
            self._ticks.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (tick := self._ticks.get()) is not None:
            try:
                self._record(tick)
            except Exception as error:
                # The recording of one tick must not end that of all later ones.
                self._counters.dropped_ticks.inc()
                if not self._stuck:
                    _LOG.error(
                        "ticks are not recorded until they can be again: %s",
                        str(error) or type(error).__name__,
                        exc_info=not isinstance(error, OSError | StoreUnavailable),
                    )
                self._stuck = True
            else:
                if self._stuck:
                    _LOG.info("ticks are recorded again")
                self._stuck = False

    def _record(self, tick: _Tick) -> None:
        frame, policy = tick.frame, self._policy
        if self._changes is None:
            self._resume(frame)
        assert self._changes is not None
        if len(due := self._changes.due(frame)):
            self._append(SERVER_RISK, rows.server_risk(frame, due))
        if (slot := frame.clock_ms // (1000 * policy.fleet_seconds)) != self._fleet_slot:
            self._fleet_slot = slot
            self._append(
                FLEET_RISK, rows.fleet_risk(frame.clock_ms, tick.header, tick.summary, tick.environment)
            )
        if (slot := frame.forecast.origin_ms // (1000 * policy.forecast_seconds)) != self._forecast_slot:
            self._forecast_slot = slot
            # What was forecast for a server that has stopped sending can be compared with nothing.
            sending = np.flatnonzero(frame.forecast.sources != Source.STALE)
            if len(sending):
                self._append(FORECASTS, rows.forecasts(frame, sending))

    def _append(self, table: str, batch: pa.RecordBatch) -> None:
        written, dropped = self._counters.rows.labels(table), self._counters.dropped_rows.labels(table)
        try:
            future = self._store.append(table, batch)
        except Exception as error:
            self._settle(error, batch.num_rows, written, dropped)
        else:
            future.add_done_callback(
                lambda done: self._settle(_failure(done), batch.num_rows, written, dropped)
            )

    def _settle(self, error: BaseException | None, count: int, written: Any, dropped: Any) -> None:
        if error is None:
            written.inc(count)
            if self._failing:
                self._failing = False
                _LOG.info("history is recorded again")
            return
        dropped.inc(count)
        if not self._failing:
            self._failing = True
            _LOG.error("history cannot be recorded; rows are dropped until it can: %s", error)

    def _resume(self, frame: FleetFrame) -> None:
        """Goes on where the last run of the server ended."""
        policy, now_ms = self._policy, frame.clock_ms
        changes = RiskChanges(policy)
        for batch in self._recorded(SERVER_RISK, now_ms, policy.risk_most_seconds, RiskChanges.COLUMNS):
            changes.restore(batch)
        self._fleet_slot = self._last_slot(FLEET_RISK, now_ms, policy.fleet_seconds)
        self._forecast_slot = self._last_slot(FORECASTS, frame.forecast.origin_ms, policy.forecast_seconds)
        # Last: when something could not be read, the next tick tries again.
        self._changes = changes

    def _last_slot(self, table: str, now_ms: int, seconds: int) -> int:
        newest = -1
        for batch in self._recorded(table, now_ms, seconds, ("timestamp",)):
            newest = max(newest, *batch.column("timestamp").cast(pa.int64()).to_pylist(), newest)
        return newest // (1000 * seconds)

    def _recorded(
        self, table: str, now_ms: int, seconds: int, columns: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        return self._store.read(table, max(now_ms - 1000 * seconds, 0), now_ms + 1, columns=columns)


def _failure(done: Future[Any]) -> BaseException | None:
    return RuntimeError("the store was closed") if done.cancelled() else done.exception()
