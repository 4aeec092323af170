"""The arrays behind a window: one ring of steps per row, and the arithmetic on them. Knows no names and no
clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.metrics import METRIC_INDEX, METRICS

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.uint16]
Flags = npt.NDArray[np.bool_]

NO_STEP: Final = -(1 << 40)
"""Head of a ring that holds nothing: before every step there is, and far enough to be counted from."""

_LAST: Final = METRIC_INDEX["uptime_days"]
"""The one metric of which a step keeps the newest sample instead of the mean."""

_WORD_BITS: Final = 64

_SLOT_ARRAYS: Final = ("means", "counts", "seen", "measured")
_RING_ARRAYS: Final = (
    *_SLOT_ARRAYS,
    *("heads", "observed", "newest_ms", "measured_ms", "state_ms", "states", "profiles"),
)
"""Attributes in the order of `Rings._arrays`."""


@dataclass(frozen=True, slots=True, eq=False)
class StepSamples:
    """Samples of a batch, summed up per cell.

    Attributes:
        cells: Distinct cells, int64 [cells].
        rows: Ring of each cell, int64 [cells].
        means: float32 [cells, metrics]; the newest value instead for uptime; NaN where nothing was measured.
        counts: Measured samples, uint16 [cells, metrics]; for uptime the rank of its newest one.
        measured: Whether any metric was, bool [cells].
    """

    cells: Ints
    rows: Ints
    means: Floats
    counts: Counts
    measured: Flags


class Rings:
    """Step means of many servers in contiguous arrays, row by row.

    A step `s` (Unix time divided by the step length) lies in slot `s % steps` of its row, so that the slots
    of all rows turn together. A *cell* is the position `row * steps + slot`. A row holds the steps
    `head - steps + 1` to `head`.

    Means and counts of a cell say something only where `measured` is set; what a slot held a turn ago stays
    in it until then, because emptying every slot ahead of its use would double the work of a write.

    Memory per row: `bytes_per_row`. With a week of steps of 300 s: 56 bytes of means, 28 of counts, 40 of seconds
    seen and 1 flag per step, 252,000 bytes in all.

    Attributes:
        means: float32 [capacity, steps, metrics]; NaN where a metric was not measured.
        counts: Samples in each mean, uint16 [capacity, steps, metrics]. For uptime it is a rank instead: 1
            plus the second, within the step, of the newest sample.
        seen: Seconds of each step a sample was taken for, one bit each, uint64 [capacity, steps, words].
        measured: Whether any metric was, bool [capacity, steps].
        heads: Newest step, int64 [capacity]; NO_STEP while there is none.
        observed: Measured steps of the ring, int32 [capacity].
        newest_ms: Time of the newest sample, int64 [capacity].
        measured_ms: Time of the newest sample that measured anything, int64 [capacity]; 0 before.
        state_ms: Time of the newest sample that measured anything or gave a state, int64 [capacity]; 0
            before.
        states: The state given with it, uint8 [capacity]; 0 when none was.
        profiles: Index into `argus_server.profiles.PROFILES`, int8 [capacity].
    """

    def __init__(self, steps: int, step_seconds: int, capacity: int) -> None:
        self.steps = steps
        self.step_seconds = step_seconds
        self.used = 0
        self._words = -(-step_seconds // _WORD_BITS)
        self._allocate(capacity)

    def _allocate(self, capacity: int) -> None:
        # A row is initialised when it is taken, and of means and counts nothing at all: memory that was never
        # written to takes no room.
        self.means = np.empty((capacity, self.steps, len(METRICS)), np.float32)
        self.counts = np.empty((capacity, self.steps, len(METRICS)), np.uint16)
        self.seen = np.empty((capacity, self.steps, self._words), np.uint64)
        self.measured = np.empty((capacity, self.steps), np.bool_)
        self.heads = np.empty(capacity, np.int64)
        self.observed = np.empty(capacity, np.int32)
        self.newest_ms = np.empty(capacity, np.int64)
        self.measured_ms = np.empty(capacity, np.int64)
        self.state_ms = np.empty(capacity, np.int64)
        self.states = np.empty(capacity, np.uint8)
        self.profiles = np.empty(capacity, np.int8)

    def _arrays(self) -> tuple[npt.NDArray[np.generic], ...]:
        return (
            self.means,
            self.counts,
            self.seen,
            self.measured,
            self.heads,
            self.observed,
            self.newest_ms,
            self.measured_ms,
            self.state_ms,
            self.states,
            self.profiles,
        )

    @property
    def bytes_per_row(self) -> int:
        """Memory a row takes."""
        return sum(array.dtype.itemsize * int(np.prod(array.shape[1:])) for array in self._arrays())

    def take_rows(self, count: int) -> slice:
        """Empty rows at the end, growing by doubling when there are none left."""
        rows = slice(self.used, self.used + count)
        if rows.stop > len(self.heads):
            kept = self._arrays()
            self._allocate(max(2 * len(self.heads), rows.stop))
            for old, new in zip(kept, self._arrays(), strict=True):
                new[: self.used] = old[: self.used]
        self.used = rows.stop
        for array in self._arrays()[2:]:
            array[rows] = 0
        self.heads[rows] = NO_STEP
        return rows

    def drop_row(self, row: int) -> None:
        """Frees a row by moving the last one into its place."""
        self.used -= 1
        if row != self.used:
            for array in self._arrays():
                array[row] = array[self.used]

    def cells(self, rows: Ints, steps: Ints) -> Ints:
        """Cells of steps that lie inside the rings of their rows."""
        return rows * self.steps + steps % self.steps

    def has_seen(self, cells: Ints, seconds: Ints) -> Flags:
        """Whether a sample was taken for each second, counted from the start of its step; bool [cells]."""
        words = self.seen.reshape(-1)[cells * self._words + seconds // _WORD_BITS]
        bits: Flags = (words >> (seconds % _WORD_BITS).astype(np.uint64)) & np.uint64(1) != 0
        return bits

    def mark_seen(self, cells: Ints, seconds: Ints) -> None:
        """Remembers seconds, each distinct and not seen before."""
        bits = np.uint64(1) << (seconds % _WORD_BITS).astype(np.uint64)
        # Bits that are distinct and unset add up to what "or" would give, and adding is many times faster.
        np.add.at(self.seen.reshape(-1), cells * self._words + seconds // _WORD_BITS, bits)

    def advance(self, rows: Ints, heads: Ints) -> None:
        """Moves heads forward, emptying the cells that steps newly come to lie in.

        Args:
            rows: Distinct.
            heads: New head of each; one that is not newer changes nothing.
        """
        old = self.heads[rows]
        steps = heads - old
        if not (steps > 0).any():
            return
        self.heads[rows] = np.maximum(old, heads)
        # A ring that held nothing is empty already; one that is overtaken is emptied once over.
        stale = np.where(old == NO_STEP, 0, np.clip(steps, 0, self.steps))
        if not (total := int(stale.sum())):
            return
        # The stale steps of a row run up to its head: over all rows an arange with an offset per row.
        ends = np.cumsum(stale)
        owners = np.repeat(rows, stale)
        self._clear(owners, self.cells(owners, np.arange(total) + np.repeat(heads + 1 - ends, stale)))

    def _clear(self, rows: Ints, cells: Ints) -> None:
        measured = self.measured.reshape(-1)
        np.subtract.at(self.observed, rows, measured[cells].astype(np.int32))
        measured[cells] = False
        _records(self.seen)[cells] = _records(np.zeros((1, self._words), np.uint64))

    def merge(self, samples: StepSamples) -> None:
        """Adds samples to the means of their cells.

        A mean moves by its difference to the new samples, which cannot overflow where a sum could.
        """
        cells, means, counts = samples.cells, samples.means, samples.counts
        measured = self.measured.reshape(-1)
        begun = measured[cells]
        if begun.any():
            means, counts = self._merged(samples, begun)
        _records(self.means)[cells] = _records(means)
        _records(self.counts)[cells] = _records(counts)
        gained = samples.measured & ~begun
        measured[cells] |= gained
        np.add.at(self.observed, samples.rows, gained.astype(np.int32))

    def _merged(self, samples: StepSamples, begun: Flags) -> tuple[Floats, Counts]:
        """Means and counts of cells after the samples; `begun` tells which hold any already, bool [cells]."""
        means, counts = samples.means, samples.counts  # [cells, metrics]
        old = self.means.reshape(-1, len(METRICS)).take(samples.cells, axis=0)
        old_counts = self.counts.reshape(-1, len(METRICS)).take(samples.cells, axis=0)
        if not begun.all():
            old[~begun] = np.nan
            old_counts[~begun] = 0
        total = old_counts + counts
        with np.errstate(invalid="ignore"):
            merged = old + (means - old) * np.divide(counts, total, dtype=np.float32)
        if np.isnan(merged).any():
            np.copyto(merged, means, where=old_counts == 0)
            np.copyto(merged, old, where=counts == 0)
        newer = counts[:, _LAST] > old_counts[:, _LAST]
        merged[:, _LAST] = np.where(newer, means[:, _LAST], old[:, _LAST])
        total[:, _LAST] = np.where(newer, counts[:, _LAST], old_counts[:, _LAST])
        return merged, total

    def latest(self, steps: range) -> Floats:
        """The newest mean of each metric within a range of steps, NaN without; float32 [rows, metrics]."""
        heads = self.heads[: self.used]
        found = np.full((self.used, len(METRICS)), np.nan, np.float32)
        for step in steps:
            inside = (step <= heads) & (step > heads - self.steps)
            inside &= self.measured[: self.used, step % self.steps]
            means = self.means[: self.used, step % self.steps]
            np.copyto(found, means, where=inside[:, None] & ~np.isnan(means))
        return found

    def extract(self, rows: slice) -> dict[str, npt.NDArray[np.generic]]:
        """A copy of some rows, of which slots that are empty in all of them are left out.

        Returns:
            `slots` (int64 [slots]): the slots kept; `means`, `counts`, `seen`, `measured` [rows, slots, ...]; and one
            array [rows] for every other attribute.
        """
        used = self.seen[rows].any(axis=(0, 2))
        slots = np.flatnonzero(used)
        kept = slice(None) if len(slots) == self.steps else slots
        named = dict(zip(_RING_ARRAYS, self._arrays(), strict=True))
        of_slots = {name: named[name][rows, kept].copy() for name in _SLOT_ARRAYS}
        of_rows = {name: named[name][rows].copy() for name in _RING_ARRAYS if name not in _SLOT_ARRAYS}
        return {"slots": slots, **of_slots, **of_rows}

    def insert(self, rows: slice, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Fills rows that were just taken with what `extract` gave.

        Raises:
            ValueError: An array has another shape or type than a ring of these steps has.
            KeyError: One is missing.
        """
        slots = arrays["slots"]
        kept = slice(None) if len(slots) == self.steps else slots
        for name, array in zip(_RING_ARRAYS, self._arrays(), strict=True):
            given = arrays[name]
            shape = (rows.stop - rows.start, *((len(slots),) if name in _SLOT_ARRAYS else ()))
            if given.dtype != array.dtype or given.shape != (*shape, *array.shape[len(shape) :]):
                raise ValueError(
                    f"{name} is {given.dtype} {given.shape}, which is not what a window of this size has"
                )
            if name in _SLOT_ARRAYS:
                array[rows, kept] = given
            else:
                array[rows] = given

    def past(self, rows: Ints, steps: Ints) -> Floats:
        """Means of some rows at some steps, float32 [rows, steps, metrics]; NaN where nothing was measured."""
        slots = steps % self.steps
        heads = self.heads[rows, None]
        measured = self.measured[rows[:, None], slots]  # [rows, steps]
        measured &= (steps <= heads) & (steps > heads - self.steps)
        return np.where(measured[..., None], self.means[rows[:, None], slots], np.float32(np.nan))

    def copy_aligned(self, rows: slice, origin: int, means: Floats, measured: Flags) -> None:
        """Copies rows turned so that they all end at one step.

        Args:
            rows: Which.
            origin: The step to end at.
            means: Filled, float32 [rows, steps, metrics]; says something only where `measured` is set.
            measured: Filled, bool [rows, steps].
        """
        first = (origin + 1) % self.steps
        kept = self.steps - first
        means[:, :kept], means[:, kept:] = self.means[rows, first:], self.means[rows, :first]
        measured[:, :kept], measured[:, kept:] = self.measured[rows, first:], self.measured[rows, :first]
        heads = self.heads[rows]
        if (heads != origin).any():
            steps = np.arange(origin - self.steps + 1, origin + 1)
            # What lies after the head is a turn older; where the head is ahead, the oldest slots are newer.
            measured &= (steps <= heads[:, None]) & (steps > heads[:, None] - self.steps)  # [rows, steps]


