"""Alerts of a running server: the book, its store, and the one thread that writes.

Ticks are told to the book on the inference thread; what they change is written afterwards on a thread of its own, and
so is what people do, whose calls are answered once it is written. A store that cannot be written loses nothing while
the server runs: what has changed waits and is written with the next change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from argus.v1 import alert_pb2
from argus_server.alerts.actions import AlertActions
from argus_server.alerts.book import AlertBook
from argus_server.alerts.entries import AlertView, Changes, TargetNeeds
from argus_server.alerts.events import AlertEvent, EventSink
from argus_server.alerts.records import FIRING, PENDING, RESOLVED, is_muted
from argus_server.alerts.store import FILE, SINK_MARK, AlertStore, Commit, StoreError
from argus_server.clock import Clock
from argus_server.errors import Unavailable
from argus_server.frame import FleetFrame
from argus_server.risk.tables import RiskTables
from argus_server.store.errors import StoreUnavailable

_LOG: Final = logging.getLogger(__name__)

_DAY_MS: Final = 86_400_000
_SINK_BATCH: Final = 1000
_MAX_RESOLVED: Final = 1000

T = TypeVar("T")


class AlertDesk:
    """Alerts of a running server.

    Args:
        tables: Rules, ladder and signals.
        clock: What time it is.
        data_dir: Where state is kept; None keeps it in memory.
        targets: Who is to be told.
        retention_days: How long what is over is kept.
        sink: Keeps the history of alerts; None for nobody.
        settled: The time to forget by, given what the clock says; the same if not given.
        synced: Whether what is kept survives a power cut as well.

    Attributes:
        failure: Why alerts cannot be written; empty when they can.
        acted: Called on the event loop after something that people did; set before the first call.
        written: Called after every write, on the writing thread; set before the first tick.

    Raises:
        OSError: The store cannot be used.
    """

    def __init__(
        self,
        tables: RiskTables,
        clock: Clock,
        data_dir: Path | None = None,
        targets: Iterable[TargetNeeds] = (),
        retention_days: float = 90.0,
        sink: EventSink | None = None,
        settled: Callable[[int], int] = int,
        *,
        synced: bool = False,
    ) -> None:
        if data_dir is not None:
            data_dir.mkdir(parents=True, exist_ok=True)
        self.store = AlertStore(data_dir / FILE if data_dir is not None else None, synced=synced)
        self.book = AlertBook(tables, self.store, targets, round(retention_days * _DAY_MS), settled)
        self.failure = ""
        self.acted: Callable[[], None] = lambda: None
        self.written: Callable[[], None] = lambda: None
        self._actions = AlertActions(self.book, self.store)
        self._closed = self._flush_waits = self._undelivered = False
        self._clock = clock
        self._sink = sink
        self._thread = ThreadPoolExecutor(1, "argus-alerts")

    def observe(self, frame: FleetFrame) -> AlertView:
        """Moves all alerts on by one tick, on the caller's thread, and has it written on another."""
        view = self.book.observe(frame)
        if not self._flush_waits:  # a disk that stalls must not pile up work
            self._flush_waits = True
            self._thread.submit(self._flush)
        return view

    def settle(self) -> None:
        """Returns when everything so far is written, or could not be. Blocks."""
        self._thread.submit(self._flush).result()

    def on_change(self, told: Callable[[Changes], object]) -> None:
        """Has somebody told what changes, on whichever thread changed it."""
        self.book.on_change = told

    def shut(self) -> None:
        """Writes what is left, and closes the store. Blocks; may be called again."""
        if self._closed:
            return
        self._closed = True
        self.settle()
        self._thread.shutdown()
        self.store.close()

    async def close(self) -> None:
        """The same for an event loop."""
        await asyncio.to_thread(self.shut)

    # What the service asks for.

    async def list_alerts(self, request: alert_pb2.ListAlertsRequest) -> list[alert_pb2.AlertRecord]:
        """Alerts, most urgent first."""
        if RESOLVED in request.states:
            return await self._call(lambda: self._list(request))
        # These need no store: a disk that does not answer must not hide what fires.
        return await asyncio.to_thread(self._list, request)

    async def silences(self, *, include_expired: bool) -> list[alert_pb2.Silence]:
        """Silences as they stand."""
        now_ms = self._clock.now_ms()
        return await asyncio.to_thread(self.book.silences, now_ms, include_expired=include_expired)

    async def windows(self) -> list[alert_pb2.MaintenanceWindow]:
        """Maintenance windows as they stand."""
        return await asyncio.to_thread(self.book.windows, self._clock.now_ms())

    async def acknowledge(self, request: alert_pb2.AcknowledgeAlertRequest) -> alert_pb2.AlertRecord:
        """See `AlertActions.acknowledge`."""
        return await self._act(self._actions.acknowledge, request)

    async def add_note(self, request: alert_pb2.AddAlertNoteRequest) -> alert_pb2.AlertRecord:
        """See `AlertActions.add_note`."""
        return await self._act(self._actions.add_note, request)

    async def create_silence(self, request: alert_pb2.CreateSilenceRequest) -> alert_pb2.Silence:
        """See `AlertActions.create_silence`."""
        return await self._act(self._actions.create_silence, request)

    async def expire_silence(self, request: alert_pb2.ExpireSilenceRequest) -> alert_pb2.Silence:
        """See `AlertActions.expire_silence`."""
        return await self._act(self._actions.expire_silence, request)

    async def put_window(self, window: alert_pb2.MaintenanceWindow) -> alert_pb2.MaintenanceWindow:
        """See `AlertActions.put_window`."""
        return await self._act(self._actions.put_window, window)

    async def delete_window(self, request: alert_pb2.DeleteMaintenanceWindowRequest) -> None:
        """See `AlertActions.delete_window`."""
        await self._act(self._actions.delete_window, request)

    # Notifications, called from the notifiers' thread.

    def settle_notifications(self, numbers: Sequence[int], events: Sequence[AlertEvent]) -> None:
        """Notes that queued notifications are done with, and how.

        Raises:
            StoreError: It cannot be written; they will come again.
        """
        self.store.commit([Commit(sent=list(numbers), events=list(events))])
        self._thread.submit(self._deliver)

    def _list(self, request: alert_pb2.ListAlertsRequest) -> list[alert_pb2.AlertRecord]:
        states = set(request.states) or {PENDING, FIRING}
        found = [record for record in self.book.active(request.servers) if record.state in states]
        if RESOLVED in states:
            self._flush()
            found += self.store.resolved(request.servers, request.max_resolved or _MAX_RESOLVED)
        return [
            record
            for record in found
            if record.level >= request.min_level
            and not (request.unacknowledged_only and record.acknowledged_by)
            and not (request.unmuted_only and is_muted(record))
        ]

    async def _act(self, action: Callable[[Any, int], T], request: Any) -> T:
        """Does what somebody asks for, and answers once it is written."""

        def act() -> T:
            if (now_ms := self._clock.now_ms()) <= 0:
                raise Unavailable(
                    "the server goes by the time of the samples, and none has come yet; try again when one has",
                    retry_delay_seconds=5.0,
                )
            done = action(request, now_ms)
            self._flush()
            if self.failure:
                raise Unavailable(
                    f"it holds while the server runs, but {self.failure}; the same request may be sent again",
                    retry_delay_seconds=5.0,
                )
            return done

        done = await self._call(act)
        self.acted()
        return done

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _flush(self) -> None:
        self._flush_waits = False
        commit = self.book.take()
        if not commit:
            return
        try:
            self.store.commit([commit])
        except StoreError as error:
            self.book.give_back(commit)
            if not self.failure:
                _LOG.error("alerts cannot be kept: %s", error)
            self.failure = f"alerts cannot be kept: {error}"
            return
        if self.failure:
            _LOG.info("alerts are kept again")
        self.failure = ""
        self._deliver()
        self.written()

    def _deliver(self) -> None:
        if self._sink is None:
            return
        try:
            while events := self.store.events(self.store.mark(SINK_MARK), _SINK_BATCH):
                self._sink.append(events)
                self.store.set_mark(SINK_MARK, events[-1].sequence)
        except Exception as error:
            # They stay in the store and come again with the next ones.
            if not self._undelivered:
                _LOG.error(
                    "the history of alerts is not written until it can be again: %s",
                    str(error) or type(error).__name__,
                    exc_info=not isinstance(error, OSError | StoreUnavailable),
                )
            self._undelivered = True
            return
        if self._undelivered:
            _LOG.info("the history of alerts is written again")
        self._undelivered = False
