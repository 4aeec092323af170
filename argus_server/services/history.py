"""`argus.v1.HistoryService`: what has been, summed up, listed, in buckets or as a file."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, Final, TypeVar

import pyarrow as pa

from argus.v1 import history_pb2, metrics_pb2
from argus_server.errors import DataLoss, InvalidArgument, NotFound, Unavailable
from argus_server.history import alert_history, export
from argus_server.history.alert_lives import alert_events
from argus_server.history.batches import Cancelled, guarded
from argus_server.history.counters import HistoryCounters
from argus_server.history.rows import HORIZONS_MINUTES
from argus_server.history.schemas import ALERT_EVENTS, FLEET_RISK, FORECASTS, SERVER_RISK
from argus_server.history.series import FLEET_COLUMNS, fleet_series, server_series
from argus_server.history.span import (
    DEFAULT_POINTS,
    LONGEST_QUERY_MS,
    LONGEST_SUMMARY_MS,
    Span,
    export_span,
    span_of,
)
from argus_server.history.store import RowSource
from argus_server.history.summary import Judge, summarise
from argus_server.ingest.validation import utc
from argus_server.store.errors import DamagedPart, is_shortage
from argus_server.store.tables import METRICS_TABLE

_LOG: Final = logging.getLogger(__name__)

_TABLES: Final = {
    history_pb2.HISTORY_TABLE_METRICS: METRICS_TABLE,
    history_pb2.HISTORY_TABLE_SERVER_RISK: SERVER_RISK,
    history_pb2.HISTORY_TABLE_FLEET_RISK: FLEET_RISK,
    history_pb2.HISTORY_TABLE_FORECASTS: FORECASTS,
    history_pb2.HISTORY_TABLE_ALERT_EVENTS: ALERT_EVENTS,
}

DEFAULT_EVENTS: Final = 1000
DEFAULT_HORIZON_MINUTES: Final = 60

# Questions answered at the same time, and questions that may be open, waiting or being answered.
_THREADS: Final = 2
_MOST_OPEN: Final = 16
_RETRY_SECONDS: Final = 5.0

# Less than the forecast's own thread, which yields to the event loop already.
_NICENESS: Final = 10

T = TypeVar("T")


class HistoryServicer:
    """Answers questions about the past, on threads of its own.

    Args:
        store: Where it is.
        judge: Tells incidents from what is none.
        step_seconds: Length of a step at the moment.
        now_ms: The server's clock.
        in_fleet: Whether the fleet has a server now.
        counters: Where to count.
    """

    def __init__(
        self,
        store: RowSource,
        judge: Judge,
        step_seconds: Callable[[], int],
        now_ms: Callable[[], int],
        in_fleet: Callable[[str], bool],
        counters: HistoryCounters,
    ) -> None:
        self._store = store
        self._judge = judge
        self._step_seconds = step_seconds
        self._now_ms = now_ms
        self._in_fleet = in_fleet
        self._counters = counters
        self._open = 0
        self._pool = ThreadPoolExecutor(_THREADS, "argus-history", initializer=_yield_to_others)

    def close(self) -> None:
        """Ends the threads once they are done; no call may come any more."""
        self._pool.shutdown(cancel_futures=True)

    async def GetHistorySummary(
        self, request: history_pb2.GetHistorySummaryRequest
    ) -> history_pb2.GetHistorySummaryResponse:
        """Sums up a span."""
        span = span_of(request.range, self._now_ms(), LONGEST_SUMMARY_MS)
        step_seconds = self._step_seconds()
        made = await self._ask(
            "summary", lambda gone: summarise(self._store, span, self._judge, step_seconds, gone)
        )
        return history_pb2.GetHistorySummaryResponse(
            start_ms=span.start_ms, end_ms=span.end_ms, **asdict(made)
        )

    async def ListAlertEvents(
        self, request: history_pb2.ListAlertEventsRequest
    ) -> history_pb2.ListAlertEventsResponse:
        """Lists alert events."""
        span = span_of(request.range, self._now_ms(), LONGEST_QUERY_MS)
        servers, limit = list(request.servers) or None, request.limit or DEFAULT_EVENTS
        found = await self._ask("events", lambda gone: alert_events(self._store, span, servers, limit, gone))
        return history_pb2.ListAlertEventsResponse(events=map(_event, found.rows), total=found.total)

    async def GetServerHistory(
        self, request: history_pb2.GetServerHistoryRequest
    ) -> history_pb2.GetServerHistoryResponse:
        """The past of one server."""
        span = span_of(request.range, self._now_ms(), LONGEST_QUERY_MS)
        horizon = request.horizon_minutes or DEFAULT_HORIZON_MINUTES
        if horizon not in HORIZONS_MINUTES:
            raise InvalidArgument(
                f"forecasts are not recorded {horizon} minutes ahead, but "
                f"{', '.join(map(str, HORIZONS_MINUTES))}",
                field="horizon_minutes",
            )
        if metrics_pb2.METRIC_UNSPECIFIED in request.metrics:
            raise InvalidArgument(
                "METRIC_UNSPECIFIED is no metric; leave the list empty for all", field="metrics"
            )
        found = await self._ask(
            "server",
            lambda gone: server_series(
                self._store,
                request.server_name,
                span,
                metrics=[number - 1 for number in dict.fromkeys(request.metrics)],
                horizon_minutes=horizon,
                max_points=request.max_points or DEFAULT_POINTS,
                cancelled=gone,
            ),
        )
        if not found.rows and not self._in_fleet(request.server_name):
            raise NotFound(
                f"{request.server_name!r} is not in the fleet, and nothing is recorded of it between "
                f"{utc(span.start_ms)} and {utc(span.end_ms)}"
            )
        return history_pb2.GetServerHistoryResponse(
            server_name=request.server_name,
            bucket_seconds=found.buckets.width_ms // 1000,
            timestamp=found.buckets.starts_ms(),
            risk_score=found.risk_score,
            risk_score_maximum=found.risk_score_maximum,
            breach_probability_30m=found.probability_30m,
            breach_probability_8h=found.probability_8h,
            horizon_minutes=horizon,
            metrics=[
                history_pb2.MetricHistory(
                    metric=one.metric + 1,  # type: ignore[arg-type]
                    actual=one.actual,
                    minimum=one.minimum,
                    maximum=one.maximum,
                    p10=one.forecast[:, 0],
                    p50=one.forecast[:, 1],
                    p90=one.forecast[:, 2],
                )
                for one in found.metrics
            ],
        )

    async def GetFleetHistory(
        self, request: history_pb2.GetFleetHistoryRequest
    ) -> history_pb2.GetFleetHistoryResponse:
        """The past of the fleet."""
        span = span_of(request.range, self._now_ms(), LONGEST_QUERY_MS)
        points = request.max_points or DEFAULT_POINTS
        found = await self._ask(
            "fleet", lambda gone: fleet_series(self._store, span, max_points=points, cancelled=gone)
        )
        place = {name: index for index, name in enumerate(FLEET_COLUMNS)}
        most = {
            f"{name}_maximum": found.greatest[:, place[name]]
            for name in ("critical_count", "incident_probability_30m", "incident_probability_8h")
        }
        means = {name: found.means[:, index] for name, index in place.items() if name != "maximum_risk"}
        return history_pb2.GetFleetHistoryResponse(
            bucket_seconds=found.buckets.width_ms // 1000,
            timestamp=found.buckets.starts_ms(),
            maximum_risk=found.greatest[:, place["maximum_risk"]],
            **means,
            **most,
        )

    async def ExportHistory(
        self, request: history_pb2.ExportHistoryRequest
    ) -> AsyncIterator[history_pb2.ExportHistoryResponse]:
        """Streams rows out; the next chunk is made when the last one has been taken."""
        if request.table not in _TABLES:
            raise InvalidArgument("no table is named; HistoryTable lists them", field="table")
        if request.format == history_pb2.EXPORT_FORMAT_UNSPECIFIED:
            raise InvalidArgument("no format is named; give Arrow or CSV", field="format")
        table = _TABLES[request.table]
        if request.servers and table == FLEET_RISK:
            raise InvalidArgument("the fleet's table has no servers; leave the list empty", field="servers")
        span = export_span(request.range, self._now_ms())
        gone = threading.Event()
        chunks = self._chunks(table, request, span, gone.is_set)
        try:
            while chunk := await self._ask("export", lambda _: next(chunks, b"")):
                yield history_pb2.ExportHistoryResponse(chunk=chunk)
        finally:
            gone.set()

    def _chunks(
        self, table: str, request: history_pb2.ExportHistoryRequest, span: Span, cancelled: Cancelled
    ) -> Iterator[bytes]:
        schema: pa.Schema = self._store.schema(table)
        batches = guarded(
            self._store.read(table, span.start_ms, span.end_ms, list(request.servers) or None, schema.names),
            cancelled,
        )
        if request.format == history_pb2.EXPORT_FORMAT_ARROW:
            return export.arrow_chunks(schema, batches)
        return export.csv_chunks(schema, batches)

    async def _ask(self, query: str, work: Callable[[Cancelled], T]) -> T:
        """Does work on one of the threads, and calls it off when nobody waits for it any more.

        Raises:
            Unavailable: Too many questions are open, or file descriptors or memory are used up.
            DataLoss: A file that is needed is damaged.
        """
        if self._open >= _MOST_OPEN:
            raise Unavailable(
                f"{self._open} questions about history are open, the most this server answers at once; "
                "try again later",
                retry_delay_seconds=_RETRY_SECONDS,
            )
        gone = threading.Event()
        self._open += 1
        try:
            with self._counters.query_duration.labels(query).time():
                return await asyncio.get_running_loop().run_in_executor(self._pool, work, gone.is_set)
        except DamagedPart as error:
            _LOG.error("a question about history cannot be answered: %s", error)
            # No more of the path than names the file: where a server keeps things is its operator's business.
            raise DataLoss(
                f"{'/'.join(error.path.parts[-3:])} of the server's data directory is damaged or cannot be read. Ask "
                "for a span without that day; the operator finds what is damaged with argus store verify, and can "
                "restore it from a backup"
            ) from error
        except (OSError, MemoryError) as error:
            if not is_shortage(error):
                raise
            _LOG.error(
                "a question about history cannot be answered now: %s", str(error) or "no memory is left"
            )
            raise Unavailable(
                "the server has no file descriptor or no memory left to answer with; try again later",
                retry_delay_seconds=_RETRY_SECONDS,
            ) from error
        finally:
            gone.set()
            self._open -= 1


def _event(row: dict[str, Any]) -> history_pb2.AlertEvent:
    same = ("event", "alert_id", "server_name", "probability", "author", "detail")
    return history_pb2.AlertEvent(
        at_ms=row["timestamp"],
        subject=alert_history.SUBJECTS.index(row["subject"]),  # type: ignore[arg-type]
        metric=alert_history.METRIC_NAMES.index(row["metric"]),  # type: ignore[arg-type]
        level=alert_history.LEVELS.index(row["level"]),  # type: ignore[arg-type]
        **{name: row[name] for name in same},
    )


def _yield_to_others() -> None:
    if sys.platform == "linux":
        # On Linux a priority belongs to a thread.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