def step_samples(cells: Ints, rows: Ints, ranks: Ints, metrics: Floats, measured: Flags) -> StepSamples:
    """Sums up samples that are sorted by cell and, within a cell, by time.

    Args:
        cells: int64 [samples].
        rows: Ring of each, int64 [samples].
        ranks: 1 plus the second within the step, int64 [samples].
        metrics: float32 [samples, metrics]; NaN where not measured.
        measured: Whether any metric was, bool [samples].
    """
    present = ~np.isnan(metrics)
    starts = run_starts(cells)
    if len(starts) == len(cells):
        counts = present.astype(np.uint16)
        counts[:, _LAST] *= ranks.astype(np.uint16)
        return StepSamples(cells, rows, metrics, counts, measured)

    counts = np.add.reduceat(present, starts, axis=0, dtype=np.uint16)
    # Summed in double precision: two samples near the largest float32 must not become infinite.
    sums = np.add.reduceat(np.where(present, metrics, 0), starts, axis=0, dtype=np.float64)
    means = np.where(counts, sums / np.maximum(counts, 1), np.nan).astype(np.float32)
    newest = np.maximum.reduceat(np.where(present[:, _LAST], np.arange(len(cells)), -1), starts)
    means[:, _LAST] = np.where(newest >= 0, metrics[newest, _LAST], np.nan)
    counts[:, _LAST] = np.where(newest >= 0, ranks[newest], 0)
    any_measured = np.logical_or.reduceat(measured, starts)
    return StepSamples(cells[starts], rows[starts], means, counts, any_measured)


def run_starts(values: Ints) -> Ints:
    """Where each run of equal values begins, int64 [runs]; `values` is not empty."""
    changes = np.empty(len(values), np.bool_)
    changes[0] = True
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    return np.flatnonzero(changes)


def _records(array: npt.NDArray[np.generic]) -> npt.NDArray[np.void]:
    """The last axis as one record per place: a scatter then moves a record at once, four times as fast."""
    width = array.shape[-1]
    return array.reshape(-1, width).view(np.dtype((np.void, width * array.dtype.itemsize)))[:, 0]
