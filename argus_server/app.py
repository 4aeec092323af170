"""The composition root: makes every part of a server and ties them together."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from types import ModuleType
from typing import Final

from google.protobuf.descriptor import ServiceDescriptor

from argus.v1 import admin_pb2, alert_pb2, history_pb2, ingest_pb2, prediction_pb2
from argus_server.alerts.desk import AlertDesk
from argus_server.alerts.feed import AlertFeed
from argus_server.alerts.notify.dispatcher import Dispatcher
from argus_server.clock import Clock, EventClock, JumpGuard, WallClock
from argus_server.contract import CONTRACT_VERSION
from argus_server.engine import Engine
from argus_server.forecast.calibration import BandCalibration
from argus_server.history.alert_history import AlertHistory
from argus_server.history.counters import HistoryCounters
from argus_server.history.recorder import Recorder
from argus_server.history.summary import Judge
from argus_server.ingest.log import SampleLog
from argus_server.ingest.pipeline import IngestPipeline
from argus_server.ingest.session import IngestLimits, IngestSession
from argus_server.ingest.sources import SourceRegistry
from argus_server.model_control import ModelControl
from argus_server.risk.limits import threshold_messages
from argus_server.risk.table_file import load_tables
from argus_server.security.access import Access
from argus_server.security.caller import current_caller
from argus_server.services.admin import AdminServicer
from argus_server.services.alerts import AlertServicer
from argus_server.services.history import HistoryServicer
from argus_server.services.ingest import IngestServicer
from argus_server.services.prediction import PredictionServicer
from argus_server.services.transport import MAX_MESSAGE_BYTES, Service, add_services, listen, make_server
from argus_server.settings import ServerSettings, split_address
from argus_server.shard import SILENT_STEPS, SILENT_STEPS_IN_EVENT_TIME, Shard
from argus_server.snapshot.builder import Provenance, SnapshotBuilder
from argus_server.snapshot.hub import Hub
from argus_server.store.options import StoreOptions
from argus_server.store.store import Store
from argus_server.store.telemetry import StoreMetrics
from argus_server.telemetry.alerts import AlertGauges
from argus_server.telemetry.collector import FleetGauges
from argus_server.telemetry.exporter import Exporter
from argus_server.telemetry.metrics import ServerMetrics
from argus_server.window.fleet_window import FleetWindow

_LOG: Final = logging.getLogger(__name__)

DISTRIBUTION: Final = "argus-forecast"
_LEAST_REQUEST_BYTES: Final = 16 << 20
_LAG_PROBE_SECONDS: Final = 0.5
_NOTIFY_GRACE_SECONDS: Final = 1.0
_STORE_PROBE_SECONDS: Final = 0.5


def settle_heap() -> None:
    """Takes everything made so far out of the garbage collector's sight; call it once, when a server has started.

    What torch and others leave behind after their import is never garbage, and looking through it again at every full
    collection would hold up the event loop.
    """
    gc.collect()
    gc.freeze()


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a started server listens."""

    grpc: str
    metrics: str
    metrics_url: str


