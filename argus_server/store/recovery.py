"""A restart: the newest sound checkpoint, and the log from there on."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from argus_server.clock import Clock, EventClock
from argus_server.store.catalog import Catalog
from argus_server.store.checkpoint import Checkpoint, Checkpointed, Checkpoints
from argus_server.store.errors import DamagedFile
from argus_server.store.reader import read
from argus_server.store.samples import columns_of
from argus_server.store.segment import frames_of
from argus_server.store.tables import DAY_MS
from argus_server.window.fleet_window import FleetWindow

_LOG: Final = logging.getLogger(__name__)

_EPOCH_DAY: Final = 719_163
"""Ordinal of 1970-01-01."""


@dataclass(slots=True)
class Recovery:
    """What a restart has brought back.

    Attributes:
        servers: Servers of the window.
        rows: Rows replayed from the log.
        marks: Last committed sequence of every source.
        checkpoint_ms: When the checkpoint it began with was written; 0 without one.
        rebuilt: Whether the window had to be built from Parquet, because no checkpoint could be used.
        seconds: How long it took.
    """

    servers: int = 0
    rows: int = 0
    marks: dict[str, int] = field(default_factory=dict)
    checkpoint_ms: int = 0
    rebuilt: bool = False
    seconds: float = 0.0


def recover(
    catalog: Catalog,
    checkpoints: Checkpoints,
    window: FleetWindow,
    clock: Clock,
    states: Sequence[Checkpointed],
    retention_ms: int,
) -> Recovery:
    """Fills an empty window, the clock and other states with what was there when the last process ended.

    Args:
        catalog: Files of the table `metrics`.
        checkpoints: Where to begin.
        window: Empty.
        clock: An event clock is moved on to the newest sample.
        states: What else takes part.
        retention_ms: Servers silent for longer are forgotten on the way, as they were then.

    Raises:
        OSError: A file cannot be read.
    """
    started = time.monotonic()
    recovery = Recovery()
    position = None
    for checkpoint in checkpoints.found():
        if not recovery.checkpoint_ms:
            # What is beside the window may be newer than the window: the log brings that up to it.
            _adopt(checkpoint, clock, states, recovery)
        if (position := _fill(checkpoint, window)) is not None:
            break
    if position is None or position < _oldest(catalog):
        position = _rebuild(catalog, window, clock, recovery)
    catalog.skip_to(position)
    _replay(catalog, position, window, clock, retention_ms, recovery)
    recovery.servers = len(window)
    recovery.seconds = time.monotonic() - started
    return recovery


def _fill(checkpoint: Checkpoint, window: FleetWindow) -> int | None:
    """Fills the window; the first frame to replay, or None when the checkpoint is of no use."""
    standing = checkpoint.standing
    if (standing.steps, standing.step_seconds) != (window.steps, window.step_seconds):
        _LOG.warning(
            "checkpoint %s has %d steps of %d s, windows now have %d of %d s: they are built anew from the stored rows",
            *(checkpoint.path, standing.steps, standing.step_seconds, window.steps, window.step_seconds),
        )
        return None
    try:
        for image in checkpoint.images():
            window.restore(image)
    except (OSError, DamagedFile, ValueError, KeyError) as error:
        _LOG.error("checkpoint %s cannot be used: %s", checkpoint.path, error)
        window.clear()
        return None
    return standing.position


def _adopt(checkpoint: Checkpoint, clock: Clock, states: Sequence[Checkpointed], recovery: Recovery) -> None:
    recovery.marks = dict(checkpoint.standing.marks)
    recovery.checkpoint_ms = checkpoint.created_ms
    if isinstance(clock, EventClock):
        clock.observe(checkpoint.standing.clock_ms)
    for state in states:
        if (data := checkpoint.states.get(state.name)) is not None:
            state.load(data)


def _oldest(catalog: Catalog) -> int:
    """The oldest frame that is still in a segment."""
    return min((segment.first for segment in catalog.segments), default=catalog.next_sequence)


def _rebuild(catalog: Catalog, window: FleetWindow, clock: Clock, recovery: Recovery) -> int:
    """Fills the window from Parquet; returns the first frame that is not in it."""
    window.clear()
    if not catalog.parts:
        return _oldest(catalog)
    recovery.rebuilt = True
    days = [part.day.toordinal() - _EPOCH_DAY for part in catalog.parts]
    if not isinstance(clock, EventClock):
        # A day that is still to come was written under a clock that was ahead. If all are, the clock is behind now.
        today = clock.now_ms() // DAY_MS
        days = [day for day in days if day <= today] or days
    end_ms = DAY_MS * (days[-1] + 1)
    start_ms = end_ms - DAY_MS - 1000 * window.steps * window.step_seconds
    _LOG.warning("no checkpoint can be used: the window is built from stored rows, which may take a while")
    for batch in read(catalog, start_ms, end_ms):
        recovery.rows += _take(window, batch)
    return catalog.rolled


def _replay(
    catalog: Catalog,
    position: int,
    window: FleetWindow,
    clock: Clock,
    retention_ms: int,
    recovery: Recovery,
) -> None:
    newest_ms = 0
    for segment in catalog.segments:
        if segment.next <= position and recovery.checkpoint_ms:
            continue
        for frame, schema in frames_of(segment, catalog.table.schema):
            # In the end every source has its newest mark: the log has no gap from the first of them on.
            recovery.marks.update(frame.marks)
            if frame.rows and frame.sequence >= position:
                newest_ms = max(newest_ms, frame.max_ms)
                # A row that a wall clock took while it was ahead makes no other server silent.
                is_event = isinstance(clock, EventClock)
                window.evict(newest_ms if is_event else min(newest_ms, clock.now_ms()), retention_ms)
                recovery.rows += _take(window, catalog.table.conform(frame.batch(schema)))


def _take(window: FleetWindow, batch: pa.RecordBatch) -> int:
    return window.write(columns_of(batch), np.ones(batch.num_rows, np.bool_)).accepted
