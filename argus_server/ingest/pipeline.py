"""Takes the rows of a batch into the window and the log: decode, validate, write, count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from argus.v1 import ingest_pb2, metrics_pb2
from argus_server.clock import Clock, EventClock, WallClock
from argus_server.ingest.columns import decode
from argus_server.ingest.log import SampleLog, Settled
from argus_server.ingest.quota import hold_to_quota
from argus_server.ingest.rejections import Rejections
from argus_server.ingest.throttle import Quota
from argus_server.ingest.validation import MAX_EVENT_LEAD_MS, TimeLimit, validate
from argus_server.store.samples import SampleRows
from argus_server.telemetry.metrics import ServerMetrics
from argus_server.window.fleet_window import FleetWindow, WriteResult

_ROW_PREFIX: Final = "ROW_REJECTION_REASON_"


@dataclass(slots=True)
class RowTotals:
    """Rows since the start, by what became of them."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """A batch whose rows are in the window.

    Attributes:
        ack: What became of them, without a sequence.
        fresh: Those that were taken in.
    """

    ack: ingest_pb2.Ack
    fresh: SampleRows


class IngestPipeline:
    """What every ingest session writes through.

    Args:
        window: Where rows go.
        log: What makes them durable.
        clock: What time it is; an event clock is moved on by the rows.
        metrics: Where to count.
        written: Called after rows were accepted.
        required_steps: Says how many steps a server needs for a model forecast.
        max_batch_rows: Rows a batch may have.
    """

    def __init__(
        self,
        *,
        window: FleetWindow,
        log: SampleLog,
        clock: Clock,
        metrics: ServerMetrics,
        written: Callable[[], None],
        required_steps: Callable[[], int],
        max_batch_rows: int,
    ) -> None:
        self._window = window
        self._log = log
        self._clock = clock
        self._event_time = isinstance(clock, EventClock)
        self._wall_ms = WallClock().now_ms
        self._metrics = metrics
        self._written = written
        self._required_steps = required_steps
        self._max_batch_rows = max_batch_rows
        self.totals = RowTotals()

    def accept(
        self, source_id: str, sequence: int, batch: metrics_pb2.MetricBatch, quota: Quota | None = None
    ) -> Accepted:
        """Writes the valid rows of a batch to the window and says what became of all.

        Args:
            source_id: Who sent it.
            sequence: Its number.
            batch: Its rows.
            quota: What its sender may bring into the fleet; None leaves that to the fleet's own limit.

        Raises:
            BatchTooLarge: The batch has more rows than allowed; nothing was written.
            ColumnLengthMismatch: Its columns differ in length; nothing was written.
        """
        columns = decode(batch, max_rows=self._max_batch_rows)
        validation = validate(
            columns,
            known_names=self._window.known_names,
            limit=TimeLimit(self._wall_ms(), MAX_EVENT_LEAD_MS)
            if self._event_time
            else TimeLimit(self._clock.now_ms()),
        )
        if quota is not None:
            validation = hold_to_quota(columns, validation, self._window.known_names, quota)
        result = self._window.write(columns, validation.valid)
        rejections = validation.rejections + result.rejections
        if result.accepted:
            newest = int(columns.timestamp_ms[result.accepted_rows].max())
            self._metrics.sample_age.observe(max(self._clock.now_ms() - newest, 0) / 1000)
            self._written()
        self._metrics.ingest_batch_rows.observe(len(columns))
        self._count(source_id, result.accepted, result.duplicates, rejections.total)
        self._count_reasons(rejections)
        ack = ingest_pb2.Ack(
            accepted_rows=result.accepted,
            duplicate_rows=result.duplicates,
            rejected_rows=rejections.total,
            rejections=[
                ingest_pb2.RowRejection(
                    sequence=sequence,
                    row_index=row.row_index,
                    field=row.field,
                    reason=row.reason,  # type: ignore[arg-type]
                    message=row.message,
                )
                for row in rejections.rows
            ],
            warm_up=self._warm_up(result),
        )
        taken = None if result.accepted == len(columns) else result.accepted_rows
        return Accepted(ack, SampleRows(columns, taken))

    @property
    def storage_failure(self) -> str:
        """Why no rows may be accepted now: they could not be made durable. Empty when they can."""
        return self._log.failure

    def commit(self, source_id: str, sequence: int, accepted: Accepted, settled: Settled) -> None:
        """Makes accepted rows durable, and their sequence with them.

        Args:
            source_id: Who sent them.
            sequence: Number of their batch.
            accepted: What `accept` gave.
            settled: Called once, when it is known whether they are.
        """
        self._log.append(accepted.fresh, source_id, sequence, settled)

    def count_duplicates(self, source_id: str, rows: int) -> None:
        """Counts the rows of a batch that was committed before."""
        self._count(source_id, 0, rows, 0)

    def count_throttle(self) -> None:
        """Counts an ack that asked its source to pause."""
        self._metrics.ingest_throttles.inc()

    def count_batch_rejection(self, source_id: str, reason: str, rows: int) -> None:
        """Counts a message that could not be used as a whole."""
        self._count(source_id, 0, 0, rows)
        self._metrics.ingest_rejections.labels(reason).inc()

    def _count(self, source_id: str, accepted: int, duplicate: int, rejected: int) -> None:
        totals, rows = self.totals, self._metrics.ingest_rows
        totals.accepted += accepted
        totals.duplicate += duplicate
        totals.rejected += rejected
        label = self._metrics.source_label(source_id)
        for outcome, count in (("accepted", accepted), ("duplicate", duplicate), ("rejected", rejected)):
            if count:
                rows.labels(label, outcome).inc(count)

    def _count_reasons(self, rejections: Rejections) -> None:
        for reason, count in rejections.counts.items():
            name = ingest_pb2.RowRejectionReason.Name(reason).removeprefix(_ROW_PREFIX)
            self._metrics.ingest_rejections.labels(name.lower()).inc(count)

    def _warm_up(self, result: WriteResult) -> ingest_pb2.WarmUp:
        required, observed = self._required_steps(), result.observed_steps
        return ingest_pb2.WarmUp(
            servers=len(observed),
            warm_servers=int((observed >= required).sum()),
            required_steps=required,
            min_observed_steps=int(observed.min()) if len(observed) else 0,
        )