class ArgusServer:
    """A server made from settings. `start` it, then `drain` it.

    Args:
        settings: Everything it can be told.
        clock: What time it is; made from the settings if not given.
    """

    def __init__(self, settings: ServerSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or (EventClock() if settings.clock == "event" else WallClock())
        self._event_clock = isinstance(self._clock, EventClock)
        self._instance_id = uuid.uuid4().hex
        self._started_at = time.time()
        self._metrics = ServerMetrics()
        self._tables = load_tables(settings.risk_tables)
        self._models = ModelControl.open(settings, self._metrics)
        limits = self._limits = IngestLimits(
            max_batch_rows=settings.max_batch_rows,
            max_batch_bytes=settings.max_batch_bytes,
            max_in_flight_batches=settings.max_in_flight_batches,
            max_servers=settings.max_servers,
            max_rows_per_second=settings.max_rows_per_second,
        )
        self.window = FleetWindow(
            self._clock,
            steps=self._models.context_steps,
            step_seconds=self._models.step_seconds,
            max_servers=limits.max_servers,
        )
        # Taken before anything is bound: a second server on the directory must not get further than this.
        self._store = _open_store(settings, self._metrics)
        self._sources = SourceRegistry()
        try:
            self._access = Access(settings, lambda: self.window.known_names)
        except BaseException:
            if self._store is not None:
                self._store.close()
            raise
        self._tasks: list[asyncio.Task[None]] = []
        self._exporter: Exporter | None = None
        self._recorder: Recorder | None = None
        self._alert_history: AlertHistory | None = None
        self._history: HistoryServicer | None = None

    async def start(self) -> Addresses:
        """Brings back what was stored, binds, publishes the first snapshot, and serves.

        Raises:
            OSError: An address is taken or cannot be bound, or the data directory cannot be read.
        """
        async with AsyncExitStack() as undo:
            await self._start(undo)
            undo.pop_all()
        return self.addresses

    async def _start(self, undo: AsyncExitStack) -> None:
        settings = self._settings
        undo.callback(self._access.close)
        if self._store is not None:
            undo.callback(self._store.close)
        self._hub = Hub(self._clock.now_ms, settings.heartbeat_seconds)
        # Another clock than the wall's jumps by design: the time of samples, or a test's.
        settled = JumpGuard().settled if isinstance(self._clock, WallClock) else int
        self.shard = Shard(
            self.window,
            self._models,
            self._tables,
            settings.cores,
            3600 * settings.retention_hours,
            settings.silent_steps or (SILENT_STEPS_IN_EVENT_TIME if self._event_clock else SILENT_STEPS),
            BandCalibration(),
            settled,
        )
        await self._recover()
        if self._store is not None:
            self._open_history(self._store)
            undo.callback(self._close_history)
        self._notifiers = Dispatcher(settings.alert_targets, settings.dashboard_url)
        self.alerts = AlertDesk(
            self._tables,
            self._clock,
            settings.data_dir,
            self._notifiers.needs(),
            settings.alert_retention_days,
            self._alert_history,
            settled,
            synced=settings.durability == "fsync",
        )
        undo.push_async_callback(self.alerts.close)
        self.alerts.written = self._notifiers.wake
        self._feed = AlertFeed(self.alerts.book.active, self._clock.now_ms, settings.heartbeat_seconds)
        loop = asyncio.get_running_loop()
        self.alerts.on_change(lambda changes: loop.call_soon_threadsafe(self._feed.publish, changes))
        self.engine = Engine(
            shard=self.shard,
            alerts=self.alerts,
            builder=SnapshotBuilder(self._tables),
            hub=self._hub,
            clock=self._clock,
            provenance=self._provenance,
            metrics=self._metrics,
            tick_seconds=settings.tick_seconds,
            published=self._note_health,
            record=self._recorder.offer if self._recorder is not None else None,
        )
        undo.callback(self.engine.close)
        self.alerts.acted = self.engine.touch
        self._pipeline = IngestPipeline(
            window=self.window,
            log=SampleLog(self._store),
            clock=self._clock,
            metrics=self._metrics,
            written=self.engine.touch,
            required_steps=lambda: self._models.required_steps,
            max_batch_rows=self._limits.max_batch_rows,
        )
        await self._bind()
        self._notifiers.start(self.alerts, self._metrics)
        undo.callback(self._notifiers.close, self.alerts, 0)
        await self.engine.tick()
        # Ahead of serving, so that a taken address is an error that needs nothing undone.
        if settings.metrics_listen:
            self._metrics.registry.register(
                FleetGauges(self._hub, self.status, settings.max_exported_servers)
            )
            self._metrics.registry.register(self._access)
            self._metrics.registry.register(AlertGauges(self.alerts))
            self._exporter = Exporter(
                *split_address(settings.metrics_listen),
                self._metrics.registry,
                self._access.context,
                self._access.authorise_scrape,
            )
            undo.callback(self._exporter.close)
        await self._server.start()
        await self._board.set_serving(True)
        self._tasks = [
            asyncio.create_task(self.engine.run()),
            asyncio.create_task(self._hub.pulse()),
            asyncio.create_task(self._watch_loop_lag()),
            asyncio.create_task(self._access.run()),
        ]
        if self._store is not None:
            self._store.start()
            self._tasks.append(asyncio.create_task(self._watch_store(self._store)))

    @property
    def addresses(self) -> Addresses:
        """Where the server listens."""
        host, _ = split_address(self._settings.listen)
        return Addresses(
            grpc=f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}",
            metrics=self._exporter.address if self._exporter else "",
            metrics_url=self._exporter.url if self._exporter else "",
        )

    async def drain(self) -> None:
        """Tells clients that the server stops, lets them leave, and stops."""
        await self._board.drain()
        self._hub.drain("the server is stopping")
        self._feed.drain("the server is stopping")
        self._ingest.drain()
        for task in self._tasks:
            task.cancel()
        await self._server.stop(self._settings.drain_seconds)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.engine.close()
        # The last tick's notifications get a moment to leave; with a data directory the rest leaves after a restart.
        await asyncio.to_thread(self._notifiers.close, self.alerts, _NOTIFY_GRACE_SECONDS)
        await self.alerts.close()
        await asyncio.to_thread(self._close_history)
        if self._store is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._store.close)
        self._access.close()
        if self._exporter is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._exporter.close)

    def status(self) -> admin_pb2.GetStatusResponse:
        """How the server does."""
        snapshot = self._hub.current
        return admin_pb2.GetStatusResponse(
            serving=snapshot is not None and not self._hub.draining_reason,
            degraded=bool(self._degraded_reason),
            degraded_reason=self._degraded_reason,
            model=self._models.info(),
            servers=len(self.window),
            warm_servers=self.window.warm_count(self._models.required_steps),
            required_steps=self._models.required_steps,
            revision=snapshot.revision if snapshot else 0,
            subscribers=len(self._hub.subscriptions),
            ingest_streams=self._ingest.streams,
            accepted_rows=self._pipeline.totals.accepted,
            rejected_rows=self._pipeline.totals.rejected,
            duplicate_rows=self._pipeline.totals.duplicate,
            uptime_seconds=time.time() - self._started_at,
            clock_ms=self._clock.now_ms(),
        )

    async def _bind(self) -> None:
        self._server = make_server(self._access.guard, self._max_request_bytes)
        self._ingest = IngestServicer(self.open_session)
        readers = self._settings.max_subscribers
        services = [
            Service(_service(ingest_pb2, "IngestService"), self._ingest, frozenset({"StreamMetrics"})),
            Service(
                _service(prediction_pb2, "PredictionService"),
                PredictionServicer(self._hub, self.engine.fresh, self._instance_id, readers, self.shard.past),
                frozenset({"Subscribe", "GetSnapshot", "GetForecast"}),
            ),
            Service(
                _service(admin_pb2, "AdminService"),
                AdminServicer(self._info, self.status, self._models, self._swapped),
            ),
            Service(_service(alert_pb2, "AlertService"), AlertServicer(self.alerts, self._feed, readers)),
        ]
        if self._history is not None:
            services.append(Service(_service(history_pb2, "HistoryService"), self._history))
        self._board, self.capabilities = await add_services(self._server, services)
        self._port = listen(self._server, self._settings.listen, self._access.credentials)

    def _open_history(self, store: Store) -> None:
        counters = HistoryCounters(self._metrics.registry)
        self._recorder = Recorder(store, counters)
        self._alert_history = AlertHistory(store, counters)
        self._history = HistoryServicer(
            store,
            Judge(store, self._tables, self._settings.cores),
            lambda: self._models.step_seconds,
            self._clock.now_ms,
            lambda name: self._hub.current is not None and self._hub.current.place(name) is not None,
            counters,
        )

    def _close_history(self) -> None:
        if self._recorder is not None and self._history is not None:
            self._recorder.close()
            self._history.close()

    @property
    def _max_request_bytes(self) -> int:
        """Room for messages that are too large, so that they can be refused by name instead of by the transport."""
        return max(4 * self._limits.max_batch_bytes, _LEAST_REQUEST_BYTES)

    def _info(self) -> admin_pb2.GetServerInfoResponse:
        return admin_pb2.GetServerInfoResponse(
            version=metadata.version(DISTRIBUTION),
            contract_version=CONTRACT_VERSION,
            instance_id=self._instance_id,
            started_at_ms=int(1000 * self._started_at),
            capabilities=self.capabilities,
            limits=self._limits.to_proto(),
            max_message_bytes=MAX_MESSAGE_BYTES,
            max_request_bytes=self._max_request_bytes,
            clock=self._settings.clock,
            thresholds=threshold_messages(self._tables),
        )

    def open_session(self, ready: Callable[[], None]) -> IngestSession:
        """A session for a new ingest stream of the current caller, given what to call when an answer is ready."""
        welcome = ingest_pb2.Welcome(
            limits=self._limits.to_proto(),
            step_seconds=self._models.step_seconds,
            server_version=metadata.version(DISTRIBUTION),
        )
        welcome.tick_interval.FromTimedelta(timedelta(seconds=self._settings.tick_seconds))
        return IngestSession(
            self._pipeline, self._sources, self._limits, welcome, ready, quota=current_caller().usage
        )

    def _provenance(self) -> Provenance:
        return Provenance(self._instance_id, self._models.info(), self._degraded_reason)

    @property
    def _store_failure(self) -> str:
        return self._store.failure if self._store is not None else ""

    @property
    def _degraded_reason(self) -> str:
        reasons = (
            *(self._models.degraded_reason, self._store_failure, self.engine.failure),
            *(self.alerts.failure, self._access.problem),
        )
        return "; ".join(filter(None, reasons))

    async def _recover(self) -> None:
        """Brings back what was there when the last server on the data directory ended."""
        store = self._store
        if store is None:
            _LOG.warning("no --data-dir: nothing survives a restart")
            return
        retention_ms = int(3_600_000 * self._settings.retention_hours)
        recovery = await asyncio.get_running_loop().run_in_executor(
            None, store.recover, self.window, self._clock, retention_ms, [self.shard.calibration]
        )
        self._sources = SourceRegistry(recovery.marks)
        self.shard.calibration.changed = store.checkpoint_soon
        _LOG.info(
            "%s: %d servers and %d sources are back after %.2f s, %d rows of them from the log",
            *(
                self._settings.data_dir,
                recovery.servers,
                len(recovery.marks),
                recovery.seconds,
                recovery.rows,
            ),
        )

    async def _watch_store(self, store: Store) -> None:
        """Keeps health and snapshots true to what the store can do, also while no rows come in."""
        working: bool | None = None
        while True:
            if working is not (working := not store.failure):
                await self._board.set_store(working)
                self.engine.touch()
            await asyncio.sleep(_STORE_PROBE_SECONDS)

    async def _note_health(self) -> None:
        await self._board.set_model(not self._models.degraded_reason)

    async def _swapped(self) -> None:
        self.engine.touch()
        await self.engine.fresh()

    async def _watch_loop_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_PROBE_SECONDS
            await asyncio.sleep(_LAG_PROBE_SECONDS)
            self._metrics.event_loop_lag.set(max(loop.time() - due, 0.0))


def _open_store(settings: ServerSettings, metrics: ServerMetrics) -> Store | None:
    if settings.data_dir is None:
        return None
    return Store(settings.data_dir, StoreOptions.of(settings), StoreMetrics(metrics.registry))


def _service(module: ModuleType, name: str) -> ServiceDescriptor:
    descriptor: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]
    return descriptor
