"""The one thread that writes: takes what has been queued, writes it as few frames, tells who waits."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import pyarrow as pa

from argus_server.store.catalog import Catalog
from argus_server.store.errors import StoreUnavailable
from argus_server.store.frames import encode_frame
from argus_server.store.options import StoreOptions
from argus_server.store.samples import SampleRows
from argus_server.store.segment import Segment, SegmentFile, segment_path
from argus_server.store.tables import bounds_ms
from argus_server.store.telemetry import StoreMetrics

_LOG: Final = logging.getLogger(__name__)

Rows: TypeAlias = "pa.RecordBatch | SampleRows"

MAX_SOURCES: Final = 100_000
"""Sources whose sequences are remembered, those that committed last."""

STALLED_SECONDS: Final = 10.0
"""A write that takes longer than this means that the disk does not answer."""


_PROBE: Final = bytes(1 << 20)


@dataclass(slots=True, eq=False)
class _Append:
    """Rows on their way."""

    table: str
    rows: Rows | None
    size: int
    marks: Mapping[str, int]
    keep: bool
    queued_at: float
    done: Future[None] = field(default_factory=Future)


class LogWriter:
    """Appends rows to the segments of all tables.

    When a write fails, everybody who waits is told so. Rows that were appended with `keep` stay queued, without their
    marks, and are written first when writing works again; others are dropped. The thread tries again by itself.

    Args:
        catalogs: Files of each table, by its name.
        options: Durability and sizes.
        metrics: Where to count.
    """

    def __init__(self, catalogs: Mapping[str, Catalog], options: StoreOptions, metrics: StoreMetrics) -> None:
        self._catalogs = catalogs
        self._options = options
        self._metrics = metrics
        self._sync = options.durability == "fsync"
        self._files: dict[str, SegmentFile] = {}
        self._began: dict[str, float] = {}
        self._changed = threading.Condition()
        self._queue: deque[_Append] = deque()
        self._rotations: list[tuple[float, Future[None]]] = []
        self._marks: OrderedDict[str, int] = OrderedDict()
        self._bytes = 0
        self._writing_since = 0.0
        self._failure = ""
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="argus-store-writer", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> str:
        """Why rows cannot be kept now; empty when they can."""
        if self._failure:
            return self._failure
        since = self._writing_since
        if since and (waited := time.monotonic() - since) > STALLED_SECONDS:
            return f"the disk of the data directory has not answered for {waited:.0f} s"
        if self._bytes >= self._options.queue_bytes:
            return (
                f"{self._bytes >> 20} MiB of rows wait for the disk of the data directory, as many as allowed"
            )
        return ""

    def append(
        self, table: str, rows: Rows, marks: Mapping[str, int] | None = None, *, keep: bool = False
    ) -> Future[None]:
        """Queues rows.

        Args:
            table: Of which table.
            rows: They must not be changed any more.
            marks: Sequences of sources that are committed with them.
            keep: Whether rows that cannot be written now are written later.

        Returns:
            Done when the rows are durable; fails with StoreUnavailable when they are not.
        """
        entry = _Append(table, rows, rows.nbytes, marks or {}, keep, time.monotonic())
        entry.done.set_running_or_notify_cancel()
        with self._changed:
            refusal = self._failure
            if self._closing:
                refusal = "the store is closed"
            elif not keep:
                refusal = self.failure
            if refusal:
                entry.marks = {}
                entry.done.set_exception(StoreUnavailable(refusal))
                self._metrics.refused_appends.labels(table).inc()
            if not refusal or (keep and not self._closing):
                self._bytes += entry.size
                self._queue.append(entry)
                self._changed.notify()
        return entry.done

    def flush(self) -> Future[None]:
        """Done when everything appended before is durable; fails with StoreUnavailable when that cannot be now."""
        entry = _Append(next(iter(self._catalogs)), None, 0, {}, False, time.monotonic())
        entry.done.set_running_or_notify_cancel()
        with self._changed:
            if refusal := self._failure or ("the store is closed" if self._closing else ""):
                entry.done.set_exception(StoreUnavailable(refusal))
            else:
                self._queue.append(entry)
                self._changed.notify()
        return entry.done

    def standing(self, table: str) -> tuple[int, dict[str, int]]:
        """Number of the next frame of a table, and the sequences committed with the frames before it."""
        with self._changed:
            return self._catalogs[table].next_sequence, dict(self._marks)

    def remember(self, marks: Mapping[str, int]) -> None:
        """Takes over sequences that were committed before this writer began."""
        with self._changed:
            self._note(marks)

    def _note(self, marks: Mapping[str, int]) -> None:
        for source, sequence in marks.items():
            self._marks[source] = sequence
            self._marks.move_to_end(source)
        while len(self._marks) > MAX_SOURCES:
            self._marks.popitem(last=False)

    def rotate(self, older_than_seconds: float = 0.0) -> Future[None]:
        """Closes segments of at least that age, so that they can become Parquet; the future is done when they are."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()
        with self._changed:
            self._rotations.append((older_than_seconds, done))
            self._changed.notify()
        return done

    def close(self) -> None:
        """Writes what is queued, if it can be written, and ends the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            _LOG.exception("the store's writer has stopped; the server must be started again")
            self._fail(error, [])

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._queue or self._rotations or self._closing or self._failure):
                    self._changed.wait()
            # A frame of many batches costs little more than one of a single batch: let a few come together.
            time.sleep(self._options.linger_seconds)
            with self._changed:
                group, rotations = list(self._queue), self._rotations
                self._queue.clear()
                self._rotations = []
                closing = self._closing
                self._writing_since = time.monotonic() if group else 0.0
            left = self._write(group) if group else self._probe()
            for seconds, done in rotations:
                self._rotate(seconds)
                done.set_result(None)
            self._writing_since = 0.0
            self._metrics.queue_bytes.set(self._bytes)
            if self._failure:
                with self._changed:
                    self._queue.extendleft(reversed(left))
                    if closing:
                        _LOG.error("%d batches could not be written; none was acknowledged", len(self._queue))
                        break
                    self._changed.wait_for(lambda: self._closing, self._options.retry_seconds)
            elif closing and not self._queue:
                break
        self._rotate(0.0)

    def _write(self, group: list[_Append]) -> list[_Append]:
        """Writes a group, table by table; returns what is to be tried again."""
        tables = dict.fromkeys(entry.table for entry in group)
        pending = {table: [entry for entry in group if entry.table == table] for table in tables}
        failed: Exception | None = None
        left: list[_Append] = []
        for table, entries in pending.items():
            for run in _runs(entries, self._options.frame_bytes):
                if failed is None:
                    try:
                        self._write_frame(table, run)
                    except Exception as error:
                        if not isinstance(error, OSError):
                            _LOG.exception("rows of %s cannot be encoded", table)
                        failed = error
                    else:
                        self._settle(run)
                        continue
                left.extend(run)
        if failed is not None:
            return self._fail(failed, left)
        self._recovered()
        return []

    def _probe(self) -> list[_Append]:
        """Finds out whether a directory that failed can be written to again, when there are no rows to try it with."""
        if self._failure:
            directory = next(iter(self._catalogs.values())).log_directory.parent
            try:
                with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
                    file.write(_PROBE)
                    os.fsync(file.fileno())
            except OSError:
                return []
            self._recovered()
        return []

    def _write_frame(self, table: str, run: Sequence[_Append]) -> None:
        catalog = self._catalogs[table]
        rows = [entry.rows for entry in run if entry.rows is not None]
        marks = {source: sequence for entry in run for source, sequence in entry.marks.items()}
        if not rows:
            return
        batch = _combined(rows)
        file = self._files.get(table)
        if file is not None and (file.spoiled or file.size >= self._options.segment_bytes):
            self._close_segment(table)
            file = None
        sequence = catalog.next_sequence
        if file is None:
            file = SegmentFile(segment_path(catalog.log_directory, sequence), catalog.table.schema)
            catalog.begin(Segment(file.path, sequence, sequence))
            self._files[table], self._began[table] = file, time.monotonic()
        bounds = bounds_ms(batch)
        file.append(encode_frame(sequence, batch, bounds, marks), self._sync)
        with self._changed:
            catalog.grow(file.size, sequence, batch.num_rows, bounds)
            self._note(marks)
        self._metrics.appended_rows.labels(table).inc(batch.num_rows)

    def _settle(self, run: Sequence[_Append]) -> None:
        now = time.monotonic()
        with self._changed:
            self._bytes -= sum(entry.size for entry in run)
        for entry in run:
            if not entry.done.done():
                entry.done.set_result(None)
                self._metrics.append_duration.observe(now - entry.queued_at)

    def _fail(self, error: Exception, left: list[_Append]) -> list[_Append]:
        """Tells all who wait, also those who came meanwhile; returns what is kept of the group."""
        reason = _explain(error)
        number = error.errno if isinstance(error, OSError) else None
        self._metrics.failures.labels(errno.errorcode.get(number or 0, "unknown")).inc()
        self._metrics.failing.set(1)
        with self._changed:
            if not self._failure:
                _LOG.error("%s; nothing is acknowledged until it can be written again", reason)
            self._failure = reason
            came = list(self._queue)
            kept = [entry for entry in left if entry.keep]
            self._queue = deque(entry for entry in came if entry.keep)
            self._bytes = sum(entry.size for entry in (*kept, *self._queue))
        for entry in (*left, *came):
            if not entry.done.done():
                entry.marks = {}
                entry.done.set_exception(StoreUnavailable(reason))
                self._metrics.refused_appends.labels(entry.table).inc()
        return kept

    def _recovered(self) -> None:
        with self._changed:
            if not self._failure:
                return
            self._failure = ""
        self._metrics.failing.set(0)
        _LOG.warning("the data directory can be written to again")

    def _rotate(self, older_than_seconds: float) -> None:
        before = time.monotonic() - older_than_seconds
        for table in [table for table, began in self._began.items() if began <= before]:
            self._close_segment(table)

    def _close_segment(self, table: str) -> None:
        self._files.pop(table).close()
        del self._began[table]
        self._catalogs[table].close()


def _runs(entries: Sequence[_Append], frame_bytes: int) -> list[list[_Append]]:
    """Neighbours that go into one frame."""
    runs: list[list[_Append]] = []
    size = 0
    for entry in entries:
        if not runs or size + entry.size > frame_bytes:
            runs.append([])
            size = 0
        runs[-1].append(entry)
        size += entry.size
    return runs


def _combined(rows: Sequence[Rows]) -> pa.RecordBatch:
    samples = [part for part in rows if isinstance(part, SampleRows)]
    if samples:
        return SampleRows.combined(samples)
    return rows[0] if len(rows) == 1 else pa.concat_batches(rows)


def _explain(error: Exception) -> str:
    if not isinstance(error, OSError):
        return f"rows cannot be encoded ({type(error).__name__}), see the server's log"
    what = {
        errno.ENOSPC: "the disk of the data directory is full",
        errno.EDQUOT: "the quota of the data directory is used up",
        errno.EFBIG: "a file of the data directory may not grow further",
        errno.EROFS: "the data directory is read-only",
        errno.EIO: "the disk of the data directory fails",
    }.get(error.errno or 0, "the data directory cannot be written to")
    return f"{what} ({error.strerror or type(error).__name__})"
