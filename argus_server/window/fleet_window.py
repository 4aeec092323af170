"""`FleetWindow`: the recent past of every server, one ring of steps each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from argus.v1 import ingest_pb2
from argus_server.clock import Clock, EventClock
from argus_server.ingest.columns import Columns
from argus_server.ingest.rejections import NO_REJECTIONS, REPORTED_ROWS, RejectedRow, Rejections
from argus_server.ingest.validation import MAX_SKEW_MS, utc
from argus_server.metrics import METRICS
from argus_server.profiles import profile_of
from argus_server.window.frame import WindowFrame
from argus_server.window.image import LayoutChanged, WindowImage
from argus_server.window.pending import UNKNOWN, Pending
from argus_server.window.ring import Rings, run_starts, step_samples
from argus_server.window.server_table import ServerTable

_COPY_CHUNK: Final = 128
"""Servers copied under one hold of the lock: about 2 MB, so that a writer waits well under a millisecond."""

_IMAGE_SERVERS: Final = 32
"""Servers copied under one hold of the lock for a checkpoint: about 8 MB with a week of window."""

_PAGE: Final = 1024
"""float32 values in a page of memory."""

_CURRENT_AGE: Final = 3
"""Steps a mean may be old and still count as current."""


@dataclass(frozen=True, slots=True, eq=False)
class WriteResult:
    """What became of the rows of a batch.

    Attributes:
        accepted: Rows taken in.
        duplicates: Rows whose server and second had a sample already.
        rejections: Rows refused by the window; rows the caller masked out are not among them.
        accepted_rows: Which rows were taken in, bool [rows].
        observed_steps: Measured steps of each server that had an accepted or duplicate row, int32 [servers].
    """

    accepted: int
    duplicates: int
    rejections: Rejections
    accepted_rows: npt.NDArray[np.bool_]
    observed_steps: npt.NDArray[np.int32]


class FleetWindow:
    """Step means of every server over the last `steps` steps.

    One thread writes; any thread may read. Samples are averaged into steps, for `uptime_days` the newest
    counts; NaN is left out, metric by metric. Neither the order of rows nor that of batches changes the
    means, but for two samples of one server and second: the first to arrive stays, the other is a duplicate.

    A sample is too old when it lies `steps` or more before its server's newest step, as it was before the
    batch: a batch longer than the window is accepted whole, and what it pushes out itself is just not kept.
    With a wall clock a sample is too old as well when it lies that far before the clock.

    A row that measures nothing is accepted and remembered as seen, and its state counts if it has one, but
    the age of the server's data grows on.

    Memory: `bytes_per_server`, 36 KB with 288 steps of 300 s, plus the name.

    Args:
        clock: An `EventClock` is moved on by accepted samples; any other clock also bounds what is too old.
        steps: Steps kept per server.
        step_seconds: Length of a step.
        max_servers: Servers the window may hold.
        reserved_servers: Servers there is room for from the start. Room for more is made by doubling, which
            stops writes while everything is copied; room that is not used takes no memory.

    Raises:
        ValueError: `steps` or `max_servers` is below 1, or `step_seconds` outside 1 to 65,535.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        steps: int = 288,
        step_seconds: int = 300,
        max_servers: int = 10_000,
        reserved_servers: int = 2_048,
    ) -> None:
        if steps < 1 or max_servers < 1:
            raise ValueError(
                f"got {steps} steps and {max_servers} servers; a window needs at least one of each"
            )
        if not 1 <= step_seconds <= np.iinfo(np.uint16).max:
            raise ValueError(f"got a step of {step_seconds} s; 1 to {np.iinfo(np.uint16).max} are allowed")
        self._clock = clock
        self._steps = steps
        self._step_seconds = step_seconds
        self._step_ms = step_seconds * 1000
        self._max_servers = max_servers
        self._lock = threading.Lock()
        self._rings = Rings(steps, step_seconds, min(reserved_servers, max_servers))
        self._rows: dict[str, int] = {}
        self._names: list[str] = []
        # Counts evictions: they move rows, and a reader that copies in chunks must notice.
        self._layout = 0

    def __len__(self) -> int:
        return len(self._names)

    @property
    def steps(self) -> int:
        """Steps kept per server."""
        return self._steps

    @property
    def step_seconds(self) -> int:
        """Length of a step."""
        return self._step_seconds

    @property
    def names(self) -> tuple[str, ...]:
        """Servers in row order: that of their first sample, until an eviction moves the last into the gap."""
        return tuple(self._names)

    @property
    def known_names(self) -> Mapping[str, int]:
        """Row of each server, for the writing thread: a live view of names that need no validation."""
        return self._rows

    @property
    def bytes_per_server(self) -> int:
        """Memory a server takes, without its name."""
        return self._rings.bytes_per_row

    def write(self, columns: Columns, valid: npt.NDArray[np.bool_]) -> WriteResult:
        """Takes in the valid rows of a batch.

        Args:
            columns: Rows in any order.
            valid: Rows to take, bool [rows]: those that passed validation.
        """
        with self._lock:
            return self._write(columns, valid)

    def _write(self, columns: Columns, valid: npt.NDArray[np.bool_]) -> WriteResult:
        pending = Pending.of(columns, valid, self._rows, self._step_seconds)
        pending, before_clock = self._refuse_before_clock(pending)
        pending, too_many = self._admit(pending, columns.server_names)
        pending, before_ring = self._refuse_before_ring(pending)
        rejections = before_clock + too_many + before_ring
        accepted_rows = np.zeros(len(columns), np.bool_)
        if not len(pending):
            return WriteResult(0, 0, rejections, accepted_rows, np.empty(0, np.int32))

        pending, repeated = pending.sorted()
        touched = pending.rows[run_starts(pending.rows)]
        fresh = pending.where(~(repeated | self._seen(pending)))
        if len(fresh):
            self._store(fresh, columns)
            accepted_rows[fresh.positions] = True
            if isinstance(self._clock, EventClock):
                self._clock.observe(int(fresh.timestamp_ms.max()))
        observed_steps = self._rings.observed[touched]
        return WriteResult(len(fresh), len(pending) - len(fresh), rejections, accepted_rows, observed_steps)

    def _refuse_before_clock(self, pending: Pending) -> tuple[Pending, Rejections]:
        if isinstance(self._clock, EventClock):
            return pending, NO_REJECTIONS
        now_ms = self._clock.now_ms()
        too_old = pending.steps <= now_ms // self._step_ms - self._steps

        def message(row: int) -> str:
            return (
                f"{utc(int(pending.timestamp_ms[row]))} is more than the window of {self._hours:g} h before "
                "the server's clock. To replay history, run the server with an event clock"
            )

        return _refuse(pending, too_old, "timestamp", ingest_pb2.ROW_REJECTION_REASON_TOO_OLD, message)

    def _admit(self, pending: Pending, names: list[str]) -> tuple[Pending, Rejections]:
        """Makes rows for new servers as long as there is room."""
        unknown = np.flatnonzero(pending.rows == UNKNOWN)
        if not len(unknown):
            return pending, NO_REJECTIONS
        owners = [names[position] for position in pending.positions[unknown]]
        self._add(list(islice(dict.fromkeys(owners), self._max_servers - len(self))))
        rows = pending.rows.copy()
        rows[unknown] = [self._rows.get(name, UNKNOWN) for name in owners]

        def message(_: int) -> str:
            return (
                f"the server is new and the fleet has {self._max_servers} servers already, as many as allowed"
            )

        pending = pending.with_rows(rows)
        reason = ingest_pb2.ROW_REJECTION_REASON_TOO_MANY_SERVERS
        return _refuse(pending, rows == UNKNOWN, "server_name", reason, message)

    def _add(self, names: list[str]) -> None:
        taken = self._rings.take_rows(len(names))
        self._rings.profiles[taken] = [profile_of(name) for name in names]
        self._rows.update(zip(names, range(taken.start, taken.stop), strict=True))
        self._names.extend(names)

    def _refuse_before_ring(self, pending: Pending) -> tuple[Pending, Rejections]:
        heads = self._rings.heads[pending.rows]

        def message(row: int) -> str:
            newest = utc(int(heads[row]) * self._step_ms)
            return (
                f"{utc(int(pending.timestamp_ms[row]))} lies further back than the window of "
                f"{self._hours:g} h reaches from the server's newest step, {newest}"
            )

        too_old = pending.steps <= heads - self._steps
        return _refuse(pending, too_old, "timestamp", ingest_pb2.ROW_REJECTION_REASON_TOO_OLD, message)

    def _seen(self, pending: Pending) -> npt.NDArray[np.bool_]:
        """Which samples' seconds were taken by an earlier batch, bool [rows]."""
        # Beyond the head the slots still remember the steps they are about to leave.
        known: npt.NDArray[np.bool_] = pending.steps <= self._rings.heads[pending.rows]
        if known.any():
            known &= self._rings.has_seen(
                self._rings.cells(pending.rows, pending.steps),
                pending.seconds - pending.steps * self._step_seconds,
            )
        return known

    def _store(self, fresh: Pending, columns: Columns) -> None:
        """Puts in samples that are sorted by row and second, each second new."""
        rings = self._rings
        starts = run_starts(fresh.rows)
        ends = np.concatenate((starts[1:], [len(fresh)])) - 1
        rows = fresh.rows[starts]
        measured = np.logical_not(np.isnan(columns.metrics).all(axis=0))[fresh.positions]
        self._note_newest(fresh, starts, ends, measured, columns)

        rings.advance(rows, fresh.steps[ends])
        if (fresh.steps[starts] <= rings.heads[rows] - self._steps).any():
            # The batch is longer than the window and has pushed out its own beginning.
            kept = fresh.steps > rings.heads[fresh.rows] - self._steps
            fresh, measured = fresh.where(kept), measured[kept]
        cells = rings.cells(fresh.rows, fresh.steps)
        seconds = fresh.seconds - fresh.steps * self._step_seconds
        rings.mark_seen(cells, seconds)
        metrics = np.ascontiguousarray(columns.metrics.T).take(fresh.positions, axis=0)
        rings.merge(step_samples(cells, fresh.rows, seconds + 1, metrics, measured))

    def _note_newest(
        self,
        fresh: Pending,
        starts: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
        measured: npt.NDArray[np.bool_],
        columns: Columns,
    ) -> None:
        """Keeps time and state of the newest sample per server, given the first and last place of its run."""
        rings, rows, times = self._rings, fresh.rows[starts], fresh.timestamp_ms
        rings.newest_ms[rows] = np.maximum(rings.newest_ms[rows], times[ends])
        states = columns.states[fresh.positions]
        if measured.all():
            newest, telling = times[ends], ends
        else:
            newest = np.maximum.reduceat(np.where(measured, times, 0), starts)
            tells = measured | (states != 0)
            telling = np.maximum.reduceat(np.where(tells, np.arange(len(fresh)), -1), starts)
        rings.measured_ms[rows] = np.maximum(rings.measured_ms[rows], newest)
        newer = (telling >= 0) & (times[telling] > rings.state_ms[rows])
        rings.state_ms[rows[newer]] = times[telling[newer]]
        rings.states[rows[newer]] = states[telling[newer]]

    def frame(self, rows: slice = slice(None)) -> WindowFrame:
        """Copies servers on one grid that ends at the newest step of the fleet, at most the clock's.

        May be called while another thread writes: each server's row is of one moment, two servers' need not
        be.

        Args:
            rows: Which servers, by row, without a stride.

        Raises:
            ValueError: `rows` has a stride.
        """
        if rows.step not in (None, 1):
            raise ValueError(f"got a stride of {rows.step}; rows are copied without one")
        while (frame := self._copy(rows)) is None:
            # An eviction moved rows between two chunks. They are rare: start again.
            continue
        return frame

    def _copy(self, rows: slice) -> WindowFrame | None:
        """The frame, or None if rows were moved meanwhile."""
        with self._lock:
            layout = self._layout
            start, stop, _ = rows.indices(len(self))
            names = tuple(self._names[start:stop])
            profiles = self._rings.profiles[start:stop].copy()
            origin = self._clock.now_ms() // self._step_ms
            if len(self):
                origin = min(origin, int(self._rings.heads[: len(self)].max()))
        means = np.empty((len(names), self._steps, len(METRICS)), np.float32)
        measured = np.empty((len(names), self._steps), np.bool_)
        for first in range(0, len(names), _COPY_CHUNK):
            part = slice(first, first + _COPY_CHUNK)
            # Touches every page, as the first write to one takes longer than copying it: not under the lock.
            means[part].reshape(-1)[::_PAGE] = 0
            with self._lock:
                if self._layout != layout:
                    return None
                source = slice(start + first, min(start + first + _COPY_CHUNK, stop))
                self._rings.copy_aligned(source, origin, means[part], measured[part])
            means[part][~measured[part]] = np.nan
        return WindowFrame(
            server_names=names,
            values=means,
            origin_ms=origin * self._step_ms,
            step_seconds=self._step_seconds,
            profiles=profiles,
            observed_steps=measured.sum(axis=1, dtype=np.int32),
        )

    def past(self, names: Sequence[str], origin_ms: int, steps: int) -> npt.NDArray[np.float32]:
        """Step means of some servers; may be called while another thread writes, as `frame` may.

        Args:
            names: Which servers; of one that has been forgotten meanwhile nothing is known.
            origin_ms: Start of the last step, Unix milliseconds UTC.
            steps: How many steps end with it; those further back than the window reaches are empty.

        Returns:
            float32 [names, steps, metrics], oldest first; NaN where nothing was measured.
        """
        origin = origin_ms // self._step_ms
        wanted = np.arange(origin - steps + 1, origin + 1)
        means = np.full((len(names), steps, len(METRICS)), np.nan, np.float32)
        for first in range(0, len(names), _COPY_CHUNK):
            chunk = names[first : first + _COPY_CHUNK]
            with self._lock:
                known = [
                    (place, self._rows[name]) for place, name in enumerate(chunk, first) if name in self._rows
                ]
                if known:
                    places, rows = np.array(known, np.int64).T
                    means[places] = self._rings.past(rows, wanted)
        return means

    def images(self) -> Iterator[WindowImage]:
        """The servers known now, a few at a time, exactly as they are held.

        May be consumed while another thread writes: each image is of one moment, two need not be.

        Raises:
            LayoutChanged: Servers were forgotten meanwhile.
        """
        with self._lock:
            layout, servers = self._layout, len(self)
        for first in range(0, servers, _IMAGE_SERVERS):
            rows = slice(first, min(first + _IMAGE_SERVERS, servers))
            with self._lock:
                if self._layout != layout:
                    raise LayoutChanged
                image = WindowImage(tuple(self._names[rows]), self._rings.extract(rows))
            yield image

    def restore(self, image: WindowImage) -> None:
        """Takes in servers that this window does not hold.

        Args:
            image: Of a window with as many steps of the same length.

        Raises:
            ValueError: The window holds one of them, or the image does not fit into it.
            KeyError: The image is not complete.
        """
        with self._lock:
            if known := [name for name in image.names if name in self._rows]:
                raise ValueError(f"the window holds {known[0]!r} already")
            before = len(self)
            self._add(list(image.names))
            self._rings.insert(slice(before, len(self)), image.arrays)

    def clear(self) -> None:
        """Forgets every server."""
        with self._lock:
            self._rings.used = 0
            self._rows.clear()
            self._names.clear()
            self._layout += 1

    def servers(self) -> ServerTable:
        """What is known about each server now; may be called from any thread."""
        with self._lock:
            rings, used = self._rings, slice(0, len(self))
            return ServerTable(
                names=tuple(self._names),
                profiles=rings.profiles[used].copy(),
                last_sample_ms=rings.measured_ms[used].copy(),
                states=rings.states[used].copy(),
                observed_steps=rings.observed[used].copy(),
                current=rings.latest(self._current_steps()),
            )

    def _current_steps(self) -> range:
        step = self._clock.now_ms() // self._step_ms
        return range(step - _CURRENT_AGE, step + -(-MAX_SKEW_MS // self._step_ms) + 1)

    def evict(self, now_ms: int, retention_ms: int) -> list[str]:
        """Forgets servers whose newest sample is more than `retention_ms` older than `now_ms`; returns their
        names.

        Their rows are given to others; the memory stays with the window.
        """
        with self._lock:
            rows = np.flatnonzero(self._rings.newest_ms[: len(self)] < now_ms - retention_ms)
            evicted = [self._names[row] for row in rows]
            # From the end, so that the row that moves into a gap is always one that stays.
            for row in reversed(rows.tolist()):
                self._remove(row)
            self._layout += bool(evicted)
            return evicted

    def _remove(self, row: int) -> None:
        self._rings.drop_row(row)
        del self._rows[self._names[row]]
        moved = self._names.pop()
        if row < len(self._names):
            self._names[row] = moved
            self._rows[moved] = row

    def warm_count(self, min_steps: int) -> int:
        """Servers with at least `min_steps` measured steps."""
        with self._lock:
            return int((self._rings.observed[: len(self)] >= min_steps).sum())

    @property
    def _hours(self) -> float:
        return self._steps * self._step_seconds / 3600


def _refuse(
    pending: Pending,
    refused: npt.NDArray[np.bool_],
    field: str,
    reason: int,
    message: Callable[[int], str],
) -> tuple[Pending, Rejections]:
    """Splits off refused rows; `message` takes their index in `pending`."""
    places = np.flatnonzero(refused)
    if not len(places):
        return pending, NO_REJECTIONS
    reported = tuple(
        RejectedRow(int(pending.positions[place]), field, reason, message(place))
        for place in places[:REPORTED_ROWS].tolist()
    )
    return pending.where(~refused), Rejections(reported, {reason: len(places)})
