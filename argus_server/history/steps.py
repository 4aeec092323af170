"""Samples as means per step, chunk by chunk, so that a month of a fleet fits into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.history import batches
from argus_server.history.batches import Cancelled, guarded
from argus_server.history.span import DAY_MS, Span
from argus_server.history.store import RowSource
from argus_server.store.tables import METRICS_TABLE


@dataclass(frozen=True, slots=True)
class StepMeans:
    """Means per step of a stretch of time.

    Attributes:
        server_names: One per server that measured anything.
        first_step: Number of the first step since 1970.
        values: float32 [servers, steps, metrics]; NaN where nothing was measured.
    """

    server_names: tuple[str, ...]
    first_step: int
    values: npt.NDArray[np.float32]


def chunks_of(span: Span, step_ms: int) -> Iterator[Span]:
    """The steps that begin in a span, whole, in chunks of at most a UTC day."""
    begin = -(-span.start_ms // step_ms) * step_ms
    end = -(-span.end_ms // step_ms) * step_ms
    while begin < end:
        midnight = (begin // DAY_MS + 1) * DAY_MS
        until = min(end, begin + -(-(midnight - begin) // step_ms) * step_ms)
        yield Span(begin, until)
        begin = until


def step_means(
    store: RowSource, chunk: Span, step_ms: int, metrics: Sequence[str], cancelled: Cancelled
) -> StepMeans:
    """Reads samples as means per step.

    Args:
        store: Where from.
        chunk: When; begins and ends with a step, and is short enough for the means of a fleet to fit into memory.
        step_ms: Length of a step, milliseconds.
        metrics: Names, in the order wanted.
        cancelled: Says when to give up.

    Raises:
        QueryCancelled: It was called off.
    """
    sums = _Sums(chunk.start_ms // step_ms, chunk.length_ms // step_ms, len(metrics))
    found = store.read(
        METRICS_TABLE, chunk.start_ms, chunk.end_ms, columns=["timestamp", "server_name", *metrics]
    )
    for batch in guarded(found, cancelled):
        codes, names = batches.names(batch)
        sums.add(codes, names, batches.times_ms(batch) // step_ms, batches.floats(batch, metrics))
    return sums.means()


_FIRST_SERVERS: Final = 64


class _Sums:
    """Sums and counts per server, step and metric."""

    def __init__(self, first_step: int, steps: int, metrics: int) -> None:
        self._first_step = first_step
        self._steps = steps
        self._places: dict[str, int] = {}
        self._sums = np.zeros((_FIRST_SERVERS * steps, metrics))
        self._counts = np.zeros((_FIRST_SERVERS * steps, metrics), dtype=np.int32)

    def add(
        self,
        codes: npt.NDArray[np.int64],
        names: Sequence[str],
        steps: npt.NDArray[np.int64],
        values: npt.NDArray[np.float32],
    ) -> None:
        for name in names:
            self._places.setdefault(name, len(self._places))
        self._make_room()
        servers = np.array([self._places[name] for name in names], dtype=np.int64)[codes]
        cells = servers * self._steps + (steps - self._first_step)
        if (np.diff(cells) < 0).any():
            order = np.argsort(cells, kind="stable")
            cells, values = cells[order], values[order]
        starts = np.flatnonzero(np.diff(cells, prepend=-1))
        which = cells[starts]
        known = ~np.isnan(values)
        self._sums[which] += np.add.reduceat(np.where(known, values, 0.0), starts, dtype=np.float64)
        self._counts[which] += np.add.reduceat(known, starts, dtype=np.int32)

    def means(self) -> StepMeans:
        used = len(self._places) * self._steps
        with np.errstate(invalid="ignore"):
            means = (self._sums[:used] / self._counts[:used]).astype(np.float32)
        shape = (len(self._places), self._steps, means.shape[1])
        return StepMeans(tuple(self._places), self._first_step, means.reshape(shape))

    def _make_room(self) -> None:
        if (needed := len(self._places) * self._steps) > len(self._sums):
            rows = max(needed, 2 * len(self._sums))
            for name in ("_sums", "_counts"):
                old = getattr(self, name)
                grown = np.zeros((rows, old.shape[1]), dtype=old.dtype)
                grown[: len(old)] = old
                setattr(self, name, grown)
