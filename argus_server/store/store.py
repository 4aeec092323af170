"""`Store`: everything a server keeps in its data directory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa

from argus_server.clock import Clock, WallClock
from argus_server.store import compaction, parquet, recovery
from argus_server.store.catalog import Catalog, Part
from argus_server.store.checkpoint import Checkpointed, Checkpoints, Standing
from argus_server.store.directory import make_private, warn_if_open
from argus_server.store.errors import DamagedPart, StoreError, UnknownTable
from argus_server.store.lock import DirectoryLock
from argus_server.store.options import StoreOptions
from argus_server.store.reader import read
from argus_server.store.recovery import Recovery
from argus_server.store.samples import SampleRows
from argus_server.store.tables import METRICS_TABLE, TABLES, Table
from argus_server.store.telemetry import StoreMetrics
from argus_server.store.upkeep import Upkeep
from argus_server.store.writer import LogWriter
from argus_server.window.fleet_window import FleetWindow
from argus_server.window.image import LayoutChanged

_LOG: Final = logging.getLogger(__name__)

_PERIOD_SECONDS: Final = 1.0
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class _Subject:
    """What checkpoints are made of."""

    window: FleetWindow
    clock: Clock
    states: tuple[Checkpointed, ...]


class Store:
    """Keeps rows, and what a restart needs, in a data directory that it alone writes to.

    Args:
        root: The data directory; made if it is not there.
        options: How to behave.
        metrics: Where to count.
        tables: What can be kept.

    Raises:
        DirectoryLocked: Another process writes to it.
        OSError: It cannot be made, read or written.
    """

    def __init__(
        self,
        root: Path,
        options: StoreOptions | None = None,
        metrics: StoreMetrics | None = None,
        tables: Sequence[Table] = TABLES,
    ) -> None:
        self.options = options or StoreOptions()
        self._metrics = metrics or StoreMetrics()
        make_private(root)
        warn_if_open(root)
        self._lock = DirectoryLock(root)
        try:
            self._catalogs = {table.name: Catalog(root, table) for table in tables}
        except BaseException:
            self._lock.release()
            raise
        for catalog in self._catalogs.values():
            self._metrics.torn_bytes.inc(catalog.findings.torn_bytes)
            self._metrics.damaged_places.inc(catalog.findings.damaged_places)
        self._checkpoints = Checkpoints(root / "checkpoint")
        self._checkpoints.clean()
        self._writer = LogWriter(self._catalogs, self.options, self._metrics)
        self._subject: _Subject | None = None
        self._upkeep: Upkeep | None = None
        self._checkpoint_due = time.monotonic() + self.options.checkpoint_seconds
        self._checkpoint_position = -1
        self._checkpoint_urgent = False
        self._logged_bytes = 0
        self._damaged: set[Path] = set()

    # Rows in and out.

    @property
    def failure(self) -> str:
        """Why rows cannot be kept now; empty when they can."""
        return self._writer.failure

    def append(self, table: str, rows: pa.RecordBatch) -> Future[None]:
        """Queues rows of a table.

        Returns:
            Done when they are durable; fails with StoreUnavailable when they cannot be, and then they are not kept.

        Raises:
            UnknownTable: There is no such table.
            StoreError: They do not have its columns.
        """
        schema = self.schema(table)
        if not rows.schema.equals(schema):
            raise StoreError(f"rows of {table} must have the columns {schema}, got {rows.schema}")
        return self._writer.append(table, rows)

    def append_samples(self, rows: SampleRows, source_id: str, sequence: int) -> Future[None]:
        """Queues samples that are in the window, and commits a source's sequence with them.

        Returns:
            Done when they are durable. When it fails with StoreUnavailable the sequence is not committed, but the
            samples are kept for later.
        """
        return self._writer.append(METRICS_TABLE, rows, {source_id: sequence}, keep=True)

    def flush(self) -> Future[None]:
        """Done when everything appended before is durable; fails with StoreUnavailable when that cannot be now."""
        return self._writer.flush()

    def schema(self, table: str) -> pa.Schema:
        """Columns of a table.

        Raises:
            UnknownTable: There is no such table.
        """
        return self._catalog(table).table.schema

    def read(
        self,
        table: str,
        start_ms: int,
        end_ms: int,
        servers: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of a table that are durable, each once, in no order that can be relied on.

        Args:
            table: Name of the table.
            start_ms: Least timestamp, Unix milliseconds UTC.
            end_ms: The first timestamp no longer wanted.
            servers: Names; None means all.
            columns: Names, in the order wanted; None means all.

        Raises:
            UnknownTable: There is no such table.
            StoreError: It has no such column.
            DamagedPart: A Parquet file is damaged or cannot be read.
            OSError: A segment cannot be read, or the process has no file descriptor left.
            MemoryError: There is not enough memory.
        """
        return read(self._catalog(table), start_ms, end_ms, servers, columns)

    def fingerprint(self, table: str, start_ms: int, end_ms: int) -> Hashable:
        """Changes whenever rows of a span may have: when a file that holds some comes, goes or grows.

        Raises:
            UnknownTable: There is no such table.
        """
        with self._catalog(table).view(start_ms, end_ms) as view:
            parts = ((part.path, part.size) for part in view.parts)
            return (*parts, *((segment.path, segment.size) for segment in view.segments))

    def catalog(self, table: str) -> Catalog:
        """Files of a table.

        Raises:
            UnknownTable: There is no such table.
        """
        return self._catalog(table)

    # Life.

    def recover(
        self,
        window: FleetWindow,
        clock: Clock,
        retention_ms: int,
        states: Sequence[Checkpointed] = (),
    ) -> Recovery:
        """Fills a window, and whatever else takes part, with what was there when the last process ended; from now on
        checkpoints are made of them.

        Args:
            window: Empty.
            clock: An event clock is moved on to the newest sample.
            retention_ms: Servers silent for longer are forgotten.
            states: What else takes part.

        Raises:
            OSError: A file cannot be read.
        """
        self._subject = _Subject(window, clock, tuple(states))
        done = recovery.recover(
            self._catalogs[METRICS_TABLE], self._checkpoints, window, clock, states, retention_ms
        )
        self._writer.remember(done.marks)
        self._metrics.recovered_rows.set(done.rows)
        self._metrics.checkpoint_timestamp.set(done.checkpoint_ms / 1000)
        return done

    def start(self) -> None:
        """Begins to roll, merge, forget and write checkpoints in the background."""
        self._upkeep = Upkeep(
            {
                "checkpoint": self._checkpoint_if_due,
                "roll": lambda: self._any(self._roll),
                "retention": lambda: self._any(self._expire),
                "compaction": lambda: self._any(self._merge),
            },
            _PERIOD_SECONDS,
            lambda task: self._metrics.upkeep_failures.labels(task).inc(),
        )
        self._upkeep.start()

    def checkpoint_soon(self) -> None:
        """Has a checkpoint written at once, in the background, because a state has changed in a way that rows cannot
        bring back. May be called on any thread."""
        self._checkpoint_urgent = True
        if self._upkeep is not None:
            self._upkeep.wake()

    def checkpoint(self) -> bool:
        """Writes a checkpoint; says whether one was needed.

        Raises:
            OSError: It cannot be written.
            StoreUnavailable: What it contains cannot be made durable.
        """
        subject = self._subject
        if subject is None:
            return False
        urgent, self._checkpoint_urgent = self._checkpoint_urgent, False
        try:
            return self._checkpoint(subject, urgent)
        except BaseException:
            self._checkpoint_urgent |= urgent
            raise

    def _checkpoint(self, subject: _Subject, urgent: bool) -> bool:
        states = {state.name: state.dump() for state in subject.states}
        started = time.monotonic()
        for attempt in range(_ATTEMPTS):
            position, marks = self._writer.standing(METRICS_TABLE)
            if position == self._checkpoint_position and not attempt and not urgent:
                return False
            standing = Standing(
                position, marks, subject.clock.now_ms(), subject.window.steps, subject.window.step_seconds
            )
            try:
                written = self._checkpoints.write(standing, subject.window.images(), states)
            except LayoutChanged:
                continue
            try:
                self.flush().result()
                self._checkpoints.publish(written)
            except BaseException:
                self._checkpoints.discard(written)
                raise
            self._checkpoint_position = position
            self._metrics.checkpoint_timestamp.set(time.time())
            self._metrics.checkpoint_duration.observe(time.monotonic() - started)
            return True
        raise StoreError("servers were forgotten in every attempt to copy the window")

    def close(self) -> None:
        """Makes everything durable, writes a checkpoint, and lets go of the directory. What cannot be written is named
        in the log."""
        if self._upkeep is not None:
            self._upkeep.close()
        try:
            self.checkpoint()
        except (OSError, StoreError) as error:
            _LOG.error("no checkpoint at the end, so the next start takes longer: %s", error)
        self.abandon()

    def abandon(self) -> None:
        """Lets go of the directory without a checkpoint: what the next one finds is what a killed process leaves."""
        if self._upkeep is not None:
            self._upkeep.close()
        self._writer.close()
        self._lock.release()

    # Upkeep.

    def _catalog(self, table: str) -> Catalog:
        try:
            return self._catalogs[table]
        except KeyError:
            raise UnknownTable(f"no table {table!r}; there are {', '.join(self._catalogs)}") from None

    def _checkpoint_if_due(self) -> bool:
        log = sum(segment.size for segment in self._catalogs[METRICS_TABLE].segments)
        grown = log - self._logged_bytes >= self.options.checkpoint_log_bytes
        if time.monotonic() >= self._checkpoint_due or grown or self._checkpoint_urgent:
            self._checkpoint_due = time.monotonic() + self.options.checkpoint_seconds
            self.checkpoint()
            covered = self._checkpoints.oldest_position()
            for catalog in self._catalogs.values():
                catalog.release(covered)
            self._logged_bytes = sum(s.size for s in self._catalogs[METRICS_TABLE].segments)
        self._writer.rotate(self.options.segment_seconds)
        return False

    def _any(self, task: Callable[[Catalog], bool]) -> bool:
        return any([task(catalog) for catalog in self._catalogs.values()])

    def _roll(self, catalog: Catalog) -> bool:
        segment = catalog.unrolled()
        self._measure(catalog)
        if segment is None:
            return False
        name = catalog.table.name
        with self._metrics.upkeep_duration.labels("roll").time():
            rows = parquet.roll(catalog, segment)
        catalog.release(self._checkpoints.oldest_position())
        self._metrics.rolls.labels(name).inc()
        _LOG.debug("%d rows of %s are in Parquet now", rows, name)
        return True

    def _merge(self, catalog: Catalog) -> bool:
        settled = max((part.day for part in catalog.parts), default=None)
        settled_day = settled and settled - timedelta(days=2)
        parts = compaction.mergeable(catalog.parts, settled_day, damaged=self._damaged)
        if not parts:
            return False
        try:
            with self._metrics.upkeep_duration.labels("compaction").time():
                parquet.merge(catalog, parts)
        except DamagedPart as error:
            # Left alone from here on, so that the others are merged all the same.
            self._damaged.add(error.path)
            self._metrics.damaged_places.inc()
            _LOG.error("%s", error)
            return True
        self._metrics.compactions.labels(catalog.table.name).inc()
        return True

    def _expire(self, catalog: Catalog) -> bool:
        if self._subject is None:
            return False
        # Samples with dates ahead move an event clock, and must not remove anything by that.
        now_ms = min(self._subject.clock.now_ms(), WallClock().now_ms())
        stored_days = {part.day for other in self._catalogs.values() for part in other.parts}
        options = self.options
        old, surplus = compaction.expired(
            catalog.parts, now_ms, stored_days, options.keep_days, options.keep_bytes
        )
        self._drop(catalog, old, f"they are older than {options.keep_days} days")
        self._drop(catalog, surplus, f"the table took more than {options.keep_bytes} bytes")
        return False

    def _drop(self, catalog: Catalog, parts: Sequence[Part], why: str) -> None:
        if parts:
            name = catalog.table.name
            catalog.drop_parts(parts)
            self._metrics.expired_files.labels(name).inc(len(parts))
            first, last = parts[0].day, parts[-1].day
            _LOG.warning("retention removed %d files of %s, %s to %s: %s", len(parts), name, first, last, why)

    def _measure(self, catalog: Catalog) -> None:
        name = catalog.table.name
        self._metrics.log_bytes.labels(name).set(sum(segment.size for segment in catalog.segments))
        self._metrics.parquet_bytes.labels(name).set(sum(part.size for part in catalog.parts))
